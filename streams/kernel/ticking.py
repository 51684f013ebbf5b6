"""Ticks in the intake: the watermark moves, what waited goes out as bulletins, what has passed is forgotten."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import takewhile
from typing import Any

from detectors.cell import Counts, add
from detectors.window import DAY, end_of
from governance.config import Config
from governance.config.section import Timing
from governance.message.command import EVERYWHERE
from governance.message.refusal import Refusal
from governance.message.tick import Tick
from streams.kernel.bulletin import REFUSED, SYSTEM, Adds, message, monitor_of, parts
from streams.kernel.clock import tick_in
from streams.kernel.marks import sweep
from streams.kernel.pending import COMMIT_BYTES, FIRST_CONFIG, PENDING, TICKS, config_before, config_of
from streams.kernel.people import People
from streams.kernel.publishing import dead_letter
from streams.kernel.record import Commit, Record, Shard
from streams.kernel.routing import sampled
from streams.kernel.rows import Draft, Rows, key_parts, unpack
from streams.kernel.stamp import IntakeStamp
from streams.kernel.verdicts import Verdicts, waits_of, write_looks


def fold_ticks(view: Rows, shard: Shard, stamp: IntakeStamp, ticks: Sequence[Record]) -> Commit:
    """Fold a run of ticks as its last one: the watermark moves and every monitor shard gets a bulletin.

    Pending rows and verdicts that would not fit one commit go out as parts without a watermark, and the ticks wait for the next step.
    """
    value = view.get(FIRST_CONFIG)
    assert value is not None, "a tick before the first config"
    config = config_of(value)
    timing = config.timing
    draft = Draft(view)
    found_ticks = [(record, tick_in(record, timing.max_future_skew)) for record in ticks]
    read_ticks = [(record.offset, tick) for record, tick in found_ticks if isinstance(tick, Tick)]
    if not read_ticks:
        refuse(draft, found_ticks)
        return draft.commit(stamp.advanced(TICKS, ticks[-1].offset + 1).pack())
    drain = read_ticks[0][1].drain
    run = list(takewhile(lambda pair: pair[1].drain == drain, read_ticks))
    offset, tick = run[-1]
    found = gather(draft)
    write_looks(draft, found.looks, stamp.commits)
    watermark = max(stamp.watermark, tick.at - timing.allowed_lateness - timing.tick)
    agenda = stamp.agenda
    if not found.rest:
        found.rest = not judge(draft, shard, config, stamp, watermark, found)
    if not found.rest:
        found.rest, agenda = settle(draft, config, stamp, watermark, found)
    if not found.rest:
        count_jobs(found, [tick for _, tick in run], timing.window)
    watermark = stamp.watermark if found.rest else watermark
    after = replace(stamp, watermark=watermark, commits=stamp.commits + 1, agenda=agenda)
    last = None
    if not found.rest:
        positions = {topic: number for topic, number in sorted(stamp.offsets.items()) if topic != TICKS}
        refuse(draft, [pair for pair in found_ticks if pair[0].offset < offset])
        last = {"watermark": watermark, "at": tick.at, "drain": drain, "positions": positions, "routes": sampled(draft)}
        gaps = gaps_of([tick for _, tick in run], timing)
        last |= {"gaps": gaps} if gaps else {}
        after = replace(after, offsets={**stamp.offsets, TICKS: offset + 1})
    after = replace(
        after,
        numbers=announce(draft, shard, stamp.numbers, found, tick.at, last),
        swept=sweep(draft, watermark, stamp.swept, after.commits - stamp.ticked),
        ticked=after.commits,
    )
    return draft.commit(after.pack())


def count_jobs(found: "Gathered", ticks: Sequence[Tick], base: int) -> None:
    """Count how rounds of jobs ended, as cells of `_system` whose channel is the job, in the base window of their tick."""
    for tick in ticks:
        for name, outcomes in sorted(tick.jobs.items()):
            end = end_of(tick.at - 1, base)
            counts = found.adds.setdefault(SYSTEM, Adds()).counts(("m", end, end), ("-", name, "-", "-"))
            add(counts, {"jobs": outcomes.ok + outcomes.failed, "jobs_failed": outcomes.failed})


def gaps_of(ticks: Sequence[Tick], timing: Timing) -> list[list[int]]:
    """Return [from, to] of every stretch of watermarks, ms, in which nobody ticked."""
    behind = timing.allowed_lateness + timing.tick
    return [[tick.missed - behind, tick.at - behind] for tick in ticks if tick.missed is not None]


def refuse(draft: Draft, ticks: Sequence[tuple[Record, Tick | Refusal | None]]) -> None:
    """Send a dead letter for each record that is no tick."""
    for record, tick in ticks:
        if isinstance(tick, Refusal):
            draft.send(dead_letter(record, tick.code, tick.path))


def judge(draft: Draft, shard: Shard, config: Config, stamp: IntakeStamp, watermark: int, found: "Gathered") -> bool:
    """Make the verdicts due when the watermark moves, as far as the commit takes them; return whether all are made."""
    base = config.timing.window
    if watermark // base <= stamp.watermark // base:
        return True
    verdicts = Verdicts(draft, shard, waits_of(config), partial(config_before, draft), watermark // base * base)
    finished = verdicts.run(stamp.commits)
    for name, adds in verdicts.adds.items():
        found.adds.setdefault(name, Adds()).merge(adds.plain())
    return finished


def settle(draft: Draft, config: Config, stamp: IntakeStamp, watermark: int, found: "Gathered") -> tuple[bool, int]:
    """Let the people in experiments add what is due; return whether some are left, and when the next is due."""
    people = People(draft, stamp.watermark, stamp.agenda, config.timing)
    base = config.timing.window
    done = people.settle(
        watermark // base * base, partial(config_before, draft), lambda name: found.adds.setdefault(name, Adds()), COMMIT_BYTES
    )
    return not done, people.flush(stamp.commits + 1)


def announce(
    draft: Draft, shard: Shard, numbers: dict[str, int], found: "Gathered", at: int, last: dict[str, Any] | None
) -> dict[str, int]:
    """Send every monitor shard its parts, the last of them with `last`; return the last number per channel."""
    after = dict(numbers)
    refused = refused_by_day(found.adds.get(SYSTEM))
    system = monitor_of(SYSTEM, shard.shards)
    for to in range(shard.shards):
        mine = {name: adds for name, adds in found.adds.items() if name == EVERYWHERE or monitor_of(name, shard.shards) == to}
        if not (mine or found.configs or refused or last):
            continue
        bodies = list(parts(mine, found.configs))
        bodies[-1]["refused"] = refused
        for body in bodies:
            after[str(to)] = after.get(str(to), 0) + 1
            end = last if to == system or not last else {**last, "routes": []}
            draft.send(message(shard, after[str(to)], to, at, body, end if body is bodies[-1] else None))
    return after


def refused_by_day(adds: Adds | None) -> dict[str, dict[str, int]]:
    """Return refused records by day (its end in ms) and code: every monitor shard says in its reports what was not counted."""
    found: dict[str, Counts] = {}
    for (_, end, _), cells in adds.cells.items() if adds else ():
        for counts in cells.values():
            codes = {name: number for name, number in counts.items() if name.startswith(REFUSED)}
            if codes:
                add(found.setdefault(str(end_of(end - 1, DAY)), {}), codes)
    return found


@dataclass(slots=True)
class Gathered:
    """What pending rows held: adds by initiative, configs, subjects to look at by time; `rest`: more is left."""

    adds: dict[str, Adds] = field(default_factory=dict)
    configs: list[dict[str, Any]] = field(default_factory=list)
    looks: dict[int, list[str]] = field(default_factory=dict)
    rest: bool = False


def gather(draft: Draft) -> Gathered:
    """Take pending rows, oldest first, up to what fits a commit."""
    found = Gathered()
    taken = 0
    for index, key in enumerate(sorted(draft.keys(PENDING), key=key_parts)):
        value = draft.get(key) or b""
        if index and taken + len(value) > COMMIT_BYTES:
            found.rest = True
            return found
        taken += len(value)
        plain, configs, looks = unpack(value)
        for name, adds in plain.items():
            found.adds.setdefault(name, Adds()).merge(adds)
        found.configs += configs
        for time, owners in looks:
            found.looks.setdefault(time, []).extend(owners)
        draft.drop(key)
    return found
