"""Interval plot: is the difference real? One axis for all rows, 0 in ink; and the path an interval took from look to look.

whisker   valid at every look
bar       what a test for one planned look would say: what is missing to the whisker is the price of peeking
"""

from collections.abc import Sequence
from dataclasses import dataclass

from reporting.chart.mark import arrow, box, dot, element, frame, hatched, line, number, path, wedge, words
from reporting.chart.scale import Scale, decimals, step_of, ticks

ROW, AXIS = 30.0, 26.0
PATH_HEIGHT, PATH_LEFT, PATH_RIGHT, PATH_TOP = 160.0, 52.0, 120.0, 22.0
BESIDE = 14.0  # between the baselines of two labels
NARROWEST, WORD = 3.0, 58.0  # a time that is hatched, one that has room for its name


@dataclass(frozen=True, slots=True)
class Row:
    """One treatment and metric: ends in the units of the axis, None before there is an interval; `usable` False where data is unfit."""

    name: str
    value: float | None
    ends: tuple[float, float] | None
    bar: tuple[float, float] | None
    beside: str
    usable: bool = True
    good: bool | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """An interval as it was at one time, ms."""

    at: int
    low: float
    estimate: float
    high: float


def interval_plot(rows: Sequence[Row], unit: str, width: float) -> str:
    """Return the plot: a whisker, a bar and a point per row."""
    left, right = min(210.0, width * 0.34), 8.0
    reach = reach_of(rows)
    x = Scale(*reach, left, width - right)
    height = len(rows) * ROW + AXIS
    step = step_of(reach[1] - reach[0], 6)
    marks = [line(x(at), 0, x(at), height - AXIS, "grid") for at in ticks(*reach, step)]
    foot = [words(_signed(at, step), x(at), height - 10, anchor="middle") for at in ticks(*reach, step)]
    drawn = [mark for index, row in enumerate(rows) for mark in _row(row, x, index * ROW + ROW / 2, left)]
    zero = line(x(0.0), 0, x(0.0), height - AXIS, "rule")
    return frame(width, height, finding(rows), *marks, zero, *drawn, *foot, words(unit, left - 24, height - 10, anchor="end"))


def _row(row: Row, x: Scale, y: float, left: float) -> list[str]:
    most = int(left / 7.2)
    name = row.name if len(row.name) <= most else row.name[: most - 1] + "…"
    drawn = [words(name, left - 8, y - 2, "t2", "end"), words(row.beside, left - 8, y + 11, anchor="end")]
    return [*drawn, *_marks(row, x, y)]


def _marks(row: Row, x: Scale, y: float) -> list[str]:
    drawn: list[str] = []
    if row.ends is None:
        ends = arrow(x.start, y, "restmark", left=True), arrow(x.end, y, "restmark")
        said = words("collecting, no interval yet", (x.start + x.end) / 2, y - 4, anchor="middle")
        return [*drawn, line(x.start + 6, y, x.end - 6, y, "exp"), *ends, said]
    if not row.usable:
        drawn.append(line(x(row.ends[0]), y, x(row.ends[1]), y, "exp"))
        return [*drawn, *([dot(x(row.value), y, "nextmark")] if row.value is not None else [])]
    style, mark = {True: ("good", "goodmark"), False: ("bad", "badmark"), None: ("obs", "dot")}[row.good]
    if row.bar is not None:
        drawn.append(box(x(row.bar[0]), y - 4, max(1.0, x(row.bar[1]) - x(row.bar[0])), 8, "bar", 2))
    drawn += [line(x(row.ends[0]), y, x(row.ends[1]), y, f"{style} thick")]
    drawn += [line(x(end), y - 5, x(end), y + 5, f"{style} thick") for end in row.ends]
    return [*drawn, *([dot(x(row.value), y, f"{mark} ringed", 4.4)] if row.value is not None else [])]


def whisker(row: Row, reach: tuple[float, float], width: float) -> str:
    """Return one row alone on the axis that `reach` spans, so that rows drawn one below the other compare."""
    x = Scale(*reach, 8, width - 8)
    zero = line(x(0.0), 2, x(0.0), 28, "rule")
    return frame(width, 30, f"{row.name}: {finding([row])}", zero, *_marks(row, x, 15), class_="chart fit")


def whisker_axis(reach: tuple[float, float], width: float) -> str:
    """Return the axis below such rows."""
    x, step = Scale(*reach, 8, width - 8), step_of(reach[1] - reach[0], 6)
    at = [(x(value), _signed(value, step)) for value in ticks(*reach, step)]
    drawn = [words(text, place, 18, "tb" if text == "0" else "t3", "middle") for place, text in at]
    return frame(width, 22, "The axis of the intervals above.", line(8, 1, width - 8, 1, "rule"), *drawn, class_="chart fit")


def _signed(value: float, step: float) -> str:
    return f"{value:+.{decimals(step)}f}".replace("-", "−") if value else "0"


def reach_of(rows: Sequence[Row]) -> tuple[float, float]:
    """Return an axis that holds every interval, and 0."""
    ends = [end for row in rows for end in (*(row.ends or ()), *((row.value,) if row.value is not None else ()))]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    air = (high - low) * 0.06 or 1.0
    return low - air, high + air


def finding(rows: Sequence[Row]) -> str:
    """Say what the plot shows in one sentence."""
    clear = [row.name for row in rows if row.usable and row.ends is not None and (row.ends[0] > 0.0 or row.ends[1] < 0.0)]
    if not any(row.usable for row in rows):
        return "The data is not usable, so no difference is claimed."
    return f"Clear of zero at every look: {', '.join(clear)}." if clear else "No interval is clear of zero."


def interval_path(looks: Sequence[Look], since: int, names: tuple[str, str], unit: str, width: float) -> str:
    """Return the path of an interval over its looks, in order of time; before the first, from `since` on, it was collecting.

    `names` are the words below start and end. Where it has left zero for good is marked; both ends and the estimate are said at the right.
    """
    low, high = min(0.0, *(one.low for one in looks)), max(0.0, *(one.high for one in looks))
    air = (high - low) * 0.08 or 1.0
    y = Scale(low - air, high + air, PATH_HEIGHT - 22, PATH_TOP)
    right = width - PATH_RIGHT
    x = Scale(min(since, looks[0].at), looks[-1].at, PATH_LEFT, right)
    step = step_of(high - low + 2 * air, 4)
    grid = [
        line(PATH_LEFT, y(at), right, y(at), "grid") + words(_signed(at, step), PATH_LEFT - 6, y(at) + 4, anchor="end")
        for at in ticks(low - air, high + air, step)
    ]
    upper = [f"{number(x(one.at))} {number(y(one.high))}" for one in looks]
    lower = [f"{number(x(one.at))} {number(y(one.low))}" for one in reversed(looks)]
    band = element("path", d="M" + "L".join(upper + lower) + "Z", class_="band")
    middle = path([(x(one.at), y(one.estimate)) for one in looks], "obs")
    zero = line(PATH_LEFT, y(0.0), right, y(0.0), "rule")
    below = [words(names[0], PATH_LEFT, PATH_HEIGHT - 6), words(names[1], right, PATH_HEIGHT - 6, anchor="end")]
    marks = [*_collecting(looks, x), *_left_zero(looks, x), *_said_at_right(looks[-1], y, right + 8)]
    first, last = looks[0], looks[-1]
    said = f"Over {len(looks)} looks: from {first.low:.3g} to {first.high:.3g} at first, from {last.low:.3g} to {last.high:.3g} at last."
    said += " Before the first it was collecting." if since < looks[0].at else ""
    return frame(width, PATH_HEIGHT, said, *grid, band, zero, middle, *marks, *below, words(unit, PATH_LEFT - 6, 10, anchor="end"))


def _collecting(looks: Sequence[Look], x: Scale) -> list[str]:
    """Return the time before the first interval: hatched, and named where there is room."""
    wide = x(looks[0].at) - x.start
    if wide < NARROWEST:
        return []
    zone = hatched(x.start, PATH_TOP, wide, PATH_HEIGHT - 22 - PATH_TOP, "grid")
    return [zone, *([words("collecting", x.start + 3, PATH_HEIGHT - 27)] if wide > WORD else [])]


def _left_zero(looks: Sequence[Look], x: Scale) -> list[str]:
    """Return the mark of the first look since which every interval is clear of zero on the same side."""
    side = [(one.low > 0.0) - (one.high < 0.0) for one in looks]
    since = next((one.at for index, one in enumerate(looks) if side[-1] and all(way == side[-1] for way in side[index:])), None)
    if since is None:
        return []
    at, far = x(since), x(since) > (x.start + x.end) / 2
    label = words("excludes 0", at + (-7 if far else 7), 12, "tgood" if side[-1] > 0 else "tbad", "end" if far else "start")
    mark, stroke = ("goodmark", "goodline") if side[-1] > 0 else ("badmark", "bound")
    return [line(at, 14, at, PATH_HEIGHT - 22, stroke), wedge(at, 16, mark), label]


def _said_at_right(last: Look, y: Scale, left: float) -> list[str]:
    low, estimate, high = last.low, last.estimate, last.high
    middle = y(estimate) + 4
    told = [("upper", high, min(y(high) + 4, middle - BESIDE), "t3"), ("estimate", estimate, middle, "tobs")]
    told.append(("lower", low, max(y(low) + 4, middle + BESIDE), "t3"))
    return [words(f"{name} {value:+.3g}".replace("-", "−"), left, at, style) for name, value, at, style in told]
