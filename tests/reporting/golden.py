"""The golden report: one built snapshot in all its views. Run as a module, it writes the files the tests compare with."""

from collections.abc import Callable
from pathlib import Path

from reporting.report import build
from reporting.view import html, markdown, terminal
from reporting.view.canonical import dumps
from tests.reporting.builders import fortnight
from tests.reporting.trials import won

FOLDER = Path(__file__).parents[1] / "golden"


def views() -> dict[str, Callable[[], bytes]]:
    """Return how each golden file is made."""
    report = build(fortnight(trials={"exp-7": won()}))
    return {
        "report.json": lambda: dumps(report),
        "report.md": lambda: markdown.render(report).encode(),
        "report.html": lambda: html.render(report).encode(),
        "report.txt": lambda: terminal.render(report, width=110, colour=False, unicode=True).encode(),
    }


if __name__ == "__main__":
    for name, make in views().items():
        (FOLDER / name).write_bytes(make())
