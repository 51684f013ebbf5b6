"""The verdict gate: `python -m tests.simulation.verdict_gate HISTORIES [SEED]` runs the intake alone through so many consent histories.

The worlds, ways and faults of the consent gate; what is compared is the verdict of every exposure and the record behind it. Without
the monitors a history takes a fifth of the time.
"""

import sys
from collections import Counter
from typing import Any

from streams.kernel.bulletin import SIGNALS
from streams.kernel.record import Outgoing
from tests.simulation.consent import consent_answer
from tests.simulation.consent_gate import PROGRESS
from tests.simulation.consent_worlds import consent_world
from tests.simulation.gate import Mismatch, difference, ways
from tests.simulation.run import Run, Way, verdicts_of
from tests.simulation.world import World


class VerdictRun(Run):
    """One world on its way through the intake; nobody reads the bulletins."""

    def __init__(self, world: World, way: Way, seed: int) -> None:
        super().__init__(world, way, seed)
        self.monitor_seats = []

    def send(self, message: Outgoing) -> None:
        """Keep what is not a bulletin."""
        if message.topic != SIGNALS:
            super().send(message)

    def _answer(self) -> dict[str, Any]:
        return {"verdicts": verdicts_of(self.outputs.verdicts)}


def run_verdicts(histories: int, seed: int) -> tuple[int, Counter[str], list[Mismatch]]:
    """Return how many histories were run, the verdicts they held in all, and what came out differently."""
    held: Counter[str] = Counter()
    found: list[Mismatch] = []
    run = 0
    while run < histories and len(found) < 20:
        world, chosen = consent_world(seed), ways(seed)
        truth = consent_answer(world).verdicts
        for way in chosen:
            verdicts = VerdictRun(world, way, seed).go()["verdicts"]
            if verdicts != truth:
                found.append(Mismatch(seed, way, ("verdicts",), difference(truth, verdicts)))
        held.update({verdict: number * len(chosen) for verdict, number in Counter(verdict for verdict, _ in truth.values()).items()})
        if run // PROGRESS != (run + len(chosen)) // PROGRESS:
            print(f"{run + len(chosen)} histories, {held.total()} verdicts, {len(found)} mismatches", file=sys.stderr, flush=True)
        run += len(chosen)
        seed += 1
    return run, held, found


def main() -> None:
    """Run the gate from the command line."""
    histories, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    run, held, found = run_verdicts(histories, seed)
    print(f"{run} histories from seed {seed}, {held.total()} verdicts: {dict(sorted(held.items()))}")
    print(f"{len(found)} mismatches")
    print("\n".join(str(mismatch) for mismatch in found[:3]))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
