"""Incidents in time: what happened, and in which order. Lanes for all of them over the period, and one incident's own steps downward."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from reporting.chart.mark import box, diamond, dot, element, frame, line, wedge, words
from reporting.chart.scale import Scale

LANE, HEAD, FOOT = 30.0, 22.0, 20.0
Kind = Literal["change", "breach", "escalation", "step", "next"]


@dataclass(frozen=True, slots=True)
class Lane:
    """One incident over the period, times in ms; `end` is the period's end while it is active."""

    name: str
    level: str
    start: float
    end: float
    active: bool
    breaches: Sequence[float] = field(default=())


def lanes(
    incidents: Sequence[Lane],
    changes: Sequence[tuple[float, str]],
    span: tuple[float, float],
    labels: Sequence[tuple[float, str]],
    width: float,
) -> str:
    """Return every incident as a bar from opening to end, its breached windows as diamonds, changes as violet lines across."""
    left = 316.0 if width > 500 else 120.0
    bottom = HEAD + len(incidents) * LANE
    x = Scale(*span, left, width - 12)
    drawn = [line(x(at), HEAD, x(at), bottom, "grid") + words(text, x(at), bottom + 15, anchor="middle") for at, text in labels]
    drawn.append(line(left, bottom, width - 12, bottom, "rule"))
    for at, text in changes:
        near_end = x(at) > left + (width - left) * 0.7
        drawn.append(line(x(at), HEAD - 4, x(at), bottom, "change") + wedge(x(at), HEAD, "waitmark"))
        drawn.append(words(text, x(at) + (-7 if near_end else 7), HEAD - 8, "twait", "end" if near_end else "start") if text else "")
    for index, lane in enumerate(incidents):
        y = HEAD + index * LANE + LANE / 2
        shown = "act" if lane.active else "rest"
        drawn.append(words(lane.level, 0, y + 4, "t2"))
        drawn.append(words(_short(lane.name, left - 40), 26, y + 4, "tb" if lane.active else "t2"))
        drawn.append(box(x(lane.start), y - 5, max(3.0, x(lane.end) - x(lane.start)), 10, shown, 2))
        drawn += [diamond(x(at), y, "badmark", 3.4) for at in lane.breaches if span[0] <= at <= span[1]]
    count = sum(lane.active for lane in incidents)
    finding = f"{len(incidents)} incidents in the period, {count} of them active, {len(changes)} rule changes marked."
    return frame(width, bottom + FOOT, finding, *drawn)


@dataclass(frozen=True, slots=True)
class Moment:
    """One step of an incident: when, what, and a line of detail."""

    kind: Kind
    at: str
    what: str
    detail: str = ""


def steps(moments: Sequence[Moment], finding: str, width: float = 326.0) -> str:
    """Return one incident downward: ▼ change, ◆ breach, ▲ escalation, ● other steps, ○ what comes next."""
    axis = 96.0 if any(len(moment.at) > len("00:00") for moment in moments) else 54.0
    drawn, y = [], 14.0
    ys = []
    for moment in moments:
        ys.append(y)
        drawn.append(words(moment.at, axis - 14, y + 4, "t2", "end"))
        drawn.append(words(moment.what, axis + 14, y + 4, "tb"))
        if moment.detail:
            drawn.append(words(_short(moment.detail, width - axis - 20), axis + 14, y + 20))
        y += 40.0 if moment.detail else 24.0
    rail = line(axis, ys[0], axis, ys[-1], "rule") if len(ys) > 1 else ""
    marks = [_mark(moment.kind, axis, at) for moment, at in zip(moments, ys, strict=True)]
    return frame(width, y, finding, rail, *marks, *drawn)


def _mark(kind: Kind, x: float, y: float) -> str:
    if kind == "change":
        return wedge(x, y + 4, "waitmark", 5)
    if kind == "breach":
        return diamond(x, y, "badmark", 5)
    if kind == "escalation":
        return wedge(x, y - 5, "warnmark", 5, up=True)
    if kind == "next":
        return element("circle", cx=x, cy=y, r=4.5, class_="nextmark")
    return dot(x, y, "inkmark", 4)


def _short(text: str, room: float) -> str:
    most = max(4, int(room / 7.2))
    return text if len(text) <= most else text[: most - 1] + "…"
