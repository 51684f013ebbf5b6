"""Text from outside made harmless: what names, reasons and notes may carry, and what of it each view lets through.

Names are any printable text, so they may hold markup, templates, terminal escapes, line ends and marks that turn the writing direction.
Control and direction marks are shown as U+FFFD everywhere; the rest is escaped for the view it goes to.
"""

import re
import unicodedata

UNSEEN = "\N{REPLACEMENT CHARACTER}"
KEPT_FORMAT = {"\u00ad"}  # a soft hyphen only ever breaks a line
MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~&$@]|(?<=\])\(|:(?=//))")
LEADING = re.compile(r"^(\s*\d*)([-+=.)])(?=\s|$)")  # what starts a list or underlines a heading


def plain(text: object) -> str:
    """Return text on one line without control, direction, private or unassigned characters.

    >>> plain("a\\x1b[31mb\\r\\nc")
    'a�[31mb c'
    """
    joined = " ".join(str(text).splitlines())
    return "".join(mark if mark.isprintable() or mark in "\u00a0\u202f" or mark in KEPT_FORMAT else _shown(mark) for mark in joined)


def markdown(text: object) -> str:
    """Return text that Markdown renders as itself: no markup, link, table cell, HTML or template.

    >>> markdown("[x](javascript:1) | <b>")
    '\\\\[x\\\\]\\\\(javascript:1) \\\\| \\\\<b\\\\>'
    """
    return LEADING.sub(r"\1\\\2", MARKDOWN.sub(r"\\\1", plain(text)))


def width(text: str) -> int:
    """Return how many columns a terminal needs for text."""
    return sum(0 if unicodedata.combining(mark) else 2 if unicodedata.east_asian_width(mark) in "WF" else 1 for mark in text)


def fit(text: str, columns: int, more: str = "…") -> str:
    """Return text cut or filled to exactly so many terminal columns."""
    if width(text) > columns:
        kept = ""
        for mark in text:
            if width(kept + mark) > columns - len(more):
                break
            kept += mark
        text = kept + more if columns >= len(more) else ""
    return text + " " * (columns - width(text))


def _shown(mark: str) -> str:
    return " " if mark == "\t" or unicodedata.category(mark) == "Zs" else UNSEEN
