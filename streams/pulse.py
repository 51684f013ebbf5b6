"""Whether this process was frozen: its own heartbeat, looked at before every write.

A process that was stopped past its session writes as somebody who does not know that the shards have other owners. The changelog makes such
a write void; leaving before it spares everybody the detour. A supervisor starts the worker again.
"""

import asyncio
import os
import time

from streams.journal import say

BEAT_S = 0.25
FROZEN = 3  # the exit code: the session with the broker is lost


class Pulse:
    """The heartbeat of one process; `limit_s` None never ends it (nobody else can own what is in this process)."""

    def __init__(self, limit_s: float | None) -> None:
        self._limit_s = limit_s
        self._last = time.monotonic()

    def touch(self) -> None:
        """Count as alive: what is in memory was true a moment ago, however long it took to load."""
        self._last = time.monotonic()

    def check(self) -> None:
        """End the process where it has been without a beat for too long."""
        silent = time.monotonic() - self._last
        if self._limit_s is not None and silent > self._limit_s:
            say("frozen", silent_s=round(silent, 1), limit_s=self._limit_s)
            os._exit(FROZEN)  # no clean-up: that, too, would write

    async def beat(self) -> None:
        """Beat for ever; looks before it beats, else the first beat after a freeze would hide it."""
        self._last = time.monotonic()
        while True:
            self.check()
            self._last = time.monotonic()
            await asyncio.sleep(BEAT_S)
