"""What a figure's own past makes likely: the range holds what it says it holds, and what is held out teaches nothing."""

from math import cos, pi
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.window import DAY, HOUR
from reporting.likely import FEWEST, Point, likely

START = 1_763_596_800_000  # a midnight


def hours(values: list[float], weight: float = 1000.0) -> list[Point | None]:
    """Return hours one after the other."""
    return [Point(START + (index + 1) * HOUR, value, weight) for index, value in enumerate(values)]


def wave(index: int) -> float:
    """Return a rate that is highest at midnight."""
    return 0.05 + 0.02 * cos(2 * pi * ((START + (index + 1) * HOUR) % DAY) / DAY)


def test_a_daily_wave_is_found_again() -> None:
    """Two days of a rate that follows the clock: what is expected is that wave, chance as wide as Poisson's law says."""
    found = likely(hours([wave(index) for index in range(48)]))

    for index, one in enumerate(found):
        assert one is not None
        assert one.expected == pytest.approx(wave(index), abs=1e-9)
        assert one.high - one.expected == pytest.approx(2.5758 * (wave(index) / 1000) ** 0.5, abs=1e-6)


def test_99_of_100_windows_of_chance_lie_inside() -> None:
    """Counts of 500 exposures an hour at a rate that follows the clock, 400 histories; the last hour is held out and judged."""
    chance, inside = Random(5), 0
    for _ in range(400):
        values = [sum(chance.random() < wave(index) for _ in range(500)) / 500 for index in range(48)]
        last = likely(hours(values, 500.0), {47})[-1]
        assert last is not None
        inside += last.side(values[-1]) == 0

    assert 0.97 <= inside / 400 <= 1.0


@given(st.integers(0, 47), st.floats(0.0, 1.0))
def test_what_is_held_out_changes_nothing(at: int, value: float) -> None:
    """Whatever an hour of an incident shows, what is expected of it and of all others stays."""
    plain = [wave(index) for index in range(48)]
    faulty = [*plain[:at], value, *plain[at + 1 :]]

    assert likely(hours(plain), {at}) == likely(hours(faulty), {at})


@given(st.lists(st.floats(0.0, 1e6), min_size=48, max_size=48), st.floats(0.01, 100.0))
def test_money_has_no_unit_of_its_own(values: list[float], factor: float) -> None:
    """In cents or in euros the range is the same money."""
    found, scaled = likely(hours(values), counted=False), likely(hours([value * factor for value in values]), counted=False)

    for one, other in zip(found, scaled, strict=True):
        assert one is not None
        assert other is not None
        assert other.high == pytest.approx(one.high * factor, rel=1e-6, abs=1e-9)
        assert 0.0 <= one.low <= one.expected <= one.high


def test_a_count_that_never_was_has_a_range_all_the_same() -> None:
    """No technical fallback in two days does not make the first one impossible; nor is it expected."""
    last = likely(hours([0.0] * 48, 400.0))[-1]

    assert last is not None
    assert last.low == 0.0
    assert 0.0 < last.high < 0.01


def test_too_few_windows_say_nothing() -> None:
    """A gap has no range, and fewer than a day of windows give none to anybody."""
    points: list[Point | None] = [*hours([0.05] * (FEWEST - 1)), None]

    assert likely(points) == [None] * FEWEST
    assert likely([*points, Point(START + 40 * HOUR, 0.05, 1000.0)])[-2] is None
