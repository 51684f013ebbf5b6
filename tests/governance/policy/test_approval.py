"""Approvals: four eyes, on the content that goes live, before it goes live."""

from typing import Any

import pytest

from tests.governance.policy.logs import (
    CONFIG,
    DAY,
    HOUR,
    OTHER_SHA,
    START,
    approved,
    by,
    deployed,
    event,
    good,
    judge,
    policy,
    requested,
    row,
    rows,
)

TWO = policy("{id: approvals, type: approvals, count: 2}")
ARCHITECT = policy("{id: approvals, type: approvals, roles: [personalization_architect]}")
LEAD = policy("{id: approvals, type: approvals, roles: [testing_lead]}")


def approval(*steps: dict[str, Any], now: int = 30 * DAY) -> tuple[str, str]:
    """Return status and finding of the approvals of a request, some steps and the release."""
    found = row([requested(), *steps, deployed()], "approvals", now=now)
    return found.status, found.found


def test_a_change_approved_by_another_person_passes() -> None:
    """The good change is approved once, by somebody else, for its content, in time."""
    found = row(good(), "approvals")

    assert (found.status, found.found, found.reason) == ("pass", "1 of 1: chi", None)
    assert [step.action for step in found.evidence] == ["approved"]


@pytest.mark.parametrize("name", ["ana", "ANA", " Ana ", "ana.k", "Ana.K", "ａｎａ"])
def test_the_author_does_not_approve_under_any_name(name: str) -> None:
    """Hostile 30: by the author, in another case, width or under an alias [fail]."""
    assert approval(approved(actor=by(name, "personalization_architect")))[0] == "fail"


def test_a_contributor_does_not_approve() -> None:
    """Hostile 30: who changed the content after the request is an author of it too [fail]."""
    edit = event("evidence_added", 1000, actor=by("chi"), content_sha256=OTHER_SHA)
    steps = [requested(), edit, approved(content_sha256=OTHER_SHA), deployed(content_sha256=OTHER_SHA)]
    found = row(steps, "approvals")

    assert (found.status, found.found) == ("fail", "0 of 1; not counted: chi (made the change)")
    again = [requested(), requested(5, actor=by("chi"), id="again"), approved(), deployed()]
    assert row(again, "approvals").status == "fail"


def test_who_puts_another_content_live_does_not_approve_it() -> None:
    """A content nobody requested belongs to who put it live."""
    steps = [requested(), approved(content_sha256=OTHER_SHA), deployed(actor=by("chi"), content_sha256=OTHER_SHA)]

    assert row(steps, "approvals").found == "0 of 1; not counted: chi (made the change)"


def test_a_deactivated_person_does_not_approve() -> None:
    """Hostile 30: by a deactivated user [fail]."""
    assert approval(approved(actor=by("GONE", "personalization_architect"))) == ("fail", "0 of 1; not counted: GONE (not active)")


def test_an_approval_afterwards_does_not_count() -> None:
    """Hostile 30: after deployment [fail]; at the same millisecond it still counts."""
    assert approval(approved(2 * HOUR + 1)) == ("fail", "0 of 1; not counted: chi (after it went live)")
    assert approval(approved(2 * HOUR))[0] == "pass"


def test_an_approval_of_an_older_content_does_not_count() -> None:
    """Hostile 30: for an older sha [fail]: what was edited after the approval was not approved."""
    assert approval(approved(content_sha256=OTHER_SHA)) == ("fail", "0 of 1; not counted: chi (for another content)")
    assert approval(approved(content_sha256=None)) == ("fail", "0 of 1; not counted: chi (names no content)")


def test_a_release_without_a_content_hash_is_approved_by_nothing() -> None:
    """An approval counts only for the content it names, so a release must name its own."""
    found = row([requested(content_sha256=None), approved(), deployed(content_sha256=None)], "approvals")

    assert found.status == "fail"
    assert "no content hash" in (found.reason or "")


def test_an_approver_counts_once() -> None:
    """Hostile 30: a duplicate approver [fail]: two approvals by one person under two names are one."""
    people = CONFIG.replace("  ben: {}", "  ben: {}\n  chi: {aliases: [chi@corp]}")
    steps = [requested(), approved(), approved(3, actor=by("chi@corp"), id="b"), approved(4, actor=by("CHI"), id="c"), deployed()]

    assert row(steps, "approvals", TWO, config=people).found.startswith("1 of 2: chi")
    assert row([*steps, approved(5, actor=by("dee"))], "approvals", TWO, config=people).status == "pass"


def test_a_role_must_be_held_when_it_is_used() -> None:
    """Hostile 30: role revoked before approval [fail]: by the event that no longer claims it, by the config that names others."""
    revoked = [requested(), approved(actor=by("chi")), deployed()]
    pretended = [requested(), approved(actor=by("eve", "personalization_architect")), deployed()]
    unknown = policy("{id: approvals, type: approvals, roles: [brand]}")

    assert row(good(), "approvals", ARCHITECT).status == "pass"
    assert row(revoked, "approvals", ARCHITECT).found == "0 of 1; not counted: chi (not in a role that counts)"
    assert row(pretended, "approvals", ARCHITECT).status == "fail"
    assert row([requested(), approved(actor=by("eve", "brand")), deployed()], "approvals", unknown).status == "pass"


def test_substitutes_and_covering_roles_may_act() -> None:
    """Ben stands in for the testing lead; the data privacy lead covers the role."""
    by_ben = [requested(), approved(actor=by("ben", "testing_lead")), deployed()]
    by_dee = [requested(), approved(actor=by("dee", "data_privacy_lead")), deployed()]

    assert [row(steps, "approvals", LEAD).status for steps in (by_ben, by_dee, good())] == ["pass", "pass", "fail"]


def test_each_required_role_is_among_the_approvals() -> None:
    """Two approvals, one of them by the data privacy lead."""
    both = policy("{id: approvals, type: approvals, count: 2, required_roles: [data_privacy_lead]}")
    second = [requested(), approved(), approved(5, actor=by("fay", "brand"), id="b"), deployed()]

    found = row(second, "approvals", both)
    assert (found.status, found.reason, found.who) == ("fail", "no approval as data_privacy_lead", ("dee", "eli"))
    assert row([*second, approved(6, actor=by("dee", "data_privacy_lead"), id="c")], "approvals", both).status == "pass"


def test_a_rejection_stands_until_its_author_approves() -> None:
    """The last word of each person on a content holds; a rejection of another content does not bind this one."""
    rejected = event("rejected", HOUR + 5, actor=by("dee"))
    taken_back = approved(HOUR + 6, actor=by("dee"), id="dee")

    assert approval(approved(), rejected) == ("fail", "1 of 1: chi; rejected by dee")
    assert approval(approved(), rejected, taken_back)[0] == "pass"
    assert approval(approved(), event("rejected", HOUR + 5, actor=by("chi")))[0] == "fail"
    assert approval(approved(), {**rejected, "content_sha256": OTHER_SHA})[0] == "pass"


def test_an_old_approval_expires() -> None:
    """With `valid_for`, what was approved long ago is approved no more."""
    fresh = policy("{id: approvals, type: approvals, valid_for: 1d}")
    steps = [requested(), approved(), deployed(HOUR + DAY + 1)]

    assert row(steps, "approvals", fresh).found == "0 of 1; not counted: chi (older than 24h)"
    assert row([*steps[:2], deployed(HOUR + DAY)], "approvals", fresh).status == "pass"


def test_who_puts_it_live_may_be_excluded() -> None:
    """`exclude_deployer` wants a third person."""
    strict = policy("{id: approvals, type: approvals, exclude_deployer: true}")
    steps = [requested(), approved(), deployed(actor=by("chi"))]

    assert row(steps, "approvals").status == "pass"
    assert row(steps, "approvals", strict).found == "0 of 1; not counted: chi (put it live)"


def test_a_pending_approval_says_who_since_and_until() -> None:
    """Who can approve are holders of the role who did not make the change; the deadline is the schedule, else `decide_within`."""
    slow = policy("{id: approvals, type: approvals, roles: [testing_lead], decide_within: 2d}")
    waiting = [requested()]
    scheduled = [requested(scheduled_at=START + DAY)]

    found = row(waiting, "approvals", slow, now=HOUR)
    assert (found.status, found.who, found.since, found.deadline) == ("pending", ("ben", "dee", "eli"), START, START + 2 * DAY)
    assert row(scheduled, "approvals", slow, now=HOUR).deadline == START + DAY
    assert row(waiting, "approvals", now=HOUR).who == ("ben", "dee", "eli", "chi")


def test_nobody_known_can_approve() -> None:
    """Without owners in the config the row still says what kind of person."""
    role = policy("{id: approvals, type: approvals, roles: [brand]}")

    assert row([requested()], "approvals", role, config="").who == ("brand",)
    assert row([requested()], "approvals", config="").who == ("anybody who did not make the change",)


def test_an_approval_without_a_name_is_none() -> None:
    """Nor can anybody be told apart from an author who is not named."""
    assert approval(approved(actor=None)) == ("fail", "0 of 1; not counted: nobody (nobody named)")
    found = row([requested(actor=None), approved(), deployed()], "approvals")
    assert (found.status, found.reason) == ("fail", "nobody is named as its author, so nobody can be told apart from them")


def test_a_rollback_needs_no_approval_but_a_claim_to_be_one_does() -> None:
    """Going back to what was approved is free; new content under the name of a rollback is not."""
    back = event("deployed", 5 * HOUR, change_id="chg-2", version=7, previous_version=8, change_type="rollback")
    eight = [{**one, "change_id": "chg-8", "event_id": f"8-{one['event_id']}", "version": 8, "previous_version": 7} for one in good()]
    eight = [{**one, "occurred_at": one["occurred_at"] + 3 * HOUR, "content_sha256": OTHER_SHA} for one in eight[:2]] + [
        {**eight[2], "occurred_at": START + 4 * HOUR, "content_sha256": OTHER_SHA}
    ]
    found = rows(judge([*good(), *eight, back]), "chg-2")
    pretended = rows(judge([*good(), *eight, {**back, "content_sha256": "c" * 64}]), "chg-2")

    assert (found["approvals"].status, found["approvals"].reason) == ("not_evaluated", "not asked of kind rollback")
    assert found["version-continuity"].status == "pass"
    assert pretended["approvals"].status == "fail"
    assert "twice, with different content" in (pretended["version-continuity"].reason or "")
