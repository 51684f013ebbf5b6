"""Small multiples: is it a trend? One row of panels for one figure, one panel a facet, the same step on every axis of a row."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from reporting.chart.mark import box, diamond, dot, frame, line, path, words
from reporting.chart.scale import Scale, around, decimals, step_of, ticks

WIDTH, HEIGHT = 256.0, 104.0
LEFT, RIGHT, TOP, BOTTOM = 30.0, 44.0, 10.0, 24.0
PARTS = 2  # steps on an axis: three lines to read a level by
FEW = 3  # fewer points are no line


@dataclass(frozen=True, slots=True)
class Panel:
    """One facet's values in per cent, None where there is none; `changes` are x positions in rows, `breached` the rows outside.

    The band is where the rows before lay: from their lowest to their highest, once they are at least FEW.
    """

    name: str
    now: Sequence[float | None]
    before: Sequence[float | None]
    partial: bool = False
    changes: Sequence[float] = ()
    breached: frozenset[int] = frozenset()


def row(panels: Sequence[Panel], labels: Sequence[tuple[int, str]]) -> list[str]:
    """Return one SVG per panel; `labels` are (row index, text) under the axis, none to leave it bare."""
    values = [[value for value in (*panel.now, *panel.before) if value is not None] for panel in panels]
    span = max((max(some) - min(some) for some in values if some), default=0.0)
    step = step_of(max(span, 0.02), PARTS + 1)
    parts = max([PARTS, *(_parts(some, step) for some in values if some)])
    return [_panel(panel, some, step, parts, labels) for panel, some in zip(panels, values, strict=True)]


def _parts(values: list[float], step: float) -> int:
    return max(1, ceil(max(values) / step - 1e-9) - int(min(values) / step + 1e-9))


def _panel(panel: Panel, values: list[float], step: float, parts: int, labels: Sequence[tuple[int, str]]) -> str:
    height = HEIGHT if labels else HEIGHT - BOTTOM + 6
    if not values:
        return frame(WIDTH, height, f"{panel.name}: nothing counted.", words("nothing counted", LEFT, height / 2))
    low, high = around(values, step, parts)
    y = Scale(low, high, HEIGHT - BOTTOM, TOP)
    x = Scale(0, max(1, len(panel.now) - 1), LEFT, WIDTH - RIGHT)
    grid = [
        line(LEFT, y(at), WIDTH - RIGHT, y(at), "grid") + words(f"{at:.{decimals(step)}f}", LEFT - 6, y(at) + 4, anchor="end")
        for at in ticks(low, high, step)
    ]
    band = _band(panel, x, y)
    marks = [line(x(at), TOP - 6, x(at), HEIGHT - BOTTOM + 4, "change") for at in panel.changes]
    old = [path(run, "prev") for run in _runs(panel.before[: len(panel.now)], x, y)]
    below = [words(text, x(index), HEIGHT - 6, anchor="start" if index == 0 else "middle") for index, text in labels]
    return frame(WIDTH, height, _finding(panel), band, *grid, *marks, *old, *_series(panel, x, y), *below)


def _band(panel: Panel, x: Scale, y: Scale) -> str:
    usual = [value for value in panel.before if value is not None]
    if len(usual) < FEW:
        return ""
    return box(LEFT, y(max(usual)), x.end - LEFT, max(1.0, y(min(usual)) - y(max(usual))), "band")


def _runs(values: Sequence[float | None], x: Scale, y: Scale) -> list[list[tuple[float, float]]]:
    """Return the stretches without a gap: a gap is a gap."""
    runs: list[list[tuple[float, float]]] = [[]]
    for index, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((x(index), y(value)))
    return [run for run in runs if run]


def _series(panel: Panel, x: Scale, y: Scale) -> list[str]:
    known = [index for index, value in enumerate(panel.now) if value is not None]
    if not known:
        return []
    last = known[-1]
    open_end = panel.partial and last == len(panel.now) - 1
    whole = panel.now[:last] if open_end else panel.now
    drawn = [path(run, "obs") if len(known) >= FEW else "" for run in _runs(whole, x, y)]
    drawn += [dot(x(run[0]), y(run[1]), "dot", 2.4) for run in _alone(whole, len(known))]
    at, level = x(last), y(_value(panel, last))
    if open_end and last - 1 in known and len(known) >= FEW:
        drawn.append(line(x(last - 1), y(_value(panel, last - 1)), at, level, "obs dashed"))
    drawn += [diamond(x(index), y(_value(panel, index)), "badmark", 3.6) for index in panel.breached if index in known and index != last]
    if last in panel.breached:
        drawn.append(diamond(at, level, "badhollow" if open_end else "badmark"))
    else:
        drawn.append(dot(at, level, "hollow" if open_end else "dot", 3))
    drawn.append(words(f"{_value(panel, last):.2f}", at + 7, level + 4, "tbad" if last in panel.breached else "tobs"))
    return drawn


def _alone(values: Sequence[float | None], known: int) -> list[tuple[int, float]]:
    """Return the points no line passes through."""
    found = []
    for index, value in enumerate(values):
        beside = [values[near] for near in (index - 1, index + 1) if 0 <= near < len(values)]
        if value is not None and (known < FEW or all(other is None for other in beside)):
            found.append((index, value))
    return found


def _value(panel: Panel, index: int) -> float:
    value = panel.now[index]
    assert value is not None
    return value


def _finding(panel: Panel) -> str:
    known = [value for value in panel.now if value is not None]
    if not known:
        return f"{panel.name}: nothing to show in this period."
    ending = ", the last part of it partial" if panel.partial else ""
    usual = [value for value in panel.before if value is not None]
    before = f"; the period before lay between {min(usual):.2f} and {max(usual):.2f}" if len(usual) >= FEW else ""
    return f"{panel.name}: {known[-1]:.2f} at the end, between {min(known):.2f} and {max(known):.2f} in the period{ending}{before}."
