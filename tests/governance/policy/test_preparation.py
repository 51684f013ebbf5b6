"""Request, rollback plan, evidence, experiment: what must be there first."""

from typing import Any

import pytest

from tests.governance.policy.logs import (
    DAY,
    HOUR,
    OTHER_SHA,
    approved,
    by,
    deployed,
    event,
    good,
    later,
    policy,
    requested,
    row,
    statuses,
)

EXPERIMENT = policy("{id: linked-experiment, type: linked_experiment}")


def plan(text: str | None, **more: Any) -> tuple[str, str | None]:
    """Return status and reason of a rollback plan."""
    found = row([requested(rollback_plan=text), approved(), deployed(**more)], "rollback-plan")
    return found.status, found.reason


def test_a_good_change_passes_everything_that_is_asked_of_it() -> None:
    """The shipped policy is quiet where nothing is wrong."""
    assert statuses(good()) == {
        "request": "pass",
        "approvals": "pass",
        "rollback-plan": "pass",
        "qa-evidence": "pass",
        "version-continuity": "pass",
        "emergency-follow-up": "not_evaluated",
        "emergency-rate": "not_evaluated",
        "linked-experiment": "not_evaluated",
        "expiry": "pass",
    }


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "   ",
            "\t\n",
            "\u200b\u200b\u200b",
            "\u00a0",
            "n/a",
            "N/A",
            " n.a. ",
            "NA",
            "tbd",
            "T.B.D",
            "TBD.",
            "to be determined",
            "todo: tbd",
            "none",
        ),
        *("-", "----------", "..........", "xxxxxxxxxxxx", "not applicable", "will follow later", "ｔｂｄ", "n/a n/a n/a n/a"),
    ],
)
def test_a_plan_without_substance_fails(text: str) -> None:
    """Hostile 33: whitespace, n/a, tbd [fail], in any case and width, with invisible marks, repeated."""
    assert plan(text)[0] == "fail"
    assert "placeholder" in (plan(text)[1] or "") or "shorter" in (plan(text)[1] or "")


@pytest.mark.parametrize(
    "text",
    [
        *(
            "see rollback plan",
            "Follow the rollback procedure.",
            "Rollback as described in this plan",
            "revert the change",
            "Roll back chg-1",
        ),
        *("undo change chg-1 of rule-1", "use the standard rollback process for RULE-1"),
    ],
)
def test_a_plan_that_refers_to_itself_fails(text: str) -> None:
    """Hostile 33: a self-referential plan [fail]."""
    assert plan(text) == ("fail", "the plan only refers to itself")


def test_a_plan_names_a_version_that_exists_and_is_not_its_own() -> None:
    """Back to the version it is for is no way back; nor is one that was never live."""
    assert plan("redeploy version 7") == ("fail", "the plan goes back to the version it is for")
    assert plan("from v7 back to version 6")[0] == "pass"
    assert plan("switch the rule off in the console")[0] == "pass"
    second = [requested(8 * HOUR, change_id="chg-2", version=8, previous_version=7, rollback_plan="redeploy version 3")]
    second.append(deployed(9 * HOUR, change_id="chg-2", version=8, previous_version=7))
    assert row([*good(), *second], "rollback-plan", change_id="chg-2").reason == "the plan goes back to version 3, which was never live"


def test_the_last_plan_before_the_release_counts() -> None:
    """A plan may be bettered until it is needed, and spoiled; one that comes afterwards is too late."""
    bad: dict[str, Any] = {"rollback_plan": "tbd"}
    fine: dict[str, Any] = {"rollback_plan": "redeploy version 6"}

    assert row([requested(**bad), approved(), deployed(**fine)], "rollback-plan").status == "pass"
    assert row([requested(**fine), approved(), deployed(**bad)], "rollback-plan").status == "fail"
    late = [requested(rollback_plan=None), deployed(), event("evidence_added", 3 * HOUR, **fine)]
    assert row(late, "rollback-plan").reason == "the plan came after it went live"


def test_a_missing_plan_is_waited_for_until_it_goes_live() -> None:
    """Pending names the author; a placeholder already fails."""
    waiting = row([requested(rollback_plan=None)], "rollback-plan", now=HOUR)

    assert (waiting.status, waiting.who) == ("pending", ("ana",))
    assert row([requested(rollback_plan="tbd")], "rollback-plan", now=HOUR).status == "fail"


def test_a_change_is_requested_before_it_goes_live() -> None:
    """Hostile 31: deploy before request, by the times they happened at [finding]."""
    backwards = [requested(5 * HOUR), approved(), deployed()]

    found = row(backwards, "request")
    assert (found.status, found.reason) == ("fail", "went live before it was requested")
    assert row([approved(), deployed()], "request").reason == "went live without a request"
    assert row([requested(actor=None), deployed()], "request").reason == "the request names nobody"
    assert row([approved()], "request").status == "pending"


@pytest.mark.parametrize("action", ["cancelled", "expired"])
def test_what_was_called_off_does_not_go_live(action: str) -> None:
    """Unless it is requested again."""
    off = event(action, HOUR + 5)

    assert row([requested(), approved(), off, deployed()], "request").reason == f"went live after it was {action}"
    assert row([requested(), approved(), off, requested(HOUR + 6, id="b"), deployed()], "request").status == "pass"
    assert set(statuses([requested(), approved(), off]).values()) == {"not_evaluated"}


def evidence(*pieces: dict[str, Any], **more: Any) -> tuple[str, str | None]:
    """Return status and reason of the evidence of a change."""
    found = row([requested(evidence=list(pieces), **more), approved(), deployed()], "qa-evidence")
    return found.status, found.reason


def test_evidence_of_each_type_is_there_with_a_link() -> None:
    """The type in any case; a link is an address, not a word."""
    assert evidence({"type": "QA", "url": "https://qa.example/1"})[0] == "pass"
    assert evidence({"type": "screenshot", "url": "https://qa.example/1"}) == ("fail", "went live without evidence")
    assert evidence({"type": "qa", "url": "n/a"}) == ("fail", "there is evidence without a link")
    assert evidence({"type": "qa"}) == ("fail", "there is evidence without a link")


def test_evidence_is_of_this_content_and_in_time() -> None:
    """What tested another content, or came afterwards, shows nothing about what went live."""
    qa = [{"type": "qa", "url": "https://qa.example/1"}]
    added = event("evidence_added", HOUR, evidence=qa)

    for late in (event("evidence_added", 3 * HOUR, evidence=qa), {**added, "content_sha256": OTHER_SHA}):
        found = row([requested(evidence=[]), late, deployed()], "qa-evidence")
        assert (found.status, found.reason) == ("fail", "evidence came after it went live, or is for another content")
    assert row([requested(evidence=[]), added, deployed()], "qa-evidence").status == "pass"
    assert row([requested(evidence=[])], "qa-evidence", now=HOUR).status == "pending"


def test_a_rule_that_bears_experiments_names_a_running_one() -> None:
    """A rule bears them once it named any; a concluded one is not running; when all are concluded none is needed."""
    first = good(experiment_ids=["exp-1"])
    second = later("chg-2", 2 * DAY, 8)
    third = later("chg-3", 2 * DAY, 8, experiment_ids=["exp-1"])
    concluded = event("concluded", DAY, experiment_ids=["exp-1"], change_id="chg-9", rule_id="rule-9")

    assert row(good(), "linked-experiment", EXPERIMENT).reason == "the rule bears no experiment"
    assert row(first, "linked-experiment", EXPERIMENT).found == "exp-1"
    assert row([*first, *second], "linked-experiment", EXPERIMENT, change_id="chg-2").found == "none"
    assert row([*first, *third, concluded], "linked-experiment", EXPERIMENT, change_id="chg-3").found == "only concluded ones"
    assert row([*first, *second, concluded], "linked-experiment", EXPERIMENT, change_id="chg-2").status == "pass"
    assert row([*first, *second], "linked-experiment", change_id="chg-2").status == "warn"


def test_an_experiment_may_have_to_be_configured() -> None:
    """And a rule may be named as bearing experiments before it ever did."""
    strict = policy("{id: linked-experiment, type: linked_experiment, configured: true, bearing: [rule-1]}")
    config = "initiatives: {home: {experiments: {exp-1: {}}}}"

    assert row(good(), "linked-experiment", strict).found == "none"
    assert row(good(experiment_ids=["exp-1"]), "linked-experiment", strict, config=config).status == "pass"
    assert row(good(experiment_ids=["exp-2"]), "linked-experiment", strict, config=config).found == "not in the config: exp-2"


def test_text_from_the_log_is_never_a_template() -> None:
    """Hostile 28, 29: markup, formulas and templates in names come out as they went in, evaluated by nobody."""
    for name in ("{{7*7}}", "{0.__class__}", "%(x)s", "=cmd|' /C calc'!A0", "<script>alert(1)</script>", "[x](javascript:1)"):
        found = row([requested(), approved(actor=by(name)), deployed()], "approvals")
        assert found.found == f"1 of 1: {name}"
        assert plan(f"redeploy {name} by hand")[0] == "pass"
