"""A terminal as views see it: its width, what it can show, and rows of columns that never wrap."""

from collections.abc import Sequence
from dataclasses import dataclass

from reporting.figure import MINUS, NBSP
from reporting.safe import fit, plain, width

MOST = 110
CODES = {"bold": "1", "dim": "90", "bad": "91", "warn": "33", "good": "32", "wait": "35", "info": "94"}
ASCII = {
    MINUS: "-",
    NBSP: " ",
    "–": "-",
    "×": "x",
    "·": ".",
    "▼": "v",
    "▲": "^",
    "■": "#",
    "█": "#",
    "░": ".",
    "●": "o",
    "◆": "*",
    "…": "~",
    "→": "->",
    "└": "`-",
    "€": "EUR ",
    "£": "GBP ",
    "¥": "JPY ",
    "\N{REPLACEMENT CHARACTER}": "?",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column's head and how it is filled; `least` is the narrowest view it appears in."""

    head: str
    right: bool = False
    least: int = 0


@dataclass(frozen=True, slots=True)
class Span:
    """A cell's text and its style, "" for none."""

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Screen:
    """How wide the view is, and whether it may use colour and characters beyond ASCII."""

    width: int
    colour: bool
    unicode: bool

    def text(self, value: object) -> str:
        """Return harmless text this screen can show."""
        clean = plain(value)
        if self.unicode:
            return clean.replace(NBSP, " ")
        return "".join(ASCII.get(mark, mark if mark.isascii() else "?") for mark in clean)

    def paint(self, text: str, style: str) -> str:
        """Return text in a style, as it is without colour."""
        return f"\x1b[{CODES[style]}m{text}\x1b[0m" if self.colour and style and text.strip() else text

    def line(self, *spans: Span) -> str:
        """Return one row, cut where the screen ends."""
        room, out = self.width, []
        for span in spans:
            text = self.text(span.text)
            shown = fit(text, min(room, width(text)), "…" if self.unicode else "~")
            room -= width(shown)
            out.append(self.paint(shown, span.style))
        return "".join(out).rstrip() if not self.colour else "".join(out)


def grid(screen: Screen, columns: Sequence[Column], rows: Sequence[Sequence[Span]], gives: int = 0) -> list[str]:
    """Return rows under heads; columns that need a wider screen are left out, then the column `gives` gives way."""
    kept = [index for index, column in enumerate(columns) if screen.width >= column.least]
    texts = [[screen.text(row[index].text) for index in kept] for row in rows]
    heads = [screen.text(columns[index].head.upper()) for index in kept]
    wide = [max([width(heads[place]), *(width(row[place]) for row in texts)]) for place in range(len(kept))]
    place = kept.index(gives)
    wide[place] = max(8, min(wide[place], screen.width - (sum(wide) - wide[place]) - 3 * (len(kept) - 1)))
    more = "…" if screen.unicode else "~"
    styles = [["dim"] * len(kept), *([row[index].style for index in kept] for row in rows)]
    lines = []
    for row, style in zip([heads, *texts], styles, strict=True):
        cells = []
        for at, text in enumerate(row):
            filled = fit(text, wide[at], more)
            if columns[kept[at]].right:
                filled = filled.rstrip().rjust(len(filled))
            cells.append(screen.paint(filled, style[at]))
        lines.append(_cut(screen, "   ".join(cells)))
    return lines


def _cut(screen: Screen, line: str) -> str:
    return line.rstrip() if screen.colour else line[: screen.width].rstrip()
