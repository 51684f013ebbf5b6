"""The series of one initiative, judged together."""

import pytest

from detectors.baseline import Baseline
from detectors.budget import Budget
from detectors.dip import Window
from detectors.panel import Sibling, Votes, breaches, eligible, mixed
from detectors.protocol import Verdict
from detectors.window import DAY, HOUR

END = 20_402 * DAY


def judged(p: float) -> Verdict:
    return Verdict(p, learning=False)


def test_what_moved_all_is_taken_out_of_each() -> None:
    """Ten siblings at 0.7: each is told 0.7 by the other nine, and how sure that is."""
    votes = [Sibling(0.7, 400.0) for _ in range(10)]
    factor, variance = Votes.among(votes).common(votes[0])
    assert factor == pytest.approx(0.7, abs=0.01)
    assert variance == pytest.approx(1 / 3600, rel=0.02)


def test_a_fault_of_one_moves_the_others_little_and_itself_not_at_all() -> None:
    """The largest falls to a half: the rest hear of 2 %, itself of nothing."""
    large, others = Sibling(0.5, 1_000.0), [Sibling(1.0, 400.0) for _ in range(6)]
    votes = Votes.among([large, *others])
    assert votes.common(others[0])[0] > 0.98
    assert votes.common(large)[0] == pytest.approx(1.0)


def test_too_few_siblings_say_nothing() -> None:
    pair = [Sibling(0.5, 400.0), Sibling(0.5, 400.0)]
    assert Votes.among(pair).common(pair[0]) == (1.0, 0.0)
    assert Votes.among([None, *pair, None]).number == 2


def test_votes_survive_as_numbers() -> None:
    votes = Votes.among([Sibling(0.9, 10.0), Sibling(1.1, 20.0), Sibling(1.0, 30.0)])
    assert Votes.of(votes.plain()) == votes


def test_more_traffic_in_a_poor_part_is_no_dip_of_the_whole() -> None:
    """Two parts at 10 % and 1 %: the second grows tenfold, the rate of the whole falls, what is expected of it falls alike."""
    parts = []
    for rate in (0.10, 0.01):
        baseline = Baseline()
        for hour in range(24 * 7):
            baseline.learn(END + (hour - 24 * 7) * HOUR, rate * 1_000.0, 1_000.0)
        parts.append((baseline, rate))
    seen = mixed(END, [(parts[0][0], Window(END, 100.0, 1_000.0)), (parts[1][0], Window(END, 100.0, 10_000.0))])
    assert seen.events == 200.0
    assert seen.exposure == pytest.approx(200.0, rel=0.01)


def test_of_thousands_only_discoveries_breach() -> None:
    """A p that one series may act on is nothing among ten thousand; one far beyond is."""
    budget = Budget.of(0.02, HOUR, 1, 1)
    alone = breaches([{0: judged(1e-5)}], budget, 0.01)
    many: dict[int, Verdict] = {key: judged(0.5) for key in range(10_000)} | {1: judged(1e-5), 2: judged(1e-9)}
    (found,) = breaches([many], budget, 0.01)
    assert alone == [{0: True}]
    assert [key for key, hit in found.items() if hit] == [2]


def test_a_series_that_could_not_show_the_loss_of_everything_in_a_day_is_left_to_its_parent() -> None:
    assert eligible(Verdict(learning=False, detectable=4.0))
    assert not eligible(Verdict(learning=False, detectable=6.0))
    assert not eligible(Verdict(learning=True, detectable=0.1))
