"""Verdicts: at a tick every exposure whose time has come is judged, and judged again by the consent records that came later.

settled      by the records stamped at most tau + settle                          counts of its window, a violation if it is not valid
corrected    by each record stamped later, up to time + correction horizon        the day row alone moves; retracted, or a violation now
late still   what no exposure can be corrected by any more                        a `late_evidence` finding

A verdict depends on times and stamps alone, never on the tick at which it is made. Items for the monitor carry the key by which they
are applied: [due, 0, time, subject, 0, time, event id] for what settles, [due, 1, stamp, subject, number, time, event id] for corrections.
"""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from detectors.cell import CONSENT
from detectors.window import DAY, end_of
from governance.config import Config
from governance.ledger import BEFORE, VALID, Entry, Judgement, Ledger, Question, Row, Source, erased_by, forgotten, judge
from governance.message.engagement import Engagement
from streams.kernel.bulletin import SYSTEM, Address, Adds
from streams.kernel.pending import COMMIT_BYTES
from streams.kernel.record import Outgoing, Record, Shard
from streams.kernel.rows import Draft, pack, unpack
from streams.kernel.subject import EVIDENCE_KEPT, LOOKS, Exposure, Subjects, Waits, look_key, time_of

VERDICTS = "verdicts"  # sent by a shard that is asked to: the drivers' own, no topic of the bus
PERSONALISED = "personalised_content"  # what an exposure without a purpose is for
NOT_APPLICABLE = CONSENT + "not_applicable"
ITEM_BYTES = 600
CELL_BYTES = 300  # of a cell that a tick adds verdicts to: names of many cells must not pile up in one tick


def waits_of(config: Config) -> Waits:
    """Return the times of a config by which consent is judged."""
    timing = config.timing
    return Waits(timing.window, timing.settle, timing.correction_horizon, config.privacy.erase_after)


def verdict_address(time: int, tau: int, late: bool, waits: Waits) -> Address:
    """Return the row a verdict is counted in and when it is due: the window of the exposure, of a late one its day."""
    window = end_of(tau, waits.base)
    return ("d", end_of(time, DAY), window + waits.due) if late else ("c", window, window + waits.due)


def place_of(source: Source) -> list[Any]:
    """Return a record's place as an item carries it."""
    return [source.topic, source.partition, source.offset, source.event_id]


class Verdicts:
    """One tick's judging up to the time `now` (ms, a base window end); what it adds for the monitors is in `adds`."""

    def __init__(self, draft: Draft, shard: Shard, waits: Waits, config_at: Callable[[int], Config], now: int) -> None:
        self._draft, self._shard, self._waits, self._config_at, self._now = draft, shard, waits, config_at, now
        self._subjects = Subjects(draft, waits)
        self._opt_ins: dict[tuple[str, int], bool] = {}
        self._items = self._cells = 0
        self.adds: dict[str, Adds] = {}

    def run(self, sequence: int) -> bool:
        """Look at everybody whose time has come, as far as a commit takes it; return whether nobody is left.

        `sequence` is the number of the commit: no two commits write the same list.
        """
        due = sorted(key for key in self._draft.keys(LOOKS) if time_of(key) <= self._now)
        seen: set[str] = set()
        looks: dict[int, list[str]] = {}
        finished = True
        for key in due:
            (owners,) = unpack(self._draft.get(key) or b"")
            while owners and finished:
                if owners[-1] not in seen:
                    finished = self._look_at(bytes.fromhex(owners[-1]))
                    for time, more in self._subjects.flush().items():
                        looks.setdefault(time, []).extend(more)
                if finished:
                    seen.add(owners.pop())
                    finished = (not owners and key == due[-1]) or not self._full()
            self._draft.put(key, pack(owners)) if owners else self._draft.drop(key)
            if not finished:
                break
        write_looks(self._draft, looks, sequence)
        return finished

    def _full(self) -> bool:
        return self._draft.size + self._items * ITEM_BYTES + self._cells * CELL_BYTES > COMMIT_BYTES

    def _look_at(self, owner: bytes) -> bool:
        """Judge what is due of one subject and forget what is past; return False where the commit is full before the end."""
        subjects, now = self._subjects, self._now
        head, ledger = subjects.head(owner), subjects.ledger(owner)
        upto = ledger.order_at(now)
        for window in sorted(head.windows):
            chunks, applied = head.windows[window]
            if applied == upto or (applied < 0 and window + self._waits.settled > now):
                continue
            for number in range(chunks):
                self._judge_chunk(owner, window, number, ledger, upto)
                if self._full() and number + 1 < chunks:
                    return False
            head.windows[window][1] = upto
        if upto > ledger.applied:
            self._late_evidence(owner, ledger, upto)
        self._forget(owner, ledger, upto)
        return True

    def _forget(self, owner: bytes, ledger: Ledger, upto: int) -> None:
        subjects, now, head = self._subjects, self._now, self._subjects.head(owner)
        for window in [window for window, (_, applied) in head.windows.items() if applied >= 0 and window + self._waits.kept <= now]:
            head.last = max([head.last, *(exposure.time for exposure in subjects.exposures(owner, window))])
            subjects.drop_window(owner, window)
        if head.last + EVIDENCE_KEPT <= now:
            head.last = BEFORE
        # Windows settle in whole: what still waits may be judged as of a time before the rows go, so they stay as long.
        waiting = (window - self._waits.base + self._waits.settle for window, (_, applied) in head.windows.items() if applied < 0)
        after = forgotten(ledger, min([now, *waiting]), self._waits.correction)
        if max(ledger.stamp, head.active) + self._waits.quiet <= now and not head.windows:
            after = Ledger()
        elif upto > ledger.applied:
            after = with_applied(after, upto)
        if after is not ledger:
            subjects.set_ledger(owner, after)
        following = subjects.next_look(owner)
        if following is not None:
            subjects.look(owner, max(following, now + self._waits.base), now)

    def _judge_chunk(self, owner: bytes, window: int, number: int, ledger: Ledger, upto: int) -> None:
        applied, exposures = self._subjects.chunk(owner, window, number)
        changed = False
        for exposure in exposures:
            if exposure.verdict:
                changed |= self._correct(owner, exposure, ledger, applied, upto)
            else:
                settled = self._settle(owner, exposure, ledger)
                self._correct(owner, exposure, ledger, settled, upto)
                changed = True
        if changed:
            self._subjects.set_chunk(owner, window, number, upto, exposures)

    def _question(self, exposure: Exposure) -> Question:
        named = (exposure.initiative, end_of(exposure.tau, self._waits.base))
        opt_in = self._opt_ins.get(named)
        if opt_in is None:
            config = self._config_at(named[1])
            own = config.initiatives.get(exposure.initiative)
            jurisdiction = (own.jurisdiction if own is not None else None) or config.privacy.default_jurisdiction
            opt_in = self._opt_ins[named] = jurisdiction in config.privacy.opt_in_jurisdictions
        return Question(exposure.purpose, exposure.cell[1], exposure.time, opt_in)

    def _settle(self, owner: bytes, exposure: Exposure, ledger: Ledger) -> int:
        """Make the settled verdict; return the number of the last record it could know."""
        cut = exposure.tau + self._waits.settle
        known = ledger.order_at(cut)
        found = judge(ledger, self._question(exposure), known, cut, self._waits.correction)
        where = verdict_address(exposure.time, exposure.tau, exposure.late, self._waits)
        self._count(exposure, where, {found.verdict: 1})
        key = [where[2], 0, exposure.time, owner.hex(), 0, exposure.time, exposure.event_id]
        self._take(exposure, found, key, VALID)
        return known

    def _correct(self, owner: bytes, exposure: Exposure, ledger: Ledger, after: int, upto: int) -> bool:
        """Judge again by each record numbered above `after`, up to `upto`, that may still correct; return whether anything changed."""
        if after >= upto:
            return False
        question, changed = self._question(exposure), False
        for entry in corrections(ledger, question, after, upto, exposure.time + self._waits.correction):
            found = judge(ledger, question, entry.order, entry.stamp, self._waits.correction)
            old = exposure.verdict
            if found.verdict == old and order_of(found) == exposure.decided:
                continue
            changed = True
            settled = verdict_address(exposure.time, exposure.tau, exposure.late, self._waits)[2]
            due = max(end_of(entry.stamp, self._waits.base), settled)
            if found.verdict != old:
                self._count(exposure, ("d", end_of(exposure.time, DAY), due), {old: -1, found.verdict: 1})
            key = [due, 1, entry.stamp, owner.hex(), entry.order, exposure.time, exposure.event_id]
            self._take(exposure, found, key, old)
        return changed

    def _count(self, exposure: Exposure, where: Address, verdicts: Mapping[str, int]) -> None:
        counts = self._adds_of(exposure.initiative).counts(where, exposure.cell)
        self._cells += not counts
        for verdict, number in verdicts.items():
            counts[CONSENT + verdict] = counts.get(CONSENT + verdict, 0) + number

    def _adds_of(self, initiative: str) -> Adds:
        return self.adds.setdefault(initiative, Adds())

    def _take(self, exposure: Exposure, found: Judgement, key: list[Any], old: str) -> None:
        """Give an exposure its verdict; tell the monitor where a violation begins or ends, and whoever asked of every verdict."""
        since = exposure.since
        exposure.verdict, exposure.decided = found.verdict, order_of(found)
        shown = Source(exposure.topic, self._shard.number, exposure.offset, exposure.event_id)
        if found.verdict != old:
            evidence = [place_of(shown), *([] if found.row is None else [place_of(found.row.entry.source)])]
            item = {"due": key[0], "key": key, "old": old, "new": found.verdict, "since": since, "cell": exposure.cell}
            item |= {"asserted": exposure.asserted, "step": exposure.steps, "evidence": evidence}
            self._adds_of(exposure.initiative).items.append(item)
            self._items += 1
            exposure.since = [] if found.verdict == VALID else key
            exposure.steps += (old != VALID) + (found.verdict != VALID)
        if self._shard.verdicts:
            self._draft.send(verdict_line(exposure, found.row, key, shown))

    def _late_evidence(self, owner: bytes, ledger: Ledger, upto: int) -> None:
        """Report records that came after the correction horizon of an exposure they speak of."""
        head, waits = self._subjects.head(owner), self._waits
        for entry in sorted(ledger.entries().values(), key=lambda entry: entry.order):
            too_late = entry.stamp - entry.effective > waits.correction
            if not too_late or not ledger.applied < entry.order <= upto:
                continue
            if entry.effective <= erased_by(ledger, entry.order, entry.stamp, waits.correction):
                continue  # erased with all that was known at its time
            gone = head.last >= entry.effective and head.last + EVIDENCE_KEPT >= entry.stamp
            if gone or any(self._escaped(owner, window, entry) for window in head.windows):
                due = end_of(entry.stamp, waits.base)
                key = [due, 1, entry.stamp, owner.hex(), entry.order, entry.effective, entry.source.event_id]
                self._adds_of(SYSTEM).items.append(notice("late_evidence", key, entry.source, "consent-events"))
                self._items += 1

    def _escaped(self, owner: bytes, window: int, entry: Entry) -> bool:
        """Return whether a record might have decided an exposure of a window, had it come in time."""
        for exposure in self._subjects.exposures(owner, window):
            known = exposure.tau + self._waits.settle >= entry.stamp
            if not known and entry.effective <= exposure.time and exposure.time + self._waits.correction < entry.stamp:
                return True
        return False


def inapplicable_line(subject: str, event: Engagement, tau: int, record: Record) -> Outgoing:
    """Return the line of an exposure that needs no consent."""
    shown = Exposure(event.occurred_at, tau, tau != event.occurred_at, event.event_id, event.initiative, ("-",) * 4, "-", False, "", 0)
    shown.verdict, shown.cell = "not_applicable", (event.profile, event.channel, event.cohort, event.variant)
    source = Source(record.topic, record.partition, record.offset, event.event_id)
    return verdict_line(shown, None, [tau, 0, event.occurred_at, subject], source)


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


def verdict_line(exposure: Exposure, row: Row | None, key: list[Any], shown: Source) -> Outgoing:
    """Return one verdict with its proof; of several about one exposure the last holds."""
    decided = None if row is None else row.entry
    record: dict[str, Any] | None = None
    if row is not None and decided is not None:
        record = {"state": row.state, "effective": decided.effective, "expires": decided.expires, "stamp": decided.stamp}
        record["event_id"] = decided.source.event_id
    value = {
        "event_id": exposure.event_id,
        "verdict": exposure.verdict,
        "decided_by": None if decided is None else dict(zip(("topic", "partition", "offset"), place_of(decided.source)[:3], strict=True)),
        "exposure": dict(zip(("topic", "partition", "offset"), place_of(shown)[:3], strict=True)),
        "initiative": exposure.initiative,
        "purpose": exposure.purpose,
        "channel": exposure.cell[1],
        "time": exposure.time,
        "tau": exposure.tau,
        "asserted": exposure.asserted,
        "key": key,
        "record": record,
    }
    name = f"{key[3]} {exposure.event_id} {exposure.time}"
    return Outgoing(VERDICTS, None, name.encode(), bytes(memoryview(orjson.dumps(value))), key[0])
