"""`pmon score`: CSV in, the same columns and three more out, whatever the file looks like."""

import csv
import io
from pathlib import Path

import pytest

from streams.cli import main

HOURS = 24 * 21


def run(capfd: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, str]]:
    """Run the verb and return its rows."""
    assert main(["score", *arguments]) == 0
    return list(csv.DictReader(io.StringIO(capfd.readouterr().out)))


def series(tmp_path: Path, values: list[str]) -> str:
    """Write hourly values to a file and return its path."""
    path = tmp_path / "f.csv"
    lines = [f"2026-01-{1 + hour // 24:02d} {hour % 24:02d}:00:00,{value}" for hour, value in enumerate(values)]
    path.write_text("\n".join(["at,n", *lines]))
    return str(path)


def wave(hour: int) -> float:
    """Return a value that follows the day, with a little of something else."""
    return 100 + 40 * (abs(hour % 24 - 12) / 12) + (hour * 7919 % 13) / 6


def test_a_spike_breaches_and_nothing_else_does(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """One value far out of its hour is a breach; its neighbours and the days before are not, whatever is missing."""
    values = [f"{wave(hour):.2f}" for hour in range(HOURS)]
    values[400] = "300"
    values[300], values[301], values[302], values[303] = "", "nan", "n/a", "inf"
    rows = run(capfd, "--input", series(tmp_path, values), "--value", "n", "--time", "at")
    assert [at for at, row in enumerate(rows) if row["breach"] == "1"] == [400]
    assert all(0 <= float(row["score"]) <= 1 for row in rows)
    assert [rows[at]["score"] for at in range(300, 304)] == ["0.000000"] * 4
    assert abs(float(rows[399]["expected"]) - wave(399)) < 10


def test_no_row_looks_ahead(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What is said of a row is the same when the file ends there."""
    values = [f"{wave(hour) * (1 + (hour > 300)):.2f}" for hour in range(HOURS)]
    whole = run(capfd, "--input", series(tmp_path, values), "--value", "n", "--time", "at")
    part = run(capfd, "--input", series(tmp_path, values[:333]), "--value", "n", "--time", "at")
    assert whole[:333] == part


def test_counts_are_judged_by_their_volume(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A rate of nought out of ten says nothing; out of ten thousand it is a breach."""
    lines = [f"{500 + (row * 31) % 40},10000" for row in range(300)] + ["0,10", "520,10000", "0,10000", "510,10000"]
    path = tmp_path / "counts.csv"
    path.write_text("\n".join(["k,n", *lines]) + "\n")
    rows = run(capfd, "--input", str(path), "--count", "k", "--of", "n")
    assert [at for at, row in enumerate(rows) if row["breach"] == "1"] == [302]


@pytest.mark.parametrize("values", [["5"] * 300, ["0"] * 300, ["1e9"] * 300, ["nan"] * 300, ["-1e140", "1e140"] * 150])
def test_what_never_changes_never_breaches(tmp_path: Path, capfd: pytest.CaptureFixture[str], values: list[str]) -> None:
    """Constants, zeros, huge values and holes are quiet."""
    rows = run(capfd, "--input", series(tmp_path, values), "--value", "n")
    assert not any(int(row["breach"]) for row in rows)


def test_quotes_a_mark_and_windows_line_ends_are_read(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A byte-order mark, CRLF, quoted commas and blank lines change nothing; the columns come back as they were."""
    path = tmp_path / "odd.csv"
    path.write_bytes(b'\xef\xbb\xbf"name","n"\r\n"a, b",1\r\n\r\n"c ""d""",2\r\n')
    rows = run(capfd, "--input", str(path), "--value", "n")
    assert [row["name"] for row in rows] == ["a, b", 'c "d"']
    assert list(rows[0]) == ["name", "n", "expected", "score", "breach"]


@pytest.mark.parametrize(
    ("text", "arguments", "said"),
    [
        ("a,b\n1,2\n", ["--value", "c"], "it has: a, b"),
        ("", ["--value", "c"], "is empty"),
        ("a,b\n1\n", ["--value", "a"], ":2: has 1 fields, the header has 2"),
        ("a,b\n1,soon\n", ["--value", "a", "--time", "b"], ":2: b: must be a time"),
        ("a\n1\n", ["--count", "a"], "--of COL"),
    ],
)
def test_a_wrong_file_or_column_is_exit_2(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], text: str, arguments: list[str], said: str
) -> None:
    """The message names the file, the line and what would be right."""
    path = tmp_path / "wrong.csv"
    path.write_text(text)
    assert main(["score", "--input", str(path), *arguments]) == 2
    assert said in capfd.readouterr().err


def test_a_cell_of_text_scores_nothing_and_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The rest is scored all the same; line and column are named, what stands there is not."""
    path = tmp_path / "f.csv"
    path.write_text("n\n" + "5\n" * 10 + "sold out\n" + "5\n" * 10 + "twelve\n")
    assert main(["score", "--input", str(path), "--value", "n"]) == 1
    said = capfd.readouterr()
    assert len(said.out.splitlines()) == 23
    assert f"{path}:12: column 'n' must be a number or empty, is text, nor are 1 more" in said.err
    assert "sold" not in said.err
