"""The two agents. They move batches and decide nothing: which batch continues is the stage's, what it means the kernel's.

Faust acknowledges and forgets an event whose agent raised (#189), so nothing is left to it: whatever goes wrong ends the worker, and the
next owner goes on from the last commit.
"""

from typing import Any

from streams.kernel.bulletin import SIGNALS
from streams.shards import Shards
from streams.topics import INTAKE, MONITOR


def add_agents(app: Any, shards: Shards, partitions: int) -> None:
    """Give the app its agents, intake over every input, monitor over the signals, and the table of each."""
    names: dict[str, list[str]] = {INTAKE: [], MONITOR: []}
    for name, plain in shards.plain_names.items():
        names[MONITOR if plain == SIGNALS else INTAKE].append(name)

    async def take(stream: Any) -> None:
        async for batch in stream:
            try:
                await shards.take(batch)
            except Exception as error:  # of any kind: it ends the worker, with its own exit code
                shards.fail(error)

    for stage, topics in names.items():
        channel = app.topic(*topics, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw", partitions=partitions)
        app.agent(channel, name=stage)(take)
