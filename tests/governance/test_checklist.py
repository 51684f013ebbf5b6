"""The checklist: the same for every order of the log, judged by what was in force, waived by who may."""

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.checklist import Checklist, checklist
from governance.config import load_config
from governance.message.rule_change import RuleChange
from governance.policy import InForce, load_policy
from governance.rule_book import MOST_STEPS, Change, RuleBook
from tests.governance.policy.logs import (
    CONFIG,
    DAY,
    HOUR,
    OTHER_SHA,
    SHA,
    SHIPPED,
    START,
    approved,
    by,
    deployed,
    event,
    good,
    judge,
    later,
    policy,
    requested,
    row,
    rows,
)

ACTIONS = (
    "requested",
    "approved",
    "rejected",
    "scheduled",
    "deployed",
    "rolled_back",
    "cancelled",
    "expired",
    "evidence_added",
    "signed_off",
    "concluded",
)
LAW = InForce.only(load_config(CONFIG), [load_policy(SHIPPED)])

step = st.fixed_dictionaries(
    {
        "event_id": st.integers(0, 40).map(str),
        "action": st.sampled_from(ACTIONS),
        "at": st.integers(0, 20),
        "change_id": st.sampled_from(["chg-1", "chg-2", "chg-3"]),
        "rule_id": st.sampled_from(["rule-1", "rule-2"]),
        "version": st.integers(5, 9),
        "previous_version": st.none() | st.integers(5, 8),
        "change_type": st.sampled_from([None, "net-new", "update", "rollback"]),
        "channels": st.sampled_from([None, ["web"], ["web", "email"]]),
        "environment": st.sampled_from(["production", "production", "staging"]),
        "actor": st.sampled_from([None, *(by(name, "personalization_architect") for name in ("ana", "Ana.K", "chi", "gone", "dee"))]),
        "content_sha256": st.sampled_from([None, SHA, OTHER_SHA]),
        "content": st.sampled_from([None, {"a": 1}, {"a": 2}]),
        "rollback_plan": st.sampled_from([None, "tbd", "redeploy version 6"]),
        "evidence": st.sampled_from([[], [{"type": "qa", "url": "https://qa.example/1"}]]),
        "experiment_ids": st.sampled_from([[], ["exp-1"]]),
        "emergency": st.booleans(),
    }
)


def message(fields: dict[str, Any], offset: int) -> tuple[RuleChange, int, int]:
    """Return a generated step as it would be read."""
    plain = {name: value for name, value in fields.items() if name != "at"}
    return RuleChange.model_validate({**plain, "occurred_at": START + fields["at"] * HOUR, "initiative": "home"}), 0, offset


def answers(found: Checklist) -> list[dict[str, Any]]:
    """Return everything a checklist says."""
    return [*(one.plain() for one in found.changes), *(one.plain() for one in found.rows())]


@given(log=st.lists(step, max_size=25), seed=st.integers(0, 2**32), now=st.integers(0, 60))
@settings(max_examples=150, deadline=None)
def test_any_order_and_duplication_of_a_log_gives_the_same_checklist(log: list[dict[str, Any]], seed: int, now: int) -> None:
    """The law of the rule book: the log is a set of events; folding, storing and reading back change nothing either."""
    chance = Random(seed)
    events = [message(fields, offset) for offset, fields in enumerate(log)]
    shuffled = [*events, *chance.choices(events, k=len(events) // 2)] if events else []
    chance.shuffle(shuffled)
    straight, other = RuleBook.of(events), RuleBook()
    for one in shuffled:
        other = other.add(*one)

    assert other == straight
    assert RuleBook.of_plain(straight.plain()) == straight
    assert answers(checklist(other, LAW, START + now * HOUR)) == answers(checklist(straight, LAW, START + now * HOUR))


@given(log=st.lists(step, max_size=25), now=st.integers(0, 30))
@settings(max_examples=60, deadline=None)
def test_what_is_to_come_changes_nothing(log: list[dict[str, Any]], now: int) -> None:
    """As of a time, a log with its future is the log without it."""
    events = [message(fields, offset) for offset, fields in enumerate({fields["event_id"]: fields for fields in log}.values())]
    past = [one for one in events if one[0].occurred_at <= START + now * HOUR]

    assert answers(checklist(RuleBook.of(events), LAW, START + now * HOUR)) == answers(
        checklist(RuleBook.of(past), LAW, START + now * HOUR)
    )


def test_a_row_has_exactly_its_documented_fields() -> None:
    """And an answer counts every status, but not what asks nothing of the change: no emergency, no experiment."""
    (judged,) = judge(good()).changes
    answer = judged.plain()

    assert list(answer["checks"][0]) == ["check", "status", "found", "expected", "who", "since", "deadline", "reason", "evidence", "sop"]
    assert answer["counts"] == {"pass": 6, "fail": 0, "warn": 0, "pending": 0, "not_evaluated": 0, "waived": 0}
    assert answer["checks"][1]["evidence"] == [
        {"topic": "rule-changes", "partition": 0, "offset": 1, "event_id": "chg-1-approved-3600000-"}
    ]
    assert (answer["change_id"], answer["rule_id"], answer["state"], answer["version"]) == ("chg-1", "rule-1", "deployed", 7)


def test_severity_decides_between_fail_and_warn() -> None:
    """Info and warning warn, high and critical fail; only a fail fails the checklist."""
    bare = [requested(), deployed()]
    found = {
        severity: judge(bare, policy(f"{{id: a, type: approvals, severity: {severity}}}"))
        for severity in ("info", "warning", "high", "critical")
    }

    assert {severity: one.changes[0].rows[0].status for severity, one in found.items()} == {
        "info": "warn",
        "warning": "warn",
        "high": "fail",
        "critical": "fail",
    }
    assert [one.failed() for one in found.values()] == [False, False, True, True]


def test_a_change_is_judged_by_the_policy_of_its_time() -> None:
    """Tightening a policy does not make yesterday's changes wrong; a later version binds from its moment on."""
    lenient = policy("{id: a, type: approvals}")
    strict = load_policy(
        "id: policy\npolicy_version: 2\neffective_at: 2026-11-17T00:00:00Z\nchecks: [{id: a, type: approvals, count: 2}]\n"
    )
    lenient = lenient.model_copy(update={"id": "policy"})
    found = judge([*good(), *later("chg-2", 2 * DAY, 8)], lenient, strict)

    assert [one.rows[0].status for one in found.changes] == ["pass", "fail"]
    assert [one.plain()["policies"][0]["policy_version"] for one in found.changes] == [1, 2]
    assert rows(found)["a"].policy == ("policy", lenient.sha256)


def test_a_change_is_judged_by_the_config_of_its_time() -> None:
    """Who held a role then counts, not who holds it now."""
    architect = policy("{id: a, type: approvals, roles: [personalization_architect]}")
    now_eve = load_config(CONFIG.replace("person: chi", "person: eve"))
    law = InForce.only(load_config(CONFIG), [architect]).after(START + DAY, now_eve, [architect])
    book = RuleBook.of((RuleChange.model_validate(one), 0, place) for place, one in enumerate([*good(), *later("chg-2", 2 * DAY, 8)]))

    assert [one.rows[0].status for one in checklist(book, law, START + 3 * DAY).changes] == ["pass", "fail"]


def test_a_policy_that_is_not_in_force_yet_judges_nothing() -> None:
    """Then there are no rows, and no pass either."""
    future = load_policy("policy_version: 1\neffective_at: 2030-01-01T00:00:00Z\nchecks: [{id: a, type: approvals}]\n")
    found = judge(good(), future)

    assert (found.changes[0].rows, found.rows(), found.failed()) == ((), [], False)


def test_a_check_that_asks_nothing_of_a_change_is_no_gap_of_the_checklist() -> None:
    """A follow-up of emergencies is not missing where there was none: its row says so, no count does, and no report lists it."""
    calm, hurried = judge(good()), judge([*good(), *later("chg-2", 30_000_000, 8, emergency=True)])

    assert [one.reason for one in calm.changes[0].rows if one.check == "emergency-follow-up"] == ["did not go live as an emergency"]
    assert calm.counts()["not_evaluated"] == 0
    assert "emergency-follow-up" not in [one.check for one in calm.rows()]
    assert [one.found for one in hurried.rows() if one.check == "emergency-follow-up"] == ["1 of 1 changes: chg-2"]


def test_a_check_is_asked_where_it_applies() -> None:
    """By environment, initiative, rule, channel and kind; elsewhere the row says why it was not asked."""
    for scope, why in (
        ("environments: [staging]", "not asked in environment production"),
        ("initiatives: [other]", "not asked of this initiative"),
        ("rules: [other]", "not asked of this rule"),
        ("change_types: [net-new]", "not asked of kind update"),
        ("channels: [email]", "not asked on these channels"),
    ):
        found = row(good(channels=["web"]), "a", policy(f"{{id: a, type: approvals, applies_to: {{{scope}}}}}"))
        assert (found.status, found.reason) == ("not_evaluated", why)
        assert judge(good(channels=["web"]), policy(f"{{id: a, type: approvals, applies_to: {{{scope}}}}}")).rows() == []
    staged = [{**one, "environment": "staging"} for one in (requested(), deployed())]
    assert row(staged, "approvals").reason == "not asked in environment staging"


def test_a_change_that_went_live_twice_shows_its_worst() -> None:
    """Live with an approved content, then again with another one under the same change."""
    again = deployed(3 * HOUR, content_sha256=OTHER_SHA, id="again")

    assert row([*good(), again], "approvals").status == "fail"
    assert row([*good(), deployed(3 * HOUR, id="again")], "approvals").status == "pass"


WAIVER = "[{check: a, by: dee, until: 2026-11-20T00:00:00Z, reason: pilot, rules: [rule-1]}]"


def test_a_waiver_says_by_whom_and_until_when() -> None:
    """It holds for what it names, for what went live in its time."""
    waived = policy("{id: a, type: approvals}", WAIVER)
    bare = [requested(), deployed()]
    found = row(bare, "a", waived)

    assert (found.status, found.who, found.deadline, found.reason) == ("waived", ("dee",), START + 88 * HOUR, "waived by dee: pilot")
    assert row(good(), "a", waived).status == "pass"
    late = [requested(), deployed(10 * DAY)]
    assert row(late, "a", waived).status == "fail"
    assert "a waiver by dee ended 2026-11-20" in (row(late, "a", waived).reason or "")
    assert row([{**one, "rule_id": "rule-2"} for one in bare], "a", waived).status == "fail"


@pytest.mark.parametrize(("name", "why"), [("Ana.K", "made the change"), ("gone", "not active")])
def test_nobody_waives_their_own_change(name: str, why: str) -> None:
    """Four eyes hold for waivers too."""
    found = row([requested(), deployed()], "a", policy("{id: a, type: approvals}", WAIVER.replace("dee", name)))

    assert found.status == "fail"
    assert why in (found.reason or "")


def test_procedures_come_with_the_check() -> None:
    """`sop` of the check, else of the config's playbook for it."""
    config = CONFIG + "playbooks: {'policy:a': {title: t, sop: 'https://sop.example/a'}}\n"

    assert row(good(), "a", policy("{id: a, type: approvals}"), config=config).sop == "https://sop.example/a"
    assert row(good(), "a", policy("{id: a, type: approvals, sop: 'https://sop.example/b'}"), config=config).sop == "https://sop.example/b"


def test_one_row_a_check_over_all_changes() -> None:
    """The worst status, which changes have it, and everybody who can mend it."""
    (found,) = judge([*good(), *later("chg-2", DAY, 8)[::2]], policy("{id: a, type: approvals}")).rows()

    assert (found.status, found.found) == ("fail", "1 of 2 changes: chg-2")
    assert judge(good()).counts()["pass"] == 6


def test_a_flood_of_steps_is_bounded_and_nothing_of_it_passes() -> None:
    """A change keeps the earliest steps of each action in any order, and where there were more it is not called right."""
    flood = [event("evidence_added", number, id=str(number)) for number in range(2 * MOST_STEPS)]
    straight, back = (RuleBook.of((RuleChange.model_validate(one), 0, 0) for one in log) for log in (flood, flood[::-1]))
    (change,) = straight.changes.values()

    assert straight == back
    assert (len(change.steps), change.truncated) == (MOST_STEPS, True)
    assert "more than 50 steps" in (row([*good(), *flood], "approvals").reason or "")
    assert row([*good(), *flood], "approvals").status == "not_evaluated"


@pytest.mark.parametrize(
    ("actions", "state"),
    [
        (["requested"], "requested"),
        (["requested", "approved"], "approved"),
        (["requested", "approved", "rejected"], "rejected"),
        (["requested", "approved", "scheduled"], "scheduled"),
        (["requested", "approved", "scheduled", "deployed"], "deployed"),
        (["requested", "deployed", "approved"], "deployed"),
        (["requested", "deployed", "rolled_back"], "rolled_back"),
        (["requested", "deployed", "expired"], "expired"),
        (["requested", "cancelled"], "cancelled"),
        (["requested", "cancelled", "requested"], "requested"),
        (["deployed", "cancelled"], "deployed"),
        (["evidence_added", "signed_off"], "named"),
        (["requested", "deployed", "concluded", "evidence_added"], "deployed"),
    ],
)
def test_a_change_has_a_state(actions: list[str], state: str) -> None:
    """By the order of their times, in whatever order they arrived."""
    events = [event(action, place) for place, action in enumerate(actions)]

    for log in (events, events[::-1]):
        change = Change("home", "rule-1", "chg-1")
        for one in log:
            change = change.add(RuleChange.model_validate(one), 0, 0)
        assert change.state() == state


def test_one_id_for_two_events_is_the_earlier_event() -> None:
    """In either order of arrival; a copy of one event stands where it was read first."""
    first, second = approved(content={"a": 1}), {**approved(2), "event_id": approved()["event_id"], "actor": by("eve")}
    one, other = (RuleBook.of((RuleChange.model_validate(step), 0, 5) for step in log) for log in ([first, second], [second, first]))
    copies = RuleBook.of((RuleChange.model_validate(first), 0, place) for place in (9, 4, 7))

    assert one == other
    assert [step.actor for step in next(iter(one.changes.values())).steps] == ["eve"]
    assert [step.offset for step in next(iter(copies.changes.values())).steps] == [4]
