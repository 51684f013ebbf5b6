"""What the monitor says of itself: keys in the wrong partition, and a shard that stands still."""

from typing import Any

import orjson
import pytest

from detectors.window import MINUTE, SECOND
from governance.config import load_config
from streams.event_file import partition_of
from streams.kernel.record import Outgoing, Record
from streams.kernel.rows import Draft, Rows
from streams.kernel.stall import hear
from streams.replay import Replay

BEGIN = 1_763_805_600_000
SHARDS = 4
CONFIG = load_config("version: 1\ntiming: {window: 1m, tick: 10s, settle: 1m, stalled_after: 1m}\n")


def records(engagement: dict[str, int], consent: dict[str, int]) -> list[Record]:
    """Return a consent record and an exposure of subjects, each on the partition given; offsets are counted."""
    found, offsets = [], dict[tuple[str, int], int]()
    for number, subject in enumerate(engagement):
        at = BEGIN + number * SECOND
        given = {"event_id": f"c-{subject}", "occurred_at": at, "subject_id": subject, "state": "given", "purposes": ["x"], "source": "cmp"}
        seen = {"event_id": f"e-{subject}", "occurred_at": at, "type": "exposure", "initiative": "home", "subject_id": subject}
        for topic, partition, value in (
            ("consent-events", consent[subject], given),
            ("engagement-events", engagement[subject], seen),
        ):
            offset = offsets[topic, partition] = offsets.get((topic, partition), -1) + 1
            found.append(Record(topic, partition, offset, at, subject.encode(), orjson.dumps(value)))
    return found


def findings(check: str, fed: list[Record]) -> list[dict[str, Any]]:
    """Return the findings of a check that a replay of records publishes."""
    sent: list[Outgoing] = []
    replay = Replay(SHARDS, sent.append, CONFIG)
    replay.feed(fed)
    replay.drain()
    data = [orjson.loads(one.value)["data"] for one in sent if one.topic == "findings"]
    return [one for one in data if one["check"] == check]


SUBJECTS = [f"u-{number}" for number in range(40)]
RIGHT = {subject: partition_of(subject.encode(), SHARDS) for subject in SUBJECTS}
OTHER = {subject: sum(subject.encode()) % SHARDS for subject in SUBJECTS}  # another partitioner's idea


@pytest.mark.parametrize("both", [RIGHT, OTHER])
def test_any_partitioner_will_do_where_all_topics_have_the_same(both: dict[str, int]) -> None:
    assert findings("misrouted", records(both, both)) == []


def test_a_topic_that_is_partitioned_otherwise_is_told_of_once_a_day() -> None:
    """Exposures would be judged without the consent records of their subjects: that must not pass in silence."""
    (found,) = findings("misrouted", records(RIGHT, OTHER))
    assert (found["initiative"], found["severity"], found["state"]) == ("_system", "high", "confirmed")
    assert "sampled keys came in two partitions" in found["observed"]
    assert not any(subject in orjson.dumps(found).decode() for subject in SUBJECTS)


def heard(bulletins: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Let bulletins (intake shard, watermark) come one after the other to two shards' monitor; return (feed, seconds) of what is told."""
    draft, watermarks = Draft(Rows()), dict[str, int]()
    for source, mark in bulletins:
        before = max(watermarks.values(), default=-1)
        watermarks[source] = mark
        hear(draft, source, watermarks, before, 2, CONFIG.timing)
    data = [orjson.loads(one.value)["data"] for one in draft.commit(b"").outbox]
    return [(one["key"]["feed"], one["observed"]) for one in data]


def test_a_shard_that_stands_still_is_told_of_once_until_it_is_heard_again() -> None:
    """Shard 1 is heard twice, is silent for two minutes, comes back, and falls silent again."""
    ticks = range(BEGIN, BEGIN + 2 * MINUTE, 10 * SECOND)
    alone = [("0", at) for at in ticks]
    again = [("0", at + 2 * MINUTE) for at in ticks]
    both = [("0", BEGIN - 10 * SECOND), ("1", BEGIN - 10 * SECOND)]
    assert heard([*both, *alone, ("1", BEGIN + 2 * MINUTE), *again]) == [("intake-1", 70), ("intake-1", 70)]


def test_one_that_was_never_heard_is_told_of_too() -> None:
    assert heard([("0", at) for at in range(BEGIN, BEGIN + 3 * MINUTE, 10 * SECOND)]) == [("intake-1", 70)]


def test_a_backlog_is_no_standstill() -> None:
    """Shard 0 folds an hour of ticks as one, then shard 1 does: hours of difference, one turn."""
    assert heard([(source, BEGIN + hour * 60 * MINUTE) for hour in range(30) for source in ("0", "1")]) == []
