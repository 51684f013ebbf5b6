"""A fault in the read model costs what it shows, never the work it is told of."""

import asyncio
from collections.abc import Iterable

import orjson
import pytest

from streams.kernel.record import Commit, Outgoing
from streams.kernel.rows import Rows
from streams.read_model.feeder import Feeder
from streams.read_model.memory import MemoryModel
from tests.streams.read_model.outputs import START, window


def commit(*outbox: Outgoing) -> Commit:
    """Return a commit that publishes and changes no row."""
    return Commit({}, b"", outbox)


class Broken(MemoryModel):
    """A model with a defect."""

    def take(self, shard: int, commit: int, outbox: Iterable[Outgoing]) -> None:
        """Fail."""
        raise KeyError("a secret person")

    def rebuild(self, shard: int, commit: int) -> None:
        """Fail in another way."""
        raise ValueError("a secret person")


def test_a_defect_is_told_once_of_each_kind_and_without_what_it_holds(capfd: pytest.CaptureFixture[str]) -> None:
    feeder = Feeder(Broken())
    for number in range(3):
        feeder.committed("monitor", 0, number, commit(window(START, 1)), Rows())
        asyncio.run(feeder.opened(0, number, Rows()))
    lines = [orjson.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [(line["event"], line["kind"]) for line in lines] == [("read_model_failed", "KeyError"), ("read_model_failed", "ValueError")]


def test_stages_of_one_partition_count_their_own_commits() -> None:
    """The intake of a partition is far ahead of its monitor in commits; neither loses for that."""
    model = MemoryModel()
    feeder = Feeder(model)
    feeder.committed("intake", 0, 900, commit(), Rows())
    feeder.committed("monitor", 0, 3, commit(window(START, 5)), Rows())
    assert [place.closed for place in model.fold.places()] == [START]
    feeder.gone("monitor", 0)
    assert model.fold.places() == []
