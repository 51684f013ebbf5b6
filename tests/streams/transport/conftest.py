"""The buses under test, by one fixture."""

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from streams.transport.bus import Bus
from streams.transport.kafka_bus import KafkaBus
from streams.transport.memory_bus import MemoryBus

Make = Callable[[], Bus]
NAMES = count()


@pytest.fixture(params=["memory", "file", pytest.param("kafka", marks=pytest.mark.integration)])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """How to come to the bus under test; every call opens the same one."""
    if request.param == "kafka":
        url = request.getfixturevalue("kafka").url
        return lambda: KafkaBus(url)
    address = f"mem://contract-{next(NAMES)}" + (f"?dir={tmp_path}" if request.param == "file" else "")
    return lambda: MemoryBus(address)
