"""Which bus a deployment has, by its settings."""

from urllib.parse import quote

from streams.settings import Settings
from streams.transport.bus import Bus
from streams.transport.http_bus import HttpBus
from streams.transport.kafka_bus import KafkaBus
from streams.transport.memory_bus import MemoryBus
from streams.transport.security import aiokafka_options


def bus_of(settings: Settings) -> Bus:
    """Return the bus, not opened yet."""
    if settings.broker.startswith("kafka://"):
        return KafkaBus(settings.broker, aiokafka_options(settings.security))
    return MemoryBus(memory_url(settings))


def bus_from_outside(settings: Settings) -> Bus:
    """Return the bus for whoever is no worker: one in memory lives in its worker and is reached through PMON_URL."""
    return HttpBus(settings.url, settings.topic_prefix) if settings.broker == "mem://" else bus_of(settings)


def memory_url(settings: Settings) -> str:
    """Return the address of the bus in this process: one for each group, kept where the state is kept."""
    folder = "" if settings.state_dir is None else f"?dir={quote(str(settings.state_dir))}"
    return f"mem://{settings.group}{folder}"
