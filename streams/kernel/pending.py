"""Rows the intake's fold and its ticks share: what waits for the next tick, and the configs the shard has heard of.

p [commit]   what one commit added, until a tick sends it: adds by initiative, configs, subjects to look at
c [which]    the first config, whose timing holds for the life of the shard, the last one, and all by the time they take effect;
             `failed` while the last record was none
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import orjson
from pydantic import ValidationError

from governance.config import Config
from governance.policy import Policy
from streams.kernel.rows import Draft, pack, row_key, unpack
from streams.kernel.stamp import BEGINNING

TICKS, CONFIG_TOPIC = "ticks", "monitor-config"
PENDING, CONFIGS = b"p", b"c"
FIRST_CONFIG, LAST_CONFIG, ALL_CONFIGS = row_key(CONFIGS, "first"), row_key(CONFIGS, "last"), row_key(CONFIGS, "all")
FAILED_CONFIG = row_key(CONFIGS, "failed")
COMMIT_BYTES = 1 << 20  # a quarter of what a record batch may take, so that one unit more always fits


@lru_cache(maxsize=16)
def config_of(value: bytes) -> Config:
    """Return the config a row or record holds."""
    return Config.model_validate(orjson.loads(value))


def fault_of(config: bytes, policies: list[Any]) -> str | None:
    """Return which part of a config record is not what it should be, None where all is."""
    try:
        config_of(config)
    except ValidationError:
        return "config"
    for number, policy in enumerate(policies):
        try:
            Policy.model_validate(policy)
        except ValidationError:
            return f"policies[{number}]"
    return None


def keep_config(draft: Draft, effective_at: int | None, sha256: str, value: bytes) -> None:
    """Remember a config by the time it takes effect, None for the beginning."""
    entry = [BEGINNING if effective_at is None else effective_at, sha256]
    entries = config_entries(draft)
    if entry not in entries:
        draft.put(ALL_CONFIGS, pack(sorted([*entries, entry])))
        draft.put(row_key(CONFIGS, "of", sha256), value)


def config_entries(draft: Draft) -> list[list[Any]]:
    """Return [effective at, sha256] of every config heard of, earliest first."""
    value = draft.get(ALL_CONFIGS)
    found: list[list[Any]] = unpack(value)[0] if value is not None else []
    return found


def config_before(draft: Draft, time: int) -> Config:
    """Return the newest config effective before a time (ms), the first one where none is."""
    return config_of(draft.get(row_key(CONFIGS, "of", newest_before(config_entries(draft), time))) or b"")


def newest_before(entries: Sequence[list[Any]], time: int) -> str:
    """Return the sha256 of the newest of (effective at, sha256) before a time (ms), of the first one where none is."""
    sha256: str = max((entry for entry in entries if entry[0] < time), default=entries[0])[1]
    return sha256
