"""Which read model a setting asks for."""

from streams.journal import say
from streams.read_model.memory import MemoryModel
from streams.read_model.model import ReadModel
from streams.read_model.redis import RedisModel
from streams.settings import Settings


def open_model(settings: Settings) -> ReadModel:
    """Return the read model of a worker: in its own process for `embedded` and `off`, in Redis for an address. Connects to nothing yet."""
    address = settings.redis.get_secret_value()
    if address in ("embedded", "off"):
        if address == "embedded" and settings.broker != "mem://":
            say("read_model_in_process", why="PMON_REDIS names no server: each worker's page shows its own shards")
        return MemoryModel()
    return RedisModel(address, settings.topic_prefix + settings.group)
