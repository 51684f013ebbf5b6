"""Verdicts: at a tick every exposure whose time has come is judged, and judged again by the consent records that came later.

settled      by the records stamped at most tau + settle                          counts of its window, a violation if it is not valid
corrected    by each record stamped later, up to time + correction horizon        the day row alone moves; retracted, or a violation now
late still   what no exposure can be corrected by any more                        a `late_evidence` finding

A verdict depends on times and stamps alone, never on the tick at which it is made. Items for the monitor carry the key by which they
are applied: [due, 0, time, subject, 0, time, event id] for what settles, [due, 1, stamp, subject, number, time, event id] for corrections.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from detectors.cell import CONSENT
from detectors.window import DAY, HOUR, end_of
from governance.config import Config
from governance.ledger import BEFORE, VALID, Entry, Judgement, Ledger, Question, Row, Source, erased_by, forgotten, judge, silence
from streams.kernel.bulletin import SYSTEM, Address, Adds
from streams.kernel.pending import COMMIT_BYTES
from streams.kernel.record import Shard
from streams.kernel.rows import Draft, key_parts, pack, row_key, unpack
from streams.kernel.shown import GONE, JUDGED, PART, WAITING, Exposure, Owners, Shape, exposures, packed, shapes
from streams.kernel.subject import LOOKS, Subjects, Waits, look_key, time_of, up
from streams.kernel.verdict_line import place_of, verdict_line

NOT_APPLICABLE = CONSENT + "not_applicable"
ITEM_BYTES = 600
ROW_BYTES = PART * 250  # of judged exposures
EVIDENCE_KEPT = 7 * DAY  # how long after the last exposure a consent record is still told from one that concerns nothing
SILENCE = {opt_in: silence(Question("", "", 0, opt_in)) for opt_in in (True, False)}
GONE_SUBJECTS = 2_000  # in one row of those whose exposures are gone
APPLIED = 6  # where a row's exposure says by which of its subject's records it was judged
CELL_BYTES = 300  # of a cell that a tick adds verdicts to: names of many cells must not pile up in one tick


Ranked: TypeAlias = tuple[int, list[Any]]  # the number of its shape in a row, and an exposure as it stands there


def waits_of(config: Config) -> Waits:
    """Return the times of a config by which consent is judged."""
    timing = config.timing
    return Waits(timing.window, timing.settle, timing.correction_horizon, config.privacy.erase_after)


def verdict_address(time: int, tau: int, late: bool, waits: Waits) -> Address:
    """Return the row a verdict is counted in and when it is due: the window of the exposure, of a late one its day."""
    window = end_of(tau, waits.base)
    return ("d", end_of(time, DAY), window + waits.due) if late else ("c", window, window + waits.due)


class Verdicts:
    """One tick's judging up to the time `now` (ms, a base window end); what it adds for the monitors is in `adds`."""

    def __init__(self, draft: Draft, shard: Shard, waits: Waits, config_at: Callable[[int], Config], now: int) -> None:
        self._draft, self._shard, self._waits, self._config_at, self._now = draft, shard, waits, config_at, now
        self._subjects = Subjects(draft, waits)
        self._due_after = waits.due
        self._evidence = max(EVIDENCE_KEPT, waits.kept + DAY)
        self._written: dict[str, list[bytes]] = {}  # rows of judged exposures this commit adds, by subject with a ledger
        self._open: dict[bytes, list[Exposure]] = {}  # rows whose subjects have new records: neighbours are looked at one after the other
        self._corrected: set[bytes] = set()
        self._last_judged: int | None = None
        self._opt_ins: dict[tuple[str, int], bool] = {}
        self._items = self._cells = 0
        self.adds: dict[str, Adds] = {}

    def run(self, sequence: int) -> bool:
        """Judge what is due and forget what is past, as far as a commit takes it; return whether nothing is left.

        `sequence` is the number of the commit: no two commits write the same row.
        """
        finished = self._settle_windows(sequence) and self._look_at_all() and self._forget_shown(sequence)
        write_looks(self._draft, self._subjects.flush(), sequence)
        return finished

    def _full(self) -> bool:
        waiting = self._items * ITEM_BYTES + self._cells * CELL_BYTES + len(self._corrected) * ROW_BYTES
        return self._draft.size + self._subjects.size + waiting > COMMIT_BYTES

    def _due(self, kind: bytes, until: int) -> list[bytes]:
        """Return the keys of rows whose window or hour ends by `until`, earliest first."""
        ends = (end for end in self._draft.rows.firsts(kind) if int(end) <= until)
        return sorted((key for end in ends for key in self._draft.group(kind, end)), key=key_parts)

    def _settle_windows(self, sequence: int) -> bool:
        """Make the settled verdicts of all windows that are due."""
        part = 0
        for number, key in enumerate(self._due(WAITING, self._now - self._waits.settled)):
            if number and self._full():
                return False
            window = key_parts(key)[0]
            found = shapes(self._draft.get(key))
            settled = self._settle_row(found, window)
            for at in range(0, len(settled), PART):
                self._write(row_key(JUDGED, window, sequence, part), [shape for shape, _ in found], settled[at : at + PART])
                part += 1
            self._draft.drop(key)
        return True

    def _write(self, key: bytes, of: list[Shape], found: list[Ranked]) -> None:
        """Write judged exposures, what they have in common once."""
        by_rank: dict[int, list[list[Any]]] = {}
        for rank, one in found:
            by_rank.setdefault(rank, []).append(one)
            if one[APPLIED]:
                self._written.setdefault(one[0], []).append(key)
        self._draft.put(key, pack(*([tuple(of[rank]), *same] for rank, same in sorted(by_rank.items()))))

    def _settle_row(self, found: list[tuple[Shape, list[list[Any]]]], window: int) -> list[Ranked]:
        """Make the settled verdicts of a row; return its exposures by subject, each with the number of its shape."""
        due = window + self._due_after
        terms = [(shape, self._opt_in(shape.initiative, window)) for shape, _ in found]
        by_owner: dict[str, list[Ranked]] = {}
        for rank, (_, seen) in enumerate(found):
            for one in seen:
                by_owner.setdefault(one[0], []).append((rank, one))
        settled: list[Ranked] = []
        valid = [0] * len(found)
        for owner, shown in sorted(by_owner.items()):
            self._settle(owner, shown, terms, window, valid)
            settled += shown
        for (shape, _), number in zip(terms, valid, strict=True):
            if number:
                self._count(shape, ("c", window, due), VALID, number)
        return settled

    def _settle(self, name: str, shown: list[Ranked], terms: list[tuple[Shape, bool]], window: int, valid: list[int]) -> None:
        """Make the settled verdicts of one subject's exposures in a window, and correct them by what has come since.

        `valid` counts, by shape, those of which nothing more is to be said: in time, valid, nothing newer known, and nobody asks.
        """
        owner, waits, told = bytes.fromhex(name), self._waits, self._shard.verdicts
        ledger = self._subjects.ledger(owner)
        order, upto = ledger.order, ledger.order_at(self._now)
        if order:
            self._subjects.shown(owner, window)
        for rank, one in shown:
            (shape, opt_in), (_, time, tau, *_) = terms[rank], one
            cut = tau + waits.settle
            applied = order if ledger.stamp <= cut else ledger.order_at(cut)
            if order:
                found = judge(ledger, Question(shape.purpose, shape.cell[1], time, opt_in), applied, cut, waits.correction)
            else:
                found = SILENCE[opt_in]
            if found.verdict == VALID and applied >= upto and tau == time and not told:
                valid[rank] += 1
                one += (VALID, applied, order_of(found))
            else:
                exposure = Exposure(shape, *one)
                exposure.applied = applied
                self._say(exposure, found, window + self._due_after)
                if applied < upto:
                    self._correct(exposure, ledger, upto)
                one[:] = exposure.plain()

    def _say(self, exposure: Exposure, found: Judgement, due: int) -> None:
        """Count a settled verdict and tell of it."""
        where: Address = ("d", end_of(exposure.time, DAY), due) if exposure.late else ("c", due - self._due_after, due)
        self._count(exposure.shape, where, found.verdict, 1)
        self._take(exposure, found, VALID, due, 0, exposure.time, 0)

    def _look_at_all(self) -> bool:
        """Look at everybody whose time has come."""
        due = sorted(key for key in self._draft.keys(LOOKS) if time_of(key) <= self._now)
        seen: set[str] = set()
        finished = True
        for key in due:
            (owners,) = unpack(self._draft.get(key) or b"")
            while owners and finished:
                if owners[-1] not in seen:
                    finished = self._look_at(owners[-1])
                if finished:
                    seen.add(owners.pop())
                    finished = (not owners and key == due[-1]) or not self._full()
            self._draft.put(key, pack(owners)) if owners else self._draft.drop(key)
            if not finished:
                break
        self._write_corrected()
        return finished

    def _look_at(self, name: str) -> bool:
        """Judge again what new records of one subject may correct; return False where the commit is full before the end."""
        owner, subjects, now, waits = bytes.fromhex(name), self._subjects, self._now, self._waits
        ledger = subjects.ledger(owner)
        upto = ledger.order_at(now)
        fresh = [entry for _, entry in sorted(ledger.entries().items()) if ledger.applied < entry.order <= upto]
        if fresh:
            rows = self._rows_after(name, min(entry.effective for entry in fresh))
            for number, key in enumerate(rows):
                if number and self._full():
                    return False
                self._correct_row(key, name, ledger, upto)
            self._late_evidence(name, ledger, fresh, rows)
        after = forgotten(ledger, now - waits.unjudged, waits.correction)
        if subjects.quiet_at(owner) <= now:
            after = Ledger()
        elif upto > ledger.applied:
            after = with_applied(after, upto)
        if after is not ledger:
            subjects.set_ledger(owner, after)
        following = subjects.next_look(owner)
        if following is not None:
            subjects.look(owner, max(following, now + waits.base), now)
        return True

    def _rows_after(self, name: str, time: int) -> list[bytes]:
        """Return the rows of a subject's exposures shown at a time or later, ms, that were judged before this commit.

        What this commit judged knows all that is known by now.
        """
        if self._last_judged is None:
            self._last_judged = max((int(end) for end in self._draft.rows.firsts(JUDGED)), default=BEFORE)
        if self._last_judged <= time:  # nearly always: who decides now decides about what comes
            return []
        keys = (key for key in self._draft.rows.index(JUDGED, Owners).of(name) if key_parts(key)[0] > time)
        return sorted((key for key in keys if self._draft.get(key) is not None), key=key_parts)

    def _correct_row(self, key: bytes, name: str, ledger: Ledger, upto: int) -> None:
        found = self._open.get(key)
        if found is None:
            found = self._open[key] = list(exposures(self._draft.get(key)))
        for exposure in found:
            if exposure.owner == name and exposure.applied < upto:
                self._correct(exposure, ledger, upto)
                self._corrected.add(key)

    def _write_corrected(self) -> None:
        for key in sorted(self._corrected):
            self._draft.put(key, packed(self._open[key]))
        self._open, self._corrected = {}, set()

    def _forget_shown(self, sequence: int) -> bool:
        """Forget exposures that nothing can correct any more, by the hour; for a while the time of everybody's last one is kept."""
        last: dict[int, dict[str, int]] = {}
        part, full = 0, False
        for key in self._due(JUDGED, self._now // HOUR * HOUR - self._waits.kept):
            hour = up(key_parts(key)[0], HOUR)
            times = last.setdefault(hour, {})
            for _, seen in shapes(self._draft.get(key)):
                for owner, time, *_ in seen:
                    times[owner] = max(time, times.get(owner, time))
            self._draft.drop(key)
            full = self._full()
            if full or len(times) >= GONE_SUBJECTS:
                self._draft.put(row_key(GONE, hour, sequence, part), pack(last.pop(hour)))
                part += 1
            if full:
                break
        for hour, times in last.items():
            self._draft.put(row_key(GONE, hour, sequence, part), pack(times))
            part += 1
        for key in [] if full else self._due(GONE, self._now - self._evidence - self._waits.unjudged):
            self._draft.drop(key)
        return not full

    def _opt_in(self, initiative: str, window: int) -> bool:
        """Return whether silence is a denial where an initiative was shown in a window."""
        found = self._opt_ins.get((initiative, window))
        if found is None:
            config = self._config_at(window)
            own = config.initiatives.get(initiative)
            jurisdiction = (own.jurisdiction if own is not None else None) or config.privacy.default_jurisdiction
            found = self._opt_ins[initiative, window] = jurisdiction in config.privacy.opt_in_jurisdictions
        return found

    def _question(self, exposure: Exposure) -> Question:
        shape = exposure.shape
        opt_in = self._opt_in(shape.initiative, end_of(exposure.tau, self._waits.base))
        return Question(shape.purpose, shape.cell[1], exposure.time, opt_in)

    def _correct(self, exposure: Exposure, ledger: Ledger, upto: int) -> None:
        """Judge again by each record numbered above the last applied, up to `upto`, that may still correct."""
        after, exposure.applied = exposure.applied, upto
        question = self._question(exposure)
        for entry in corrections(ledger, question, after, upto, exposure.time + self._waits.correction):
            found = judge(ledger, question, entry.order, entry.stamp, self._waits.correction)
            old = exposure.verdict
            if found.verdict == old and order_of(found) == exposure.decided:
                continue
            settled = verdict_address(exposure.time, exposure.tau, exposure.late, self._waits)[2]
            due = max(end_of(entry.stamp, self._waits.base), settled)
            if found.verdict != old:
                for verdict, number in ((old, -1), (found.verdict, 1)):
                    self._count(exposure.shape, ("d", end_of(exposure.time, DAY), due), verdict, number)
            self._take(exposure, found, old, due, 1, entry.stamp, entry.order)

    def _count(self, shape: Shape, where: Address, verdict: str, number: int) -> None:
        counts = self._adds_of(shape.initiative).counts(where, shape.cell)
        self._cells += not counts
        name = CONSENT + verdict
        counts[name] = counts.get(name, 0) + number

    def _adds_of(self, initiative: str) -> Adds:
        found = self.adds.get(initiative)
        if found is None:
            found = self.adds[initiative] = Adds()
        return found

    def _take(self, exposure: Exposure, found: Judgement, old: str, due: int, kind: int, at: int, order: int) -> None:
        """Give an exposure its verdict; tell the monitor where a violation begins or ends, and whoever asked of every verdict.

        `kind`, `at` and `order` are those of the item's key: 0 and the exposure's time for what settles, 1 and a record for a correction.
        """
        exposure.verdict, exposure.decided = found.verdict, order_of(found)
        if found.verdict == old and not self._shard.verdicts:
            return
        key = [due, kind, at, exposure.owner, order, exposure.time, exposure.event_id]
        shape, since = exposure.shape, exposure.since
        shown = Source(shape.topic, self._shard.number, exposure.offset, exposure.event_id)
        if found.verdict != old:
            evidence = [place_of(shown), *([] if found.row is None else [place_of(found.row.entry.source)])]
            item = {"due": key[0], "key": key, "old": old, "new": found.verdict, "since": since, "cell": shape.cell}
            item |= {"asserted": shape.asserted, "step": exposure.steps, "evidence": evidence}
            self._adds_of(shape.initiative).items.append(item)
            self._items += 1
            exposure.since = [] if found.verdict == VALID else key
            exposure.steps += (old != VALID) + (found.verdict != VALID)
        if self._shard.verdicts:
            self._draft.send(verdict_line(exposure, found.row, key, shown))

    def _late_evidence(self, name: str, ledger: Ledger, fresh: list[Entry], rows: list[bytes]) -> None:
        """Report records that came after the correction horizon of an exposure they speak of."""
        waits = self._waits
        for entry in fresh:
            if entry.stamp - entry.effective <= waits.correction:
                continue
            if entry.effective <= erased_by(ledger, entry.order, entry.stamp, waits.correction):
                continue  # erased with all that was known at its time
            if self._gone(name, entry) or any(self._escaped(one, entry) for one in self._shown_to(name, rows)):
                due = end_of(entry.stamp, waits.base)
                key = [due, 1, entry.stamp, name, entry.order, entry.effective, entry.source.event_id]
                self._adds_of(SYSTEM).items.append(notice("late_evidence", key, entry.source, "consent-events"))
                self._items += 1

    def _gone(self, name: str, entry: Entry) -> bool:
        """Return whether a record speaks of exposures that are gone."""
        values = [self._draft.get(key) for key in self._draft.rows.index(GONE, Owners).of(name)]
        last = max((unpack(value)[0][name] for value in values if value is not None), default=None)
        return last is not None and last >= entry.effective and last + self._evidence >= entry.stamp

    def _shown_to(self, name: str, judged: list[bytes]) -> Iterator[Exposure]:
        """Yield a subject's exposures: of its rows of judged ones, and those that wait."""
        mark = name.encode()
        waiting = [key for key in self._draft.keys(WAITING) if mark in (self._draft.get(key) or b"")]
        for key in (*judged, *self._written.get(name, ()), *waiting):
            found = self._open.get(key) or exposures(self._draft.get(key))
            yield from (one for one in found if one.owner == name)

    def _escaped(self, exposure: Exposure, entry: Entry) -> bool:
        """Return whether a record might have decided an exposure, had it come in time."""
        time, stamp = exposure.time, entry.stamp
        too_late = exposure.tau + self._waits.settle < stamp and time + self._waits.correction < stamp
        return too_late and entry.effective <= time and stamp <= time + self._evidence


def notice(check: str, key: list[Any], source: Source, feed: str, observed: str | None = None) -> dict[str, Any]:
    """Return the item of a finding about a consent record itself."""
    return {"due": key[0], "key": key, "check": check, "feed": feed, "observed": observed, "evidence": [place_of(source)]}


def corrections(ledger: Ledger, question: Question, after: int, upto: int, until: int) -> list[Entry]:
    """Return the records that may correct an exposure, each once, in order: effective by its time and stamped by `until`."""
    rows: list[Row] = [row for row in ledger.rows_of(question) if after < row.entry.order <= upto]
    found = {row.entry.order: row.entry for row in rows if row.entry.effective <= question.time and row.entry.stamp <= until}
    return [found[order] for order in sorted(found)]


def order_of(found: Judgement) -> int:
    """Return the number of the record behind a verdict, 0 for none."""
    return 0 if found.row is None else found.row.entry.order


def with_applied(ledger: Ledger, applied: int) -> Ledger:
    """Return the ledger with its records looked at up to `applied`."""
    return Ledger(ledger.rows, ledger.floors, ledger.lost, ledger.order, ledger.stamp, applied, ledger.gone)


def write_looks(draft: Draft, looks: Mapping[int, list[str]], sequence: int) -> None:
    """Write lists of subjects to look at; one that this commit has written already is added to."""
    for time, owners in looks.items():
        key = look_key(time, sequence)
        value = draft.get(key)
        draft.put(key, pack([*(unpack(value)[0] if value is not None else []), *owners]))
