"""Numbers as they are written."""

import doctest

import pytest

from reporting import figure, interval, issues, safe, wording
from reporting.chart import mark, scale
from reporting.figure import age, bare_rate, integer, moment, money, points, rate, relative, short, signed
from reporting.figure import interval as ends


@pytest.mark.parametrize("module", [figure, interval, issues, safe, wording, mark, scale])
def test_examples_in_docstrings_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (rate(0.0316), "3.16\u00a0%"),
        (rate(0.914), "91.4\u00a0%"),
        (rate(0.000004), "4\u00a0per million"),
        (rate(0.0), "0.00\u00a0%"),
        (rate(None), "–"),
        (bare_rate(0.0712), "7.12"),
        (points(-0.0029), "−0.29\u00a0pp"),
        (points(0.0), "0.00\u00a0pp"),
        (points(-0.000001), "0.00\u00a0pp"),
        (relative(-0.0181), "−1.8\u00a0%"),
        (signed(0.004, 2), "0.00"),
        (integer(11_108_768), "11,108,768"),
        (integer(-592), "−592"),
        (short(11_108_768), "11.11\u00a0M"),
        (short(9_999), "9,999"),
        (money(41.2, "EUR", 3), "€0.412"),
        (money(120_450, "EUR"), "€1,204.50"),
        (money(-2, "EUR"), "−€0.02"),
        (money(500, "JPY"), "¥500"),
        (money(1234, "SEK"), "SEK\u00a012.34"),
        (ends([0.0301, 0.0331]), "3.01\u00a0% to 3.31\u00a0%"),
        (ends(None), "no interval"),
        (age(34_000), "34\u00a0s"),
        (age(3_600_000), "1\u00a0h"),
        (age(273_600_000), "3\u00a0d 4\u00a0h"),
        (moment("2026-11-22T14:00:00.000Z", "2026-11-22T14:32:30.000Z"), "14:00"),
        (moment("2026-11-21T22:55:00.000Z", "2026-11-22T14:32:30.000Z"), "21\u00a0Nov 22:55"),
    ],
)
def test_numbers_carry_their_unit_and_a_true_minus(written: str, expected: str) -> None:
    assert written == expected
