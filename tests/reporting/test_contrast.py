"""Colours of page and report: every text reads on what it stands on, in light and dark (WCAG 2: 4.5 for text, 3 for marks)."""

import re
from importlib.resources import files

import pytest

SHEETS = {
    "report": (files("reporting.view") / "template" / "report.css").read_text(),
    "page": (files("streams.web.page") / "template" / "page.css").read_text(),
}
TEXT = ("ink", "ink2", "ink3", "obs", "bad", "warn", "good", "wait")
TINTED = (("bad", "badbg"), ("warn", "warnbg"), ("good", "goodbg"), ("wait", "waitbg"), ("obs", "infobg"))
MARKS = ("line2", "exp", "obs", "bad")


def schemes(sheet: str) -> list[dict[str, str]]:
    """Return the colours of a style sheet, light and dark."""
    found = re.findall(r":root\{([^}]*)\}", sheet)
    assert len(found) == 2
    return [dict(re.findall(r"--([a-z0-9]+):(#[0-9a-f]{3,6})", block)) for block in found]


def luminance(colour: str) -> float:
    """Return WCAG's relative luminance of #rgb or #rrggbb."""
    digits = colour[1:] if len(colour) == 7 else "".join(mark * 2 for mark in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return WCAG's contrast ratio."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_black_on_white_is_as_far_as_it_goes() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("name", list(SHEETS))
def test_every_text_and_mark_reads_on_what_it_stands_on(name: str) -> None:
    for colours in schemes(SHEETS[name]):
        for text in TEXT:
            for ground in ("surface", "sunken"):
                assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
        for text, ground in TINTED:
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
        for mark in MARKS:
            assert contrast(colours[mark], colours["surface"]) >= 3, mark
