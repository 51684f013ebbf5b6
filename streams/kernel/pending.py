"""Rows the intake's fold and its ticks share: what waits for the next tick, and the configs the shard has heard of.

    p [commit]   what one commit added, until a tick sends it: adds by initiative, configs, rows to sweep by hour
    c [which]    the first config, whose timing holds for the life of the shard, and the last one
"""

from functools import lru_cache

import orjson

from governance.config import Config
from streams.kernel.rows import row_key

TICKS = "ticks"
PENDING, CONFIGS = b"p", b"c"
FIRST_CONFIG, LAST_CONFIG = row_key(CONFIGS, "first"), row_key(CONFIGS, "last")
COMMIT_BYTES = 1 << 20  # a quarter of what a record batch may take, so that one unit more always fits


@lru_cache(maxsize=16)
def config_of(value: bytes) -> Config:
    """Return the config a row or record holds."""
    return Config.model_validate(orjson.loads(value))
