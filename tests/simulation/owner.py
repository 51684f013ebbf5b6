"""One owner of a shard as a sequence of moments: stop calling it and it has crashed, call it later and it was frozen.

    load ─► send the last outbox again ─► fold ─► append ─► acknowledged ─► apply ─► send the outbox ─► fold …
          ·                             ·      ·         ·               ·        ·  ·  ·  ·             each · is a moment where it can end
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from random import Random
from typing import Protocol

from streams.kernel import changelog
from streams.kernel.changelog import Again, Batch, Entry, Landed, Leave, Loaded, encode
from streams.kernel.record import Commit, Outgoing
from streams.kernel.rows import Rows
from tests.simulation.log import Log

Fold = Callable[[Rows], Commit | None]  # the next commit over the rows; None: nothing to do now
Send = Callable[[Outgoing], None]


class Moment(Enum):
    """Where an owner stands."""

    LOADED = auto()
    FOLDED = auto()
    APPENDED = auto()
    APPLIED = auto()
    SENT = auto()
    DONE = auto()
    IDLE = auto()


class Landing(Protocol):
    """What an acknowledged offset means."""

    def __call__(self, batch: Batch, landed_at: int, between: Iterable[Entry]) -> Landed | Again | Leave: ...


@dataclass(frozen=True)
class Rules:
    """The protocol as the owner knows it; the tests replace a rule to show that it is needed."""

    landing: Landing = changelog.landing
    load: Callable[[Iterable[Entry], int], Loaded] = changelog.load
    resend: bool = True


def owning(log: Log, fold: Fold, send: Send, rules: Rules) -> Iterator[Moment]:
    """Own a shard from its changelog on; ends when the log shows another owner."""
    loaded = rules.load(log.read(), log.end)
    rows, place = loaded.rows, loaded.place
    yield Moment.LOADED
    if rules.resend:
        for message in loaded.outbox:
            send(message)
            yield Moment.SENT
    while True:
        commit = fold(rows)
        if commit is None:
            yield Moment.IDLE
            continue
        yield Moment.FOLDED
        landed: Landed | Again | Leave = Again(place)
        while isinstance(landed, Again):
            batch = encode(commit, landed.place, rows)
            at = log.append(batch.records)
            yield Moment.APPENDED
            landed = rules.landing(batch, at, log.read(batch.place.base, at))
        if isinstance(landed, Leave):
            return
        place = landed.place
        rows.apply(commit)
        yield Moment.APPLIED
        for message in commit.outbox:
            send(message)
            yield Moment.SENT
        yield Moment.DONE


@dataclass
class Faults:
    """How often an owner crashes or freezes at a moment, and a frozen one wakes."""

    crash: float = 0.0
    freeze: float = 0.0
    wake: float = 0.2
    compact: float = 0.0


@dataclass
class Seat:
    """The place of a shard's owner: the current one, and those that were frozen and do not know that they were replaced."""

    fold: Fold
    send: Send
    log: Log
    faults: Faults
    chance: Random
    rules: Rules = field(default_factory=Rules)
    owner: Iterator[Moment] | None = None
    frozen: list[Iterator[Moment]] = field(default_factory=list)

    def turn(self) -> bool:
        """Let the shard commit once, or find nothing to do; False when idle. What goes wrong on the way goes wrong."""
        if self.frozen and self.chance.random() < self.faults.wake:
            self._wake()
        if self.chance.random() < self.faults.compact:
            self.log.compact()
        while True:
            moment = self._advance()
            if moment in (Moment.DONE, Moment.IDLE):
                return moment is Moment.DONE
            fate = self.chance.random()
            if fate < self.faults.crash:
                self.owner = None
                return True
            if fate < self.faults.crash + self.faults.freeze:
                assert self.owner is not None
                self.frozen.append(self.owner)
                self.owner = None
                return True

    def rows(self) -> Rows:
        """Return the state as the log has it."""
        return changelog.load(self.log.read(), self.log.end).rows

    def _advance(self) -> Moment:
        while True:
            if self.owner is None:
                self.owner = owning(self.log, self.fold, self.send, self.rules)
            moment = next(self.owner, None)
            if moment is not None:
                return moment
            self.owner = None

    def _wake(self) -> None:
        """Let a frozen owner go on for some moments, then it freezes again, dies, or finds out."""
        sleeper = self.frozen.pop(self.chance.randrange(len(self.frozen)))
        for _ in range(self.chance.choice([1, 2, 5, 40])):
            moment = next(sleeper, None)
            if moment is None or moment is Moment.IDLE:
                return
        if self.chance.random() < 0.5:
            self.frozen.append(sleeper)


def drain(seats: Sequence[Seat]) -> None:
    """Let every shard run, without further faults, until none has anything to do."""
    for seat in seats:
        seat.faults = Faults()
    busy = True
    while busy:
        busy = False
        for seat in seats:
            busy |= seat.turn()
