"""The gate of experiments: `python -m tests.simulation.trial_gate HISTORIES [SEED]` holds so many histories against the batch sums.

A history is one world of people run one way: in step, at random, behind, with one shard far behind; one to eight shards, crashed and
frozen owners. Sums must be those of the batch calculation, and what is published must be the same bytes in every way.
"""

import sys
from collections.abc import Iterator, Sequence

from tests.simulation.gate import CALM, ROUGH, WILD
from tests.simulation.run import Run, Way
from tests.simulation.trials import People, answer, kept

WAYS = (Way("file", 3, CALM), Way("random", 2, ROUGH), Way("backlog", 1, WILD), Way("laggard", 8, ROUGH))


def differing(seed: int, ways: Sequence[Way] = WAYS) -> Iterator[str]:
    """Yield what comes out differently, way by way; every fourth world is run in all ways given, the others in the first two."""
    world = People(seed).world(60 if seed % 2 else 250)
    truth = answer(world)
    said = None
    for way in chosen(seed, ways):
        run = Run(world, way, seed)
        run.go()
        if kept(seat.rows() for seat in run.monitor_seats) != truth:
            yield f"seed {seed} {way}: the sums"
        decisions = {name: value for name, value in run.outputs.settled().items() if not name.startswith("kpi-windows")}
        said = decisions if said is None else said
        if decisions != said:
            yield f"seed {seed} {way}: what is published"


def chosen(seed: int, ways: Sequence[Way] = WAYS) -> Sequence[Way]:
    """Return the ways a world is run in."""
    return ways[:2] if seed % 4 else ways


def main() -> None:
    """Run the gate from the command line."""
    histories, first = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    run, seed, found = 0, first, list[str]()
    while run < histories and len(found) < 20:
        found += differing(seed)
        run += len(chosen(seed))
        seed += 1
    print(f"{run} histories of {seed - first} worlds from seed {first}")
    print(f"{len(found)} mismatches", *found, sep="\n")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
