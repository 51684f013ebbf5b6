"""One frame of the demo: header, progress, key figures by channel over time, and the story as a table. No row wraps."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from detectors.kpi import BUILT_IN, ratio
from detectors.window import DAY, HOUR
from governance.message.instant import format_instant, parse_instant
from reporting.figure import MONTHS, age, integer, rate
from reporting.safe import fit, plain, width
from streams.demo.look import Look
from streams.demo.story import Entry, Hour, Place, Story, day_totals

WIDEST = 110
NARROWEST = 40
WIDE_ENOUGH = 64  # narrower, the number of events and the notes of the channels are left out
SPARK = "▁▂▃▄▅▆▇█"
MARKS = {
    "change": ("▼", "wait"),
    "breach": ("◆", "bad"),
    "opened": ("✕", "bad"),
    "reopened": ("✕", "bad"),
    "escalated": ("▲", "warn"),
    "refused": ("▲", "warn"),
    "resolved": ("✓", "good"),
    "retracted": ("✓", "good"),
    "report": ("·", "grey"),
}
LOUD = ("opened", "reopened", "escalated")
PLACE, FIGURE, NOTE, WHAT, MOMENT = 10, 9, 22, 12, 12


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


def frame(story: Story, progress: Progress, look: Look, columns: int, rows: int | None = None) -> list[str]:
    """Return the screen's lines, none wider than `columns`; with `rows` only as much of the story as fits."""
    columns = max(NARROWEST, min(columns, WIDEST))
    lines = [*header(progress, look, columns), "", bar(story, progress, look, columns), "", *figures(story, look, columns), ""]
    entries = sorted(story.entries, key=lambda entry: entry.at)  # shards close their windows one after the other
    kept = entries if rows is None else entries[-max(1, rows - len(lines) - 3) :]
    lines += [*table(kept, look, columns, hidden=len(entries) - len(kept)), ""]
    return [look.letters(line) for line in lines]


def header(progress: Progress, look: Look, columns: int) -> list[str]:
    """Return what this is and how it runs."""
    about = fit(f"   {progress.about}", columns - len("pmon demo")).rstrip()
    return [
        look.paint("pmon demo", "bold") + look.paint(about, "grey"),
        look.paint(fit(f"speed  {progress.speed}   seed {progress.seed}   all times UTC, of the events", columns).rstrip(), "grey"),
    ]


def bar(story: Story, progress: Progress, look: Look, columns: int) -> str:
    """Return the progress line: event time, how much is over, events so far, incidents open."""
    living = len(story.open)
    opened = look.paint(f"{living} open", "bad", "bold") if living else look.paint("none open", "grey")
    counts = f"{progress.share:5.0%}" + (f"   {integer(progress.events)} events" if columns >= WIDE_ENOUGH else "")
    length = min(50, columns - moment_width(look) - len(counts) - 15)
    done = round(length * progress.share)
    line = look.paint("━" * done, "info") + look.paint("─" * (length - done), "grey") if length >= 8 else ""
    return f"{moment(progress.now, look)}  {line}{counts}   {opened}"


def figures(story: Story, look: Look, columns: int) -> Iterator[str]:
    """Yield the key figures: per channel the CTR of the last hours as bars from zero, the last hour, and what is wrong now."""
    hours = max(0, min(48, columns - PLACE - 2 * FIGURE - NOTE - 8))
    named = f"CTR, LAST {hours} H" if hours >= 16 else ""
    head = f"{'':{PLACE + 2}}{named:{hours}}{'LAST H':>{FIGURE + 1}}{'EXP. 24 H':>{FIGURE + 1}}"
    yield look.paint(fit(head, columns).rstrip(), "grey")
    initiative = ""
    for place, series in story.series():
        if place[0] != initiative:
            initiative = place[0]
            known = story.config.initiatives.get(initiative)
            yield look.paint(fit(plain(known.title if known and known.title else initiative), columns).rstrip(), "bold")
        yield _channel(story, place, series[len(series) - hours :], day_totals(series)["exposures"], look, columns)


def _channel(story: Story, place: Place, hours: Sequence[Hour], exposures: int, look: Look, columns: int) -> str:
    wrong = [incident for incident in story.open_at(place) if incident["check"] != "consent_violation"]
    broken = [window for incident in wrong if incident["key"].get("kpi") == "ctr" for window in incident["windows"]]
    spans = [(parse_instant(window["start"]), parse_instant(window["end"])) for window in broken]
    highest = max((hour.ctr for hour in hours if hour.ctr is not None), default=0.0)
    runs = groupby(hours, key=lambda hour: any(start < hour.end <= end for start, end in spans))
    bars = "".join(look.paint("".join(_height(hour, highest) for hour in run), "bad" if breached else "info") for breached, run in runs)
    last = f"{rate(hours[-1].ctr) if hours else '':>{FIGURE}}"
    shown = look.paint(last, "bad", "bold") if spans else last
    note = look.paint(_note(story, place, wrong) if columns >= WIDE_ENOUGH else "◆" if wrong else "", "bad", "bold")
    return f"  {fit(plain(place[1]), PLACE)}{bars} {shown} {integer(exposures):>{FIGURE}}  {note}".rstrip()


def _height(hour: Hour, highest: float) -> str:
    if not hour.counts:
        return " "
    return "·" if hour.ctr is None or not highest else SPARK[min(7, int(hour.ctr / highest * 8))]


def _note(story: Story, place: Place, wrong: Sequence[dict[str, object]]) -> str:
    silence = story.closed - story.last_seen.get(place, story.closed)
    if silence >= HOUR // 4 and wrong:
        return f"◆ silent for {age(silence)}"
    if wrong:
        return fit(plain(f"◆ L{wrong[-1]['level']} {str(wrong[-1]['check']).removeprefix('threshold:')}"), NOTE).rstrip()
    return ""


def table(entries: Sequence[Entry], look: Look, columns: int, hidden: int = 0) -> Iterator[str]:
    """Yield the story, one line an entry."""
    head = f"{'EVENT TIME':{moment_width(look)}}  {'WHAT':{WHAT + 2}}  DETAIL"
    yield look.paint(fit(head + (f"   ({hidden} earlier)" if hidden else ""), columns).rstrip(), "grey")
    for entry in entries:
        yield row(entry, look, columns)


def row(entry: Entry, look: Look, columns: int) -> str:
    """Return one entry as a row of the table."""
    mark, style = MARKS.get(entry.kind, ("·", "grey"))
    loud = entry.kind in LOUD
    what = look.paint(fit(entry.what, WHAT), style if loud else "", "bold" if loud else "")
    detail = fit(plain(entry.detail), columns - moment_width(look) - WHAT - 6).rstrip()
    return f"{look.paint(moment(entry.at, look), 'grey')}  {look.paint(mark, style)} {what}  {detail}"


def moment(time: int, look: Look) -> str:
    """Return a time in ms: day and minute on a screen, RFC 3339 to the second where lines are read by a program."""
    if not look.unicode:
        return format_instant(time)[:19] + "Z"
    at = datetime.fromtimestamp(time / 1000, UTC)
    return f"{at.day:2} {MONTHS[at.month - 1]} {at:%H:%M}"


def moment_width(look: Look) -> int:
    """Return how many columns a time takes."""
    return width(moment(DAY, look))


def daily(story: Story, progress: Progress, look: Look) -> str:
    """Return one line about the day that has passed, for where nothing can be redrawn."""
    shown = []
    for (initiative, channel), series in story.series():
        if initiative == next(iter(story.config.initiatives), initiative):
            shown.append(f"{plain(channel)} {rate(ratio(BUILT_IN['ctr'], day_totals(series)))}")
    told = f"{integer(progress.events)} events so far; CTR of the day: {', '.join(shown) or 'none yet'}"
    return look.letters(f"{moment(progress.now, look)}  · {'day':{WHAT}}  {told}")
