"""The configs a monitor shard has heard of: which holds from when, and what came with it.

c []                         [effective at, sha256] of every config, earliest first; the first may hold from the beginning
b [sha256]                   the config
b [sha256, effective at]     the policies that came with it then
"""

from typing import Any

from streams.kernel.rows import Draft, row_key, unpack

CONFIGS, BLOBS = b"c", b"b"
ENTRIES = row_key(CONFIGS)


def config_entries(draft: Draft) -> list[list[Any]]:
    """Return [effective at, sha256] of every config heard of, earliest first."""
    value = draft.get(ENTRIES)
    found: list[list[Any]] = unpack(value)[0] if value else []
    return found
