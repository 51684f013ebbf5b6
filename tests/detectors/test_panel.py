"""The series of one initiative, judged together."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.baseline import WIDTH, Baseline
from detectors.budget import Budget
from detectors.panel import Counted, Siblings, Votes, breaches, eligible, mixed, siblings
from detectors.protocol import States, Verdicts
from detectors.weighing import RATES, Weighing, Windows
from detectors.window import DAY, HOUR

END = 20_402 * DAY
Vote = tuple[float, float, float]  # factor, weight, how far off it was of late
WEIGHING = Weighing(-1, Baseline())


def cast(votes: list[Vote]) -> Siblings:
    """Return votes as columns."""
    factor, weight, late = np.array(votes, dtype=np.float64).reshape(len(votes), 3).T
    return Siblings(factor, weight, late, 0.0 * weight, 0.0 * weight)


def common(votes: list[Vote], own: list[Vote]) -> tuple[float, float]:
    """Return what votes say to a series whose own are some of them: the factor and its variance."""
    found = Votes.among(cast(votes))
    counted = found.counted(cast(own))
    factor, variance = found.common(Counted(*[np.array([column.sum()]) for column in counted]))
    return factor.item(), variance.item()


def vote(factor: float, weight: float, late: float = 0.0) -> Vote:
    return factor, weight, late


@np.errstate(all="ignore")
def week(*rates: float) -> States:
    """Return the states of series after a week of a thousand exposures an hour at these rates."""
    found, columns = np.zeros((len(rates), WIDTH)), [np.full(len(rates), 1.0), np.zeros(len(rates))]
    for hour in range(24 * 7):
        found = Baseline().learn(found, END + (hour - 24 * 7) * HOUR, np.array(rates) * 1_000.0, np.full(len(rates), 1_000.0), *columns)
    states = WEIGHING.fresh(len(rates), 70)
    states[:, RATES] = found
    return states


def test_what_moved_all_is_taken_out_of_each() -> None:
    """Ten siblings at 0.7: each is told 0.7 by the other nine, and how sure that is."""
    votes = [vote(0.7, 400.0) for _ in range(10)]
    factor, variance = common(votes, votes[:1])
    assert factor == pytest.approx(0.7, abs=0.01)
    assert variance == pytest.approx(1 / 3600, rel=0.02)


def test_a_fault_of_one_moves_no_other_and_itself_not_at_all() -> None:
    """The largest falls to a half, far beyond what chance does: neither the rest nor itself hear of it."""
    large, others = vote(0.5, 1_000.0), [vote(1.0, 400.0) for _ in range(6)]
    votes = [large, *others]
    assert common(votes, others[:1])[0] == pytest.approx(1.0)
    assert common(votes, [large])[0] == pytest.approx(1.0)


def test_what_has_been_off_for_long_votes_by_what_is_new() -> None:
    """A large sibling stands a tenth low since yesterday: today's tenth is no news, and when it is back that is soon none either."""
    others = [vote(1.0, 400.0) for _ in range(4)]
    fresh = common([vote(0.9, 400.0), *others], others[:1])[0]
    lasting = common([vote(0.9, 400.0, -0.1), *others], others[:1])[0]
    assert fresh < 0.99 < 0.998 < lasting


def test_where_all_have_been_off_alike_it_was_the_factor_that_was() -> None:
    """Everybody has stood a tenth high of late: that takes nothing from what they say now."""
    off, calm = ([vote(1.1, 400.0, late)] * 6 for late in (0.1, 0.0))
    assert common(off, off[:1]) == common(calm, calm[:1])


def test_two_do_not_outvote_the_rest() -> None:
    """The two largest of seven fall by a tenth together, for them three spreads; the five small ones are not led astray."""
    large, small = [vote(0.9, 1_000.0)] * 2, [vote(1.0, 100.0)] * 5
    assert common([*large, *small], small[:1])[0] == pytest.approx(1.0, abs=0.02)


@given(
    votes=st.lists(st.tuples(st.floats(0.0, 5.0), st.floats(0.1, 1e4), st.floats(-1.0, 1.0)), min_size=1, max_size=12),
    order=st.randoms(use_true_random=False),
)
def test_votes_do_not_depend_on_their_order_and_no_vote_leads_beyond_the_others(votes: list[Vote], order: Random) -> None:
    """The same votes in another order are the same to the last bit; the factor lies within one and what the others say."""
    shuffled = list(votes)
    order.shuffle(shuffled)
    assert Votes.among(cast(votes)) == Votes.among(cast(shuffled))
    factor, variance = common(votes, [])
    reach = [factor + sign * abs(late) for factor, _, late in votes for sign in (-1, 1)]
    spare = 2.0 * max(abs(late) for _, _, late in votes)
    assert min(1.0, *reach) - spare - 1e-9 <= factor <= max(1.0, *reach) + spare + 1e-9
    assert 0.0 <= variance < 1.0


def test_too_few_siblings_say_nothing() -> None:
    pair = [vote(0.5, 400.0), vote(0.5, 400.0)]
    assert common(pair, pair[:1]) == (1.0, 0.0)
    assert Votes.among(cast([vote(1.0, 0.0), *pair, vote(1.0, 0.0)])).number == 2


def test_votes_survive_as_numbers() -> None:
    votes = Votes.among(cast([vote(0.9, 10.0), vote(1.1, 20.0), vote(1.0, 30.0)]))
    assert Votes.of(votes.plain()) == votes


def test_more_traffic_in_a_poor_part_is_no_dip_of_the_whole() -> None:
    """Two parts at 10 % and 1 %: the second grows tenfold, the rate of the whole falls, what is expected of it falls alike."""
    seen = Windows.of(END, [100.0, 100.0], [1_000.0, 10_000.0])
    parts = siblings(WEIGHING, week(0.10, 0.01), seen)
    assert mixed(parts, seen.events, Votes()).sum() == 200.0
    assert parts.expected.sum() == pytest.approx(200.0, rel=0.01)


def test_what_one_part_does_alone_is_no_dip_of_the_whole_and_what_all_do_is() -> None:
    """Of five parts one loses everything for an hour: the whole says three spreads of that part; all at 0.7 stay 0.7."""
    states, calm, low = week(*[0.1] * 5), *(Votes.among(cast([vote(factor, 100.0)] * 5)) for factor in (1.0, 0.7))
    one, every = (Windows.of(END, events, 1_000.0) for events in ([0.0, *[100.0] * 4], [70.0] * 5))
    for seen, votes, share in ((one, calm, 1.0 - 0.3 / 5), (every, low, 0.7)):
        parts = siblings(WEIGHING, states, seen)
        assert mixed(parts, seen.events, votes).sum() / parts.expected.sum() == pytest.approx(share, abs=0.02)


def test_of_thousands_only_discoveries_breach() -> None:
    """A p that one series may act on is nothing among ten thousand; one far beyond is."""
    budget, many = Budget.of(0.02, HOUR, 1, 1), np.full(10_000, 0.5)
    many[1], many[2] = 1e-5, 1e-9
    alone = breaches(np.array([1e-5]), np.ones(1, dtype=np.bool_), budget, 0.01)
    assert alone.tolist() == [True]
    assert np.flatnonzero(breaches(many, np.ones(10_000, dtype=np.bool_), budget, 0.01)).tolist() == [2]


def test_who_is_not_judged_neither_breaches_nor_counts() -> None:
    """Ten thousand too small to be judged take nothing from the one that is; none of them breaches."""
    p = np.full(10_000, 1e-5)
    judged = np.arange(10_000) == 7
    assert np.flatnonzero(breaches(p, judged, Budget.of(0.02, HOUR, 1, 1), 0.01)).tolist() == [7]


def test_a_series_that_could_not_show_the_loss_of_everything_in_a_day_is_left_to_its_parent() -> None:
    """Four, six, learning, and nothing to show at all (a silence)."""
    blank, learning = np.zeros(4), np.array([False, False, True, False])
    verdicts = Verdicts(blank, blank, blank, blank, learning, np.array([4.0, 6.0, 0.1, np.nan]), blank > 0.0, np.empty((4, 0)))
    assert eligible(verdicts).tolist() == [True, False, False, True]
