"""Config is an event: what a worker judges by stands in the log, in every partition of `monitor-config`.

Whoever takes over a shard compares the last record of its partition with the worker's own config and appends its own where they differ,
unless the other one was published after this worker started: in a rolling change the newer config wins and an old worker does not take it
back. On the log's clock the log decides: only an empty partition gets a config.
"""

import time
from collections.abc import Sequence
from typing import Any

import orjson

from governance.config import Config
from governance.policy import Policy
from streams.journal import say
from streams.kernel.record import Record
from streams.transport.bus import Bus, Message


def config_message(config: Config, policies: Sequence[Policy] = ()) -> Message:
    """Return a config as a record of `monitor-config`; stamped with the beginning, where the producer's stamp counts at all."""
    body: dict[str, Any] = {
        "sha256": config.sha256,
        "effective_at": config.effective_at,
        "config": config.effective(),
        "policies": [policy.effective() for policy in policies],
    }
    return Message(config.sha256.encode(), orjson.dumps(body), 0)


async def publish_config(bus: Bus, topic: str, partition: int, message: Message, *, started_ms: int, by_log: bool) -> None:
    """Append a config (`config_message`) to a partition where it, with its policies, is not in force there."""
    last = await last_record(bus, topic, partition)
    if last is not None and last.value == message.value:
        return
    newer = last is not None and (by_log or last.timestamp > started_ms)
    say("config_differs" if newer else "config_published", partition=partition, sha256=(message.key or b"").decode())
    if not newer:
        await bus.append(topic, partition, [message])


async def last_record(bus: Bus, topic: str, partition: int) -> Record | None:
    """Return the last record of a partition, None for an empty one."""
    end = (await bus.ends([(topic, partition)]))[topic, partition]
    last = None
    async for batch in bus.read(topic, partition, max(0, end - 1), end):
        last = batch[-1]
    return last


def now_ms() -> int:
    """Return the wall clock in ms."""
    return int(time.time() * 1000)
