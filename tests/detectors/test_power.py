"""Planning: the users a test needs and still needs."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.power import plan, progress, users_to_go
from detectors.sequence import Comparison, interval

CONVERSION = (0.05 * 0.95, 0.055 * 0.945)  # 5 % -> 5.5 %


def test_a_plan_for_five_to_five_and_a_half_per_cent() -> None:
    """The usual fixed-horizon formula says 62,462; the sequence needs about twice that at one given look, 1.6 times to plan."""
    found = plan(0.005, CONVERSION, alpha=0.05, tuning_n=20_000)
    assert found.fixed_n == 62_462
    assert found.sequence_n == pytest.approx(127_000, rel=0.02)
    assert found.planned_n == 99_940


@settings(deadline=None)
@given(st.floats(1e-3, 1), st.integers(100, 10**6), st.floats(1e-3, 1))
def test_after_the_users_to_go_the_half_width_is_the_smallest_effect_worth_having(error: float, n: int, effect: float) -> None:
    more = users_to_go(error, n, effect, 0.05, 20_000)
    assert more is not None

    def half_width(total: int) -> float:
        low, high = interval(Comparison(0.0, error * math.sqrt(n / total), total), 0.05, 20_000)
        return (high - low) / 2

    assert half_width(n + more) <= effect * (1 + 1e-12)
    assert more == 0 or half_width(n + more - 1) > effect * (1 - 1e-12)


def test_no_number_of_users_proves_an_effect_of_zero() -> None:
    assert users_to_go(0.01, 1000, 0.0, 0.05, 20_000) is None
    assert users_to_go(1.0, 1000, 1e-9, 0.05, 20_000) is None


def test_progress_is_the_share_of_information() -> None:
    assert progress(0.2, 0.1) == pytest.approx(0.25)
    assert progress(0.05, 0.1) == 1.0


@pytest.mark.parametrize(("effect", "share"), [(0.0, 0.5), (0.1, 0.0), (0.1, 1.0)])
def test_a_plan_without_effect_or_with_an_empty_arm_is_refused(effect: float, share: float) -> None:
    with pytest.raises(ValueError, match="effect must not be 0"):
        plan(effect, CONVERSION, alpha=0.05, tuning_n=20_000, share=share)
