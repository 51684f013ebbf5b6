"""Closing: all that becomes due for one initiative at one base window end, in phases small enough for one commit each.

    told ─► minute slices ─► hour slices ─► late to the day ─► day slices ─► timers ─► rule changes ─► conformity ─► fields
          ─► looks ─► seen ─► thresholds by keys ─► detection ─► verdict slices ─► violations ─► faults, loads ─► storm ─► finish
          ─► reports due

Everything a phase reads is due by then; a phase done twice from the same rows says the same.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from detectors.cell import LAST_MS, OTHER, Counts, add, project
from detectors.kpi import FRESHNESS, VARIANT_SHARE, breached, denominator, kpi
from detectors.window import DAY, HOUR, end_of, ends
from governance.config import Config, Threshold
from governance.config.change import changes
from governance.paging import STORM, Pages
from streams.kernel.bulletin import SYSTEM, Adds
from streams.kernel.cells import (
    DAYS,
    HOURS,
    KEPT_DAYS,
    KEPT_HOURS,
    KEPT_MINUTES,
    LATE,
    MINUTES,
    CellRows,
    Cells,
    add_extra,
    merge,
    positions,
    sliced,
    slices_of,
    wholes,
)
from streams.kernel.checks import RULES
from streams.kernel.configs import BLOBS
from streams.kernel.conformity import Conformity
from streams.kernel.consent import Consent
from streams.kernel.detection import Detection
from streams.kernel.detector_rule import detector_rules
from streams.kernel.fields import Fields
from streams.kernel.ground import Ground
from streams.kernel.loads import Loads
from streams.kernel.looks import SRM_SHARE, Looks
from streams.kernel.pending import config_of
from streams.kernel.place import asked_name
from streams.kernel.plan_row import note_plan
from streams.kernel.publishing import kpi_window
from streams.kernel.report_job import ReportJob
from streams.kernel.request import bounds, forget_bounds
from streams.kernel.rows import Draft, pack, row_key
from streams.kernel.schedule import next_report, reports_due
from streams.kernel.series import Scene
from streams.kernel.standing import Standing
from streams.kernel.storm import digest, keep_pages, pages_of, storm_rule
from streams.kernel.violations import Violations
from streams.kernel.watch import Breach, Watch

KEYS_A_PHASE = 200  # keys judged in one phase: each may publish about 6 KB

Phase = Callable[[], bool | None]  # returns True where it must be called again


class Closing:
    """One initiative at one due time; `adds` is everything due, `drain` whether the clock only runs on to close what is open.

    `next_config` is the next base window end judged by another config, 0 for none.
    """

    def __init__(
        self, draft: Draft, initiative: str, now: int, adds: Adds, ground: Ground, config: Config, next_config: int, *, drain: bool
    ) -> None:
        self.draft, self.initiative, self.now, self.adds, self.drain = draft, initiative, now, adds, drain
        self.next_config = next_config
        self.sha256, self.config = ground.sha256, config
        self.base = self.config.timing.window
        self.definitions, self.thresholds, self.admission = ground.definitions, ground.thresholds, ground.admission
        self.standing = Standing.read(draft, initiative) or Standing()
        self.rows = CellRows(draft, initiative, self.base)
        self.watch = Watch(draft, initiative, self.config, self.sha256)
        self._windows: dict[int, Cells] = {}
        self._levels: dict[str, Cells] = {}
        self.violations = Violations(draft, initiative, now, self.config, self.watch)
        policy = {"id": "config", "sha256": self.sha256}
        self.looks = Looks(draft, initiative, now, adds, self.config, self.watch, policy)
        self.conformity = Conformity(draft, initiative, now, adds, config, self.watch, ground.law)
        # What shares `__other__` are parts of many initiatives: rules and versions of the same name would accuse each other.
        self.own = initiative != SYSTEM and not initiative.startswith(OTHER)
        self.detectors = ground.detectors
        self.bounds = bounds(draft, initiative)
        asked = {asked_name(check, ",".join(rule.group_by)): rule for check, rule in self.bounds}
        self.rules = {**ground.rules, **asked}
        own, fdr = self.config.initiative(initiative), self.config.detection.fdr
        scene = Scene(initiative, now, self.standing.cells, self.definitions, own.allocation, fdr, self.window, drain)
        self.detection = Detection(draft, scene, self.detectors, self.watch)
        parts = (self.rows, self.admission, self.violations, self.definitions, policy)
        self.consent = Consent(draft, initiative, now, self.base, adds, *parts)

    def phases(self) -> Iterator[Phase]:
        """Yield the phases in order; which ones there are depends only on rows no phase before the last changes."""
        yield self.tell
        minutes = sliced(self.level("m"), self.admission)
        whole = wholes(minutes.values())
        for part in sorted(minutes):
            yield partial(self.close_minute, part, minutes[part], whole)
        slices = slices_of(self.standing.cells)
        if self.now % HOUR == 0:
            hour = sliced(self.level("h"), self.admission)
            for part in slices:
                yield partial(self.close_hour, part, hour.get(part, {}))
        yield self.late_to_days
        if self.now % DAY == 0:
            for part in slices:
                yield partial(self.close_day, part)
        yield self.pass_time
        yield self.take_rules
        if self.own:
            yield self.conformity.judge
        if self.adds.fields:
            yield Fields(self.draft, self.initiative, self.now, self.base, self.adds, {"id": "config", "sha256": self.sha256}).judge
        yield from self.looks.phases()
        for check, threshold in self.thresholds.items():
            if threshold.kpi == FRESHNESS:
                yield partial(self.see, check, threshold)
            known = threshold.kpi in self.definitions or threshold.kpi in (FRESHNESS, VARIANT_SHARE, SRM_SHARE)
            if known and ends(self.now, threshold.window):
                yield from self.judging(check, threshold)
        for check, threshold in self.bounds:
            if threshold.kpi in self.definitions and ends(self.now, threshold.window):
                yield partial(self.judge_bound, check, threshold)
        yield from self.detection.phases()
        yield from self.consent.phases()
        if self.initiative == SYSTEM:
            yield Loads(self.draft, self.now, self.config, self.watch, self.rules, self.level("m")).judge
        else:
            yield partial(self.watch.tell_faults, self.now)
        yield self.storm
        yield self.finish
        if self.own and not self.drain:
            job = ReportJob(self.draft, self.watch, self.initiative, self.now, self.sha256, self.config)
            yield from reports_due(self.draft, job, self.initiative, self.now, self.config)
            yield job.retry
            if job.waits():
                yield self.look_again

    def level(self, level: str) -> Cells:
        """Return the cells added to the row of one level that ends now."""
        found = self._levels.get(level)
        if found is None:
            found = self._levels[level] = {}
            for (of, end, _), cells in self.adds.cells.items():
                if of == level and end == self.now:
                    merge(found, cells)
        return found

    def tell(self) -> None:
        """Note a new config in the audit chain, and say once of each cap that it was reached."""
        changed: list[dict[str, Any]] = []
        if self.standing.config not in ("", self.sha256):
            before = config_of(self.draft.get(row_key(BLOBS, self.standing.config)) or b"")
            changed = changes(before, self.config, self.initiative)
            self.watch.audit("config", self.now, {"from": self.standing.config, "to": self.sha256, "changes": changed})
            self.watch.set_timers(self.rules)
            self.violations.reset_timers()
            self.violations.flush()
            self.watch.forget_seen(self.thresholds)
            self.detection.begin_anew(detector_rules(before, self.initiative))
        if self.own and self.standing.config != self.sha256:
            note_plan(self.draft, self.watch, self.initiative, self.now, self.config, changed)
        self.standing.config = self.sha256
        for what in self.standing.overflowed[self.standing.told :]:
            self.watch.notice("cardinality", {"feed": what}, self.now, self.base, None, None)
        self.standing.told = len(self.standing.overflowed)
        self.standing.write(self.draft, self.initiative)

    def close_minute(self, part: int, cells: Cells, whole: Mapping[tuple[str, ...], Counts]) -> None:
        """Write one slice of the base window and publish its cells."""
        self.rows.write(MINUTES, self.now, part, cells)
        start = self.now - self.base
        for cell, counts in sorted(cells.items()):
            if counts and self.initiative != SYSTEM:
                self.draft.send(kpi_window(self.initiative, cell, start, self.now, counts, self.definitions, whole[cell[:3]]))

    def close_hour(self, part: int, late: Cells) -> None:
        """Write one slice of the hour: its minutes, and what came late to them."""
        found = self.rows.read(MINUTES, self.now, (part,))
        for end in range(self.now - HOUR + self.base, self.now, self.base):
            merge(found, self.rows.read(MINUTES, end, (part,)))
        merge(found, late)
        self.rows.write(HOURS, self.now, part, found)

    def late_to_days(self) -> None:
        """Add to days what goes to no smaller row: to the closed day, or beside the open one."""
        for (level, end, _), cells in sorted(self.adds.cells.items()):
            if level == "d":
                kind = DAYS if end < self.now else LATE
                for part, found in sliced(cells, self.admission).items():
                    self.rows.add(kind, end, part, found)

    def close_day(self, part: int) -> None:
        """Write one slice of the day: its hours, and what came late to them."""
        found: Cells = {}
        for end in range(self.now - DAY + HOUR, self.now + 1, HOUR):
            merge(found, self.rows.read(HOURS, end, (part,)))
        merge(found, self.rows.read(LATE, self.now, (part,)))
        self.rows.drop(LATE, self.now, (part,))
        self.rows.write(DAYS, self.now, part, found)

    def pass_time(self) -> bool:
        """Move incidents whose time has come; none while the clock only runs on, but for what resolves and closes."""
        if self.watch.pass_time(self.rules, self.now, drain=self.drain):
            return True
        coming_or_going = self.now in self.watch.duty.changes(self.base)
        if coming_or_going and self.watch.reassign(self.now):
            return True
        self.violations.pass_time(drain=self.drain)
        if coming_or_going:
            self.violations.reassign()
        self.violations.flush()
        return False

    def storm(self) -> None:
        """Judge whether people are asked too much: when the first page is held back, then once an hour."""
        pages = pages_of(self.draft, self.initiative)
        if not 0 < pages.digest_due(self.base) <= self.now:
            return
        held = sum(pages.held.values())
        self.watch.judge(storm_rule(digest(pages, self.config.incidents.pages_per_hour)), STORM, Breach((), self.now, held, held > 0))
        times, stormy = pages_of(self.draft, self.initiative).times, self.watch.lives(storm_rule(), STORM, ())
        keep_pages(self.draft, self.initiative, Pages(times, {}, self.now, stormy))

    def take_rules(self) -> None:
        """Keep the rule changes that act now, in the order (time, event id)."""
        for rule in sorted(self.adds.rules, key=lambda rule: (rule["change"]["occurred_at"], rule["change"]["event_id"])):
            change = rule["change"]
            foreign = [] if change["initiative"] == self.initiative else [change["initiative"]]  # in `__other__`, where ids may meet
            self.draft.put(row_key(RULES, self.initiative, self.now, change["event_id"], *foreign), pack(change, rule["evidence"]))

    def see(self, check: str, threshold: Threshold) -> None:
        """Keep the last event of each key of a freshness threshold; a rule that is new looks at the rows there are."""
        last = self.watch.seen(threshold, check)
        cells = sliced(self.level("m"), self.admission) if last else {0: self.past()}
        places = positions(threshold.group_by)
        for found in cells.values():
            for cell, counts in found.items():
                if LAST_MS in counts:
                    key = project(cell, places)
                    last[key] = max(counts[LAST_MS], last.get(key, 0))
        if last:
            self.watch.saw(threshold, check, last)

    def past(self) -> Cells:
        """Return everything kept up to now: days, the hours of the open day, the base windows of the open hour."""
        slices = slices_of(self.standing.cells)
        today, hour = self.now // DAY * DAY, self.now // HOUR * HOUR
        ends = [(DAYS, end) for end in range(self.standing.first_day or today, today + 1, DAY)]
        ends += [(HOURS, end) for end in range(today + HOUR, hour + 1, HOUR)]
        ends += [(MINUTES, end) for end in range(hour + self.base, self.now + 1, self.base)]
        found: Cells = {}
        for kind, end in ends:
            merge(found, self.rows.read(kind, end, slices))
        return found

    def judging(self, check: str, threshold: Threshold) -> Iterator[Phase]:
        """Yield the phases that judge a threshold's keys, so many at a time."""
        found = self.eligible(check, threshold)
        for at in range(0, len(found), KEYS_A_PHASE):
            yield partial(self.judge, check, threshold, found[at : at + KEYS_A_PHASE])

    def judge(self, check: str, threshold: Threshold, breaches: Sequence[Breach]) -> None:
        """Take some keys through their life cycle."""
        for breach in breaches:
            self.watch.judge(threshold, check, breach)

    def judge_bound(self, check: str, threshold: Threshold) -> None:
        """Judge a bound that a report asked for, for the keys that have an incident of it."""
        for breach in self.eligible(check, threshold):
            if self.watch.lives(threshold, check, breach.values) and breach.end > self.watch.last_end(threshold, check, breach.values):
                self.watch.judge(threshold, check, breach)

    def eligible(self, check: str, threshold: Threshold) -> list[Breach]:
        """Return every key with enough evidence in the window that ends now, in order."""
        if threshold.kpi == FRESHNESS:
            if self.drain:
                return []
            ages = {key: max(0, self.now - last) / 1000 for key, last in sorted(self.watch.seen(threshold, check).items())}
            return [Breach(key, self.now, age, breached(age, threshold.op, threshold.value)) for key, age in ages.items()]
        if threshold.kpi == SRM_SHARE:
            return self.looks.failing(threshold)
        cells = self.window(threshold.window)
        places = positions(threshold.group_by)
        sums: dict[tuple[str, ...], Counts] = {}
        for cell, counts in cells.items():
            add(sums.setdefault(project(cell, places), {}), counts)
        share: dict[tuple[str, ...], Counts] = {}
        if threshold.kpi == VARIANT_SHARE:
            without = positions([name for name in threshold.group_by if name != "variant"])
            for cell, counts in cells.items():
                add(share.setdefault(project(cell, without), {}), counts)
        found = []
        for key, counts in sorted(sums.items()):
            named = dict(zip(threshold.group_by, key, strict=True))
            whole = share.get(tuple(value for name, value in named.items() if name != "variant"))
            if denominator(threshold.kpi, counts, self.definitions, whole) < threshold.min_denominator:
                continue
            value = kpi(threshold.kpi, counts, self.definitions, whole=whole)
            if value is not None:
                found.append(Breach(key, self.now, value, breached(value, threshold.op, threshold.value)))
        return found

    def window(self, size: int) -> Cells:
        """Return the cells of the window of `size` that ends now: day rows for whole days, else base windows."""
        found = self._windows.get(size)
        if found is None:
            slices = slices_of(self.standing.cells)
            if size % DAY == 0:
                found = {}
                for end in range(self.now - size + DAY, self.now + 1, DAY):
                    merge(found, self.rows.read(DAYS, end, slices))
            else:
                found = self.rows.window(self.now - size, self.now, self.now, slices)
            self._windows[size] = found
        return found

    def finish(self) -> None:
        """Note what rows there are, drop those past their time, and say when to look again."""
        standing, now = self.standing, self.now
        for (level, end, _), extra in sorted(self.adds.extra.items()):
            if extra:
                add_extra(self.draft, self.initiative, end if level == "d" else end_of(end - 1, DAY), extra)
        if self.level("m"):
            standing.first_minute = standing.first_minute or now
            standing.last_minute = now
        hourly = self.level("h") or (now % HOUR == 0 and standing.last_minute > now - HOUR)
        if hourly:
            standing.first_hour, standing.last_hour = standing.first_hour or now, now
        late = [end for (level, end, _) in self.adds.cells if level == "d"]
        standing.open_day = max([standing.open_day, *late])
        if now % DAY == 0 and (standing.last_hour > now - DAY or standing.open_day >= now):
            standing.last_day = now
        if standing.last_day or late:
            standing.first_day = min([end for end in (standing.first_day, standing.last_day, *late) if end])
        self.forget()
        forget_bounds(self.draft, self.initiative, self.watch)
        self.detection.forget()
        standing.wake_at(self.draft, self.initiative, self.next_wake())
        standing.write(self.draft, self.initiative)

    def look_again(self) -> None:
        """Look at the next base window: a report waits to be tried again, or to be told of."""
        at = self.now + self.base
        if not 0 < self.standing.wake <= at:
            self.standing.wake_at(self.draft, self.initiative, at)
            self.standing.write(self.draft, self.initiative)

    def forget(self) -> None:
        """Drop rows past their time."""
        standing = self.standing
        slices = slices_of(standing.cells)
        standing.first_minute = self._forget(MINUTES, standing.first_minute, standing.last_minute, KEPT_MINUTES, self.base, slices)
        standing.first_hour = self._forget(HOURS, standing.first_hour, standing.last_hour, KEPT_HOURS, HOUR, slices)
        standing.first_day = self._forget(DAYS, standing.first_day, standing.last_day, KEPT_DAYS, DAY, slices)

    def _forget(self, kind: bytes, first: int, last: int, kept: int, size: int, slices: range) -> int:
        while first and first <= min(last, self.now - kept):
            self.rows.drop(kind, first, slices)
            first += size
        return first if first <= last else 0

    def next_wake(self) -> int:
        """Return the next base window end at which this initiative must be closed even if nothing arrives, 0 for never."""
        standing, now = self.standing, self.now
        times = [self.next_config, *(timer[0] for timer in self.watch.timers()), *self.violations.timers(), *self.looks.wakes()]
        digest = pages_of(self.draft, self.initiative).digest_due(self.base)
        scheduled = next_report(self.config.initiative(self.initiative), now) if self.own and not self.drain else 0
        times += [*self.watch.duty.changes(self.base), *self.conformity.wakes(), digest, scheduled]
        if standing.last_minute:
            times += [end_of(standing.last_minute - 1, HOUR), end_of(standing.last_minute - 1, DAY)]
            times.append(standing.last_minute + KEPT_MINUTES if standing.first_minute else 0)
        if standing.last_hour:
            times += [end_of(standing.last_hour - 1, DAY), standing.last_hour + KEPT_HOURS if standing.first_hour else 0]
        times += [standing.open_day, standing.last_day + KEPT_DAYS if standing.last_day and standing.first_day else 0]
        for check, threshold in [*self.thresholds.items(), *self.bounds]:
            following = end_of(now, threshold.window)
            if threshold.kpi == FRESHNESS:
                times.append(following if not self.drain and self.watch.seen(threshold, check) else 0)
            elif max(standing.last_minute, standing.last_hour, standing.last_day) > following - threshold.window:
                times.append(following)
        for rule in self.detectors.values():
            following = end_of(now, rule.window)
            if rule.check == "freshness":
                seen = not self.drain and standing.first_day + standing.last_minute + standing.last_hour
                times.append(self.detection.next_silence(rule) if seen else 0)
            elif max(standing.last_minute, standing.last_hour, standing.last_day) > following - rule.window:
                times.append(following)
        return min((at for at in times if at > now), default=0)
