"""`pmon score`: the shipped scorer over any series in a CSV file, one pass, each row judged by the rows before it."""

import csv
import io
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import IO, Any

import click

from streams.cli.console import opened
from streams.cli.problem import UsageProblem

ADDED = ("expected", "score", "breach")
FIELD_BYTES = 1 << 20
MISSING = frozenset(("", "na", "n/a", "nan", "null", "none", "-"))


@click.command("score", short_help="Score how unusual each row of a series is.")
@click.option("--input", "path", required=True, metavar="F.csv", help="A CSV file with a header line; - is standard input.")
@click.option("--value", metavar="COL", help="The column to score.")
@click.option("--count", metavar="COL", help="The column that is counted, such as clicks; needs --of.")
@click.option("--of", "exposure", metavar="COL", help="The column it is counted of, such as exposures.")
@click.option("--time", metavar="COL", help="The column of times (RFC 3339 or epoch), for seasons by the clock.")
def command(path: str, value: str | None, count: str | None, exposure: str | None, time: str | None) -> int:
    """Write the input columns and expected, score, breach; the score is in [0, 1], a breach (1) the first row at 0.5 or above.

    A missing value gets score 0 and teaches nothing; so does a cell that is text, and the exit code is then 1. Nothing is read ahead.

    \b
    Example:
      printf 'at,n\\n2026-01-01T00:00:00Z,5\\n2026-01-01T01:00:00Z,6\\n' | pmon score --input - --value n --time at
    """
    if (value is None) == (count is None) or (count is None) != (exposure is None):
        raise UsageProblem("pmon score: needs either --value COL, or --count COL with --of COL")
    with opened(path) as file:
        texts = write_scored(file, path, value or count or "", exposure, time)
    if not texts:
        return 0
    more = f", nor are {len(texts) - 1} more" if len(texts) > 1 else ""
    click.echo(f"pmon score: {path}:{texts[0][0]}: column {texts[0][1]!r} must be a number or empty, is text{more}; they score 0", err=True)
    return 1


def write_scored(file: IO[bytes], path: str, column: str, exposure: str | None, time: str | None) -> list[tuple[int, str]]:
    """Score a CSV file to standard output row by row; return (line, column) of cells that are text.

    Raises UsageProblem naming file, line and column.
    """
    from detectors.series import Series

    csv.field_size_limit(FIELD_BYTES)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    rows = numbered(csv.reader(text, delimiter=","), path)
    _, header = next(rows, (0, None))
    if header is None:
        raise UsageProblem(f"{path}: is empty, must begin with a header line")
    at = place(header, column, path)
    of = None if exposure is None else place(header, exposure, path)
    when = None if time is None else place(header, time, path)
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow([*header, *(name if name not in header else f"pmon_{name}" for name in ADDED)])
    scorer, texts = Series(counts=of is not None), []
    for line, row in rows:
        if len(row) != len(header):
            raise UsageProblem(f"{path}:{line}: has {len(row)} fields, the header has {len(header)}")
        texts += [(line, name) for name, where in ((column, at), (exposure or "", of)) if where is not None and is_text(row[where])]
        number = number_of(row[at])
        total = None if of is None else number_of(row[of])
        moment = None if when is None else time_of(row[when], f"{path}:{line}: {time}")
        judged = scorer.score(number, total, moment)
        scorer.learn(number, total, moment, judged)
        expected = "" if judged.expected is None else f"{judged.expected:.10g}"
        out.writerow([*row, expected, f"{judged.score:.6f}", int(judged.breach)])
    return texts


def numbered(reader: Any, path: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, fields) of every row that is not blank; raises UsageProblem where it is no CSV in UTF-8."""
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except UnicodeDecodeError:
            raise UsageProblem(f"{path}:{reader.line_num + 1}: must be UTF-8 text") from None
        except csv.Error as error:
            raise UsageProblem(f"{path}:{reader.line_num + 1}: is not CSV: {error}") from None
        if row:
            yield reader.line_num, row


def place(header: list[str], name: str, path: str) -> int:
    """Return where a column stands; raises UsageProblem listing those there are."""
    found = [at for at, title in enumerate(header) if title.strip() == name.strip()]
    if len(found) == 1:
        return found[0]
    there = ", ".join(title.strip()[:40] for title in header[:30])
    if found:
        raise UsageProblem(f"{path}: column {name!r} stands {len(found)} times in the header, must be there once")
    raise UsageProblem(f"{path}: has no column {name!r}; it has: {there}")


def number_of(field: str) -> float:
    """Return a cell as a number, NaN for a missing one and for what is none."""
    text = field.strip()
    if text.lower() in MISSING:
        return float("nan")
    try:
        return float(text)
    except ValueError:
        return float("nan")


def is_text(field: str) -> bool:
    """Return whether a cell is neither a number nor a usual way to write a missing one."""
    text = field.strip()
    if text.lower() in MISSING:
        return False
    try:
        float(text)
    except ValueError:
        return True
    return False


def time_of(field: str, where: str) -> float | None:
    """Return a time as epoch seconds, None for an empty cell; no zone means UTC. Raises UsageProblem naming the place."""
    text = field.strip()
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        return stamp_of(text, where)
    if not abs(number) < 1e20:
        raise UsageProblem(f"{where}: must be a time, RFC 3339 or epoch seconds or milliseconds")
    while abs(number) > 1e11:  # milliseconds, microseconds, nanoseconds
        number /= 1000.0
    return number


def stamp_of(text: str, where: str) -> float:
    """Return a written time as epoch seconds."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = other_stamp(text, where)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def other_stamp(text: str, where: str) -> datetime:
    """Return a time in one of the other common forms; raises UsageProblem where it is none."""
    for form in ("%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d", "%m/%d/%Y"):
        try:
            return datetime.strptime(text, form)
        except ValueError:
            continue
    raise UsageProblem(f"{where}: must be a time, RFC 3339 (2026-01-31T10:00:00Z) or epoch seconds or milliseconds")
