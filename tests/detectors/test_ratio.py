"""The sequential tests of counts: reference figures, laws, extremes."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import ratio

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/experiments.json").read_text())
counts = st.integers(1, 10**6)
shares = st.floats(0.02, 0.98)
priors = st.floats(1, 1e5)


def textbook(x: Sequence[int], shares: Sequence[float], k: float, log_tested: Sequence[float]) -> float:
    """ln B(k w + x) - ln B(k w) - sum x ln theta, by log-gammas."""

    def log_beta(a: Sequence[float]) -> float:
        return math.fsum(map(math.lgamma, a)) - math.lgamma(math.fsum(a))

    fit = math.fsum(count * theta for count, theta in zip(x, log_tested, strict=True))
    return log_beta([k * w + count for w, count in zip(shares, x, strict=True)]) - log_beta([k * w for w in shares]) - fit


@pytest.mark.parametrize("row", GOLDEN["srm"], ids=lambda row: str(row["id"]))
def test_ratio_test_equals_public_packages(row: dict[str, Any]) -> None:
    assert row["chi_square_p"] == pytest.approx(ratio.chi_square_p(row["users"], row["weights"]), rel=1e-6)
    for k in (100, 10_000):
        expected = row["dirichlet"][f"k{k}"]
        assert expected["log_bf"] == pytest.approx(ratio.log_bayes_factor(row["users"], row["weights"], k), abs=1e-9)
        assert expected["p_at_this_look"] == pytest.approx(ratio.p_value(row["users"], row["weights"], k), rel=1e-6)


@pytest.mark.parametrize("row", GOLDEN["rate_ratio"], ids=lambda row: f"{row['conversions']}-{row['assignment']}")
def test_rate_ratio_sequence_equals_the_convex_program(row: dict[str, Any]) -> None:
    """The reference was solved to about 1e-7."""
    (control, treatment), (a, b) = row["conversions"], row["assignment"]
    low, high = ratio.log_rate_ratio_interval(control, treatment, (a, b), k=row["k"], alpha=0.05)
    assert row["log_rate_ratio_lower"] == pytest.approx(low, abs=5e-7)
    assert row["log_rate_ratio_upper"] == pytest.approx(high, abs=5e-7)


@settings(deadline=None)
@given(counts, counts, shares, priors)
def test_bayes_factor_is_the_textbook_one(a: int, b: int, share: float, k: float) -> None:
    w = (share, 1 - share)
    expected = textbook((a, b), w, k, (math.log(share), math.log(1 - share)))
    assert expected == pytest.approx(ratio.log_bayes_factor((a, b), w, k), rel=1e-7, abs=2e-7)


@settings(deadline=None)
@given(st.integers(0, 10**5), st.integers(0, 10**5), shares, priors, st.floats(1e-4, 0.3))
def test_both_ends_of_the_rate_ratio_are_where_the_test_rejects(a: int, b: int, share: float, k: float, alpha: float) -> None:
    w = (share, 1 - share)
    for end in ratio.log_rate_ratio_interval(a, b, w, k=k, alpha=alpha):
        if math.isfinite(end):
            moved = math.log(w[0]), math.log(w[1]) + end
            scale = float(np.logaddexp(*moved))
            at_end = textbook((a, b), w, k, (moved[0] - scale, moved[1] - scale))
            assert -math.log(alpha) == pytest.approx(at_end, rel=1e-6, abs=1e-4)


@settings(deadline=None)
@given(st.lists(counts, min_size=2, max_size=6), priors, st.integers(1, 5))
def test_arms_may_be_renamed_and_shares_given_in_any_unit(users: list[int], k: float, rotation: int) -> None:
    weights = [i + 1.0 for i in range(len(users))]
    turned = [*users[rotation:], *users[:rotation]], [*weights[rotation:], *weights[:rotation]]
    expected = ratio.log_bayes_factor(users, weights, k)
    assert expected == pytest.approx(ratio.log_bayes_factor(*turned, k), rel=1e-9, abs=1e-9)
    assert expected == pytest.approx(ratio.log_bayes_factor(users, [7 * w for w in weights], k), rel=1e-9, abs=1e-9)


@settings(deadline=None)
@given(counts, counts, shares)
def test_swapping_the_arms_inverts_the_rate_ratio(a: int, b: int, share: float) -> None:
    low, high = ratio.log_rate_ratio_interval(a, b, (share, 1 - share), k=100, alpha=0.05)
    assert (-high, -low) == pytest.approx(ratio.log_rate_ratio_interval(b, a, (1 - share, share), k=100, alpha=0.05), abs=1e-7)


@settings(deadline=None)
@given(counts, counts, shares, st.floats(1e-6, 0.5), st.floats(0.01, 0.9))
def test_a_smaller_alpha_widens_the_rate_ratio(a: int, b: int, share: float, alpha: float, factor: float) -> None:
    wide = ratio.log_rate_ratio_interval(a, b, (share, 1 - share), k=100, alpha=alpha * factor)
    narrow = ratio.log_rate_ratio_interval(a, b, (share, 1 - share), k=100, alpha=alpha)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_no_users_say_nothing() -> None:
    assert ratio.log_bayes_factor((0, 0), (0.5, 0.5), 1000) == 0.0
    assert ratio.p_value((0, 0), (0.5, 0.5), 1000) == 1.0
    assert ratio.chi_square_p((0, 0), (0.5, 0.5)) is None
    assert ratio.log_rate_ratio_interval(0, 0, (0.5, 0.5), k=100, alpha=0.05) == (-math.inf, math.inf)


def test_an_arm_without_converters_has_one_end() -> None:
    low, high = ratio.log_rate_ratio_interval(0, 7, (0.5, 0.5), k=100, alpha=0.05)
    assert math.isfinite(low)
    assert high == math.inf
    assert ratio.log_rate_ratio_interval(7, 0, (0.5, 0.5), k=100, alpha=0.05) == pytest.approx((-math.inf, -low))


def test_digits_survive_a_billion_users() -> None:
    """At an exact split Stirling leaves -ln(1 + n/k)/2 + (1/(n+k) - 1/k)/4: no term of the size of n ln n may leak into it."""
    n, k = 10**9, 1000
    expected = -0.5 * math.log1p(n / k) + 0.25 * (1 / (n + k) - 1 / k)
    assert expected == pytest.approx(ratio.log_bayes_factor((n // 2, n // 2), (0.5, 0.5), k), rel=1e-9)
    assert 0.0 < ratio.p_value((n, n // 2), (0.5, 0.5), k) < 1e-300


@pytest.mark.parametrize("bad", [(0.0, 1.0), (-1.0, 2.0), (math.inf, 1.0), ()])
def test_a_share_that_no_arm_can_have_is_refused(bad: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="share must be above 0"):
        ratio.normalised(bad)


def test_five_hundred_looks_at_a_fair_split_rarely_alarm_and_an_unfair_one_is_found() -> None:
    """200 streams of 500 looks at 200 users: at most 1 % alarm at 50/50, at least 99 % at 51/49."""
    rng = np.random.default_rng(20_261_122)
    looks = np.arange(1, 501) * 200
    alarms = {}
    for share in (0.5, 0.51):
        first = rng.binomial(200, share, size=(200, 500)).cumsum(axis=1)
        alarms[share] = sum(
            any(ratio.p_value((int(x), int(n - x)), (0.5, 0.5), 1000) < 0.01 for x, n in zip(stream[::-1], looks[::-1], strict=True))
            for stream in first
        )
    assert alarms[0.5] <= 2
    assert alarms[0.51] >= 198
