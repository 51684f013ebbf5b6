"""The series of one initiative, judged together."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    factor, variance = Votes.among(votes).common(votes[:1])
    assert factor == pytest.approx(0.7, abs=0.01)
    assert variance == pytest.approx(1 / 3600, rel=0.02)


def test_a_fault_of_one_moves_no_other_and_itself_not_at_all() -> None:
    """The largest falls to a half, far beyond what chance does: neither the rest nor itself hear of it."""
    large, others = Sibling(0.5, 1_000.0), [Sibling(1.0, 400.0) for _ in range(6)]
    votes = Votes.among([large, *others])
    assert votes.common(others[:1])[0] == pytest.approx(1.0)
    assert votes.common([large])[0] == pytest.approx(1.0)


def test_what_has_been_off_for_long_votes_by_what_is_new() -> None:
    """A large sibling stands a tenth low since yesterday: today's tenth is no news, and when it is back that is soon none either."""
    others = [Sibling(1.0, 400.0) for _ in range(4)]
    fresh = Votes.among([Sibling(0.9, 400.0), *others]).common(others[:1])[0]
    lasting = Votes.among([Sibling(0.9, 400.0, late=-0.1), *others]).common(others[:1])[0]
    assert fresh < 0.99 < 0.998 < lasting


def test_where_all_have_been_off_alike_it_was_the_factor_that_was() -> None:
    """Everybody has stood a tenth high of late: that takes nothing from what they say now."""
    off, calm = ([Sibling(1.1, 400.0, late)] * 6 for late in (0.1, 0.0))
    assert Votes.among(off).common(off[:1]) == Votes.among(calm).common(calm[:1])


def test_two_do_not_outvote_the_rest() -> None:
    """The two largest of seven fall by a tenth together, for them three spreads; the five small ones are not led astray."""
    large, small = [Sibling(0.9, 1_000.0)] * 2, [Sibling(1.0, 100.0)] * 5
    assert Votes.among([*large, *small]).common(small[:1])[0] == pytest.approx(1.0, abs=0.02)


@given(
    votes=st.lists(st.builds(Sibling, st.floats(0.0, 5.0), st.floats(0.1, 1e4), st.floats(-1.0, 1.0)), min_size=1, max_size=12),
    order=st.randoms(use_true_random=False),
)
def test_votes_do_not_depend_on_their_order_and_no_vote_leads_beyond_the_others(votes: list[Sibling], order: Random) -> None:
    """The same votes in another order are the same to the last bit; the factor lies within one and what the others say."""
    shuffled = list(votes)
    order.shuffle(shuffled)
    assert Votes.among(votes) == Votes.among(shuffled)
    factor, variance = Votes.among(votes).common([])
    reach = [vote.factor + sign * abs(vote.late) for vote in votes for sign in (-1, 1)]
    spare = 2.0 * max(abs(vote.late) for vote in votes)
    assert min(1.0, *reach) - spare - 1e-9 <= factor <= max(1.0, *reach) + spare + 1e-9
    assert 0.0 <= variance < 1.0


def test_too_few_siblings_say_nothing() -> None:
    pair = [Sibling(0.5, 400.0), Sibling(0.5, 400.0)]
    assert Votes.among(pair).common(pair[:1]) == (1.0, 0.0)
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
    seen = mixed(END, [(parts[0][0], Window(END, 100.0, 1_000.0)), (parts[1][0], Window(END, 100.0, 10_000.0))], Votes())
    assert seen.events == 200.0
    assert seen.exposure == pytest.approx(200.0, rel=0.01)


def test_what_one_part_does_alone_is_no_dip_of_the_whole_and_what_all_do_is() -> None:
    """Of five parts one loses everything for an hour: the whole says three spreads of that part; all at 0.7 stay 0.7."""
    known = Baseline()
    for hour in range(24 * 7):
        known.learn(END + (hour - 24 * 7) * HOUR, 100.0, 1_000.0)
    calm, low = Votes.among([Sibling(1.0, 100.0)] * 5), Votes.among([Sibling(0.7, 100.0)] * 5)
    one = mixed(END, [(known, Window(END, 0.0 if place == 0 else 100.0, 1_000.0)) for place in range(5)], calm)
    every = mixed(END, [(known, Window(END, 70.0, 1_000.0)) for _ in range(5)], low)
    assert one.events / one.exposure == pytest.approx(1.0 - 0.3 / 5, abs=0.02)
    assert every.events / every.exposure == pytest.approx(0.7, rel=0.02)


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
