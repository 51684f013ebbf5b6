"""Lanes: what each candidate of a backtest would have opened, over one time axis, above what was labelled."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from reporting.chart.mark import box, diamond, element, frame, line, words
from reporting.chart.scale import Scale

ROW, HEAD, LEFT, RIGHT = 26.0, 56.0, 220.0, 220.0
STYLE = """
svg{background:#FFFFFF;font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-size:12px}
.t3{fill:#5F6977;font-size:11px}.t1{fill:#14181F}.grid{stroke:#E1E5EA}.label{fill:#D9E4F0}.right{fill:#0A5C9E}.false{fill:#AD3A05}
"""


@dataclass(frozen=True, slots=True)
class Span:
    """An incident from `start` to `end`, ms; `right` where a label says so, None where there are no labels."""

    start: int
    end: int
    right: bool | None = None


@dataclass(frozen=True, slots=True)
class Lane:
    """One candidate: its values, its incidents, and what is said at its end."""

    name: str
    spans: tuple[Span, ...]
    said: str


def lanes(
    title: str, swept: str, rows: Sequence[Lane], labels: Sequence[tuple[int, int]], period: tuple[int, int], width: float = 960.0
) -> str:
    """Return the chart as one SVG file that stands alone: a diamond where an incident opens, a bar while it lives, labels shaded.

    `swept` is what the lanes are values of.
    """
    x = Scale(period[0], max(period[1], period[0] + 1), LEFT, width - RIGHT)
    bottom = HEAD + ROW * len(rows)
    marks = [element("style", STYLE), words(short(swept, 100), 8, 14, "t1")]
    if labels:
        marks += legend(width)
    marks += [box(x(start), HEAD - 4, max(2.0, x(end) - x(start)), bottom - HEAD + 4, "label") for start, end in labels]
    for part in range(5):
        at = period[0] + (period[1] - period[0]) * part // 4
        anchor = {0: "start", 4: "end"}.get(part, "middle")
        marks += [
            line(x(at), HEAD - 4, x(at), bottom, "grid"),
            words(f"{datetime.fromtimestamp(at / 1000, UTC):%-d %b %H:%M}", x(at), HEAD - 20, "t3", anchor),
        ]
    for number, lane in enumerate(rows):
        middle = HEAD + ROW * number + ROW / 2
        marks.append(words(short(lane.name), 8, middle + 4, "t1"))
        for span in lane.spans:
            tone = "false" if span.right is False else "right"
            marks += [box(x(span.start), middle - 3, max(1.0, x(span.end) - x(span.start)), 6, tone), diamond(x(span.start), middle, tone)]
        marks.append(words(lane.said, width - RIGHT + 12, middle + 4, "t3"))
    drawn = frame(width, bottom + 12, title, *marks)
    return drawn.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1) + "\n"


def legend(width: float) -> list[str]:
    """Return what shading and colours mean."""
    said = (("label", "labelled"), ("right", "about a label"), ("false", "about none"))
    marks = []
    for number, (tone, text) in enumerate(said):
        left = width - 290 + 95 * number
        marks += [box(left, 6, 10, 8, tone), words(text, left + 14, 14, "t3")]
    return marks


def short(name: str, most: int = 34) -> str:
    """Return a name that fits in its place."""
    return name if len(name) <= most else name[: most - 1] + "…"
