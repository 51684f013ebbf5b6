"""The gate of the reference model: `python -m tests.simulation.reference_gate HISTORIES [SEED]` runs worlds of every kind it makes.

A history is one world run one way; what the kernel says is held against the model's batch oracle.
"""

import sys
from collections import Counter

from tests.simulation.gate import CALM, ROUGH, difference
from tests.simulation.reference import by_kernel, by_model, load, world
from tests.simulation.run import Run, Way

KINDS = ("punctual", "skew", "late", "late_consent", "erase", "clash", "jitter", "all", "ahead")
WAYS = (Way("file", 2, CALM), Way("random", 3, ROUGH), Way("backlog", 1, ROUGH), Way("laggard", 8, ROUGH))


def differing(kind: str, seed: int, ways: int, held: Counter[str] | None = None) -> list[str]:
    """Return what our kernel says differently from the model of one of its worlds, way by way; count in `held` what was compared."""
    model = sys.modules.setdefault("model", load("model"))  # the module beside it imports it by that name
    attack = load("attack")
    reference = model.world(seed, **attack.WORLDS[kind])
    truth, told = by_model(model, attack, reference), []
    for way in WAYS[:ways]:
        run = Run(world(model, reference), way, seed)
        run.go()
        found = by_kernel(run, reference)
        told += [f"{kind} {seed} {way} {name}:\n{difference(truth[name], found[name])}" for name in truth if truth[name] != found[name]]
        if held is not None:
            held.update({name: len(part) for name, part in truth.items()})
    return told


def main() -> None:
    """Run the gate from the command line."""
    histories, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    run, held, found = 0, Counter[str](), list[str]()
    while run < histories and len(found) < 20:
        for kind in KINDS:
            found += differing(kind, seed, len(WAYS), held)
            run += len(WAYS)
        seed += 1
    print(f"{run} histories, compared {dict(held)}")
    print(f"{len(found)} mismatches", *found[:5], sep="\n")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
