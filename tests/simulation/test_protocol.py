"""The commit protocol alone, over a fold so small that its answer is a sum: thousands of histories, every one exact.

A source counts amounts by key and sends what was added at each flush to two receivers, who count again and publish every total once.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from random import Random

import orjson
import pytest

from streams.kernel import changelog
from streams.kernel.changelog import BrokenLogError, Entry, Landed, Loaded, Place, encode, landing, load
from streams.kernel.record import STAMP, Commit, Outgoing
from streams.kernel.rows import Draft, Rows, RowVersionError, pack, unpack
from tests.simulation.log import Log
from tests.simulation.owner import Faults, Rules, Seat, drain

RECEIVERS = 2
Item = tuple[str, int] | None  # a key and what to add, or a flush
Messages = list[bytes]


def stamp_of(rows: Rows) -> list[int]:
    """How far the inputs were read, then one number per channel."""
    return unpack(rows.stamp) if rows.stamp else [0] * (1 + RECEIVERS)


@dataclass
class Source:
    """Counts the items and sends at each flush; a batch that does not continue from the stamp is refused."""

    items: list[Item]
    chance: Random

    def fold(self, rows: Rows) -> Commit | None:
        position, *numbers = stamp_of(rows)
        start = position
        if self.chance.random() < 0.1:
            start = max(0, position + self.chance.choice([-3, -1, 1, 4]))  # a rewind or a hole
        if start > position:
            start = position  # refused and sought back
        batch = list(enumerate(self.items))[start : start + self.chance.choice([1, 2, 5, 20])]
        if not batch:
            return None
        draft = Draft(rows)
        for offset, item in batch:
            if offset < position:
                continue
            if item is not None:
                row = b"p" + item[0].encode()
                draft.put(row, pack(item[1] + number_in(draft.get(row))))
                continue
            for receiver in range(RECEIVERS):
                numbers[receiver] += 1
                self.flush(draft, receiver, numbers[receiver])
        return draft.commit(pack(max(position, batch[-1][0] + 1), *numbers))

    def flush(self, draft: Draft, receiver: int, number: int) -> None:
        added = {}
        for row in [row for row in draft.keys(b"p") if row[-1] % RECEIVERS == receiver]:
            added[row[1:].decode()] = number_in(draft.get(row))
            draft.drop(row)
        draft.send(Outgoing("signals", receiver, None, orjson.dumps([number, added]), 0))


def number_in(row: bytes | None) -> int:
    return int(unpack(row)[0]) if row else 0


@dataclass
class Receiver:
    """Adds up what arrives on one channel, drops what arrives twice, and publishes every total under a name of its own."""

    inbox: Messages
    chance: Random

    def fold(self, rows: Rows) -> Commit | None:
        position, last, _ = stamp_of(rows)
        batch = self.inbox[position : position + self.chance.choice([1, 3, 9])]
        if not batch:
            return None
        draft = Draft(rows)
        for message in batch:
            position += 1
            number, added = orjson.loads(message)
            if number <= last:
                continue
            assert number == last + 1, "a gap in a channel"
            last = number
            for key, amount in added.items():
                row = b"t" + key.encode()
                total = amount + number_in(draft.get(row))
                draft.put(row, pack(total))
                draft.send(Outgoing("totals", None, f"{key}/{number}".encode(), str(total).encode(), 0))
        return draft.commit(pack(position, last, 0))


@dataclass
class History:
    """What came of one seed: whether all that was promised held."""

    exact: bool
    voids: int


def made(chance: Random) -> list[Item]:
    """Return some items, a flush after the last."""
    wanted = chance.choice([5, 12, 25])
    return [(chance.choice("abcd"), chance.randrange(1, 9)) if chance.random() < 0.75 else None for _ in range(wanted)] + [None]


def history(seed: int, rules: Rules | None = None) -> History:
    """Run one history: a source and two receivers, with crashes, frozen owners, retried appends and compaction."""
    chance = Random(seed)
    rules = rules or Rules()
    items = made(chance)
    risks = [0, 0.04, 0.15]
    faults = Faults(crash=chance.choice(risks), freeze=chance.choice(risks), compact=chance.choice([0, 0.1]))
    inboxes: list[Messages] = [[] for _ in range(RECEIVERS)]
    totals: dict[bytes, bytes] = {}
    torn: list[bytes] = []

    def deliver(message: Outgoing) -> None:
        assert message.partition is not None
        inboxes[message.partition].append(message.value)

    def publish(message: Outgoing) -> None:
        assert message.key is not None
        if totals.setdefault(message.key, message.value) != message.value:
            torn.append(message.key)

    logs = [Log(chance, twice=chance.choice([0, 0.05])) for _ in range(1 + RECEIVERS)]
    seats = [Seat(Source(items, chance).fold, deliver, logs[0], faults, chance, rules)]
    seats += [Seat(Receiver(inbox, chance).fold, publish, log, faults, chance, rules) for inbox, log in zip(inboxes, logs[1:], strict=True)]
    try:
        for _ in range(2 * len(items)):
            chance.choice(seats).turn()
        drain(seats)
        exact = not torn and (dict(truth(items)), expected_totals(items)) == (standing(seats), totals)
    except (AssertionError, BrokenLogError):
        exact = False
    return History(exact, sum(voids(log) for log in logs))


def truth(items: Iterable[Item]) -> Counter[str]:
    out: Counter[str] = Counter()
    for item in items:
        if item:
            out[item[0]] += item[1]
    return out


def expected_totals(items: Iterable[Item]) -> dict[bytes, bytes]:
    """Every total that must have been published: by key and number of the flush."""
    out, sums, touched, number = {}, Counter[str](), set(), 0
    for item in items:
        if item is not None:
            sums[item[0]] += item[1]
            touched.add(item[0])
            continue
        number += 1
        out.update({f"{key}/{number}".encode(): str(sums[key]).encode() for key in touched})
        touched = set()
    return out


def standing(seats: Iterable[Seat]) -> dict[str, int]:
    return {key[1:].decode(): number_in(value) for seat in seats for key, value in seat.rows().items() if key != STAMP}


def voids(log: Log) -> int:
    return sum(1 for offset, key, value in log.read() if key == STAMP and changelog.expected_at(value) != offset)


def test_ten_thousand_histories_are_exact() -> None:
    """Crashes before, during and after each step, owners that wake, outboxes sent twice, holes and rewinds: the answer is the sum."""
    outcomes = [history(seed) for seed in range(10_000)]

    assert [seed for seed, outcome in enumerate(outcomes) if not outcome.exact] == []
    assert sum(outcome.voids for outcome in outcomes) > 1_000  # the histories really had two owners


def always_landed(batch: changelog.Batch, landed_at: int, between: Iterable[Entry]) -> Landed:
    """The missing fence: whoever appends believes that it is the owner."""
    return Landed(replace(batch.then, base=landed_at + len(batch.records)))


def load_forgetting(records: Iterable[Entry], end: int) -> Loaded:
    """The missing rewrite: what void batches wrote is skipped and not written over."""
    loaded = load(records, end)
    return replace(loaded, place=replace(loaded.place, foreign=frozenset()))


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        (Rules(landing=always_landed), "two owners both count"),
        (Rules(load=load_forgetting), "compaction keeps a void row and forgets the valid one under it"),
        (Rules(resend=False), "what was committed and not sent is lost"),
    ],
    ids=["no fence", "void rows not rewritten", "outbox not sent again"],
)
def test_every_rule_of_the_protocol_is_needed(rules: Rules, why: str) -> None:
    """Without one rule the same histories go wrong: so they do test it."""
    assert any(not history(seed, rules).exact for seed in range(1_500)), f"not seen: {why}"


def commit_of(rows: dict[bytes, bytes | None], stamp: bytes = b"s", outbox: tuple[Outgoing, ...] = ()) -> Commit:
    return Commit(rows, stamp, outbox)


def log_of(*batches: changelog.Batch) -> list[Entry]:
    """The batches one after the other, wherever they expected to land."""
    return list(enumerate_records(batches))


def enumerate_records(batches: Iterable[changelog.Batch]) -> Iterable[Entry]:
    return ((offset, *record) for offset, record in enumerate(record for batch in batches for record in batch.records))


def test_what_was_encoded_is_loaded() -> None:
    """Rows, stamp and the outbox of the last commit come back as they were given, byte for byte."""
    large = Outgoing("x", 0, b"", bytes(300_000), 1 << 50)
    outbox = (Outgoing("incidents", None, "ä".encode(), b"{}", 7), large, Outgoing("monitor-signals", 3, None, b"", -1))
    one = encode(commit_of({b"ra": b"1", b"rb": b"2"}, outbox=outbox), Place(), Rows())
    loaded = load(log_of(one), len(one.records))

    assert dict(loaded.rows.items()) == {b"ra": b"1", b"rb": b"2", STAMP: b"s"}
    assert loaded.outbox == outbox
    assert loaded.place == one.then

    two = encode(commit_of({b"ra": None}, stamp=b"t"), loaded.place, loaded.rows)
    after = load(log_of(one, two), two.then.base)
    assert (dict(after.rows.items()), after.outbox, after.place) == ({b"rb": b"2", STAMP: b"t"}, (), two.then)


def test_a_batch_that_landed_elsewhere_is_void_for_every_reader() -> None:
    """Two owners write at one base: the first batch counts, the second is skipped, and its keys are written again by the next commit."""
    first = encode(commit_of({b"ra": b"1"}), Place(), Rows())
    late = encode(commit_of({b"ra": b"9", b"rz": b"9"}, stamp=b"z"), Place(), Rows())
    loaded = load(log_of(first, late), 5)

    assert dict(loaded.rows.items()) == {b"ra": b"1", STAMP: b"s"}
    assert loaded.place == Place(base=5, number=2, held=1, foreign=frozenset({b"ra", b"rz"}))
    assert dict(encode(commit_of({}), loaded.place, loaded.rows).records[1:]) == {b"ra": b"1", b"rz": None}


def test_a_writer_that_landed_elsewhere_leaves_or_goes_on() -> None:
    """Behind a valid batch it is no longer the owner; behind void ones it writes again, over their keys too."""
    mine = encode(commit_of({b"ra": b"1"}), Place(base=3), Rows())
    valid = [(3, STAMP, encode(commit_of({}), Place(base=3), Rows()).records[0][1])]
    void = [(3, STAMP, late_stamp := encode(commit_of({b"rz": b"9"}), Place(base=1), Rows()).records[0][1]), (4, b"rz", b"9")]

    assert late_stamp is not None
    assert landing(mine, 3, ()) == Landed(mine.then)
    assert landing(mine, 4, valid) == changelog.Leave()
    assert landing(mine, 5, void) == changelog.Again(Place(base=7, foreign=frozenset({b"rz"})))


def broken(change: Callable[[list[Entry]], list[Entry]], end: int = 5) -> Callable[[], Loaded]:
    one = encode(commit_of({b"ra": b"1"}), Place(), Rows())
    two = encode(commit_of({b"rb": b"2", b"rc": b"3"}), one.then, Rows())
    return lambda: load(change(log_of(one, two)), end)


@pytest.mark.parametrize(
    "change",
    [
        lambda entries: [],
        lambda entries: entries[:-1],
        lambda entries: entries[:-2],
        lambda entries: [entry for entry in entries if entry[1] != b"ra"],
        lambda entries: [entry for entry in entries if entry[1] != b"rb"],
        lambda entries: [entry for entry in entries if entry[1] != STAMP],
        lambda entries: [(offset, key, None if key == STAMP else value) for offset, key, value in entries],
    ],
    ids=["nothing read", "tail missing", "two missing", "old row missing", "row of the last batch missing", "no stamp", "stamp deleted"],
)
def test_a_log_that_lost_something_is_refused(change: Callable[[list[Entry]], list[Entry]]) -> None:
    """A recovery with holes is worse than none: what the stamp counts must be there."""
    assert len(broken(lambda entries: entries)().rows.stamp or b"") == 1
    with pytest.raises(BrokenLogError):
        broken(change)()


def test_a_stamp_of_a_newer_program_is_refused() -> None:
    """Rows are never read by a program that does not know their version."""
    one = encode(commit_of({}), Place(), Rows())
    stamp = one.records[0][1]
    assert stamp is not None
    with pytest.raises(RowVersionError):
        load([(0, STAMP, bytes([stamp[0] + 1]) + stamp[1:])], 1)
