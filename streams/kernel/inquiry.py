"""Where and why: what is said of a rate incident when it opens, reopens and is resolved, out of the rows the shard keeps.

    before: up to 24 h until the first breached window      after: the breached windows
    |───────────────────────────────────────────────|▓▓▓▓|▓▓▓▓|     cells of the incident's own place, one scan

The rows of a period are read once for all incidents of a closing that ask for it: a storm shares them, and each scan is only as
large as the incident's place. A period is bounded by row reads, not by time: an initiative of many cells looks less far back.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from detectors.cell import DIMENSIONS, Cell
from detectors.cube import cube_of, effects
from detectors.kpi import Ratio, count
from detectors.scan import Direction
from detectors.segment import Attribution, Segment, attribute
from detectors.window import DAY, HOUR, end_of
from governance.breach import Episode
from governance.config import Config
from governance.incident import Subject
from governance.lifecycle import Step
from governance.rule_book import RELEASING
from governance.suspicion import LEAD, Audience, suspects
from streams.kernel.bulletin import SYSTEM
from streams.kernel.cells import DAYS, EXTRAS, HOURS, KEPT_HOURS, MINUTES, CellRows, Cells, merge, slices_of
from streams.kernel.checks import RULES, acted
from streams.kernel.publishing import definitions_of
from streams.kernel.rows import Draft, key_parts, row_key, unpack
from streams.kernel.standing import Standing

ASKED = frozenset({"opened", "reopened", "resolved"})
ALPHA = 0.01  # the chance to name a segment where none stands out
LEAST_CELLS = 4  # of a place that is scanned by itself: fewer cannot show how much healthy cells wobble (and storms are of small places)
HOURS_BEFORE, DAYS_BEFORE = 24, 7
MOST_WINDOWS = 12  # breached windows that are looked at, the last ones
MOST_READS = 240  # rows (of up to 1,000 cells) read for one period: about a quarter of a second
DIGITS = 6

Counted = dict[Cell, tuple[int, int]]  # numerator, denominator
Period = tuple[str, Any, int]  # `before` a time, or `after`: the windows ending at some times; length of a window, ms


class Inquiry:
    """Explains the incidents of one initiative; reads rows and writes none."""

    def __init__(self, draft: Draft, initiative: str, config: Config) -> None:
        self._draft, self._initiative, self._config = draft, initiative, config
        own = config.initiatives.get(initiative)
        self._definitions = definitions_of(own)
        self._thresholds = {f"threshold:{found.id}": found for found in own.thresholds} if own else {}
        self._rows = CellRows(draft, initiative, config.timing.window)
        self._periods: dict[tuple[Any, ...], Cells] = {}
        self._wholes: dict[tuple[Any, ...], Attribution] = {}
        self._counted: dict[tuple[Any, ...], dict[tuple[str, ...], Counted]] = {}

    def explanation(self, subject: Subject, episode: Episode, step: Step, known: Any) -> dict[str, Any] | None:
        """Return where a rate moved and which changes were close; `known`, what was said last, where nothing new can be."""
        ratio = self._definitions.get(subject.key.get("kpi", ""))
        if step not in ASKED or ratio is None or self._initiative == SYSTEM or ratio.numerator == "revenue_minor":
            return known  # type: ignore[no-any-return]
        before, after = (self._here(subject.key, ratio, period) for period in periods(subject, episode))
        if not before or not after:
            return known  # type: ignore[no-any-return]
        direction = self._direction(subject, ratio)
        names = [name for name in DIMENSIONS if name not in subject.key]
        cube = cube_of(names, table(before, names), table(after, names))
        small = len(cube.counts) < LEAST_CELLS
        found = Attribution(cube.before, cube.after, effects(cube), (), ()) if small else attribute(cube, direction=direction, alpha=ALPHA)
        segments = found.segments or self._around(subject, episode, ratio, direction)
        first = (episode.windows[0] - subject.window, episode.windows[0])
        return {
            "global": not segments,
            "segments": [segment_data(segment, subject.key if found.segments else {}) for segment in segments],
            "rate_effect": found.effects and rounded(found.effects.rate),
            "mix_effect": found.effects and rounded(found.effects.mix),
            "suspects": suspects(self._changes(first), first, audience(before, after, found), self._seen(first)),
        }

    def authors(self, subject: Subject, explanation: Mapping[str, Any] | None) -> set[str]:
        """Return who asked for, or released, the change an incident is about: of its rule the last one, else the first suspect."""
        records = [change for _, change, _ in acted(self._draft, self._initiative)] if "rule_id" in subject.key or explanation else []
        named = [one["change_id"] for one in (explanation or {}).get("suspects", ())[:1]]
        if "rule_id" in subject.key:
            own = [one for one in records if one["rule_id"] == subject.key["rule_id"] and one["action"] in RELEASING]
            named = [one["change_id"] for one in own[-1:]]
        made = {"requested", *RELEASING}
        return {one["actor"]["id"] for one in records if one["change_id"] in named and one["action"] in made and one.get("actor")}

    def _around(self, subject: Subject, episode: Episode, ratio: Ratio, direction: Direction) -> tuple[Segment, ...]:
        """Return the segments of the whole initiative that the incident's place is part of, or shares people with.

        A place all of which moved alike says nothing of where; seen beside the rest it may be the segment itself.
        """
        if not any(name in subject.key for name in DIMENSIONS):
            return ()
        both = periods(subject, episode)
        named = (*both, ratio.numerator, ratio.denominator, direction)
        if named not in self._wholes:
            before, after = (self._here({}, ratio, period) for period in both)
            self._wholes[named] = attribute(cube_of(DIMENSIONS, table(before, DIMENSIONS), table(after, DIMENSIONS)), direction=direction)
        return tuple(
            segment
            for segment in self._wholes[named].segments
            if all(subject.key.get(name, value) == value for name, value in segment.where)
        )

    def _direction(self, subject: Subject, ratio: Ratio) -> Direction:
        threshold = self._thresholds.get(subject.check)
        if threshold is not None:
            return "down" if threshold.op in ("<", "<=") else "up"
        return "down" if ratio.better == "up" else "up"

    def _here(self, place: Mapping[str, str], ratio: Ratio, period: Period) -> Counted:
        """Return the counts of the cells at a place in a period; read and grouped once for all places."""
        fixed = [name for name in DIMENSIONS if name in place]
        named = (*period, ratio.numerator, ratio.denominator, *fixed)
        if named not in self._counted:
            groups: dict[tuple[str, ...], Counted] = defaultdict(dict)
            places = [DIMENSIONS.index(name) for name in fixed]
            for cell, counts in self._period(*period).items():
                below = count(ratio.denominator, counts) or 0
                # A click may follow its exposure into the next window: more of them than exposures are not evidence.
                above = min(count(ratio.numerator, counts) or 0, below)
                if below:
                    groups[tuple(cell[place] for place in places)][cell] = (above, below)
            self._counted[named] = groups
        return self._counted[named].get(tuple(place[name] for name in fixed), {})

    def _period(self, kind: str, at: Any, size: int) -> Cells:
        key = (kind, at, size)
        if key not in self._periods:
            standing = Standing.read(self._draft, self._initiative)
            slices = slices_of(standing.cells if standing else 0)
            rows = self._rows_before(at, size) if kind == "before" else [row for end in at for row in self._rows_of(end, size)]
            found: Cells = {}
            for level, end in rows[: max(1, MOST_READS // max(1, len(slices)))]:
                merge(found, self._rows.read(level, end, slices))
            self._periods[key] = found
        return self._periods[key]

    def _rows_of(self, end: int, size: int) -> list[tuple[bytes, int]]:
        """Return the rows of one window, the latest first."""
        if size % DAY == 0:
            return [(DAYS, at) for at in range(end, end - size, -DAY)]
        if size % HOUR == 0:
            return [(HOURS, at) for at in range(end, end - size, -HOUR)]
        return [(MINUTES, at) for at in range(end, end - size, -self._config.timing.window)]

    def _rows_before(self, until: int, size: int) -> list[tuple[bytes, int]]:
        """Return the rows of what came before a time, the latest first: whole days for windows of days, else hours and what is open."""
        if size % DAY == 0:
            return [(DAYS, at) for at in range(until, until - DAYS_BEFORE * DAY, -DAY)]
        hour = until // HOUR * HOUR
        minutes = [(MINUTES, at) for at in range(until, hour, -self._config.timing.window)]
        return minutes + [(HOURS, at) for at in range(hour, hour - min(HOURS_BEFORE * HOUR, KEPT_HOURS), -HOUR)]

    def _changes(self, first: tuple[int, int]) -> list[Mapping[str, Any]]:
        keys = [(key_parts(key)[1], key) for key in self._draft.group(RULES, self._initiative)]
        near = [key for due, key in keys if due > first[0] - LEAD]
        return [unpack(self._draft.get(key) or b"")[0] for key in sorted(near)]

    def _seen(self, first: tuple[int, int]) -> dict[tuple[str, int], int]:
        """Return how many exposures carried each (rule, version) on the day of the first breached window, as far as it is closed."""
        value = self._draft.get(row_key(EXTRAS, self._initiative, end_of(first[1] - 1, DAY)))
        names = [(orjson.loads(name), number) for name, number in (unpack(value)[0] if value else {}).items()]
        return {(parts[1], parts[2]): number for parts, number in names if parts[0] == "rule" and len(parts) == 3}


def periods(subject: Subject, episode: Episode) -> tuple[Period, Period]:
    """Return what is compared: the time before the first breached window, and the last breached ones."""
    return ("before", episode.windows[0] - subject.window, subject.window), ("after", episode.windows[-MOST_WINDOWS:], subject.window)


def table(counted: Counted, names: Sequence[str]) -> list[tuple[list[str], int, int]]:
    """Return the rows of one side of a cube."""
    places = [DIMENSIONS.index(name) for name in names]
    return [([cell[place] for place in places], above, below) for cell, (above, below) in sorted(counted.items())]


def audience(before: Counted, after: Counted, found: Attribution) -> Audience:
    """Return who was there, by channel: the people of the first segment named, of the whole place where none is."""
    where = {DIMENSIONS.index(name): value for name, value in found.segments[0].where} if found.segments else {}
    held = {cell: counts for cell, counts in after.items() if all(cell[place] == value for place, value in where.items())}
    traffic: dict[str, int] = defaultdict(int)
    for cell, (_, below) in held.items():
        traffic[cell[1]] += below
    moved: dict[str, float] = defaultdict(float)
    usual = (found.before.k / found.before.n) if found.before.n else 0.0
    for cell, (above, below) in sorted(after.items()):
        was = before.get(cell)
        moved[cell[1]] += above - below * (was[0] / was[1] if was else usual)
    return Audience(traffic, moved)


def segment_data(segment: Segment, place: Mapping[str, str]) -> dict[str, Any]:
    """Return a segment as interface §4 writes it, with the place it was looked for in.

    Figures are rounded: the last digit of a library's function is not published.
    """
    fixed = {**place, **dict(segment.where)}
    interval = segment.rate_ratio_ci
    return {
        "where": {name: fixed[name] for name in DIMENSIONS if name in fixed},
        "log_likelihood_ratio": segment.log_likelihood_ratio,
        "bar": segment.bar,
        "k_before": segment.before.k,
        "n_before": segment.before.n,
        "k_after": segment.after.k,
        "n_after": segment.after.n,
        "share_of_change": None if segment.share_of_change is None else rounded(segment.share_of_change),
        "rate_ratio_ci": interval and [rounded(interval[0]), None if interval[1] is None else rounded(interval[1])],
    }


def rounded(value: float) -> float:
    """Return a figure with so many digits after the first that counts."""
    return float(f"{value:.{DIGITS}g}")
