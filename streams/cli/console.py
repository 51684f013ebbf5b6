"""What goes to which stream: answers to stdout, progress and hints to stderr and only to a terminal; colour where it is wanted."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import click
import orjson

from governance.message.instant import format_instant
from reporting.view.screen import MOST, Screen
from streams.cli.problem import UsageProblem

ACT = 1  # done, and there is something to act on

INPUT = click.option("--input", "path", metavar="FILE", help="A file, or - for standard input.")
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


def screen() -> Screen:
    """Return what standard output can show: colour and marks on a UTF-8 terminal, plain ASCII behind a pipe or with NO_COLOR."""
    rich = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    unicode = rich and (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    columns = shutil.get_terminal_size((MOST, 24)).columns if sys.stdout.isatty() else MOST
    return Screen(min(columns, MOST), colour=unicode, unicode=unicode)


def hint(text: str) -> None:
    """Say something useful beside the answer, to a person only."""
    if sys.stderr.isatty():
        click.echo(text, err=True)


@contextmanager
def progress_line() -> Iterator[Callable[[int, int], None] | None]:
    """Give a callback (records so far, event time in ms) that keeps one line up to date on a terminal, None elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return

    def show(records: int, time: int) -> None:
        click.echo(f"\r\x1b[K{records:,} records, event time {format_instant(time)}", nl=False, err=True)

    try:
        yield show
    finally:
        click.echo("\r\x1b[K", nl=False, err=True)


def print_document(document: Any) -> None:
    """Print one JSON document."""
    click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2))


def print_answers(answers: Iterable[Mapping[str, Any]], failed: Callable[[Mapping[str, Any]], bool]) -> int:
    """Print one JSON line an answer as it comes; return ACT where one of them failed."""
    code = 0
    for answer in answers:
        click.echo(json_line(answer))
        code = ACT if failed(answer) else code
    return code


def json_line(answer: Mapping[str, Any]) -> str | bytes:
    """Return an answer as one line; it may give back a whole number of any size, as an id or a value."""
    try:
        return orjson.dumps(answer)
    except orjson.JSONEncodeError:  # above 64 bits
        return json.dumps(answer, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


@contextmanager
def opened(path: str) -> Iterator[IO[bytes]]:
    """Open a file or standard input (`-`) for bytes; raises UsageProblem where it cannot be read."""
    if path == "-":
        yield sys.stdin.buffer
        return
    with ExitStack() as stack:
        try:
            file = stack.enter_context(Path(path).open("rb"))
        except OSError as error:
            raise UsageProblem(f"{path}: cannot be read: {error.strerror}") from None
        yield file


def text_of(path: str) -> str:
    """Return a whole text file; raises UsageProblem where it cannot be read or is not UTF-8."""
    with opened(path) as file:
        try:
            return file.read().decode()
        except UnicodeDecodeError as error:
            raise UsageProblem(f"{path}: must be UTF-8, is not at byte {error.start}") from None
