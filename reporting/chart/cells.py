"""The marks inside a table row: an exposure bar, and a rate with its interval and the previous period's tick on one shared axis."""

from collections.abc import Sequence

from reporting.chart.mark import box, diamond, dot, element, frame, line, words
from reporting.chart.scale import Scale, decimals, step_of, ticks

BAR, AXIS, ROW = 92.0, 142.0, 14.0
PAD = 6.0


def bar(share: float, said: str) -> str:
    """Return a bar of `share` (0 to 1) of the longest; it starts at 0."""
    return frame(BAR, ROW, said, box(0, 2, max(1.0, BAR * share), 10, "bar", 1))


def axis(low: float, high: float) -> str:
    """Return the head of the shared axis, its values in per cent."""
    scale = _scale(low, high)
    step = step_of((high - low) * 100)
    marks = [words(f"{at:.{decimals(step)}f}", scale(at / 100), 11, anchor="middle") for at in ticks(low * 100, high * 100, step)]
    return element("svg", *marks, class_="chart", width=AXIS, height=ROW, viewBox=f"0 0 {AXIS:.0f} {ROW:.0f}", aria_hidden="true")


def rate_mark(value: float, ends: Sequence[float] | None, before: float | None, moved: bool, bounds: tuple[float, float], said: str) -> str:
    """Return the rate of one row on the shared axis: a dot, or a diamond where it fell or rose by more than chance."""
    scale = _scale(*bounds)
    class_ = "bad" if moved else "obs"
    drawn = [line(PAD, 7, AXIS - PAD, 7, "grid")]
    if before is not None:
        drawn.append(line(scale(before), 0.5, scale(before), 13.5, "tick"))
    if ends is not None:
        drawn.append(line(max(PAD, scale(ends[0])), 7, min(AXIS - PAD, scale(ends[1])), 7, f"{class_} thick"))
    drawn.append(diamond(scale(value), 7, "badmark") if moved else dot(scale(value), 7, "dot", 3.4))
    return frame(AXIS, ROW, said, *drawn)


def bounds(values: Sequence[float]) -> tuple[float, float]:
    """Return the ends of an axis that holds all values with a little air; a rate axis need not start at 0."""
    if not values:
        return (0.0, 1.0)
    low, high = min(values), max(values)
    air = (high - low) * 0.08 or max(high * 0.1, 0.001)
    return (max(0.0, low - air), min(1.0, high + air) if high <= 1 else high + air)


def _scale(low: float, high: float) -> Scale:
    return Scale(low, high, PAD, AXIS - PAD)
