"""The consent gate: `python -m tests.simulation.consent_gate HISTORIES [SEED]` runs so many histories of consent worlds against the oracle.

A history is one world run one way: in step, at random, behind, with one shard far behind; one to eight shards, crashed and frozen owners.
"""

import sys
from collections import Counter

from tests.simulation.consent import answer
from tests.simulation.consent_worlds import consent_world
from tests.simulation.gate import Mismatch, compared, shrunk, ways

PROGRESS = 500  # histories between two lines that say how far it is


def run_histories(histories: int, seed: int) -> tuple[int, Counter[str], list[Mismatch]]:
    """Return how many histories were run, what they held in all, and what came out differently."""
    held: Counter[str] = Counter()
    found: list[Mismatch] = []
    run = 0
    while run < histories and len(found) < 20:
        if run % PROGRESS < len(ways(seed)) and run:
            print(f"{run} histories, {len(found)} mismatches", file=sys.stderr, flush=True)
        world, chosen = consent_world(seed), ways(seed)
        found += compared(world, chosen, seed)
        truth = answer(world)
        held.update({name: len(part) * len(chosen) for name, part in truth.items()})
        held.update({f"verdict {verdict}": len(chosen) for verdict, _ in truth["verdicts"].values()})
        held.update({f"step {step}": len(chosen) for one in truth["incidents"].values() for _, step, *_ in one["steps"]})
        run += len(chosen)
        seed += 1
    return run, held, found


def main() -> None:
    """Run the gate from the command line."""
    histories, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    run, held, found = run_histories(histories, seed)
    print(f"{run} histories from seed {seed}: {dict(sorted(held.items()))}")
    print(f"{len(found)} mismatches")
    for mismatch in found[:3]:
        print(mismatch)
    if found:
        small = shrunk(consent_world(found[0].seed), found[0])
        for one in small.arrivals:
            print(f"  {one.appended} stamp {one.stamp} {one.topic} {one.key!r} {one.value!r}")
        print("\n".join(str(again) for again in compared(small, [found[0].way], found[0].seed)))
        sys.exit(1)


if __name__ == "__main__":
    main()
