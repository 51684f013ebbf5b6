"""How long a consent string takes: every golden string, and the strings within the limits that cost the most.

Run from the repository root: `python -m benchmarks.consent_strings [--rounds 200]`. Processor time of this machine, one thread:
median and slowest of the rounds, for decoding alone and for the whole answer. Exit 1 where a median of decoding is over 5 ms.
"""

import argparse
import sys
import time
from collections.abc import Callable

from governance.consent_string.answers import as_answer
from governance.consent_string.decode import decode
from tests.governance.consent_string.packing import VALID
from tests.governance.consent_string.test_work import WORST

LIMIT_MS = 5.0


def timed_ms(work: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Median and maximum of so many runs, in milliseconds."""
    taken = []
    for _ in range(rounds):
        start = time.thread_time()
        work()
        taken.append((time.thread_time() - start) * 1000)
    return sorted(taken)[rounds // 2], max(taken)


def main() -> int:
    """Print one row a string; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    rounds: int = parser.parse_args().rounds
    slow = []
    print(f"{'string':30} {'characters':>10} {'decode ms':>10} {'slowest':>8} {'answer ms':>10} {'slowest':>8}")
    for name, text in [*((str(vector["name"]), str(vector["text"])) for vector in VALID), *WORST.items()]:
        median, slowest = timed_ms(lambda text=text: decode(text), rounds)  # type: ignore[misc]
        whole, slowest_whole = timed_ms(lambda text=text: as_answer(text, decode(text)), rounds)  # type: ignore[misc]
        print(f"{name:30} {len(text):10} {median:10.3f} {slowest:8.3f} {whole:10.3f} {slowest_whole:8.3f}")
        if median > LIMIT_MS:
            slow.append(name)
    print(f"over {LIMIT_MS} ms: {', '.join(slow) or 'none'}")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
