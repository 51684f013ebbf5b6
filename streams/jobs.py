"""Work beside the fold that may fail: a sink, the read model. Tried again so often by whoever does it; how each round ended is told here.

    try ──ok──► round ended well           counted here ─► the next tick ─► `_system` ─► `job_failed`, which climbs while rounds fail
     │ ▲
    fails, retries left
     ▼ │
    retry ──none left──► round failed

Through the ticks it is in the log, so a replay of the signals opens the same incident. On the log's clock nobody ticks, nobody is told.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping

READ_MODEL = "read_model"
LOOK_S = 60.0  # between two looks at whether something answers


class Jobs:
    """Rounds that ended since a tick last took them, by the job's name (no address, no person)."""

    def __init__(self) -> None:
        self._ended: Counter[tuple[str, str]] = Counter()

    def ended(self, name: str, *, ok: bool) -> None:
        """Note that one try and its retries ended."""
        self._ended[name, "ok" if ok else "failed"] += 1

    def take(self) -> dict[str, dict[str, int]]:
        """Return what ended, by job and outcome, and forget it."""
        found: dict[str, dict[str, int]] = {}
        for (name, outcome), number in sorted(self._ended.items()):
            found.setdefault(name, {"ok": 0, "failed": 0})[outcome] = number
        self._ended.clear()
        return found

    def give_back(self, taken: Mapping[str, Mapping[str, int]]) -> None:
        """Note again what a tick took and could not write."""
        self._ended.update({(name, outcome): number for name, outcomes in taken.items() for outcome, number in outcomes.items() if number})


async def watch(name: str, answers: Callable[[], bool], jobs: Jobs, retry_limit: int, pause_s: float = LOOK_S) -> None:
    """Look for ever whether something answers that is tried elsewhere: so many looks in a row without an answer are a failed round.

    That it answers is told only after it did not, so that what was always well costs nothing; then at each look, since an incident ends
    with `clear_for` of good windows and not with one.
    """
    silent, failed = 0, False
    while True:
        await asyncio.sleep(pause_s)
        silent = 0 if answers() else silent + 1
        if silent > retry_limit:
            silent, failed = 0, True
            jobs.ended(name, ok=False)
        elif not silent and failed:
            jobs.ended(name, ok=True)
