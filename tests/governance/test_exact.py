"""The calculator against the same formulas in sixty digits, on lines nobody chose."""

import json
import math
from collections.abc import Iterator
from decimal import Decimal, localcontext
from random import Random
from typing import Any

import pytest

from governance.readout import read_out
from tests.governance import exact

ALPHAS = (0.05, 0.05, 0.05, 0.1, 0.01, 0.001, 0.5)
NEAR = Decimal("1e-9")  # of the figure, and of 1 where the figure is smaller
NEAR_P = Decimal("1e-6")


@pytest.fixture(autouse=True)
def digits() -> Iterator[None]:
    """Sixty of them while a test runs."""
    with localcontext() as context:
        context.prec = exact.DIGITS
        yield


def about(chance: Random, expected: float, most: int) -> int:
    """Return a count some standard deviations from what is expected, mostly few."""
    away = chance.choice([0.5, 2.0, 2.0, 8.0, 30.0]) * chance.uniform(-1.0, 1.0)
    return max(0, min(most, round(expected + away * math.sqrt(max(1.0, expected)))))


class Population:
    """What users of a line do: a rate from rare to near certain, or a few values of either sign, whole or not, with denominators."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.kind = chance.choice(["proportion", "proportion", "mean", "ratio"])
        self.rate = chance.choice([0.0, 0.001, 0.05, 0.5, 0.97]) * chance.uniform(0.9, 1.03)
        scale = 10 ** chance.uniform(0.0, 5.0)
        values = [chance.uniform(-0.2, 1.0) * scale for _ in range(4)]
        self.values: list[float] = [round(value) for value in values] if chance.random() < 0.6 else values
        self.below = [chance.randrange(6) for _ in self.values]

    def arm(self, n: int, number: int) -> dict[str, Any]:
        """Return the sums of n users."""
        found: dict[str, Any] = {"name": f"arm {number}", "n": n}
        if self.kind == "proportion":
            return found | {"s": about(self.chance, self.rate * n, n)}
        counts = [about(self.chance, n / 5, n // 4) for _ in self.values]
        rows = [*zip(counts, self.values, self.below, strict=True), (n - sum(counts), 0, 1)]
        s, ss = sum(c * x for c, x, _ in rows), sum(c * x * x for c, x, _ in rows)
        if self.kind == "mean":
            return found | {"s": s, "ss": ss}
        below = {"d_s": sum(c * y for c, _, y in rows), "d_ss": sum(c * y * y for c, _, y in rows)}
        return found | {"m_s": s, "m_ss": ss, "md": sum(c * x * y for c, x, y in rows)} | below


def line(chance: Random) -> dict[str, Any]:
    """Return a line: any kind, two to four arms, from a few users to a billion, even and uneven splits."""
    people = Population(chance)
    weights = [chance.choice([1.0, 1.0, 2.0, 9.0]) for _ in range(chance.choice([2, 2, 2, 3, 4]))]
    whole = round(10 ** chance.uniform(0.7, 9.0))
    users = [about(chance, whole * weight / sum(weights), 2 * whole) for weight in weights]
    found = {"id": "x", "kind": people.kind, "arms": [people.arm(n, i) for i, n in enumerate(users)]}
    more = {"alpha": chance.choice(ALPHAS), "tuning_n": chance.choice([20_000, 1_000, 500_000]), "weights": weights}
    more |= {"srm_k": chance.choice([1000, 100, 10_000]), "rate_k": chance.choice([100, 1000])}
    return found | (more if chance.random() < 0.7 else {"weights": weights})


def near(found: float | None, expected: Decimal | None, size: Decimal = Decimal(1)) -> bool:
    """Say whether a figure is the expected one, to 1e-9 of the larger of it and `size`."""
    if found is None or expected is None:
        return found is None and expected is None
    return abs(Decimal(found) - expected) <= NEAR * max(size, abs(expected))


def near_p(found: float, expected: Decimal) -> bool:
    """Say whether a p-value is the expected one, to 1e-6 of itself; one that no double holds reads as the smallest."""
    expected = min(Decimal(1), max(exact.SMALLEST, expected))
    return abs(Decimal(found) - expected) <= NEAR_P * expected


def check(asked: dict[str, Any]) -> None:
    """Hold every figure of the answer to a line against the textbook's."""
    answer = read_out(json.dumps(asked), burn_in=False)
    assert answer["error"] is None, (asked, answer)
    alpha, tuning = Decimal(asked.get("alpha", 0.05)), Decimal(asked.get("tuning_n", 20_000))
    shares = [Decimal(weight) for weight in asked["weights"]]
    control, *treatments = [exact.Arm(asked["kind"], one) for one in asked["arms"]]
    for place, treatment in enumerate(treatments, 1):
        row = answer["arms"][asked["arms"][place]["name"]]
        assert_sequence(row, exact.sequence_of(treatment, control, alpha, tuning), asked)
        assert_welch(row["welch"], exact.welch_of(treatment, control), alpha, asked)
        if asked["kind"] == "proportion" and control.s and treatment.s:
            counts, pair = (int(control.s), int(treatment.s)), (shares[0], shares[place])
            for end in row["rate_ratio_ci"]:
                off = exact.rate_ratio_error(Decimal(end).ln(), counts, pair, Decimal(asked.get("rate_k", 100)), alpha)
                assert abs(off) < NEAR, (asked, row, off)
    users = [int(one["n"]) for one in asked["arms"]]
    assert_split(answer["srm"], users, [share / sum(shares) for share in shares], Decimal(asked.get("srm_k", 1000)))


def assert_sequence(row: dict[str, Any], expected: dict[str, Any] | None, asked: dict[str, Any]) -> None:
    if expected is None:
        assert row["ci"] is None, asked
        return
    assert near(row["difference"], expected["difference"]), (asked, row, expected)
    assert all(near(a, b) for a, b in zip(row["ci"], expected["ci"], strict=True)), (asked, row, expected)
    assert near_p(row["p_value"], expected["p_value"]), (asked, row, expected)
    assert near(row["lift"], expected["lift"]), (asked, row, expected)
    if row["lift_ci"] is not None:
        assert all(near(a, b) for a, b in zip(row["lift_ci"], expected["lift_ci"], strict=True)), (asked, row, expected)
    else:
        assert expected["lift_ci"] is None or expected["lift_ci"][1] > Decimal("1e300"), (asked, row, expected)


def assert_welch(row: dict[str, Any], expected: tuple[Decimal, Decimal, Decimal] | None, alpha: Decimal, asked: dict[str, Any]) -> None:
    if expected is None:
        assert row == {"ci": None, "p_value": None}, asked
        return
    difference, error, free = expected
    assert near_p(row["p_value"], exact.student_p(difference / error, free)), (asked, row, expected)
    low, high = (Decimal(end) for end in row["ci"])
    assert near(float(low + high) / 2, difference), (asked, row, expected)
    reach = (high - low) / 2
    off = exact.quantile_error(reach / error, free, alpha) * error
    assert abs(off) <= NEAR * max(Decimal(1), abs(low), abs(high), reach), (asked, row, off)


def assert_split(row: dict[str, Any], users: list[int], shares: list[Decimal], k: Decimal) -> None:
    expected = exact.log_bayes_factor(users, [k * share for share in shares], shares)
    assert near(row["log_bayes_factor"], expected), (users, shares, row, expected)
    assert near_p(row["p_value"], (-expected).exp()), (users, shares, row, expected)
    n = sum(users)
    if n == 0:
        assert row["chi_square_p"] is None
        return
    statistic = sum(((x - n * share) ** 2 / (n * share) for x, share in zip(users, shares, strict=True)), Decimal(0))
    assert near_p(row["chi_square_p"], exact.chi_square_p(statistic, len(users) - 1)), (users, shares, row)


@pytest.mark.parametrize("seed", range(4))
def test_every_figure_is_the_textbooks(seed: int) -> None:
    chance = Random(f"readout {seed}")
    for _ in range(20):
        check(line(chance))


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 140))
def test_every_figure_is_the_textbooks_on_many_lines(seed: int) -> None:
    chance = Random(f"readout {seed}")
    for _ in range(100):
        check(line(chance))


def test_the_textbook_is_right_where_it_can_be_looked_up() -> None:
    """Gamma of a half, five per cent points of printed tables, the normal law behind a billion degrees of freedom."""
    assert near(math.log(math.pi) / 2, exact.log_gamma(Decimal("0.5")))
    assert near(0.05, exact.student_p(Decimal("2.2281388519649385"), Decimal(10)))
    assert near(0.05, exact.chi_square_p(Decimal("3.841458820694124"), 1))
    assert near_p(math.erfc(6 / math.sqrt(2)), exact.student_p(Decimal(6), Decimal(10**12)))
