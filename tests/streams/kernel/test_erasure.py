"""An erasure as the changelog has it: the rows of the subject become tombstones, and what is left tells a time and no more."""

from collections.abc import Sequence

import orjson

from detectors.window import HOUR, MINUTE
from governance.config import Config, load_config
from governance.identity import subject_hash
from streams import clockwork
from streams.kernel import intake
from streams.kernel.changelog import Batch, encode, load
from streams.kernel.record import Record, Shard
from streams.kernel.rows import Rows, unpack
from streams.kernel.subject import BARRIERS, LEDGERS, LOOKS

NOON = 1_795_348_800_000  # 2026-11-22T12:00:00Z
KEY = b"a key of the tests"
OWNER = bytes.fromhex(subject_hash(KEY, "u-1"))


class Changelog:
    """One intake shard and everything its changelog holds."""

    def __init__(self, config: Config) -> None:
        self.rows, self.shard, self.batches, self.ticks, self.read = Rows(), Shard(0, 1, KEY), list[Batch](), 0, 0
        self.exposures = 0
        value = orjson.dumps({"sha256": config.sha256, "effective_at": None, "config": config.effective(), "policies": []})
        self.take([Record("monitor-config", 0, 0, 0, b"", value)])

    def take(self, batch: Sequence[Record]) -> None:
        """Fold records and write the commit."""
        commit = intake.step(self.rows, self.shard, batch)
        entries = [(place, *record) for place, record in enumerate(one for batch in self.batches for one in batch.records)]
        self.batches.append(encode(commit, load(entries, len(entries)).place, self.rows))
        self.rows.apply(commit)

    def said(self, state: str, at: int, stamp: int) -> None:
        """Fold a consent record."""
        value = {"event_id": f"c{self.read}", "occurred_at": at, "subject_id": "u-1", "state": state, "purposes": ["personalised_content"]}
        self.take([Record("consent-events", 0, self.read, stamp, b"u-1", orjson.dumps(value))])
        self.read += 1

    def shown(self, at: int) -> None:
        """Fold an exposure."""
        value = {"event_id": f"e{at}", "occurred_at": at, "type": "exposure", "initiative": "home", "subject_id": "u-1"}
        self.take([Record("engagement-events", 0, self.exposures, at, b"u-1", orjson.dumps(value))])
        self.exposures += 1

    def tick(self, at: int) -> None:
        """Fold a tick."""
        ends = {"consent-events": self.read, "engagement-events": self.exposures}
        self.take([clockwork.tick_record(0, self.ticks, at, ends, drain=False)])
        self.ticks += 1

    def last(self, key: bytes) -> tuple[int, bytes | None]:
        """Return how often a key was written, and its last value: what compaction leaves."""
        found = [value for batch in self.batches for name, value in batch.records if name == key]
        return len(found), found[-1] if found else None


def test_the_rows_of_an_erased_subject_are_tombstones_in_the_changelog_and_stay_so() -> None:
    """A day after the erasure; a record from before it that comes later still writes nothing of what it says."""
    log = Changelog(Config(version=1))
    log.said("given", NOON, NOON)
    log.said("erased", NOON + MINUTE, NOON + MINUTE)
    log.tick(NOON + 5 * MINUTE)
    assert b'"c0"' in (log.last(LEDGERS + OWNER)[1] or b"")

    for hours in range(1, 27):
        log.tick(NOON + hours * HOUR)
    assert log.last(LEDGERS + OWNER)[1] is None
    left = log.last(BARRIERS + OWNER)[1] or b""
    assert b'"c0"' not in left
    assert b'"c1"' not in left

    log.said("given", NOON, NOON + 27 * HOUR)
    log.tick(NOON + 28 * HOUR)
    log.tick(NOON + 30 * HOUR)
    assert log.last(LEDGERS + OWNER)[1] is None
    assert b'"c2"' not in (log.last(BARRIERS + OWNER)[1] or b"")


def test_a_quiet_subject_is_forgotten_by_policy() -> None:
    """Two days after it was last shown anything, and its consent with it; the day it was shown something counts whole."""
    log = Changelog(load_config("version: 1\nprivacy: {erase_after: 2d}\n"))
    log.said("given", NOON, NOON)
    for hours in range(1, 90):
        if hours == 30:
            log.shown(NOON + 30 * HOUR - MINUTE)
        log.tick(NOON + hours * HOUR)
        kept = log.rows.get(LEDGERS + OWNER) is not None
        assert kept == (hours <= 84), hours

    assert log.last(LEDGERS + OWNER)[1] is None
    assert log.rows.get(BARRIERS + OWNER) is None


def test_who_says_something_every_hour_is_listed_twice_at_most_and_forgotten_when_quiet() -> None:
    """For what comes next and for when all of it has been quiet; not once for each thing said."""
    log = Changelog(load_config("version: 1\nprivacy: {erase_after: 3d}\n"))
    for hours in range(1, 24 * 14):
        if hours <= 24 * 10:
            log.said("given" if hours % 2 else "withdrawn", NOON + hours * HOUR - 2 * MINUTE, NOON + hours * HOUR - 2 * MINUTE)
        log.tick(NOON + hours * HOUR)
        listed = [name for key in log.rows.keys(LOOKS) for name in unpack(log.rows.get(key) or b"")[0]]
        assert len(listed) <= 2, hours
        assert (log.rows.get(LEDGERS + OWNER) is not None) == (hours <= 24 * 13), hours
    assert listed == []
