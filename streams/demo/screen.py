"""One frame of the demo: header, progress, key figures by channel over time, and the story as a table. No row wraps."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from detectors.kpi import BUILT_IN, ratio
from governance.message.instant import format_instant, parse_instant
from reporting.figure import MONTHS, age, bare_rate, integer, rate
from reporting.safe import fit
from reporting.view.screen import MOST, Screen
from streams.demo.story import Entry, Hour, Place, Story, day_totals

NARROWEST = 40
WIDE_ENOUGH = 64  # narrower, the number of events and the notes of the channels are left out
SPARK, ASCII_SPARK = "▁▂▃▄▅▆▇█", "_.:-=+*#"
BAR, ASCII_BAR = ("━", "─"), ("#", "-")
MARKS = {  # of a kind of entry: on a screen, in ASCII, and its style
    "change": ("▼", "v", "wait"),
    "breach": ("◆", "*", "bad"),
    "opened": ("✕", "!", "bad"),
    "reopened": ("✕", "!", "bad"),
    "escalated": ("▲", "^", "warn"),
    "refused": ("▲", "^", "warn"),
    "resolved": ("✓", "+", "good"),
    "retracted": ("✓", "+", "good"),
}
OTHER = ("·", ".", "dim")
LOUD = ("opened", "reopened", "escalated")
PLACE, FIGURE, NOTE, WHAT = 10, 10, 24, 12


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the run is; times in ms of event time, `speed` in words."""

    about: str
    seed: int
    speed: str
    start: int
    end: int
    now: int
    events: int

    @property
    def share(self) -> float:
        """The part of the run that is over, 0 to 1."""
        return min(1.0, max(0.0, (self.now - self.start) / (self.end - self.start)))


def frame(story: Story, progress: Progress, screen: Screen, rows: int | None = None) -> list[str]:
    """Return the screen's lines, none wider than it; with `rows` only as much of the story as fits."""
    screen = Screen(max(NARROWEST, min(screen.width, MOST)), screen.colour, screen.unicode)
    lines = [*header(progress, screen), "", bar(story, progress, screen), "", *figures(story, screen), ""]
    entries = sorted(story.entries, key=lambda entry: entry.at)  # shards close their windows one after the other
    kept = entries if rows is None else entries[-max(1, rows - len(lines) - 3) :]
    return [*lines, *table(kept, screen, hidden=len(entries) - len(kept)), ""]


def header(progress: Progress, screen: Screen) -> list[str]:
    """Return what this is and how it runs."""
    about = _fit(f"   {progress.about}", screen.width - len("pmon demo"), screen)
    how = f"speed  {progress.speed}   seed {progress.seed}   all times UTC, of the events"
    return [screen.paint("pmon demo", "bold") + screen.paint(about, "dim"), screen.paint(_fit(how, screen.width, screen), "dim")]


def bar(story: Story, progress: Progress, screen: Screen) -> str:
    """Return the progress line: event time, how much is over, events so far, incidents open."""
    living = len(story.open)
    opened = screen.paint(f"{living} open", "bad") if living else screen.paint("none open", "dim")
    counts = f"{progress.share * 100:5.0f} %" + (f"   {integer(progress.events)} events" if screen.width >= WIDE_ENOUGH else "")
    length = min(50, screen.width - moment_width(screen) - len(counts) - 15)
    done = round(length * progress.share)
    full, empty = BAR if screen.unicode else ASCII_BAR
    line = screen.paint(full * done, "info") + screen.paint(empty * (length - done), "dim") if length >= 8 else ""
    return f"{moment(progress.now, screen)}  {line}{counts}   {opened}"


def figures(story: Story, screen: Screen) -> Iterator[str]:
    """Yield the key figures: per channel the CTR of the last hours as bars from zero, the last hour, and what is wrong now."""
    hours = max(0, min(48, screen.width - PLACE - 2 * FIGURE - NOTE - 8))
    named = f"CTR, LAST {hours} H" if hours >= 16 else ""
    head = f"{'':{PLACE + 2}}{named:{hours}}{'LAST H':>{FIGURE + 1}}{'EXP. 24 H':>{FIGURE + 1}}"
    yield screen.paint(_fit(head, screen.width, screen), "dim")
    initiative = ""
    for place, series in story.series():
        if place[0] != initiative:
            initiative = place[0]
            known = story.config.initiatives.get(initiative)
            yield screen.paint(_fit(known.title if known and known.title else initiative, screen.width, screen), "bold")
        yield _channel(story, place, series[len(series) - hours :], day_totals(series)["exposures"], screen)


def _channel(story: Story, place: Place, hours: Sequence[Hour], exposures: int, screen: Screen) -> str:
    wrong = [incident for incident in story.open_at(place) if incident["check"] != "consent_violation"]
    broken = [window for incident in wrong if incident["key"].get("kpi") == "ctr" for window in incident["windows"]]
    spans = [(parse_instant(window["start"]), parse_instant(window["end"])) for window in broken]
    highest = max((hour.ctr for hour in hours if hour.ctr is not None), default=0.0)
    runs = groupby(hours, key=lambda hour: any(start < hour.end <= end for start, end in spans))
    bars = "".join(
        screen.paint("".join(_height(hour, highest, screen) for hour in run), "bad" if breached else "info") for breached, run in runs
    )
    last = f"{screen.text(rate(hours[-1].ctr)) if hours else '':>{FIGURE}}"
    note = screen.paint(_note(story, place, wrong, screen), "bad")
    shown = screen.paint(last, "bad") if spans else last
    return f"  {fit(screen.text(place[1]), PLACE)}{bars} {shown} {integer(exposures):>{FIGURE}}  {note}".rstrip()


def _height(hour: Hour, highest: float, screen: Screen) -> str:
    if not hour.counts:
        return " "
    heights = SPARK if screen.unicode else ASCII_SPARK
    return screen.text("·") if hour.ctr is None or not highest else heights[min(7, int(hour.ctr / highest * 8))]


def _note(story: Story, place: Place, wrong: Sequence[dict[str, object]], screen: Screen) -> str:
    if not wrong:
        return ""
    if screen.width < WIDE_ENOUGH:
        return screen.text("◆")
    check = str(wrong[-1]["check"]).removeprefix("threshold:")
    if check == "stale-feed":
        return _fit(f"◆ silent for {age(story.closed - story.last_seen.get(place, story.closed))}", NOTE, screen)
    return _fit(f"◆ L{wrong[-1]['level']} {check}", NOTE, screen)


def table(entries: Sequence[Entry], screen: Screen, hidden: int = 0) -> Iterator[str]:
    """Yield the story, one line an entry."""
    head = f"{'EVENT TIME':{moment_width(screen)}}  {'WHAT':{WHAT + 2}}  DETAIL"
    yield screen.paint(_fit(head + (f"   ({hidden} earlier)" if hidden else ""), screen.width, screen), "dim")
    for entry in entries:
        yield row(entry, screen)
    if not entries:
        yield screen.paint(_fit("nothing to tell yet: no rule change, no breach", screen.width, screen), "dim")


def row(entry: Entry, screen: Screen) -> str:
    """Return one entry as a row of the table."""
    wide, narrow, style = MARKS.get(entry.kind, OTHER)
    mark = screen.paint(wide if screen.unicode else narrow, style)
    what = fit(entry.what, WHAT)
    if entry.kind in LOUD:
        what = screen.paint(screen.paint(what, style), "bold")
    detail = _fit(entry.detail, screen.width - moment_width(screen) - WHAT - 6, screen)
    return f"{screen.paint(moment(entry.at, screen), 'dim')}  {mark} {what}  {detail}"


def moment(time: int, screen: Screen) -> str:
    """Return a time in ms: day and minute on a screen, RFC 3339 to the second where lines are read by a program."""
    if not screen.unicode:
        return format_instant(time)[:19] + "Z"
    at = datetime.fromtimestamp(time / 1000, UTC)
    return f"{at.day:2} {MONTHS[at.month - 1]} {at:%H:%M}"


def moment_width(screen: Screen) -> int:
    """Return how many columns a time takes."""
    return len(moment(0, screen))


def daily(story: Story, progress: Progress, screen: Screen) -> str:
    """Return one line about the day that has passed, for where nothing can be redrawn."""
    shown = []
    for (initiative, channel), series in story.series():
        if initiative == next(iter(story.config.initiatives), initiative):
            shown.append(f"{channel} {bare_rate(ratio(BUILT_IN['ctr'], day_totals(series)))}")
    told = f"CTR {', '.join(shown)} %; {integer(progress.events)} events" if shown else "nothing yet"
    return row(Entry(progress.now, "day", "day", told), screen)


def _fit(text: str, columns: int, screen: Screen) -> str:
    """Return harmless text this screen can show, cut to so many columns."""
    return fit(screen.text(text), columns, screen.text("…")).rstrip()
