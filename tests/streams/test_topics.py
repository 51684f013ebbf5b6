"""Topics are made as they are meant, and a deployment that does not fit what is there is refused with what would be right."""

import asyncio
from itertools import count

import pytest

from governance.config import Config, load_config
from streams.settings import Settings, read_settings
from streams.topics import KEPT_DAYS, TopicsError, prepare, wanted
from streams.transport.bus import Topic
from streams.transport.memory_bus import MemoryBus

GROUPS = count()


def settings(partitions: int = 3, clock: str = "wall") -> Settings:
    return read_settings(partitions=partitions, group="own", topic_prefix="p.", clock=clock)


def prepared(*attempts: Settings, config: Config | None = None, before: tuple[Topic, ...] = ()) -> dict[str, Topic]:
    """Prepare one bus once for each of the settings; return what is there then."""

    async def go() -> dict[str, Topic]:
        bus = MemoryBus(f"mem://topics-{next(GROUPS)}")
        await bus.open()
        try:
            await bus.create(before)
            for own in attempts:
                await prepare(bus, own, config or Config(version=1))
            return await bus.describe([topic.name for topic in wanted(attempts[0])])
        finally:
            await bus.close()

    return asyncio.run(go())


def test_every_topic_is_there_with_its_prefix_and_the_changelogs_are_the_groups() -> None:
    there = prepared(settings())
    kept_whole = {"p.own-intake-changelog", "p.own-monitor-changelog", "p.own-sinks"}
    assert set(there) == {*(f"p.{name}" for name in KEPT_DAYS), *kept_whole}
    assert {topic.partitions for topic in there.values()} == {3}
    assert {name for name, topic in there.items() if topic.compacted} == kept_whole


def test_inputs_are_stamped_by_the_broker_and_outputs_keep_event_time() -> None:
    there = prepared(settings())
    assert (there["p.engagement-events"].stamps, there["p.ticks"].stamps, there["p.incidents"].stamps) == ("append", "append", "create")


def test_on_the_logs_clock_nothing_is_too_old_and_stamps_are_the_producers() -> None:
    there = prepared(settings(clock="log"))
    assert {topic.retention_ms for topic in there.values()} == {None}
    assert there["p.engagement-events"].stamps == "create"


def test_the_same_settings_fit_again() -> None:
    prepared(settings(), settings())


def test_another_number_of_partitions_is_refused() -> None:
    with pytest.raises(TopicsError, match=r"p\.engagement-events: has 3 partitions, PMON_PARTITIONS says 4"):
        prepared(settings(), settings(partitions=4))


def test_another_clock_is_refused() -> None:
    with pytest.raises(TopicsError, match=r"p\.ticks: message\.timestamp\.type must be CreateTime"):
        prepared(settings(), settings(clock="log"))


@pytest.mark.parametrize(
    ("there", "told"), [((), "is named by `sources` and is not there"), ((Topic("shop", 5),), "has 5 partitions and must have 3")]
)
def test_a_foreign_topic_must_be_there_and_have_our_partitions(there: tuple[Topic, ...], told: str) -> None:
    """Else its records would not meet ours of the same subject. Whoever has a broker makes it; it is not ours."""
    own = settings().model_copy(update={"broker": "kafka://127.0.0.1:9092"})
    with pytest.raises(TopicsError, match=f"shop: {told}"):
        prepared(own, config=FOREIGN, before=there)


def test_in_memory_a_foreign_topic_is_made_since_nobody_else_could() -> None:
    prepared(settings(), config=FOREIGN)
    with pytest.raises(TopicsError, match="shop: has 5 partitions and must have 3"):
        prepared(settings(), config=FOREIGN, before=(Topic("shop", 5),))


FOREIGN = load_config("version: 1\nsources:\n  - {topic: shop, as: engagement-events, map: {}}\n", "config")
