"""Which batch continues an input: offsets decide, and only a batch fetched after the seek may prove a gap."""

from itertools import pairwise

from streams.inputs import BUSY, PATIENCE_S, Input, Inputs, Verdict


def inputs(wanted: int = 10) -> Inputs:
    return Inputs({"t": Input(wanted, heard_s=0.0)})


def judge(one: Inputs, first: int, last: int, *, current: bool = True) -> Verdict:
    return one.judge("t", first, last, 1.0, current=current)


def test_a_batch_that_begins_at_or_below_what_is_wanted_is_taken() -> None:
    one = inputs()
    assert [judge(one, 10, 19), judge(one, 5, 24), judge(one, 3, 7)] == [Verdict.TAKE] * 3
    assert one.of["t"].wanted == 25


def test_it_is_taken_even_if_it_was_fetched_before_a_seek() -> None:
    assert judge(inputs(), 10, 19, current=False) is Verdict.TAKE


def test_a_hole_is_sought_back_once_and_then_believed() -> None:
    """A gap that is still there after the seek is real: retention, transaction markers, compaction."""
    one = inputs()
    assert [judge(one, 12, 19), judge(one, 12, 19)] == [Verdict.SEEK_BACK, Verdict.TAKE]
    assert one.of["t"].wanted == 20
    assert judge(one, 22, 29) is Verdict.SEEK_BACK


def test_a_batch_from_before_the_seek_proves_nothing() -> None:
    one = inputs()
    assert judge(one, 12, 19) is Verdict.SEEK_BACK
    assert [judge(one, 20, 29, current=False), judge(one, 10, 19)] == [Verdict.DROP, Verdict.TAKE]


def test_a_quiet_input_behind_its_end_is_overdue_after_a_while_and_then_more_patiently() -> None:
    one = inputs()
    asked = [at / 2 for at in range(60)]
    times = [at for at in asked if one.overdue("t", 11, at)]
    assert times[0] > PATIENCE_S
    assert [round((later - earlier) / PATIENCE_S) for earlier, later in pairwise(times)][:2] == [2, 4]
    assert not one.overdue("t", 10, 1_000.0)


def test_while_a_batch_is_on_its_way_more_patience_is_had() -> None:
    """The agent may be at work for another partition; yet the batch may also have been thrown away."""
    one = inputs()
    assert [one.overdue("t", 11, at, on_its_way=True) for at in (0, PATIENCE_S + 1, BUSY * PATIENCE_S + 1)] == [False, False, True]


def test_an_input_that_was_quiet_for_long_is_not_late_the_moment_something_is_written() -> None:
    """A tick of ten seconds: each would be sought back if the look at it came before its batch."""
    one = inputs()
    assert not one.overdue("t", 10, 99.0)
    assert not one.overdue("t", 11, 100.0)
    assert judge(one, 10, 10) is Verdict.TAKE
    assert not one.overdue("t", 12, 200.0)
    assert one.overdue("t", 12, 200.5 + PATIENCE_S)
