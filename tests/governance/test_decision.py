"""The decision table: total, first match wins, each row reached, and the latch over time."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.decision import TABLE, Action, Decision, Evidence, Goal, Guardrail, Outcome, Reason, Treatment, decide, decided

DAY_MS = 24 * 60 * 60 * 1000
WON = Goal(estimate=0.02, low=0.01, high=0.03)
LOST = Goal(estimate=-0.02, low=-0.03, high=-0.01)
OPEN = Goal(estimate=0.005, low=-0.01, high=0.02)
FLAT = Goal(estimate=0.0, low=-0.001, high=0.001, minimum_effect=0.002)
EARLY = Goal(estimate=0.5)
SAFE = Guardrail(lower=-0.01, upper=0.01, non_inferiority=0.02)
HARM = Guardrail(lower=-0.3, upper=-0.1)
UNSURE = Guardrail(lower=-0.3, upper=0.1, non_inferiority=0.02)


def arm(*goals: Goal, guardrails: tuple[Guardrail, ...] = (), name: str = "b", final: Outcome | None = None) -> Treatment:
    return Treatment(name, goals, guardrails, final)


def look(*treatments: Treatment) -> Evidence:
    """A look at a healthy test that has run its eight days."""
    return Evidence(treatments, exposed=10_000, runtime_ms=8 * DAY_MS, minimum_runtime_ms=7 * DAY_MS)


def reason(evidence: Evidence) -> Reason:
    return decide(evidence).reason


ROWS = {
    Reason.NO_DATA: replace(look(arm(WON)), emptiest_arm_ms=DAY_MS + 1),
    Reason.SRM: replace(look(arm(WON)), ratio_p=0.009),
    Reason.CONTAMINATED: replace(look(arm(WON)), contaminated=100),
    Reason.GUARDRAIL_HARM: look(arm(WON, guardrails=(SAFE, HARM))),
    Reason.GOAL_LOSS: look(arm(LOST)),
    Reason.COLLECTING: look(arm(EARLY)),
    Reason.WIN: look(arm(WON, guardrails=(SAFE,))),
    Reason.WAITING_GUARDRAIL: look(arm(WON, guardrails=(SAFE, UNSURE))),
    Reason.FUTILE: look(arm(FLAT)),
    Reason.FINAL_WIN: replace(look(arm(OPEN, final=Outcome.WIN)), ended=True),
    Reason.FINAL_LOSS: replace(look(arm(OPEN, final=Outcome.LOSS)), ended=True),
    Reason.FINAL_NEITHER: replace(look(arm(OPEN, final=Outcome.NEITHER)), ended=True),
    Reason.UNDECIDED: look(arm(OPEN)),
}
ACTIONS = {
    Reason.NO_DATA: Action.CONTINUE,
    Reason.SRM: Action.STOP,
    Reason.CONTAMINATED: Action.STOP,
    Reason.GUARDRAIL_HARM: Action.ROLLBACK,
    Reason.GOAL_LOSS: Action.ROLLBACK,
    Reason.COLLECTING: Action.CONTINUE,
    Reason.WIN: Action.SHIP,
    Reason.WAITING_GUARDRAIL: Action.CONTINUE,
    Reason.FUTILE: Action.STOP,
    Reason.FINAL_WIN: Action.SHIP,
    Reason.FINAL_LOSS: Action.ROLLBACK,
    Reason.FINAL_NEITHER: Action.STOP,
    Reason.UNDECIDED: Action.CONTINUE,
}

ends = st.none() | st.floats(-1, 1)
goals = st.builds(Goal, st.floats(-1, 1), ends, ends, st.floats(0, 0.1), st.none() | st.floats(0, 0.5))
guardrails = st.builds(Guardrail, ends, ends, st.floats(0, 0.1), st.floats(0, 0.1))
finals = st.none() | st.sampled_from(Outcome)
treatments = st.builds(
    Treatment,
    st.sampled_from("bcd"),
    st.lists(goals, min_size=1, max_size=2).map(tuple),
    st.lists(guardrails, max_size=2).map(tuple),
    finals,
)
evidences = st.builds(
    Evidence,
    st.lists(treatments, min_size=1, max_size=3, unique_by=lambda treatment: treatment.name).map(tuple),
    st.booleans(),
    st.booleans(),
    st.integers(0, 2 * DAY_MS),
    st.floats(0, 1),
    st.integers(0, 1000),
    st.integers(0, 30),
    st.integers(0, 9 * DAY_MS),
    st.integers(0, 9 * DAY_MS),
    st.booleans(),
)


@pytest.mark.parametrize("expected", Reason)
def test_each_row_is_reached_by_what_it_is_for_and_says_what_to_do(expected: Reason) -> None:
    found = decide(ROWS[expected])
    assert (ACTIONS[expected], expected) == (found.action, found.reason)


def test_the_table_has_one_row_for_each_reason_in_the_documented_order() -> None:
    assert list(Reason) == [row.reason for row in TABLE]


def test_the_table_is_total() -> None:
    """Every combination of the states that two arms, their guardrails and the test can be in has exactly one decision."""
    states = product((WON, LOST, OPEN, FLAT, EARLY), ((), (SAFE,), (HARM,), (UNSURE,)), (None, *Outcome))
    arms = [arm(goal, guardrails=kept, final=final) for goal, kept, final in states]
    for first, second in product(arms, arms[::7]):
        pair = first, replace(second, name="c")
        for ended, runtime in product((False, True), (0, 8 * DAY_MS)):
            found = decide(replace(look(*pair), ended=ended, runtime_ms=runtime))
            assert found.action == ACTIONS[found.reason]


@settings(deadline=None)
@given(evidences)
def test_the_first_row_that_matches_decides(evidence: Evidence) -> None:
    found = [decided(row, arms) for row in TABLE if (arms := row.matches(evidence)) is not None]
    assert decide(evidence) == found[0]
    assert Reason.UNDECIDED in {decision.reason for decision in found}
    assert set(found[0].arms) <= {treatment.name for treatment in evidence.treatments}
    assert found[0].arms


@settings(deadline=None)
@given(evidences)
def test_unfit_data_never_ships(evidence: Evidence) -> None:
    unfit = replace(evidence, ratio_p=0.0)
    assert decide(unfit).action in {Action.STOP, Action.CONTINUE}
    assert decide(unfit, Decision(Action.SHIP, Reason.WIN, ("b",))).reason in {Reason.SRM, Reason.WIN}


def test_harm_and_loss_do_not_wait_for_the_minimum_run_time_but_a_win_does() -> None:
    for goal, kept, expected in (
        (WON, (HARM,), Reason.GUARDRAIL_HARM),
        (LOST, (), Reason.GOAL_LOSS),
        (WON, (), Reason.COLLECTING),
    ):
        assert expected == reason(replace(look(arm(goal, guardrails=kept)), runtime_ms=DAY_MS))


def test_each_kind_of_missing_data_holds() -> None:
    fine = look(arm(WON))
    for broken in (replace(fine, control_missing=True), replace(fine, unknown_variant=True)):
        assert reason(broken) == Reason.NO_DATA
    assert reason(replace(fine, emptiest_arm_ms=DAY_MS)) == Reason.WIN


def test_contamination_needs_one_per_cent_and_ten_users() -> None:
    assert reason(replace(look(arm(WON)), contaminated=99)) == Reason.WIN
    assert reason(replace(look(arm(WON)), exposed=100, contaminated=9)) == Reason.WIN
    assert reason(replace(look(arm(WON)), exposed=100, contaminated=10)) == Reason.CONTAMINATED


def test_the_ratio_test_stops_below_one_per_cent() -> None:
    assert reason(replace(look(arm(WON)), ratio_p=0.01)) == Reason.WIN


def test_boundaries_that_are_only_touched_decide_nothing() -> None:
    assert reason(look(arm(Goal(0.1, 0.0, 0.2)))) == Reason.UNDECIDED
    assert reason(look(arm(Goal(-0.1, -0.2, 0.0)))) == Reason.UNDECIDED
    assert reason(look(arm(Goal(0.1, 0.01, 0.2, margin=0.01)))) == Reason.UNDECIDED
    assert reason(look(arm(OPEN, guardrails=(Guardrail(upper=-0.1, tolerance=0.1),)))) == Reason.UNDECIDED
    assert reason(look(arm(WON, guardrails=(Guardrail(lower=-0.1, upper=0.1, non_inferiority=0.1),)))) == Reason.WAITING_GUARDRAIL


def test_one_goal_won_and_one_lost_is_neither() -> None:
    assert reason(look(arm(WON, LOST))) == Reason.UNDECIDED
    assert reason(look(arm(WON, OPEN))) == Reason.WIN
    assert reason(look(arm(OPEN, LOST))) == Reason.GOAL_LOSS


def test_one_of_two_treatments_losing_does_not_end_the_test() -> None:
    lost, still_open = arm(LOST, name="b"), arm(OPEN, name="c")
    assert reason(look(lost, still_open)) == Reason.UNDECIDED
    assert decide(look(lost, arm(WON, name="c"))) == Decision(Action.SHIP, Reason.WIN, ("c",))
    assert decide(look(lost, arm(LOST, name="c"))) == Decision(Action.ROLLBACK, Reason.GOAL_LOSS, ("b", "c"))


def test_harm_in_one_treatment_names_that_one() -> None:
    assert decide(look(arm(WON), arm(OPEN, guardrails=(HARM,), name="c"))) == Decision(Action.ROLLBACK, Reason.GUARDRAIL_HARM, ("c",))


def test_a_winner_waits_for_a_rival_that_may_be_better_until_the_planned_end() -> None:
    rival = arm(Goal(0.015, -0.01, 0.04), name="c")
    beaten = arm(Goal(0.001, -0.01, 0.012), name="c")
    equal_at_best = arm(Goal(0.001, -0.01, WON.estimate), name="c")
    assert reason(look(arm(WON), equal_at_best)) == Reason.UNDECIDED
    assert reason(look(arm(WON), rival)) == Reason.UNDECIDED
    assert reason(look(arm(WON), beaten)) == Reason.WIN
    assert decide(replace(look(arm(WON), rival), ended=True)) == Decision(Action.SHIP, Reason.WIN, ("b",))


def test_the_best_of_several_winners_ships_and_those_that_may_equal_it_are_named() -> None:
    best, close, far = (
        arm(Goal(0.05, 0.03, 0.07), name="c"),
        arm(Goal(0.04, 0.02, 0.06), name="b"),
        arm(Goal(0.01, 0.005, 0.015), name="d"),
    )
    expected = Decision(Action.SHIP, Reason.WIN, ("c",), ties=("b",))
    assert expected == decide(look(close, best, far)) == decide(look(far, close, best))


def test_winners_with_equal_estimates_ship_by_name_whatever_their_order() -> None:
    b, c = arm(WON, name="b"), arm(WON, name="c")
    assert decide(look(b, c)) == decide(look(c, b)) == Decision(Action.SHIP, Reason.WIN, ("b",), ties=("c",))


def test_a_final_win_still_waits_for_its_guardrails() -> None:
    waiting = replace(look(arm(OPEN, guardrails=(UNSURE,), final=Outcome.WIN)), ended=True)
    assert reason(waiting) == Reason.WAITING_GUARDRAIL


def test_a_final_test_is_read_at_the_planned_end_only() -> None:
    assert reason(look(arm(OPEN, final=Outcome.WIN))) == Reason.UNDECIDED


def test_a_win_stands_when_its_interval_widens_again() -> None:
    """
    look 1   |----[  ]->  win
    look 2   |-[-------]  still the win of look 1, not "undecided"
    """
    win = decide(look(arm(WON)))
    assert win == decide(look(arm(OPEN)), win)
    assert win == decide(ROWS[Reason.NO_DATA], win)


@pytest.mark.parametrize("stronger", [Reason.SRM, Reason.CONTAMINATED, Reason.GUARDRAIL_HARM, Reason.GOAL_LOSS])
def test_a_win_falls_to_unfit_data_or_harm(stronger: Reason) -> None:
    win = decide(look(arm(WON)))
    assert stronger == decide(ROWS[stronger], win).reason


@pytest.mark.parametrize("later", Reason)
@pytest.mark.parametrize("first", [Reason.GUARDRAIL_HARM, Reason.GOAL_LOSS])
def test_a_rollback_is_never_taken_back(first: Reason, later: Reason) -> None:
    rolled_back = decide(ROWS[first])
    assert rolled_back == decide(ROWS[later], rolled_back)


@pytest.mark.parametrize("earlier", sorted(set(Reason) - {Reason.GUARDRAIL_HARM, Reason.GOAL_LOSS, Reason.WIN}))
def test_any_other_decision_is_made_anew_at_each_look(earlier: Reason) -> None:
    assert decide(look(arm(WON)), decide(ROWS[earlier])).reason == Reason.WIN


def test_evidence_without_a_treatment_or_a_goal_is_refused() -> None:
    for empty in ((), (Treatment("b", ()),)):
        with pytest.raises(ValueError, match="at least one"):
            Evidence(empty)


def test_at_the_planned_end_nothing_is_left_collecting() -> None:
    """Too few converters, or an end before the minimum run time: the last test says what it can."""
    few = replace(look(arm(EARLY, final=Outcome.NEITHER)), ended=True)
    soon = replace(look(arm(OPEN, final=Outcome.WIN)), ended=True, runtime_ms=DAY_MS)
    assert reason(few) is Reason.FINAL_NEITHER
    assert reason(soon) is Reason.FINAL_WIN
    assert reason(replace(few, ended=False)) is reason(replace(soon, ended=False)) is Reason.COLLECTING


def test_a_secondary_goal_of_which_nothing_is_known_holds_no_decision() -> None:
    """Money that is not past burn-in is neither won nor lost; as a guardrail it would have to be known."""
    assert reason(look(arm(WON, EARLY))) is Reason.WIN
    assert reason(look(arm(EARLY, WON))) is Reason.COLLECTING
    assert reason(look(arm(WON, EARLY, guardrails=(Guardrail(non_inferiority=0.02),)))) is Reason.WAITING_GUARDRAIL


def test_the_page_lists_the_table_as_it_is() -> None:
    """docs/experiments.md has every reason with its action, in the order in which they are tried."""
    page = (Path(__file__).parents[2] / "docs/experiments.md").read_text()
    rows = [[cell.strip(" `") for cell in line.split("|")[1:3]] for line in page.splitlines() if line.startswith("| `")]
    assert [row for row in rows if row[1] in set(Action)] == [[rule.reason, rule.action] for rule in TABLE]
