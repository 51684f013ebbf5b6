"""The gate: worlds through the kernel in many ways, every answer held against the batch oracle and against the other ways.

`python -m tests.simulation.gate SECONDS [SEED]` runs as many histories as fit and prints what differed, the smallest of it shrunk.
"""

import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from tests.simulation.consent import answer
from tests.simulation.owner import Faults
from tests.simulation.run import Run, Way
from tests.simulation.world import World
from tests.simulation.worlds import made

CALM = Faults()
ROUGH = Faults(crash=0.03, freeze=0.03, compact=0.01)
WILD = Faults(crash=0.12, freeze=0.12, wake=0.4, compact=0.03)
KINDS = ("short", "short", "coarse", "long")
SHRINKING_S = 120


@dataclass(frozen=True)
class Mismatch:
    """One way that came out differently: from the oracle, or from the first way byte for byte."""

    seed: int
    way: Way
    what: tuple[str, ...]
    detail: str

    def __str__(self) -> str:
        return f"seed {self.seed} {self.way}: {', '.join(self.what)}\n{self.detail}"


@dataclass
class Tally:
    """What a run of the gate has seen."""

    histories: int = 0
    worlds: Counter[str] = field(default_factory=Counter)
    compared: Counter[str] = field(default_factory=Counter)
    mismatches: list[tuple[World, Mismatch]] = field(default_factory=list)


def ways(seed: int) -> tuple[Way, ...]:
    """Return how a world is run: in step without a fault, then other modes, shards and faults by seed."""
    chance = Random(seed)
    modes = chance.sample(["random", "backlog", "laggard"], 3)
    shards = chance.sample([1, 2, 3, 8], 4)
    calm = Way("file", shards[3], CALM)
    return (calm, *(Way(mode, count, chance.choice([ROUGH, WILD])) for mode, count in zip(modes, shards, strict=False)))


def world_of(seed: int, kinds: Sequence[str] = KINDS) -> World:
    """Return the world of a seed, of any kind and size."""
    chance = Random(seed)
    return made(seed, chance.choice(kinds), chance.choice([6, 25, 60, 150]))


def compared(world: World, chosen: Sequence[Way], seed: int) -> Iterator[Mismatch]:
    """Yield what differs, way by way."""
    truth = answer(world)
    first: dict[str, bytes] | None = None
    for way in chosen:
        run = Run(world, way, seed)
        try:
            found = run.go()
        except AssertionError as error:
            yield Mismatch(world.seed, way, ("promise",), str(error))
            continue
        settled = run.outputs.settled()
        first = settled if first is None else first
        wrong = tuple(name for name in truth if truth[name] != found[name])
        if wrong:
            yield Mismatch(world.seed, way, wrong, "\n".join(difference(truth[name], found[name]) for name in wrong))
        elif first != settled:
            yield Mismatch(world.seed, way, ("bytes",), difference(first, settled))


def difference(truth: Any, found: Any, most: int = 3) -> str:
    """Return the first differences of two answers."""
    if isinstance(truth, set):
        return f"  missing {sorted(truth - found)[:most]}\n  unexpected {sorted(found - truth)[:most]}"
    keys = [key for key in sorted({*truth, *found}, key=str) if truth.get(key) != found.get(key)]
    return "\n".join(f"  {key}\n    expected {truth.get(key)}\n    found    {found.get(key)}" for key in keys[:most])


def run_gate(seconds: float, seed: int, most: int = 20) -> Tally:
    """Run worlds from a seed on until the time is over, or there are mismatches enough."""
    tally, until = Tally(), time.monotonic() + seconds
    while time.monotonic() < until and len(tally.mismatches) < most:
        world, chosen = world_of(seed), ways(seed)
        tally.mismatches += [(world, mismatch) for mismatch in compared(world, chosen, seed)]
        tally.worlds[world.kind] += 1
        tally.histories += len(chosen)
        tally.compared.update({name: len(part) * len(chosen) for name, part in answer(world).items()})
        seed += 1
    return tally


def shrunk(world: World, mismatch: Mismatch, seconds: float = SHRINKING_S) -> World:
    """Return a smaller world that still comes out wrong the same way."""
    until = time.monotonic() + seconds

    def fails(candidate: World) -> bool:
        return any(set(found.what) & set(mismatch.what) for found in compared(candidate, [mismatch.way], mismatch.seed))

    if not fails(world):
        return world  # only together with another way
    for name in ("arrivals", "configs", "ticks"):
        size = max(1, len(getattr(world, name)) // 2)
        while size:
            at = 1 if name == "configs" else 0
            while at < len(getattr(world, name)) and time.monotonic() < until:
                parts = getattr(world, name)
                smaller = replace(world, **{name: parts[:at] + parts[at + size :]})
                if len(getattr(smaller, name)) > (name != "arrivals") and fails(smaller):
                    world = smaller
                else:
                    at += size
            size //= 2
    return world


def main() -> None:
    """Run the gate from the command line."""
    seconds, seed = float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    tally = run_gate(seconds, seed)
    print(f"{tally.histories} histories of {sum(tally.worlds.values())} worlds {dict(tally.worlds)} from seed {seed}")
    print(f"compared {dict(tally.compared)}")
    print(f"{len(tally.mismatches)} mismatches")
    for _, mismatch in tally.mismatches[:5]:
        print(mismatch)
    if not tally.mismatches:
        return
    world, mismatch = min(tally.mismatches, key=lambda pair: len(pair[0].arrivals))
    small = shrunk(world, mismatch)
    print(f"smallest: {len(small.arrivals)} records, {len(small.configs)} configs, {len(small.ticks)} ticks, {mismatch.way}")
    for one in small.arrivals:
        print(f"  {one.appended} stamp {one.stamp} {one.topic} {one.key!r} {one.value!r}")
    for config in small.configs:
        print(f"  config {config.stamp} {config.effective_at} {config.effective['initiatives']}")
    print("\n".join(str(found) for found in compared(small, [mismatch.way], mismatch.seed)))
    sys.exit(1)


if __name__ == "__main__":
    main()
