"""`pmon explain` as its user runs it."""

import json
from pathlib import Path

import pytest

from streams.cli.program import main

BEFORE = "channel,device,clicks,exposures\nweb,phone,300,9000\nweb,desk,300,9000\nmail,phone,100,3000\nmail,desk,100,3000\n"
AFTER = BEFORE.replace("web,phone,300", "web,phone,120")


def test_two_tables_name_the_segment_that_moved(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Clicks of web x phone fell; nothing else is named."""
    (tmp_path / "a.csv").write_text(BEFORE)
    (tmp_path / "b.csv").write_text(AFTER)
    files = ["--before", str(tmp_path / "a.csv"), "--after", str(tmp_path / "b.csv")]
    assert main(["explain", *files, "--numerator", "clicks", "--denominator", "exposures"]) == 0
    answer = json.loads(capfd.readouterr().out)
    assert [segment["where"] for segment in answer["segments"]] == [{"channel": "web", "device": "phone"}]
    assert main(["explain", *files, "--numerator", "clicks"]) == 2
    assert main(["explain", *files, "--numerator", "klicks", "--denominator", "exposures"]) == 2
    assert "klicks" not in capfd.readouterr().out


def test_one_bad_line_does_not_stop_the_rest(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Order is kept, the bad line is answered, the exit code says so."""
    cube = {"id": 1, "dimensions": ["c"], "before": [[["w"], 1, 10]], "after": [[["w"], 2, 10]]}
    (tmp_path / "in.jsonl").write_text(f'{json.dumps(cube)}\n{{"id": 2}}\n{json.dumps({**cube, "id": 3})}\n')
    assert main(["explain", "--input", str(tmp_path / "in.jsonl")]) == 1
    answers = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [(answer["id"], answer["error"] is None) for answer in answers] == [(1, True), (2, False), (3, True)]


def test_a_number_of_any_size_is_given_back(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """An id or a value beyond 64 bits is answered like any other, and the lines after it as well."""
    cube = {"id": 10**29, "dimensions": ["c"], "before": [[[-(10**20)], 9, 10], [["w"], 9, 10]], "after": [[[-(10**20)], 1, 10]]}
    (tmp_path / "in.jsonl").write_text(f"{json.dumps(cube)}\n{json.dumps({**cube, 'id': 3})}\n")

    assert main(["explain", "--input", str(tmp_path / "in.jsonl")]) == 0
    answers = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [answer["id"] for answer in answers] == [10**29, 3]


@pytest.mark.parametrize(
    ("before", "options", "named"),
    [
        ("channel,clicks,exposures\nweb,1,2\n", ["--alpha", "nan"], "--alpha"),
        ("channel,clicks,exposures\nweb,1,2\nmail,3,2\n", [], "--before, line 3, clicks"),
        ("channel,clicks,exposures\nweb,1.5,2\n", [], "--before, line 2, clicks"),
        ("channel,clicks,exposures\nweb,1,2\n", ["--dimensions", "channel,channel"], "--dimensions"),
        ("channel,clicks,exposures\nweb,1,2\n", ["--dimensions", "channel,clicks"], "--dimensions"),
        ("channel,clicks,exposures\nweb,1,2\n", ["--denominator", "clicks"], "--denominator"),
    ],
)
def test_tables_that_cannot_be_are_refused_by_option_and_line(
    before: str, options: list[str], named: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, and the message says where to look."""
    (tmp_path / "a.csv").write_text(before)
    files = ["--before", str(tmp_path / "a.csv"), "--after", str(tmp_path / "a.csv")]

    assert main(["explain", *files, "--numerator", "clicks", "--denominator", "exposures", *options]) == 2
    assert named in capfd.readouterr().err


def test_a_value_may_hold_the_end_of_a_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Within quotes a line goes on, and a separator of another alphabet ends none."""
    before = 'channel,clicks,exposures\r\n"web\nshop",900,9000\r\nmail\u2028x,900,9000\r\n'
    (tmp_path / "a.csv").write_text(before, encoding="utf-8", newline="")
    (tmp_path / "b.csv").write_text(before.replace("900", "300", 1), encoding="utf-8", newline="")
    files = ["--before", str(tmp_path / "a.csv"), "--after", str(tmp_path / "b.csv")]

    assert main(["explain", *files, "--numerator", "clicks", "--denominator", "exposures"]) == 0
    assert [segment["where"] for segment in json.loads(capfd.readouterr().out)["segments"]] == [{"channel": "web\nshop"}]
