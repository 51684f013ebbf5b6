"""A long list in a terminal: how it began, how it is now, and how much was left out between."""

from collections.abc import Sequence
from typing import Any

from reporting.figure import integer
from reporting.view.screen import Screen, Span


def shortened(rows: Sequence[Any], first: int, last: int) -> tuple[Sequence[Any], int]:
    """Return the first rows and the last, and how many were left out between.

    >>> shortened("abcdefg", 2, 1), shortened("abcd", 2, 1)
    ((['a', 'b', 'g'], 4), ('abcd', 0))
    """
    gap = len(rows) - first - last
    return (rows, 0) if gap <= 1 else ([*rows[:first], *rows[-last:]], gap)


def left_out(gap: int, screen: Screen) -> str:
    """Return the line that stands for what was left out."""
    return screen.line(Span(f"  {integer(gap)} more{'…' if screen.unicode else ''}", "dim"))
