"""Config is an event: published where it is not in force, and the newer of two workers' configs wins."""

import asyncio
from itertools import count

import orjson

from governance.config import Config, load_config
from governance.policy import load_policies
from streams.cli.policy_files import shipped_text
from streams.config_event import config_message, now_ms, publish_config
from streams.transport.bus import Topic
from streams.transport.memory_bus import MemoryBus

GROUPS = count()
OLD, NEW = Config(version=1), load_config("version: 1\ntiming: {tick: 5s}\n", "config")


def published(*workers: tuple[Config, int], by_log: bool = False) -> list[str]:
    """Let workers (config, started at) take over one partition in turn; return the configs in its log."""

    async def go() -> list[str]:
        bus = MemoryBus(f"mem://configs-{next(GROUPS)}")
        await bus.open()
        await bus.create([Topic("monitor-config", 1, stamps="create" if by_log else "append")])
        for config, started_ms in workers:
            await publish_config(bus, "monitor-config", 0, config_message(config), started_ms=started_ms, by_log=by_log)
        found = [record async for batch in bus.read("monitor-config", 0, 0, 100) for record in batch]
        await bus.close()
        return [(one.key or b"").decode() for one in found]

    return asyncio.run(go())


LATER = now_ms() + 3_600_000  # after every stamp of this test


def test_a_config_is_published_once() -> None:
    assert published((OLD, 0), (OLD, LATER), (OLD, 0)) == [OLD.sha256]


def test_a_worker_started_later_publishes_its_own_and_an_old_one_does_not_take_it_back() -> None:
    assert published((OLD, 0), (NEW, LATER), (OLD, 0), (NEW, LATER)) == [OLD.sha256, NEW.sha256]


def test_going_back_to_an_earlier_config_is_a_change_too() -> None:
    assert published((OLD, 0), (NEW, LATER), (OLD, LATER)) == [OLD.sha256, NEW.sha256, OLD.sha256]


def test_on_the_logs_clock_only_an_empty_log_gets_one() -> None:
    assert published((OLD, 0), (NEW, LATER), by_log=True) == [OLD.sha256]
    assert config_message(OLD).timestamp == 0


def test_the_policies_come_with_the_config_and_a_change_of_them_is_published() -> None:
    """A rule change is judged by the policy in force at its time: live must know what a replay of the same files is given."""
    policies = load_policies([("default.yaml", shipped_text())])

    async def go() -> list[int]:
        bus = MemoryBus(f"mem://configs-{next(GROUPS)}")
        await bus.open()
        await bus.create([Topic("monitor-config", 1, stamps="append")])
        for message, started_ms in ((config_message(OLD), 0), (config_message(OLD, policies), LATER), (config_message(OLD, policies), 0)):
            await publish_config(bus, "monitor-config", 0, message, started_ms=started_ms, by_log=False)
        found = [record async for batch in bus.read("monitor-config", 0, 0, 100) for record in batch]
        await bus.close()
        return [len(orjson.loads(one.value or b"")["policies"]) for one in found]

    assert asyncio.run(go()) == [0, len(policies)]
