"""Loads: what a deployment is told and cannot use. Of `_system`, judged where the records are counted, by feed.

L [topic]   records of it refused in a row, since when (ms), when somebody was last told (ms, 0 for never)

A config that is none is a failed job at once (`ground.failures`), and the next good one ends it. A feed of which not one record can be read
is tried again with each record: after `retry_limit` hours of nothing but refusals it is a failed job, told again every hour, until a
record is read. That is the map that never fits, on a feed too slow for a share of it to mean anything; a busy one is `refused_input` long
before, and is told of once.
"""

from collections.abc import Mapping
from functools import lru_cache

from detectors.window import HOUR
from governance.config import Config, Threshold
from streams.kernel.cells import Cells
from streams.kernel.faults import JOB_FAILED
from streams.kernel.pending import CONFIG_TOPIC
from streams.kernel.place import own_rule
from streams.kernel.rows import Draft, pack, row_key, unpack
from streams.kernel.watch import Breach, Watch

LOADS = b"L"
FEED = "feed:"  # and its topic: the job's name
LEAST = 20  # records; fewer may be one producer's bad day


@lru_cache(maxsize=16)
def load_rule(base: int) -> Threshold:
    """Return the rule behind a feed that cannot be read, as the watch takes it; `base` is the base window, ms."""
    return own_rule(JOB_FAILED, base, "not one record of the feed can be read", kpi="refused_in_a_row", group_by=("feed",))


class Loads:
    """The loads of `_system` at one base window end, ms; `cells` are what was counted in the window, `rules` those of `_system`."""

    def __init__(self, draft: Draft, now: int, config: Config, watch: Watch, rules: Mapping[str, Threshold], cells: Cells) -> None:
        self._draft, self._now, self._watch, self._rules, self._cells = draft, now, watch, rules, cells
        self._base, self._wait = config.timing.window, config.incidents.retry_limit * HOUR

    def judge(self) -> None:
        """Open, tell again and end what is to be."""
        for (_, feed, *_), counts in sorted(self._cells.items()):
            if feed == CONFIG_TOPIC:
                if counts.get("jobs", 0) > counts.get("jobs_failed", 0) == 0:
                    self._watch.end(self._rules[JOB_FAILED], JOB_FAILED, (feed,), "clear", self._now)
            elif counts.get("refused", 0) >= counts.get("received", 0) - counts.get("tombstones", 0) > 0:
                self._refused(feed, counts["refused"])
            elif counts.get("received", 0) > counts.get("tombstones", 0):
                self._read(feed)

    def _refused(self, feed: str, number: int) -> None:
        value = self._draft.get(row_key(LOADS, feed))
        before, since, told = unpack(value) if value is not None else (0, self._now - self._base, 0)
        many = before + number
        failed = many >= LEAST and self._now - since >= self._wait and self._now - told >= HOUR
        if failed and not self._watch.alive(self._rules["refused_input"], "refused_input", (feed,)):
            told = self._now
            self._watch.judge(load_rule(self._base), JOB_FAILED, Breach((FEED + feed,), self._now, many, breached=True))
        self._draft.put(row_key(LOADS, feed), pack(many, since, told))

    def _read(self, feed: str) -> None:
        if self._draft.get(row_key(LOADS, feed)) is not None:
            self._draft.drop(row_key(LOADS, feed))
            self._watch.end(load_rule(self._base), JOB_FAILED, (FEED + feed,), "clear", self._now)
