"""Observed against expected: when did it leave the range, and what changed just before?"""

from collections.abc import Sequence
from dataclasses import dataclass

from reporting.chart.mark import diamond, dot, element, frame, line, number, path, wedge, words
from reporting.chart.scale import Scale, decimals, step_of, ticks

HEIGHT, TOP, BOTTOM, LEFT = 240.0, 34.0, 26.0, 40.0
FEW = 3
NUMBERED = 6  # more breached windows are a stretch, and their numbers would touch
LABEL_GAP = 14.0


@dataclass(frozen=True, slots=True)
class Series:
    """One figure over windows in per cent: None is a gap; `band` is the expected range per window where one is known."""

    name: str
    observed: Sequence[float | None]
    expected: Sequence[float | None] = ()
    band: Sequence[tuple[float, float] | None] = ()
    breached: Sequence[int] = ()
    changes: Sequence[tuple[float, str]] = ()  # place in windows, words
    labels: Sequence[tuple[float, str]] = ()
    bound: tuple[float, str] | None = None
    partial: bool = False
    name_of_hatch: str = "hatch"  # one page holds several charts, and a pattern's id must be its own


def observed_series(series: Series, width: float = 592.0) -> str:
    """Return the chart: breached windows hatched and numbered, changes violet with their words, the last value labelled at its end."""
    values = [value for value in series.observed if value is not None]
    values += [end for ends in series.band if ends for end in ends]
    if not any(value is not None for value in series.observed):
        return frame(width, HEIGHT, f"{series.name}: nothing counted.", words("nothing counted", LEFT, HEIGHT / 2))
    if series.bound:
        values.append(series.bound[0])
    low, high = min(values), max(values)
    air = (high - low) * 0.12 or max(0.05, high * 0.1)
    low, high = max(0.0, low - air), high + air
    y = Scale(low, high, HEIGHT - BOTTOM, TOP)
    x = Scale(-0.5, len(series.observed) - 0.5, LEFT, width - 96)
    step = step_of(high - low)
    grid = [
        line(LEFT, y(at), width - 96, y(at), "grid") + words(f"{at:.{decimals(step)}f}", LEFT - 6, y(at) + 4, anchor="end")
        for at in ticks(low, high, step)
    ]
    below = [words(text, x(at), HEIGHT - 8, anchor="middle") for at, text in series.labels]
    drawn = [
        _hatch(series.name_of_hatch),
        *_band(series, x, y),
        *_breaches(series, x),
        *grid,
        *_bound(series, y, width),
        *_changes(series, x, width),
        *_line(series, x, y),
        *_ends(series, x, y),
    ]
    return frame(width, HEIGHT, _finding(series), words("%", LEFT - 6, TOP - 14, anchor="end"), *drawn, *below)


def _hatch(name: str) -> str:
    stripe = element("path", d="M0 6L6 0", class_="stripe")
    return element("defs", element("pattern", stripe, id=name, width=6, height=6, patternUnits="userSpaceOnUse"))


def _breaches(series: Series, x: Scale) -> list[str]:
    drawn = []
    for order, index in enumerate(series.breached, 1):
        wide = x(index + 0.5) - x(index - 0.5)
        drawn.append(
            element(
                "rect",
                x=x(index - 0.5),
                y=TOP,
                width=wide,
                height=HEIGHT - BOTTOM - TOP,
                fill=f"url(#{series.name_of_hatch})",
                class_="breached",
            )
        )
        if len(series.breached) <= NUMBERED:
            drawn.append(words(order, x(index), TOP + 13, "tbad", "middle"))
    return drawn


def _band(series: Series, x: Scale, y: Scale) -> list[str]:
    known = [(index, ends) for index, ends in enumerate(series.band) if ends]
    if len(known) < FEW:
        return []
    upper = [f"{number(x(index))} {number(y(ends[1]))}" for index, ends in known]
    lower = [f"{number(x(index))} {number(y(ends[0]))}" for index, ends in reversed(known)]
    dashed = [(x(index), y(value)) for index, value in enumerate(series.expected) if value is not None]
    return [element("path", d="M" + "L".join(upper + lower) + "Z", class_="band"), path(dashed, "exp")]


def _bound(series: Series, y: Scale, width: float) -> list[str]:
    if series.bound is None:
        return []
    value, _ = series.bound
    return [line(LEFT, y(value), width - 96, y(value), "bound")]


def _ends(series: Series, x: Scale, y: Scale) -> list[str]:
    """Return what stands right of the last window: what was observed, the bound, what was expected and its range; none on another."""
    last = max(index for index, value in enumerate(series.observed) if value is not None)
    observed = series.observed[last]
    assert observed is not None
    told = [(observed, f"observed {observed:.2f}", "tbad" if last in series.breached else "tobs")]
    if series.bound:
        told.append((*series.bound, "t3"))
    known = [ends for ends in series.band if ends]
    if len(known) >= FEW:
        expected = [value for value in series.expected if value is not None]
        told += [(value, f"expected {value:.2f}", "t3") for value in expected[-1:]]
        told += [(edge, f"{edge:.2f}", "t3") for edge in known[-1]]
    right, placed = x(len(series.observed) - 0.5) + 6, list[tuple[float, str]]()
    for value, text, style in told:  # the most important first: the others make room, or are left to the table
        at = y(value)
        if all(abs(at - other) >= LABEL_GAP for other, _ in placed):
            placed.append((at, words(text, right, at + 4, style)))
        elif text.startswith("bound"):
            free = (at + LABEL_GAP * step for step in (-1, 1, -2, 2))
            at = next(place for place in free if all(abs(place - other) >= LABEL_GAP for other, _ in placed))
            placed.append((at, words(text, right, at + 4, style)))
    return [text for _, text in placed]


def _changes(series: Series, x: Scale, width: float) -> list[str]:
    drawn = []
    for at, text in series.changes:
        far = x(at) > width / 2
        drawn.append(line(x(at), TOP - 8, x(at), HEIGHT - BOTTOM, "change") + wedge(x(at), TOP - 4, "waitmark"))
        drawn.append(words(text, x(at) + (-7 if far else 7), TOP - 10, "twait", "end" if far else "start"))
    return drawn


def _line(series: Series, x: Scale, y: Scale) -> list[str]:
    drawn: list[str] = []
    run: list[tuple[float, float]] = []
    known = [(index, value) for index, value in enumerate(series.observed) if value is not None]
    last = known[-1][0]
    for index, value in enumerate(series.observed):
        if value is None:
            drawn.append(path(run, "obs thick"))
            run = []
        elif not (series.partial and index == last):
            run.append((x(index), y(value)))
    drawn.append(path(run, "obs thick"))
    if series.partial and len(known) > 1:
        (near, before), (at, value) = known[-2], known[-1]
        drawn.append(line(x(near), y(before), x(at), y(value), "obs dashed"))
    for index, value in known:
        hollow = series.partial and index == last
        if index in series.breached:
            drawn.append(diamond(x(index), y(value), "badmark", 4.6))
        else:
            drawn.append(dot(x(index), y(value), "hollow" if hollow else "dot", 2.6))
    return drawn


def _finding(series: Series) -> str:
    known = [value for value in series.observed if value is not None]
    many = len(series.breached)
    if many:
        return f"{series.name}: {many} of {len(series.observed)} windows breached, the last value is {known[-1]:.2f} %."
    return f"{series.name}: no window breached, the last value is {known[-1]:.2f} %."
