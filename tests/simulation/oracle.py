"""The batch answer: everything at once from the set of distinct events, without shards, arrival, watermark or a line of the kernel.

First who counts (refusals, repetitions), then rows (base windows, hours, days), then judgement over closed rows (`judgement.py`).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.world import DAY, ENGAGEMENT, HOUR, Arrival, Cell, Fact, World

Row = dict[tuple[str, Cell], Counter[str]]  # by initiative and cell


def end_of(time: int, size: int) -> int:
    """Return the end of the half-open window of `size` that holds `time`."""
    return time - time % size + size


@dataclass(frozen=True)
class Counted:
    """One engagement event that counts, with its stamp."""

    fact: Fact
    stamp: int


@dataclass
class Totals:
    """Rows by window end: what base windows and hours count, and what days count with the time at which each part joins the day."""

    windows: dict[int, Row] = field(default_factory=dict)
    hours_late: dict[int, Row] = field(default_factory=dict)
    days_late: dict[int, list[tuple[int, str, Cell, Counter[str]]]] = field(default_factory=dict)
    last: dict[tuple[str, Cell], list[tuple[int, int]]] = field(default_factory=dict)  # (window end, event time) of punctual events

    def hour(self, end: int) -> Row:
        """Return an hour as it stands from its end on."""
        parts = [row for at, row in self.windows.items() if end - HOUR < at <= end]
        return merged([*parts, self.hours_late.get(end, {})])

    def day(self, end: int, now: int) -> Row:
        """Return a day as it stands at `now`, at or after its end."""
        hours = {end_of(at - 1, HOUR) for at in [*self.windows, *self.hours_late] if end - DAY < at <= end}
        late: Row = {}
        for due, initiative, cell, counts in self.days_late.get(end, ()):
            if due <= now:
                late.setdefault((initiative, cell), Counter()).update(counts)
        return merged([*(self.hour(at) for at in sorted(hours)), late])


def merged(rows: Iterable[Row]) -> Row:
    """Return the sum of rows without what is zero."""
    out: Row = {}
    for row in rows:
        for place, counts in row.items():
            out.setdefault(place, Counter()).update(counts)
    return {place: Counter({name: n for name, n in counts.items() if n}) for place, counts in out.items()}


def admitted(world: World) -> tuple[list[Counted], Counter[str]]:
    """Return the events that count, in the order in which their keys saw them, and the refusals by code."""
    timing = world.timing
    refused: Counter[str] = Counter()
    out: list[Counted] = []
    known: dict[tuple[str, str, str], int] = {}
    for one in world.arrivals:
        fact = one.fact
        if fact is None:
            refused.update([one.refusal] if one.refusal else [])
            continue
        code = misfit(one, fact, timing["max_future_skew"], timing["dedup_horizon"])
        if code:
            refused[code] += 1
            continue
        name = (one.topic, fact.key, fact.event_id)
        if name in known and one.stamp <= known[name] + timing["dedup_horizon"]:
            continue
        known[name] = max(one.stamp, fact.time)
        if one.topic == ENGAGEMENT:
            out.append(Counted(fact, one.stamp))
    return out, refused


def misfit(one: Arrival, fact: Fact, skew: int, horizon: int) -> str | None:
    """Return why a readable record does not count by its times."""
    if fact.time - one.stamp > skew:
        return "in_future"
    if one.topic == ENGAGEMENT and one.stamp - fact.time > horizon:
        return "too_old"
    return None


def totals(world: World, events: Iterable[Counted]) -> Totals:
    """Return the rows of the events: each in the smallest row that its stamp still allows, each subject once per day and cell."""
    size, lateness = world.timing["window"], world.timing["allowed_lateness"]
    out = Totals()
    firsts: dict[tuple[str, str, Cell, int], list[tuple[int | None, int]]] = defaultdict(list)
    for event in events:
        fact, stamp = event.fact, event.stamp
        place, time = (fact.initiative, fact.cell), fact.time
        punctual = stamp - lateness < end_of(time, size)
        if fact.subject is not None:
            joins = day_due(stamp, end_of(time, DAY), size, lateness)
            firsts[fact.subject, fact.initiative, fact.cell, end_of(time, DAY)].append((end_of(time, size) if punctual else None, joins))
        if punctual:
            out.windows.setdefault(end_of(time, size), {}).setdefault(place, Counter()).update(fact.counts)
            out.last.setdefault(place, []).append((end_of(time, size), time))
        elif stamp - lateness < end_of(time, HOUR):
            out.hours_late.setdefault(end_of(time, HOUR), {}).setdefault(place, Counter()).update({"late": 1, **fact.counts})
        else:
            due = day_due(stamp, end_of(time, DAY), size, lateness)
            counts = Counter({"late": 1, **fact.counts})
            out.days_late.setdefault(end_of(time, DAY), []).append((due, *place, counts))
    for (_, initiative, cell, day), seen in firsts.items():
        punctual_ends = [end for end, _ in seen if end is not None]
        if punctual_ends:
            out.windows[min(punctual_ends)][initiative, cell]["subjects"] += 1
        else:
            out.days_late.setdefault(day, []).append((seen[0][1], initiative, cell, Counter(subjects=1)))
    return out


def day_due(stamp: int, day: int, size: int, lateness: int) -> int:
    """Return when something late joins its day."""
    due = end_of(stamp, size)
    return min(due, day) if stamp - lateness < day else due


def plain(row: Row) -> dict[str, dict[str, int]]:
    """Return a row as plain values, by the text of initiative and cell."""
    return {repr(place): dict(sorted(counts.items())) for place, counts in sorted(row.items()) if any(counts.values())}


def rows_answer(world: World, found: Totals) -> dict[str, Any]:
    """Return all closed rows as the outputs show them."""
    closed = world.last_watermark(drain=True)
    windows = {end: plain(merged([row])) for end, row in found.windows.items() if end <= closed}
    hours = {end_of(at - 1, HOUR) for at in [*found.windows, *found.hours_late]}
    days = {end_of(at - 1, DAY) for at in [*hours, *found.days_late]}
    return {
        "windows": {end: row for end, row in windows.items() if row},
        "hours": {end: plain(found.hour(end)) for end in hours if closed - 48 * HOUR < end <= closed},
        "days": {end: plain(found.day(end, closed)) for end in days if end <= closed},
    }
