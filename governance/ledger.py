"""The consent ledger of one subject: what was allowed or taken back, for which purpose and channel, and the verdict at a time.

    records   one per consent event that says something, in the order read; their stamps never fall
    rows      (purpose, channel) -> rows by precedence, oldest first; the empty name stands for all purposes or all channels

The row that decides at a time is the last one effective by then: of two at one millisecond the later of refused, expired,
invalidated, revoked, withdrawn, any of them over a grant, and of two grants the one that expires first. An erasure is a row for
everything that grants nothing: a barrier, after which earlier consent counts no more. Rows are bounded; where one was dropped that
might have decided, the verdict says so (`history_truncated`) instead of guessing.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal, NamedTuple

Verdict = Literal["valid", "withdrawn", "refused", "revoked", "expired", "invalidated", "no_record", "history_truncated"]
Scope = tuple[str, str]
ANY = ""  # all of them: no purpose and no channel can be called so
WHOLE: Scope = (ANY, ANY)
VALID: Verdict = "valid"
ERASED = "erased"
STATES = ("given", "renewed", ERASED, "refused", "expired", "invalidated", "revoked", "withdrawn")
NUMBERS = {state: number for number, state in enumerate(STATES)}
ENTRY = 4  # how many numbers a record has before its source
PROMPTS = frozenset({"requested", "deferred"})  # they record that somebody was asked
GRANTS = frozenset({"given", "renewed"})
RANKS = {state: max(0, number - 1) for number, state in enumerate(STATES)}  # the two grants are equal
DENIALS: Mapping[str, Verdict] = {
    "refused": "refused",
    "expired": "expired",
    "invalidated": "invalidated",
    "revoked": "revoked",
    "withdrawn": "withdrawn",
}
NEVER = 1 << 53
BEFORE = -(1 << 53)
ROWS_A_SCOPE = 64  # changes of mind remembered per purpose and channel
SCOPES = 128  # purposes times channels a subject may have a say on
ROWS = 2_048  # over all scopes: about 100 KB, what a hostile subject can take


class Source(NamedTuple):
    """Where a record was read."""

    topic: str
    partition: int
    offset: int
    event_id: str


class Entry(NamedTuple):
    """One consent record: from when and until when (ms, NEVER), its stamp and its number among the subject's records."""

    order: int
    effective: int
    stamp: int
    expires: int
    source: Source


class Row(NamedTuple):
    """What one record says about one scope."""

    state: str
    entry: Entry

    @property
    def precedence(self) -> tuple[int, int, int, int]:
        """Return what decides between two rows: the larger wins."""
        expires = -self.entry.expires if self.state in GRANTS else 0
        return self.entry.effective, RANKS[self.state], expires, -self.entry.order


@dataclass(frozen=True, slots=True)
class Statement:
    """What a consent record says, before it has its place in a ledger: a state per scope."""

    effective: int
    stamp: int
    expires: int
    source: Source
    states: Mapping[Scope, str]


class Question(NamedTuple):
    """One personalised exposure: may `purpose` be served on `channel` at `time` (ms)? `opt_in`: is silence a denial?"""

    purpose: str
    channel: str
    time: int
    opt_in: bool

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """Return the scopes whose rows can answer it."""
        return answering(self.purpose, self.channel)


@lru_cache(maxsize=1_024)
def answering(purpose: str, channel: str) -> tuple[Scope, ...]:
    """Return the scopes whose rows speak of a purpose on a channel."""
    return (purpose, channel), (purpose, ANY), (ANY, channel), WHOLE


class Judgement(NamedTuple):
    """The verdict and the row that decided it, None where none did."""

    verdict: Verdict
    row: Row | None = None


@dataclass(frozen=True, slots=True)
class Ledger:
    """All rows of a subject.

    `floors` and `lost` tell what was dropped, as the latest effective time of it, per scope and of scopes never taken in; `order` and
    `stamp` are those of the last record, `applied` the order up to which earlier exposures were looked at again; `gone` is the last
    erasure whose rows were deleted, and when, both ms.
    """

    rows: Mapping[Scope, tuple[Row, ...]] = field(default_factory=dict)
    floors: Mapping[Scope, int] = field(default_factory=dict)
    lost: int = BEFORE
    order: int = 0
    stamp: int = BEFORE
    applied: int = 0
    gone: tuple[int, int] | None = None

    def order_at(self, stamp: int) -> int:
        """Return the order of the last record stamped at most `stamp`, 0 for none."""
        if self.stamp <= stamp:
            return self.order
        return max((row.entry.order for row in self.all_rows() if row.entry.stamp <= stamp), default=0)

    def all_rows(self) -> Iterator[Row]:
        """Yield every row."""
        for rows in self.rows.values():
            yield from rows

    def entries(self) -> dict[int, Entry]:
        """Return the records that still have rows, by order."""
        return {row.entry.order: row.entry for row in self.all_rows()}

    def rows_of(self, question: Question) -> list[Row]:
        """Return the rows that speak of a question's purpose and channel, in the order read."""
        found = [row for scope in question.scopes for row in self.rows.get(scope, ())]
        return sorted(found, key=lambda row: row.entry.order)


def recorded(ledger: Ledger, said: Statement) -> Ledger:
    """Return the ledger with one more record; a stamp below the last one counts as the last one, so that stamps never fall.

    What a deleted erasure covers is not taken in again.
    """
    order, stamp = ledger.order + 1, max(said.stamp, ledger.stamp)
    entry = Entry(order, said.effective, stamp, said.expires, said.source)
    rows, floors, lost = dict(ledger.rows), dict(ledger.floors), ledger.lost
    for scope, state in sorted(said.states.items()):
        row, before = Row(state, entry), rows.get(scope)
        if ledger.gone is not None and covers(ledger.gone[0], row):
            continue
        if before is None:
            if len(rows) >= SCOPES and scope != WHOLE:
                lost = max(lost, said.effective)
                continue
            rows[scope] = (row,)
            continue
        kept = sorted((*before, row), key=lambda row: row.precedence)
        if len(kept) > ROWS_A_SCOPE:
            floors[scope] = max(floors.get(scope, BEFORE), kept.pop(0).entry.effective)
        rows[scope] = tuple(kept)
    while sum(map(len, rows.values())) > ROWS:
        longest = max(sorted(rows), key=lambda scope: len(rows[scope]))
        floors[longest] = max(floors.get(longest, BEFORE), rows[longest][0].entry.effective)
        rows[longest] = rows[longest][1:]
    return Ledger(rows, floors, lost, order, stamp, ledger.applied, ledger.gone)


def judge(ledger: Ledger, question: Question, upto: int, cut: int, horizon: int) -> Judgement:
    """Return the verdict by the records numbered up to `upto`.

    `cut` is the time of which the verdict speaks (ms): erasures that were `horizon` old by then have taken their rows with them.
    """
    rows, floors, time = ledger.rows, ledger.floors, question.time
    if (WHOLE in rows or ledger.gone is not None) and time < erased_by(ledger, upto, cut, horizon):
        return silence(question)
    best: Row | None = None
    floor = ledger.lost
    for scope in question.scopes:
        held = rows.get(scope)
        found = None if held is None else last_row(held, time, upto)
        if found is None:
            if floors:
                floor = max(floor, floors.get(scope, BEFORE))
        elif best is None or found.precedence > best.precedence:
            best = found
    if floor > BEFORE and (best is None or best.entry.effective <= floor):
        return Judgement("history_truncated")
    if best is None or best.state == ERASED:
        return silence(question)
    return Judgement(verdict_of(best, time), best)


def silence(question: Question) -> Judgement:
    """Return the verdict of no record at all: a denial where people must opt in, elsewhere valid and decided by nothing."""
    return Judgement("no_record" if question.opt_in else VALID)


def verdict_of(row: Row, time: int) -> Verdict:
    """Return what a deciding row says at a time: a grant holds from its time up to, not at, its expiry."""
    if row.state in GRANTS:
        return "expired" if row.entry.expires <= time else VALID
    return DENIALS[row.state]


def last_row(rows: tuple[Row, ...], time: int, upto: int) -> Row | None:
    """Return the row of a scope that decides at a time."""
    for row in reversed(rows):
        if row.entry.effective <= time and row.entry.order <= upto:
            return row
    return None


def erased_by(ledger: Ledger, upto: int, cut: int, horizon: int) -> int:
    """Return the time of the last erasure whose rows are gone at `cut`, ms."""
    latest = ledger.gone[0] if ledger.gone is not None and ledger.gone[1] <= cut else BEFORE
    for row in ledger.rows.get((ANY, ANY), ()):
        if row.state == ERASED and row.entry.order <= upto and goes(row.entry, horizon) <= cut:
            latest = max(latest, row.entry.effective)
    return latest


def goes(erasure: Entry, horizon: int) -> int:
    """Return when the rows an erasure covers are deleted, ms."""
    return max(erasure.effective, erasure.stamp) + horizon


def covers(time: int, row: Row) -> bool:
    """Return whether an erasure at `time` (ms) takes a row with it: all before, and what it wins over at its own millisecond."""
    return (row.entry.effective, RANKS[row.state]) <= (time, RANKS[ERASED])


def forgotten(ledger: Ledger, watermark: int, horizon: int) -> Ledger:
    """Return the ledger without the rows of erasures that the watermark has passed by `horizon`; what remains of them is a time."""
    barriers = [row.entry for row in ledger.rows.get((ANY, ANY), ()) if row.state == ERASED and goes(row.entry, horizon) <= watermark]
    if not barriers:
        return ledger
    last = max(barriers, key=lambda entry: entry.effective)
    time = last.effective
    kept = {scope: tuple(row for row in rows if not covers(time, row)) for scope, rows in ledger.rows.items()}
    gone = (time, goes(last, horizon)) if ledger.gone is None or ledger.gone[0] < time else ledger.gone
    return replace(
        ledger,
        rows={scope: rows for scope, rows in kept.items() if rows},
        floors={scope: floor for scope, floor in ledger.floors.items() if floor >= time},
        lost=ledger.lost if ledger.lost >= time else BEFORE,
        gone=gone,
    )


def scopes_of(purposes: Iterable[str] | None, channels: Iterable[str] | None) -> list[Scope]:
    """Return the scopes a record speaks of; None means all."""
    places = (ANY,) if channels is None else tuple(channels)
    return [(purpose, channel) for purpose in ((ANY,) if purposes is None else purposes) for channel in places]


def plain(ledger: Ledger) -> list[Any]:
    """Return a ledger as plain JSON values, every record once."""
    records = [[*one[:ENTRY], *one.source] for _, one in sorted(ledger.entries().items())]
    rows = [
        [*scope, [number for row in kept for number in (row.entry.order, NUMBERS[row.state])]]
        for scope, kept in sorted(ledger.rows.items())
    ]
    floors = [[*scope, floor] for scope, floor in sorted(ledger.floors.items())]
    return [records, rows, floors, ledger.lost, ledger.order, ledger.stamp, ledger.applied, ledger.gone]


def ledger_of(value: list[Any]) -> Ledger:
    """Return the ledger `plain` gave back."""
    records, rows, floors, lost, order, stamp, applied, gone = value
    entries = {one[0]: Entry._make((*one[:ENTRY], Source._make(one[ENTRY:]))) for one in records}
    return Ledger(
        {
            (purpose, channel): tuple([Row(STATES[kept[i + 1]], entries[kept[i]]) for i in range(0, len(kept), 2)])
            for purpose, channel, kept in rows
        },
        {(purpose, channel): floor for purpose, channel, floor in floors},
        lost,
        order,
        stamp,
        applied,
        None if gone is None else (gone[0], gone[1]),
    )
