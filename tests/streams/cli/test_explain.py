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
