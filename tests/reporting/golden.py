"""The golden report: one built snapshot in all its views. Run as a module, it writes the files the tests compare with."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from reporting.report import build
from reporting.view import csv, html, markdown, terminal
from reporting.view.canonical import dumps
from tests.reporting.builders import fortnight
from tests.reporting.trials import won

FOLDER = Path(__file__).parents[1] / "golden"


def views() -> dict[str, Callable[[], bytes]]:
    """Return how each golden file is made."""
    report = build(fortnight(trials={"exp-7": won()}))
    summary = build(fortnight(trials={"exp-7": won()}, request={**report["request"], "detail": "summary"}))
    return {
        "report.json": lambda: dumps(report),
        "report.md": lambda: markdown.render(report).encode(),
        "report.html": lambda: html.render(report).encode(),
        "summary.md": lambda: markdown.render(summary).encode(),
        "summary.txt": lambda: terminal.render(summary, width=80, colour=False, unicode=False).encode(),
        **{f"{table}.csv": partial(_table, report, table) for table in csv.TABLES},
        "report.txt": lambda: terminal.render(report, width=110, colour=False, unicode=True).encode(),
    }


def _table(report: Mapping[str, Any], table: str) -> bytes:
    return csv.render(report, table).encode()


if __name__ == "__main__":
    for name, make in views().items():
        (FOLDER / name).write_bytes(make())
