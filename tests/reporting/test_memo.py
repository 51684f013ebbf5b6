"""Memos: what is decided and why, what is shown, and what is said where nothing can be."""

import re
from dataclasses import replace
from typing import Any

import pytest

from governance.config.initiative import Experiment
from governance.decision import LATCHING, Action, Decision, Reason
from governance.experiment import readout
from governance.trial import Trial
from reporting.memo import CHANGE, ENDED, GUIDANCE, STEPS, WHY, asides
from reporting.report import build
from reporting.view import html, markdown, terminal
from reporting.view.experiment import facts
from tests.reporting.builders import fortnight
from tests.reporting.trials import arm, off, trial, won


def memo(found: Trial | None, name: str = "exp-7") -> dict[str, Any]:
    """Return the memo of one trial in the golden fortnight."""
    report = build(fortnight(trials={} if found is None else {name: found}))
    return next(dict(one) for one in report["experiments"] if one["id"] == name)


def test_every_reason_has_words_steps_and_what_would_change_it() -> None:
    assert {*WHY} == {*CHANGE} == {*STEPS} == {*Reason}
    assert {*GUIDANCE} == {*Action}


def test_a_won_experiment_says_ship_with_the_interval_that_decided() -> None:
    found = memo(won())

    assert (found["status"], found["why"]) == ("evaluated", None)
    assert (found["decision"]["action"], found["decision"]["reason"], found["decision"]["arms"]) == ("ship", "win", ["hero-b"])
    shown = found["readout"]["metrics"][0]["arms"]["hero-b"]
    assert shown["status"] == "better"
    assert shown["ci"][0] > 0
    assert shown["difference"] == pytest.approx(2_862 / 47_080 - 2_401 / 47_150)
    assert found["integrity"]["contamination"] == {"verdict": "passes", "users": 12, "share": 12 / 96_512, "since": None}
    assert found["readout"]["path"][-1]["arms"][0]["arm"] == "hero-b"
    assert "hero-b" in found["rollout_guidance"]


def test_without_anybody_nothing_is_decided_and_it_says_so() -> None:
    found = memo(None)
    assert (found["status"], found["readout"], found["decision"]) == ("not_evaluated", None, None)
    assert found["why"]


def test_an_experiment_nobody_configured_has_its_split_tested_and_no_readout() -> None:
    found = memo(off(), "exp-free")
    assert found["integrity"]["sample_ratio"]["verdict"] == "fails"
    assert found["integrity"]["sample_ratio"]["planned_by"] == "equal"
    assert found["integrity"]["sample_ratio"]["where"][0]["where"] == {"channel": "web"}
    assert (found["readout"], found["decision"]) == (None, None)


def test_a_test_for_one_look_that_claims_too_early_is_named() -> None:
    """5.0 against 5.3 per cent in 40,000: significant at one look, undecided at every look."""
    found = memo(trial({"hero-a": arm(20_000, 1_000), "hero-b": arm(20_000, 1_095)}))
    assert found["readout"]["metrics"][0]["arms"]["hero-b"]["status"] == "undecided"
    assert found["readout"]["peek_tax"]["claims_too_early"] == [{"metric": "converted_subjects", "arm": "hero-b"}]
    assert found["readout"]["users_to_go"] > 0
    assert 0 < found["readout"]["progress"] < 1


def test_a_statistician_finds_how_it_is_read_and_what_decided_it() -> None:
    """Sequence, alpha, tuning, the look at which it was decided; the same words in every view."""
    report = build(fortnight(trials={"exp-7": won()}))
    found = dict(facts(report["experiments"][0]))

    assert report["experiments"][0]["design"]["tuning_n"] == 20_000
    assert "alpha 0.05" in found["Method"]
    assert "20,000 people" in found["Method"]
    assert found["Decided"].endswith("hero-b +0.21 to +1.75\u00a0pp")
    assert "that stays" in found["Decided"]
    text = " ".join(terminal.render(report, width=100).split())
    for said in (found["Method"], found["Decided"], report["experiments"][0]["rollout_guidance"]):
        assert " ".join(said.split()) in text


def test_an_arm_that_lost_may_go_and_a_winner_waits_for_its_rival() -> None:
    """Undecided among four: d is dropped, b waits because c may yet be better."""
    arms = {"hero-a": arm(20_000, 1_000), "b": arm(20_000, 1_300), "c": arm(1_000, 66), "d": arm(20_000, 700)}
    four = Experiment.model_validate({"control": "hero-a", "allocation": dict.fromkeys(arms, 0.25), "goals": ["converted_subjects"]})
    metrics = readout(four, None, trial(arms).phases())
    said = asides(Decision(Action.CONTINUE, Reason.UNDECIDED, ("b", "c", "d")), metrics)

    assert said == ["Drop d: worse than control. Put the share at 0.", "b would win, but another arm may yet prove better."]


def test_who_has_not_matured_is_a_preview_and_no_evidence() -> None:
    """1,160 and 1,122 users of whom 23 and 22 have converted so far: shown, and the interval is that of the others alone."""
    found = memo(won())
    metric = found["readout"]["metrics"][0]
    assert metric["preview"]["hero-a"] == {"users": 1_160, "value": 23 / 1_160}
    assert metric["preview"]["hero-b"]["users"] == 1_122
    assert metric["arms"]["hero-b"]["users"] == 47_080
    assert "hero-a 1,160 at 1.98" in dict(facts(found))["Not matured yet"]


def test_a_preview_of_fewer_people_than_may_be_shown_is_left_out() -> None:
    """Nine of one arm have not matured: a rate of nine would tell of each of them."""
    few = trial({"hero-a": arm(20_000, 1_000, 19_991), "hero-b": arm(20_000, 1_000, 19_900)})
    assert memo(few)["readout"]["metrics"][0]["preview"] == {}
    enough = trial({"hero-a": arm(20_000, 1_000, 19_990), "hero-b": arm(20_000, 1_000, 19_900)})
    assert set(memo(enough)["readout"]["metrics"][0]["preview"]) == {"hero-a", "hero-b"}


def test_what_has_ended_is_not_left_running() -> None:
    """Concluded while it was collecting: no more will be known, traffic goes to control."""
    early = trial({"hero-a": arm(90, 9), "hero-b": arm(90, 9)}, ended=1, decision=Decision(Action.CONTINUE, Reason.COLLECTING))
    found = memo(early)
    assert found["next_steps"] == [ENDED]
    assert found["rollout_guidance"].startswith("Give all traffic to hero-a")


@pytest.mark.parametrize(
    "arms",
    [
        {"hero-a": arm(0, 0), "hero-b": arm(10, 1)},
        {"hero-b": arm(10, 1)},
        {"hero-a": arm(100, 0), "hero-b": arm(100, 0)},
        {"hero-a": arm(100, 100), "hero-b": arm(100, 100)},
        {"hero-a": arm(1, 1), "hero-b": arm(1, 0)},
        {"hero-a": arm(10**9, 5 * 10**7), "hero-b": arm(10**9, 5 * 10**7 + 1)},
        {"hero-a": arm(100, 5), "hero-b": arm(100, 5), "ghost": arm(7, 7)},
    ],
)
def test_no_sums_crash_a_memo_or_a_view(arms: dict[str, dict[str, int]]) -> None:
    """Empty arm, no control, nothing or everything converts, one user, 10⁹ users, an arm nobody planned: never NaN."""
    report = build(fortnight(trials={"exp-7": trial(arms)}))
    for text in (html.render(report), markdown.render(report), terminal.render(report, width=100)):
        assert not re.search(r"\b(nan|inf|infinity)\b", text, re.IGNORECASE)


@pytest.mark.parametrize("reason", list(Reason))
def test_every_decision_can_be_read(reason: Reason) -> None:
    """Each reason in each view; data that is unfit is drawn hollow."""
    action = next(act for act in Action if (reason in LATCHING) == (act in (Action.SHIP, Action.ROLLBACK)))
    decided = replace(won(), decision=Decision(action, reason, ("hero-b",)), latched=None)
    report = build(fortnight(trials={"exp-7": decided}))
    assert WHY[reason] in markdown.render(report).replace("\\", "")
    assert ("exp" in html.render(report)) is True
    assert "exp-7" in terminal.render(report, width=100)


def test_a_name_from_the_bus_is_shown_and_never_read_as_markup() -> None:
    report = build(fortnight(trials={"exp-7": trial({"hero-a": arm(90, 9), "<script>x": arm(90, 9)}), "<b>": off()}))
    assert "<script>x" not in html.render(report)
    assert "<b>&lt;" not in html.render(report)
