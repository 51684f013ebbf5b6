"""The monitor: one shard's fold of its bulletins. What arrives is put by; what decides runs when the watermark passes its due time.

bulletin ─► admit ─► put by (due time, initiative) ─► watermark = least over intake shards ─► close what is due, in order ─► answer commands
"""

from collections.abc import Sequence
from dataclasses import replace
from heapq import heappop, heappush
from typing import Any

import orjson

from detectors.window import DAY, HOUR, end_of
from governance.config import Config
from streams.kernel.answers import Desk
from streams.kernel.buffer import trimmed
from streams.kernel.bulletin import SYSTEM, Adds, monitor_of, rest_of
from streams.kernel.cells import KEPT_DAYS, Admission, add_extra, plain_cell, with_names
from streams.kernel.checks import law
from streams.kernel.closing import Closing
from streams.kernel.configs import BLOBS, ENTRIES, config_entries
from streams.kernel.distribution import forget_answers
from streams.kernel.gap import forget_gaps, note_gaps
from streams.kernel.ground import Ground, ground_of
from streams.kernel.pending import COMMIT_BYTES, config_of, newest_before
from streams.kernel.record import Commit, Record, Shard
from streams.kernel.retention import forget_before
from streams.kernel.routing import compare
from streams.kernel.rows import Draft, Rows, key_parts, pack, row_key, unpack
from streams.kernel.snapshot import POSITIONS
from streams.kernel.stall import hear
from streams.kernel.stamp import BEGINNING, MonitorStamp
from streams.kernel.standing import STANDINGS, WAKES, Standing

DUE, QUEUE = b"o", b"q"
PUT_BY = ("adds", "rules", "items", "sums", "fields")


class ChannelGapError(Exception):
    """A number between the stages is missing: seek back; if it stays missing, stop, for nothing may be counted without it."""


def position(view: Rows) -> int:
    """Return the next offset wanted of the shard's signals."""
    return MonitorStamp.read(view.stamp).offset


def closed(view: Rows) -> int:
    """Return the time up to which everything is closed, ms."""
    return MonitorStamp.read(view.stamp).closed


def watermarks(view: Rows) -> dict[int, int]:
    """Return the watermark (ms) each intake shard was last heard at, by its partition."""
    return {int(source): mark for source, mark in MonitorStamp.read(view.stamp).watermarks.items()}


def pending(view: Rows, shard: Shard) -> bool:
    """Return whether due work or an unanswered command is left, to be done before anything new is read."""
    stamp = MonitorStamp.read(view.stamp)
    if stamp.unit or stamp.answered < stamp.queued:
        return True
    draft = Draft(view)
    base = base_of(draft)
    return base is not None and stamp.watermark(shard.shards) // base * base > stamp.closed


def base_of(draft: Draft) -> int | None:
    """Return the base window of the shard's first config in ms, None before it."""
    entries = config_entries(draft)
    return None if not entries else config_of(draft.get(row_key(BLOBS, entries[0][1])) or b"").timing.window


def step(view: Rows, shard: Shard, batch: Sequence[Record]) -> Commit:
    """Return the commit of a batch of the shard's signals: closes what is due, answers, then reads on; `position` tells how far it got.

    Raises ChannelGapError where a number of a channel is missing.
    """
    fold = MonitorFold(view, shard)
    fold.settle()
    for record in batch:
        if fold.full or record.offset < fold.stamp.offset:
            continue
        if fold.take(record):
            fold.settle()
    return fold.draft.commit(replace(fold.stamp, commits=fold.stamp.commits + 1).pack())


class MonitorFold:
    """One step's work: `full` once the commit has grown as far as it may and due work is left."""

    def __init__(self, view: Rows, shard: Shard) -> None:
        self.draft = Draft(view)
        self.shard = shard
        self.stamp = MonitorStamp.read(view.stamp)
        self.full = False
        self._entries = config_entries(self.draft)
        self._base = base_of(self.draft)
        self._due: dict[tuple[int, str], list[bytes]] = {}
        self._grounds: dict[str, Ground] = {}
        self._doors: dict[str, Admission] = {}
        self._units: list[tuple[int, str]] = []  # what this step put by, and of the rows before it all due up to `_read_to`
        self._read_to = BEGINNING

    def take(self, record: Record) -> bool:
        """Put by one part of a bulletin; a number seen before is dropped. Return whether something may be due now."""
        self.stamp = replace(self.stamp, offset=record.offset + 1)
        bulletin = orjson.loads(record.value or b"null")
        source, number = str(bulletin["from"]), bulletin["number"]
        last = self.stamp.numbers.get(source, 0)
        if number <= last:
            return False
        if number != last + 1:
            raise ChannelGapError(f"channel {source} -> {self.shard.number}: number {number} after {last}, offset {record.offset}")
        self.stamp = replace(self.stamp, numbers={**self.stamp.numbers, source: number})
        for config in bulletin["configs"]:
            self._take_config(config)
        for initiative, found in bulletin["initiatives"].items():
            self._put_by(initiative, found, f"{source}.{number}")
        for day, codes in bulletin["refused"].items():
            add_extra(self.draft, SYSTEM, int(day), {orjson.dumps([code]).decode(): n for code, n in codes.items()})
        if bulletin["last"] is not None:
            self._move(source, bulletin["last"])
        return bulletin["last"] is not None

    def _put_by(self, initiative: str, found: dict[str, Any], sequence: str) -> None:
        base = self._base
        assert base is not None, "a bulletin before the first config"
        limit = self.stamp.closed
        for command in found["commands"]:
            self.stamp = replace(self.stamp, queued=self.stamp.queued + 1)
            self.draft.put(row_key(QUEUE, self.stamp.queued), pack(command))
        if not any(found[kind] for kind in PUT_BY):
            return  # who is only asked about is not watched
        named, initiative = initiative, self._admit(initiative, found)
        groups: dict[int, dict[str, list[Any]]] = {}
        for level, end, due, cells, extra in found["adds"]:
            if due <= limit:  # a clock erred beyond the margin: its row is closed, the day takes it
                cells = [[*cell, {**counts, "late": max(counts.get("late", 0), events(counts))}] for *cell, counts in cells]
                level, end, due = "d", end_of(end - 1, DAY), limit + base
            groups.setdefault(due, {kind: [] for kind in PUT_BY})["adds"].append([level, end, due, cells, extra])
        for kind in PUT_BY[1:]:
            for one in found[kind]:
                groups.setdefault(max(one["due"], limit + base), {kind: [] for kind in PUT_BY})[kind].append(one)
        for due, group in groups.items():
            key = row_key(DUE, due, initiative, sequence, named)  # of one part, many may be counted in one
            self.draft.put(key, pack(group))
            if (due, initiative) not in self._due:
                heappush(self._units, (due, initiative))
            self._due.setdefault((due, initiative), []).append(key)

    def _admit(self, named: str, found: dict[str, Any]) -> str:
        """Give what arrived its place within the caps, in `found`; return the initiative that counts it."""
        config = self._newest()
        initiative, limits = self._place_of(named, config), config.limits
        standing = Standing.read(self.draft, initiative) or Standing()
        door = self._door(initiative, standing.cells)
        cells = {plain_cell(cell) for *_, rows, _ in found["adds"] for *cell, _ in rows}
        cells |= {plain_cell(item["cell"]) for item in found["items"] if "cell" in item}
        full = door.admit(sorted(cells), limits)
        if initiative != named:
            found["sums"] = found["fields"] = []  # the arms of many experiments in one would prove nothing, nor would the feeds
            full |= {"initiative"} if initiative == rest_of(self.shard) else set()
        standing.overflowed += sorted(full - set(standing.overflowed))
        standing.cells = door.cells
        standing.write(self.draft, initiative)
        found["adds"] = [[*where, door.folded(rows), with_names({}, extra)] for *where, rows, extra in found["adds"]]
        found["items"] = [{**item, "cell": door.home(plain_cell(item["cell"]))[0]} if "cell" in item else item for item in found["items"]]
        return initiative

    def _place_of(self, named: str, config: Config) -> str:
        """Return the initiative that counts what came for `named`: its own if configured or while there is room, else the rest's."""
        rest = rest_of(self.shard)
        if named in config.initiatives or named in (SYSTEM, rest) or self.draft.get(row_key(STANDINGS, named)) is not None:
            return named
        if self.stamp.strangers >= config.limits.initiatives:
            return rest
        self.stamp = replace(self.stamp, strangers=self.stamp.strangers + 1)
        return named

    def _door(self, initiative: str, cells: int) -> Admission:
        door = self._doors.get(initiative)
        if door is None:
            door = self._doors[initiative] = Admission(self.draft, initiative, cells)
        return door

    def _newest(self) -> Config:
        """Return the config that is the last to take effect, of those heard of: what arrives now is mostly judged by it."""
        return config_of(self.draft.get(row_key(BLOBS, self._entries[-1][1])) or b"")

    def _take_config(self, config: dict[str, Any]) -> None:
        entry = [BEGINNING if config["effective_at"] is None else config["effective_at"], config["sha256"]]
        if entry in self._entries:
            return
        self._entries = sorted([*self._entries, entry])
        self.draft.put(ENTRIES, pack(self._entries))
        self.draft.put(row_key(BLOBS, config["sha256"]), trimmed(orjson.dumps(config["config"])))
        self.draft.put(row_key(BLOBS, config["sha256"], entry[0]), trimmed(orjson.dumps(config["policies"])))
        self._grounds = {}  # the policies may be others where the config is the same
        base = self._base = base_of(self.draft)
        assert base is not None
        at = max(end_of(entry[0], base), self.stamp.closed + base)
        strangers = 0
        for key in self.draft.keys(STANDINGS):
            (initiative,) = key_parts(key)
            strangers += initiative not in self._newest().initiatives and initiative not in (SYSTEM, rest_of(self.shard))
            standing = Standing.read(self.draft, initiative)
            # Never closed yet: its first closing notes the config of then; to be woken earlier would depend on what arrived first.
            if standing is not None and standing.config and (not standing.wake or standing.wake > at):
                standing.wake_at(self.draft, initiative, at)
                standing.write(self.draft, initiative)
                heappush(self._units, (at, initiative))
        self.stamp = replace(self.stamp, strangers=strangers)

    def _move(self, source: str, last: dict[str, Any]) -> None:
        watermark = last["watermark"]
        before = max(self.stamp.watermarks.values(), default=BEGINNING)
        live = self.stamp.live if last["drain"] else {**self.stamp.live, source: watermark}
        self.stamp = replace(self.stamp, watermarks={**self.stamp.watermarks, source: watermark}, live=live)
        self.draft.put(row_key(POSITIONS, source), pack(last["positions"]))
        if last.get("gaps"):
            note_gaps(self.draft, source, last["gaps"], self.shard.shards)
        if self.shard.number == monitor_of(SYSTEM, self.shard.shards):
            if not last["drain"]:
                hear(self.draft, source, self.stamp.watermarks, before, self.shard.shards, self._newest().timing)
            if last.get("routes"):  # bulletins of before there were any stand in the log for long
                compare(self.draft, int(source), last["routes"], last["at"])

    def settle(self) -> None:
        """Close what is due and answer what was asked, in order, until nothing is left or the commit is full."""
        base = self._base
        if base is None:
            return
        limit = self.stamp.watermark(self.shard.shards) // base * base
        while not self.full and (unit := self._next(limit)) is not None:
            self._close(*unit)
        if self.full:
            return
        if limit > self.stamp.closed:
            if limit // HOUR > self.stamp.closed // HOUR:
                forget_answers(self.draft, limit)
                forget_gaps(self.draft, limit)
            if limit // DAY > self.stamp.closed // DAY:
                forget_before(self.draft, limit // DAY * DAY - KEPT_DAYS)
            self.stamp = replace(self.stamp, closed=limit)
        desk = Desk(self.draft, self.shard, self.stamp.closed)
        while not self.full and self.stamp.answered < self.stamp.queued:
            key = row_key(QUEUE, self.stamp.answered + 1)
            desk.answer(unpack(self.draft.get(key) or b"")[0], *self.config_at(self.stamp.closed))
            while desk.woken:
                heappush(self._units, desk.woken.pop())
            self.draft.drop(key)
            self.stamp = replace(self.stamp, answered=self.stamp.answered + 1)
            self._measure()

    def _measure(self) -> None:
        self.full = self.draft.size > COMMIT_BYTES

    def _next(self, limit: int) -> tuple[int, str] | None:
        if limit > self._read_to:
            self._read_due(limit)
        if self.stamp.unit:
            return int(self.stamp.unit[0]), str(self.stamp.unit[1])
        while self._units:
            unit = self._units[0]
            if unit in self._due or self.draft.get(row_key(WAKES, *unit)) is not None:
                return unit if unit[0] <= limit else None
            heappop(self._units)
        return None

    def _read_due(self, limit: int) -> None:
        for kind in (DUE, WAKES):
            for at in self.draft.rows.firsts(kind):
                for key in self.draft.rows.group(kind, at) if self._read_to < int(at) <= limit else ():
                    due, initiative, *_ = key_parts(key)
                    if kind == DUE:
                        self._due.setdefault((due, initiative), []).append(key)
                    heappush(self._units, (due, initiative))
        self._read_to = limit

    def config_at(self, end: int) -> tuple[str, Config]:
        """Return (sha256, config) of the newest config effective before `end`, the first one where none is."""
        sha256 = newest_before(self._entries, end)
        return sha256, config_of(self.draft.get(row_key(BLOBS, sha256)) or b"")

    def next_config(self, now: int) -> int:
        """Return the first base window end after `now` that is judged by another config, 0 where none is known."""
        assert self._base is not None
        ends = (end_of(effective, self._base) for effective, _ in self._entries)
        return min((end for end in ends if end > now), default=0)

    def _close(self, now: int, initiative: str) -> None:
        adds = Adds()
        keys = self._due.get((now, initiative), [])
        for key in sorted(keys):
            (group,) = unpack(self.draft.get(key) or b"")
            adds.merge({**group, "commands": []})
        drain = now > self.stamp.drained_after(self.shard.shards)
        sha256, config = self.config_at(now)
        ground = self._grounds.get(initiative)
        if ground is None or ground.sha256 != sha256:
            standing = Standing.read(self.draft, initiative) or Standing()
            door = self._door(initiative, standing.cells)
            ground = self._grounds[initiative] = ground_of(initiative, sha256, config, door, law(self.draft))
        closing = Closing(self.draft, initiative, now, adds, ground, config, self.next_config(now), drain=drain)
        done = int(self.stamp.unit[2]) if self.stamp.unit else 0
        for number, phase in enumerate(closing.phases()):
            if number < done:
                continue
            again = True
            while again and not self.full:
                again = bool(phase())
                self._measure()
            if self.full:
                self.stamp = replace(self.stamp, unit=[now, initiative, number + (not again)])
                return
        for key in keys:
            self.draft.drop(key)
        self._due.pop((now, initiative), None)
        heappush(self._units, (closing.standing.wake, initiative))
        self.stamp = replace(self.stamp, unit=[])
        self._measure()


def events(counts: dict[str, int]) -> int:
    """Return how many events stand behind counts."""
    return sum(counts.get(name, 0) for name in ("exposures", "clicks", "conversions"))
