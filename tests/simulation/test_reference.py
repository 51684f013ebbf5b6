"""The kernel against the reference model: its worlds, its batch oracle."""

from collections import Counter

import pytest

from tests.simulation.reference import FOLDER
from tests.simulation.reference_gate import KINDS, differing

THERE = pytest.mark.skipif(not FOLDER.is_dir(), reason="the reference model is not beside this checkout")


@THERE
@pytest.mark.parametrize("kind", KINDS)
def test_the_kernel_says_what_the_model_says(kind: str) -> None:
    """Totals, verdicts, threshold incidents and an experiment's sums, of every kind of world the model makes."""
    held: Counter[str] = Counter()

    assert differing(kind, 3, 2, held) == []
    assert min(held[name] for name in ("totals", "violations", "incidents", "sums")) > 5


@THERE
@pytest.mark.soak
def test_a_thousand_worlds_of_the_model() -> None:
    """The long form, also as a command: python -m tests.simulation.reference_gate 4000."""
    assert [told for seed in range(100, 211) for kind in KINDS for told in differing(kind, seed, 4)] == []
