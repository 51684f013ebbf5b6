"""The worker's log: one JSON line on stderr for each transition, names and numbers only, nothing of any record."""

import sys
import time

import orjson

from governance.message.instant import format_instant


def say(event: str, **facts: str | int | float | bool | None) -> None:
    """Write one line."""
    line = {"time": format_instant(int(time.time() * 1000)), "event": event, **facts}
    sys.stderr.write(orjson.dumps(line).decode() + "\n")
    sys.stderr.flush()
