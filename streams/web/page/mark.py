"""Small drawings beside words: status icons, level bars, sparks."""

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from reporting.chart.mark import diamond, dot, element, frame, hatched, line, number, path, words
from reporting.chart.scale import Scale
from reporting.likely import Range

STACKED = 5  # diamonds on top of each other that still read as a number
SPARK_WIDTH, SPARK_HEIGHT = 176.0, 44.0
SHAPES = {  # look.md: one shape a meaning, 16-unit box; `cut` is drawn in the colour behind
    "pass": '<circle cx="8" cy="8" r="7" class="fill"/><path d="M4.8 8.2l2.2 2.2 4.2-4.6" class="cut"/>',
    "fail": '<path d="M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1z" class="fill"/><path d="M5.5 5.5l5 5m0-5l-5 5" class="cut"/>',
    "warn": '<path d="M8 1.5L15.3 14.5H.7z" class="fill"/><path d="M8 6v4m0 1.8v.4" class="cut"/>',
    "pending": '<circle cx="8" cy="8" r="6.2"/><path d="M8 4.6V8l2.3 1.5"/>',
    "none": '<circle cx="8" cy="8" r="6.2" stroke-dasharray="2.6 2.2"/>',
    "learning": '<circle cx="8" cy="8" r="6.2"/><path d="M8 1.8a6.2 6.2 0 0 0 0 12.4z" class="fill"/>',
    "change": '<path d="M2.5 3.5h11L8 13z" class="fill"/>',
    "breach": '<path d="M8 1.5L14.5 8 8 14.5 1.5 8z" class="fill"/>',
    "escalation": '<path d="M2.5 12.5h11L8 3z" class="fill"/>',
    "step": '<circle cx="8" cy="8" r="4.6" class="fill"/>',
    "next": '<circle cx="8" cy="8" r="5"/>',
    "down": '<path d="M3.5 6l4.5 4.5L12.5 6"/>',
    "up": '<path d="M3.5 10L8 5.5l4.5 4.5"/>',
}


def icon(name: str) -> Markup:
    """Return an icon in the colour of the words it stands beside; they carry the meaning."""
    return Markup(f'<svg class="icon i-{name}" width="14" height="14" viewBox="0 0 16 16" aria-hidden="true">{SHAPES[name]}</svg>')


def levels(level: int) -> Markup:
    """Return a level as one to three filled bars."""
    bars = "".join(element("rect", x=index * 6, y=1, width=4.4, height=10, class_="on" if index < level else "off") for index in range(3))
    return Markup(element("svg", bars, class_="levels", width=18, height=12, viewBox="0 0 18 12", aria_hidden="true"))


def spark(
    values: Sequence[float | None], breached: Sequence[int], finding: str, usual: Sequence[Range | None] = (), *, dashed: bool = False
) -> Markup:
    """Return a line over time in its usual range, the newest value a dot, breached windows diamonds; a gap is a gap."""
    known = [(index, value) for index, value in enumerate(values) if value is not None]
    if not known:
        return _too_few(finding)
    edges = [edge for one in usual if one is not None for edge in (one.low, one.high)]
    low, high = min([*edges, *(value for _, value in known)]), max([*edges, *(value for _, value in known)])
    air = (high - low) * 0.1 or max(abs(high) * 0.1, 1e-9)
    x, y = Scale(0, max(1, len(values) - 1), 3, SPARK_WIDTH - 5), Scale(low - air, high + air, SPARK_HEIGHT - 5, 5)
    drawn, run = list(_bands(usual, x, y)), list[tuple[float, float]]()
    for index, value in enumerate([*values, None]):
        if value is None:
            drawn.append(path(run, "obs dashed" if dashed else "obs"))
            run = []
        else:
            run.append((x(index), y(value)))
    for index, value in known:
        if index in breached:
            drawn.append(diamond(x(index), y(value), "badmark", 3.6))
        elif index == len(values) - 1:
            drawn.append(dot(x(index), y(value), "dot", 3))
    return Markup(frame(SPARK_WIDTH, SPARK_HEIGHT, finding, *drawn, class_="chart spark"))


def _too_few(finding: str) -> Markup:
    """Return a hatched box: nothing to draw is not a flat line."""
    nothing = hatched(1, 6, SPARK_WIDTH - 3, SPARK_HEIGHT - 12, "grid")
    middle = words("too few", SPARK_WIDTH / 2, SPARK_HEIGHT / 2 + 4, anchor="middle")
    return Markup(frame(SPARK_WIDTH, SPARK_HEIGHT, finding, nothing, middle, class_="chart spark"))


def _bands(usual: Sequence[Range | None], x: Scale, y: Scale) -> Iterator[str]:
    """Yield the usual range of each stretch of windows that have one."""
    run: list[tuple[int, Range]] = []
    for index, one in enumerate([*usual, None]):
        if one is not None:
            run.append((index, one))
            continue
        if len(run) > 1:
            upper = [f"{number(x(at))} {number(y(found.high))}" for at, found in run]
            lower = [f"{number(x(at))} {number(y(found.low))}" for at, found in reversed(run)]
            yield element("path", d="M" + "L".join(upper + lower) + "Z", class_="band")
        run = []


def share_bar(parts: Sequence[tuple[str, int]], finding: str, width: float = 320.0) -> Markup:
    """Return one bar of shares; whatever is there gets at least three pixels."""
    whole = sum(many for _, many in parts) or 1
    drawn, at = [], 0.0
    for style, many in parts:
        wide = max(3.0, many / whole * (width - 3 * len(parts)))
        drawn.append(element("rect", x=at, y=0, width=wide, height=14, class_=style))
        at += wide + 1
    return Markup(frame(width, 14, finding, *drawn, class_="chart fit"))


def strip(standing: Sequence[int], back: Sequence[int], labels: Sequence[tuple[int, str]], finding: str, width: float = 320.0) -> Markup:
    """Return one day by hour: a diamond for each violation that stands, above them a struck one for each that was taken back.

    Where there is no room for all of an hour the numbers stand above.
    """
    x, base = Scale(-0.5, len(standing) - 0.5, 6, width - 6), 62.0
    drawn = [line(0, base, width, base, "rule")]
    for index, (many, gone) in enumerate(zip(standing, back, strict=True)):
        some = min(many, STACKED - min(gone, STACKED // 2))
        stack = [*["badmark"] * some, *["nextmark"] * gone][:STACKED]
        for step, style in enumerate(stack):
            drawn += _violation(x(index), base - 8 - 9 * step, style)
        if len(stack) < many + gone:
            said = f"{many}, {gone} back" if gone else many
            drawn.append(words(said, x(index), base - 8 - 9 * STACKED, "tbad" if many else "t3", "middle"))
    drawn += [line(x(index - 0.5), base, x(index - 0.5), base + 4, "rule") for index, _ in labels]
    drawn += [words(text, x(index - 0.5), base + 16, anchor="start" if not index else "middle") for index, text in labels]
    return Markup(frame(width, base + 20, finding, *drawn, class_="chart fit"))


def _violation(x: float, y: float, style: str, radius: float = 3.8) -> list[str]:
    """Return a diamond; a hollow one is struck through, so that it does not hang on its colour."""
    return [diamond(x, y, style, radius), *([line(x - radius - 2, y, x + radius + 2, y, style)] if style == "nextmark" else [])]


def key(mark: str) -> Markup:
    """Return the swatch beside a name; a violation's is a diamond, so that it does not hang on its colour."""
    if mark in ("badmark", "nextmark"):
        drawn = _violation(7, 6, mark, 5 if mark == "badmark" else 4)
    else:
        drawn = [element("rect", x=1, y=1, width=10, height=10, class_=mark)]
    return Markup(element("svg", *drawn, class_="key", width=14, height=12, viewBox="0 0 14 12", aria_hidden="true"))


def hours_bars(values: Sequence[int], labels: Sequence[tuple[int, str]], silent: Sequence[int], finding: str, width: float) -> Markup:
    """Return counts by hour as bars from zero; hours that breached are marked below."""
    height, left, bottom, top = 180.0, 44.0, 26.0, 24.0
    high = max([*values, 1])
    x, y = Scale(0, len(values), left, width - 12), Scale(0, high, height - bottom, top)
    drawn = [words("per hour", left, top - 10), line(left, y(0), width - 12, y(0), "rule")]
    for at in (high // 2, high):
        drawn.append(line(left, y(at), width - 12, y(at), "grid") + words(f"{at:,}", left - 6, y(at) + 4, anchor="end"))
    for index, value in enumerate(values):
        wide = max(1.0, x(1) - x(0) - 2)
        drawn.append(element("rect", x=x(index) + 1, y=y(value), width=wide, height=y(0) - y(value), class_="bar"))
        if index in silent:
            drawn.append(diamond(x(index + 0.5), y(0) - 7, "badmark", 4))
    drawn += [words(text, x(index), height - 8, anchor="middle") for index, text in labels]
    return Markup(frame(width, height, finding, *drawn))
