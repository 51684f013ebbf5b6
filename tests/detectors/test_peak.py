"""Peaks over threshold: what a tail says of its own past."""

from dataclasses import asdict
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.peak import COLD, Peak

FINITE = st.floats(-1e12, 1e12)


def learnt(numbers: list[float]) -> Peak:
    """Return a tail that has seen these."""
    found = Peak()
    for number in numbers:
        found.learn(number)
    return found


@settings(max_examples=60, deadline=None)
@given(st.lists(FINITE, max_size=200), FINITE, FINITE)
def test_what_is_farther_out_is_no_less_surprising_and_asking_changes_nothing(past: list[float], one: float, other: float) -> None:
    """Evidence rises with the number, is never negative, and asking is free."""
    peak = learnt(past)
    before = asdict(peak)
    low, high = peak.evidence(min(one, other)), peak.evidence(max(one, other))
    assert 0.0 <= low <= high
    assert asdict(peak) == before


def test_nothing_is_said_before_there_is_a_past() -> None:
    """A cold tail is silent, whatever comes; later it is not."""
    assert learnt([float(k % 7) for k in range(COLD - 1)]).evidence(1e9) == 0.0
    assert learnt([float(k % 7) for k in range(COLD)]).evidence(1e9) > 2.0


def test_what_happens_again_and_again_surprises_less_each_time() -> None:
    """A peak of the same height is learnt."""
    peak = learnt([float(k % 5) for k in range(500)])
    first = peak.evidence(50.0)
    for _ in range(20):
        peak.learn(50.0)
        for k in range(20):
            peak.learn(float(k % 5))
    assert peak.evidence(50.0) < first - 1.0


def test_what_lasts_is_no_more_usual_for_lasting_until_its_end() -> None:
    """A peak is learnt when it is over: its tenth number is nearly as rare as its first."""
    peak = learnt([float(k % 5) for k in range(500)])
    first = peak.evidence(50.0)
    for _ in range(10):
        peak.learn(50.0)
    assert peak.evidence(50.0) > first - 0.3


def test_the_tail_of_an_exponential_law_is_met() -> None:
    """Of 100,000 exponential numbers those with evidence above 3 are about one in a thousand."""
    draw = Random(7)
    peak, rare = Peak(), 0
    for row in range(100_000):
        number = draw.expovariate(1.0)
        rare += row > 2000 and peak.evidence(number) > 3.0
        peak.learn(number)
    assert 0.0003 < rare / 98_000 < 0.002
