"""Segment bars: who carries it? Shares of a change from 0 to 100 %; a claim stands out, the rest is grey."""

from collections.abc import Sequence
from dataclasses import dataclass

from reporting.chart.mark import box, frame, line, words
from reporting.figure import carried

ROW = 22.0


@dataclass(frozen=True, slots=True)
class Part:
    """One segment's share (0 to 1) with its absolute in words; `claim` where it cleared the evidence bar."""

    name: str
    share: float
    note: str
    claim: bool = False


def segment_bars(parts: Sequence[Part], of: str, width: float = 592.0) -> str:
    """Return the bars, largest first as given; `of` says what the shares are of."""
    left = min(190.0, width * 0.32)
    full = width - left - 150
    claims = [part for part in parts if part.claim]
    none = f"Global: no segment of {of} cleared the bar."
    finding = f"{claims[0].name} carries {min(1.0, claims[0].share):.0%} of {of}." if claims else none
    drawn = []
    for index, part in enumerate(parts):
        y, share = index * ROW, min(1.0, max(0.0, part.share))
        drawn.append(words(_short(part.name, left), left - 8, y + 15, "tb" if part.claim else "t2", "end"))
        drawn.append(box(left, y + 4, max(1.0, full * share), 14, "badmark" if part.claim else "rest"))
        label = carried(part.share)
        drawn.append(words(label, left + full * share + 8, y + 15, "tb"))
        drawn.append(words(part.note, left + full * share + 18 + 7.4 * len(label), y + 15))
    height = len(parts) * ROW + 20
    foot = words(f"share of {of}", left, height - 4)
    return frame(width, height, finding, *drawn, line(left, 0, left, len(parts) * ROW, "rule"), foot)


def _short(name: str, room: float) -> str:
    most = int(room / 7)
    return name if len(name) <= most else name[: most - 1] + "…"
