"""An incident's hours in a terminal: what was seen, what was expected, both on one axis, and the change closest to it.

HOUR    SEEN   EXPECTED       2.5      3.0      3.5      4.0
11:00   4.10   3.84 to 4.56                   ░░░●░░░░░
11:52   ▼ chg-311 deployed, rule-42 v7 on web
12:00   3.24   3.78 to 4.50        ◆        ░░░░░░░░    breached
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from detectors.window import HOUR
from governance.message.instant import format_instant, parse_instant
from reporting import wording
from reporting.chart.scale import Scale, decimals, step_of, ticks
from reporting.figure import NONE, bare_rate, moment
from reporting.safe import fit, width
from reporting.view.screen import Screen, Span
from streams.cli.excerpt import left_out, shortened
from streams.cli.incident_hours import Hour

BEFORE, FIRST_ROWS, LAST_ROWS = 5, 11, 4  # hours before the first breach; of a long incident: how it began, and how it is now
AXIS, LEAST_AXIS = 48, 16
SAID = "  breached"
Row = tuple[str, str, str, Hour]


def picture(hours: Sequence[Hour], suspects: Sequence[Mapping[str, Any]], screen: Screen, today: str) -> list[str]:
    """Return the lines under a heading, none where nothing was seen."""
    first = next((index for index, hour in enumerate(hours) if hour.breached), len(hours))
    shown = hours[max(0, first - BEFORE) :]
    if all(hour.value is None for hour in shown):
        return []
    kept, gap = shortened(shown, FIRST_ROWS, LAST_ROWS)
    rows = [(moment(format_instant(hour.end - HOUR), today), _bare(hour), _expected(hour), hour) for hour in kept]
    heads = ("HOUR", "SEEN", "EXPECTED")
    room = [max(width(screen.text(text)) for text in (head, *(row[at] for row in rows))) + 2 for at, head in enumerate(heads)]
    axis = _axis(kept, screen.width - 2 - sum(room) - len(SAID))
    lines = [screen.line(Span(f"  {wording.label(kept[0].kpi)}, %", "dim"))]
    lines.append(screen.line(Span("  " + "".join(map(fit, heads, room)) + (_ruler(axis) if axis else ""), "dim")).rstrip())
    changes = _changes(suspects, kept[0].end - HOUR, today)
    for number, row in enumerate(rows):
        if gap and number == FIRST_ROWS:
            lines.append(left_out(gap, screen))
        while changes and changes[0][0] < row[3].end - HOUR:
            lines.append(_change(changes.pop(0), room[0], screen))
        lines.append(_line(row, room, axis, screen))
    return [*lines, *(_change(change, room[0], screen) for change in changes)]


def _bare(hour: Hour) -> str:
    return NONE if hour.value is None else bare_rate(hour.value)


def _expected(hour: Hour) -> str:
    return NONE if hour.usual is None else f"{bare_rate(hour.usual.low)} to {bare_rate(hour.usual.high)}"


def _axis(hours: Sequence[Hour], room: int) -> Scale | None:
    """Return the axis all rows share, in columns; None where the screen has no room for it."""
    ends = [hour.value for hour in hours if hour.value is not None]
    ends += [end for hour in hours if hour.usual is not None for end in (hour.usual.low, hour.usual.high)]
    low, high = min(ends), max(ends)
    return Scale(low, high if high > low else low + 1e-3, 0, min(AXIS, room) - 1) if room >= LEAST_AXIS else None


def _ruler(axis: Scale) -> str:
    """Return the figures above the axis, each centred where it lies."""
    low, high = axis.low * 100, axis.high * 100
    step, line = step_of(high - low, 6), " " * (int(axis.end) + 1)
    for at in ticks(low, high, step):
        text = f"{at:.{decimals(step)}f}"
        place = min(len(line) - len(text), max(0, round(axis(at / 100)) - len(text) // 2))
        if not line[max(0, place - 1) : place + len(text) + 1].strip():
            line = line[:place] + text + line[place + len(text) :]
    return line


def _line(row: Row, room: Sequence[int], axis: Scale | None, screen: Screen) -> str:
    at, seen, expected, hour = row
    style = "bad" if hour.breached else ""
    cells = [
        Span("  " + fit(screen.text(at), room[0])),
        Span(fit(screen.text(seen), room[1]), style),
        Span(fit(screen.text(expected), room[2]), "dim"),
    ]
    drawn = list(_drawn(hour, axis)) if axis is not None else []
    return screen.line(*cells, *drawn, Span(SAID if hour.breached else "", "bad")).rstrip()


def _drawn(hour: Hour, axis: Scale) -> Iterator[Span]:
    """Yield the band with the mark of what was seen in it."""
    marks = [" "] * (int(axis.end) + 1)
    if hour.usual is not None:
        first, last = round(axis(hour.usual.low)), round(axis(hour.usual.high))
        marks[first : last + 1] = "░" * (last - first + 1)
    if hour.value is None:
        yield Span("".join(marks), "dim")
        return
    place = round(axis(hour.value))
    yield Span("".join(marks[:place]), "dim")
    outside = hour.usual is not None and hour.usual.side(hour.value) != 0
    yield Span("◆", "bad") if hour.breached else Span("◆" if outside else "●", "info")
    yield Span("".join(marks[place + 1 :]), "dim")


def _changes(suspects: Sequence[Mapping[str, Any]], since: int, today: str) -> list[tuple[int, str, str]]:
    found = [(parse_instant(suspect["at"]), suspect) for suspect in suspects[:1] if suspect.get("at")]
    return [(at, moment(suspect["at"], today), _released(suspect)) for at, suspect in found if at >= since]


def _released(suspect: Mapping[str, Any]) -> str:
    version = f" v{suspect['version']}" if suspect.get("version") is not None else ""
    channels = f" on {', '.join(suspect['channels'])}" if suspect.get("channels") else ""
    return f"{suspect['change_id']} {str(suspect['action']).replace('_', ' ')}, {suspect['rule_id']}{version}{channels}"


def _change(change: tuple[int, str, str], room: int, screen: Screen) -> str:
    _, at, said = change
    return screen.line(Span("  " + fit(screen.text(at), room), "dim"), Span(f"▼ {said}", "wait"))
