"""The bulletin: what one intake shard added for one monitor shard since the last tick, and its watermark.

Parts carry contiguous numbers per channel (intake shard -> monitor shard); only the last part of a tick carries the watermark.

    {"v":1, "from":p, "shards":P, "number":n,
     "initiatives":{name: {"adds":[[level, end, due, [[profile, channel, cohort, variant, counts]], extra]],
                           "rules":[...], "commands":[...], "items":[...],
                           "sums":[{due, assigned, experiment, arm, counts}],
                           "fields":[{due, feed, topic, kind, records, fields, others, many}]}},
     "configs":[...], "refused":{day end: {code: n}},
     "last": null | {"watermark":ms, "at":ms, "drain":bool, "positions":{topic: offset}, "routes":[[rank, hash]]}}

An add goes to the row named by (level, end) and is applied when the watermark passes `due`; level `c` are the consent verdicts of a
base window. An item is a violation, a correction or a finding about a consent record (see `verdicts`). Sums are what people add to
an experiment at the window end `due`, by the window of their assignment (see `people`); fields what the records of a feed carried up
to `due` (see `governance.feed`). `extra` counts things of the whole
initiative: edges of decision paths and rule versions seen. `refused` goes to every shard, for the coverage of its reports; `routes`
(see `routing`) to that of `_system` alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain, count
from typing import Any
from zlib import crc32

import orjson

from detectors.cell import OTHER, Cell, Counts, add
from detectors.window import DAY, HOUR, end_of
from governance.contribution import exact, plain
from governance.feed import Bucket
from governance.message.reading import MODELS
from streams.kernel.buffer import trimmed
from streams.kernel.record import Outgoing, Shard

VERSION = 1
SIGNALS = "monitor-signals"
SYSTEM = "_system"  # what the monitor counts of itself: records received and refused per feed, as cells whose channel is the topic
REFUSED = "refused."
PART_BYTES = 512 * 1024
EMPTY: Mapping[str, list[Any]] = {"adds": [], "rules": [], "commands": [], "items": [], "sums": [], "fields": []}

DOCUMENTED = {topic: sorted(model.model_fields) for topic, model in MODELS.items()}

Address = tuple[str, int, int]  # level m, h, d or c; end of the row; due time


def monitor_of(initiative: str, shards: int) -> int:
    """Return the monitor shard that owns an initiative."""
    return crc32(initiative.encode()) % shards


@lru_cache(maxsize=1_024)
def rest_of(shard: Shard) -> str:
    """Return the initiative that counts what a monitor shard has no room for: the first of `__other__`, `__other__1`… that is its own.

    A name that two shards shared would give two contents one id; and a report about it has to find its shard.

    >>> [rest_of(Shard(number, 3, b"")) for number in range(3)]
    ['__other__1', '__other__', '__other__3']
    """
    names = chain([OTHER], (f"{OTHER}{number}" for number in count(1)))
    return next(name for name in names if monitor_of(name, shard.shards) == shard.number)


def address(time: int, stamp: int, lateness: int, window: int) -> Address:
    """Return the row an event belongs to and when it is due: stamps decide lateness, not the reader (design section 6).

    >>> address(30_000, 40_000, 30_000, 60_000)
    ('m', 60000, 60000)
    >>> address(30_000, 95_000, 30_000, 60_000)
    ('h', 3600000, 3600000)
    """
    if stamp - lateness < (minute := end_of(time, window)):
        return "m", minute, minute
    if stamp - lateness < (hour := end_of(time, HOUR)):
        return "h", hour, hour
    return day_address(end_of(time, DAY), stamp, lateness, window)


def day_address(day: int, stamp: int, lateness: int, window: int) -> Address:
    """Return the address of what goes to the day ending at `day`: due with its stamp's base window, in time for the day if it can be."""
    due = end_of(stamp, window)
    return "d", day, min(due, day) if stamp - lateness < day else due


@dataclass(slots=True)
class Adds:
    """What is added to one initiative: counts per address and cell, its own counts, rule changes, commands and consent items in order."""

    cells: dict[Address, dict[Cell, Counts]] = field(default_factory=dict)
    extra: dict[Address, Counts] = field(default_factory=dict)
    rules: list[dict[str, Any]] = field(default_factory=list)
    commands: list[dict[str, Any]] = field(default_factory=list)
    items: list[dict[str, Any]] = field(default_factory=list)
    sums: dict[tuple[int, int, str, str], Counts] = field(default_factory=dict)
    fields: dict[tuple[int, str, str, str], Bucket] = field(default_factory=dict)

    def counts(self, where: Address, cell: Cell) -> Counts:
        """Return the counts of one cell, to be added to."""
        return self.cells.setdefault(where, {}).setdefault(cell, {})

    def note(self, where: Address, name: str, number: int = 1) -> None:
        """Count something of the whole initiative."""
        into = self.extra.setdefault(where, {})
        into[name] = into.get(name, 0) + number

    def experiment(self, due: int, assigned: int, experiment: str, arm: str, counts: Mapping[str, int]) -> None:
        """Add to an experiment's sums at the window end `due`, of users assigned in the window ending at `assigned`."""
        add(self.sums.setdefault((due, assigned, experiment, arm), {}), counts)

    def bucket(self, due: int, feed: str, topic: str, kind: str) -> Bucket:
        """Return what records of one kind of `topic`, read from `feed`, carried in the time that ends at `due`, to be added to."""
        return self.fields.setdefault((due, feed, topic, kind), Bucket())

    def merge(self, value: Mapping[str, Any]) -> None:
        """Add what `plain` gave back."""
        for level, end, due, cells, extra in value["adds"]:
            where = (level, end, due)
            into = self.cells.setdefault(where, {})
            for profile, channel, cohort, variant, counts in cells:
                add(into.setdefault((profile, channel, cohort, variant), {}), counts)
            if extra:
                add(self.extra.setdefault(where, {}), extra)
        self.rules += value["rules"]
        self.commands += value["commands"]
        self.items += value["items"]
        for one in value["sums"]:
            self.experiment(one["due"], one["assigned"], one["experiment"], one["arm"], exact(one["counts"]))
        for one in value["fields"]:
            self.bucket(one["due"], one["feed"], one["topic"], one["kind"]).merge(one, DOCUMENTED[one["topic"]])

    def plain(self) -> dict[str, Any]:
        """Return the adds as plain JSON values, in one order whatever the order of arrival."""
        adds = [
            [*where, [[*cell, counts] for cell, counts in sorted(self.cells.get(where, {}).items()) if counts], self.extra.get(where, {})]
            for where in sorted(self.cells.keys() | self.extra.keys())
        ]
        sums = [
            {"due": due, "assigned": assigned, "experiment": experiment, "arm": arm, "counts": plain(counts)}
            for (due, assigned, experiment, arm), counts in sorted(self.sums.items())
            if counts
        ]
        fields = [
            {"due": due, "feed": feed, "topic": topic, "kind": kind, **found.plain(DOCUMENTED[topic])}
            for (due, feed, topic, kind), found in sorted(self.fields.items())
        ]
        return {"adds": adds, "rules": self.rules, "commands": self.commands, "items": self.items, "sums": sums, "fields": fields}


def sections(name: str, adds: Adds) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield an initiative's adds in pieces that fit a part, with the bytes each takes."""
    plain = adds.plain()
    for level, end, due, cells, extra in plain["adds"]:
        for at in range(0, max(1, len(cells)), 500):
            piece = {**EMPTY, "adds": [[level, end, due, cells[at : at + 500], extra if at == 0 else {}]]}
            yield len(orjson.dumps(piece)) + len(name) * 4, piece
    for kind in ("rules", "commands", "items", "sums", "fields"):
        for item in plain[kind]:
            piece = {**EMPTY, kind: [item]}
            yield len(orjson.dumps(piece)) + len(name) * 4, piece


def parts(initiatives: Mapping[str, Adds], configs: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the bodies of the parts needed, at least one; each takes at most PART_BYTES unless a single record is larger."""
    body: dict[str, Any] = {"initiatives": {}, "configs": configs, "refused": {}}
    size = len(orjson.dumps(configs))
    for name, adds in sorted(initiatives.items()):
        for more, piece in sections(name, adds):
            if size + more > PART_BYTES and (body["initiatives"] or body["configs"]):
                yield body
                body, size = {"initiatives": {}, "configs": [], "refused": {}}, 0
            into = body["initiatives"].setdefault(name, {kind: [] for kind in EMPTY})
            for kind, items in piece.items():
                into[kind] += items
            size += more
    yield body


def message(shard: Shard, number: int, to: int, at: int, body: Mapping[str, Any], last: Mapping[str, Any] | None) -> Outgoing:
    """Return one numbered part as a message to monitor shard `to`."""
    value = orjson.dumps(
        {"v": VERSION, "from": shard.number, "shards": shard.shards, "number": number, **body, "last": last}, option=orjson.OPT_SORT_KEYS
    )
    return Outgoing(SIGNALS, to, str(shard.number).encode(), trimmed(value), at)
