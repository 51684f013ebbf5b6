"""Windows, versions, emergencies, expiry: how changes go live and what becomes of them."""

from typing import Any

import pytest

from governance.message.instant import parse_instant
from tests.governance.policy.logs import (
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
    later,
    policy,
    requested,
    row,
    rows,
    statuses,
)

CONTINUITY = "version-continuity"


def continuity(*events: dict[str, Any], change_id: str = "chg-2") -> tuple[str, str | None]:
    """Return status and reason of the versions of a log that begins with the good change."""
    found = row([*good(), *events], CONTINUITY, change_id=change_id)
    return found.status, found.reason


def test_versions_follow_each_other() -> None:
    """The next number, based on what is live."""
    assert continuity(*later("chg-2", DAY, 8)) == ("pass", None)
    assert continuity(*later("chg-2", DAY, 8), *later("chg-3", 2 * DAY, 9), change_id="chg-3") == ("pass", None)


def test_a_gap_is_found() -> None:
    """Hostile 31: version gap [finding]; a policy may allow gaps."""
    gap = later("chg-2", DAY, 10, previous_version=7)
    lenient = policy("{id: version-continuity, type: version_continuity, allow_gaps: true}")

    assert continuity(*gap) == ("fail", "version 10 leaves a gap after 7")
    assert row([*good(), *gap], CONTINUITY, lenient, change_id="chg-2").status == "pass"
    assert continuity(*later("chg-2", DAY, 4, previous_version=7)) == ("fail", "version 4 is not above 7")


def test_one_version_has_one_content() -> None:
    """Hostile 31: same version twice with different content [finding]; the same content again is fine, and so is another channel."""
    again = event("deployed", DAY, change_id="chg-2")
    other = {**again, "content_sha256": OTHER_SHA}
    unnamed = {**again, "content_sha256": None}

    assert continuity(again) == ("pass", None)
    assert continuity({**again, "channels": ["email"]}) == ("pass", None)
    assert continuity(*later("chg-8", HOUR * 3, 8), again)[1] == "version 7 replaces 8 without being called a rollback"
    assert continuity(other) == ("fail", "version 7 twice, with different content")
    assert continuity(unnamed) == ("fail", "version 7 twice, and nothing shows that it is the same")


def test_one_hash_does_not_stand_for_two_contents() -> None:
    """Where contents are given they are compared, whatever hash they are said to have."""
    first = good(content={"weight": 1})
    second = event("deployed", DAY, change_id="chg-2", content={"weight": 2})

    assert row([*first, second], CONTINUITY, change_id="chg-2").reason == "version 7 twice, with different content"


def test_a_rollback_goes_to_a_version_that_was_live() -> None:
    """Hostile 31: rollback to unknown version [finding], by either action."""
    eight = later("chg-2", DAY, 8)
    known = event("rolled_back", 2 * DAY, change_id="chg-2", version=8, previous_version=7, content_sha256=None)
    unknown = {**known, "previous_version": 3}
    redeployed = event(
        "deployed", 2 * DAY, change_id="chg-3", version=3, previous_version=8, change_type="rollback", content_sha256=OTHER_SHA
    )

    assert continuity(*eight, known) == ("pass", None)
    assert continuity(*eight, {**known, "previous_version": None}) == ("pass", None)
    assert continuity(*eight, unknown)[1] == "rolled back by naming 8 and 3, of which no target was ever live"
    assert continuity(*eight, redeployed, change_id="chg-3")[1] == "goes back to version 3, which was never live"
    alone = judge([event("rolled_back", 0, version=3, previous_version=None)])
    assert rows(alone)[CONTINUITY].status == "fail"


def test_a_version_live_before_the_log_begins_is_known() -> None:
    """The first release names what it took over from; going back to it is fine, and then on from it."""
    back = event("rolled_back", DAY, version=7, previous_version=6)
    onwards = later("chg-2", 2 * DAY, 8, previous_version=6)

    assert row([*good(), back], CONTINUITY).status == "pass"
    assert continuity(back, *onwards) == ("pass", None)


def test_two_concurrent_changes_collide() -> None:
    """Hostile 31: two concurrent changes [findings]: based on what is not live any more, or overtaken between request and release."""
    slow = [requested(HOUR, change_id="chg-2"), approved(3 * HOUR, change_id="chg-2")]
    based = deployed(DAY, change_id="chg-2", version=8, previous_version=6, content_sha256=OTHER_SHA)
    silent = {**based, "previous_version": None}

    assert continuity(*slow, based) == ("fail", "based on version 6 while 7 was live: another change came in between")
    assert continuity(*slow, silent) == ("fail", "chg-1 went live between its request and its release")
    elsewhere = [{**one, "channels": ["email"]} for one in (*slow, silent)]
    web = [{**one, "channels": ["web"]} for one in good()]
    assert row([*web, *elsewhere], CONTINUITY, change_id="chg-2").status == "pass"


def test_two_open_changes_of_a_rule_warn_ahead() -> None:
    """Before either is live, both rows name the other."""
    both = judge([requested(), requested(5, change_id="chg-2")], now=HOUR)

    assert rows(both)[CONTINUITY].status == "warn"
    assert rows(both, "chg-2")[CONTINUITY].found == "also open: chg-1"


# The clocks of Berlin go from 02:00 to 03:00 on 29 March 2026 and from 03:00 back to 02:00 on 25 October 2026.
@pytest.mark.parametrize(
    ("window", "at", "inside"),
    [
        ("from: '09:00', to: '16:00'", "2026-07-01T07:00:00Z", True),  # 09:00 in summer
        ("from: '09:00', to: '16:00'", "2026-07-01T06:59:59.999Z", False),
        ("from: '09:00', to: '16:00'", "2026-07-01T14:00:00Z", False),  # 16:00: half-open
        ("from: '09:00', to: '16:00'", "2026-12-01T07:30:00Z", False),  # 08:30 in winter
        ("from: '09:00', to: '16:00'", "2026-12-01T08:00:00Z", True),
        ("from: '02:30', to: '03:30'", "2026-03-29T00:59:59Z", False),  # 01:59:59, the last second before the gap
        ("from: '02:30', to: '03:30'", "2026-03-29T01:00:00Z", True),  # 03:00: 02:30 was skipped, the window is open
        ("from: '02:30', to: '03:30'", "2026-03-29T01:30:00Z", False),
        ("from: '02:30', to: '02:45'", "2026-10-25T00:35:00Z", True),  # 02:35 for the first time
        ("from: '02:30', to: '02:45'", "2026-10-25T01:35:00Z", True),  # 02:35 for the second time
        ("from: '02:30', to: '02:45'", "2026-10-25T01:15:00Z", False),  # 02:15 for the second time
        ("from: '22:00', to: '04:00', days: [fri]", "2026-11-20T21:30:00Z", True),  # Friday night
        ("from: '22:00', to: '04:00', days: [fri]", "2026-11-21T02:59:00Z", True),  # is still Friday's at 03:59 on Saturday
        ("from: '22:00', to: '04:00', days: [fri]", "2026-11-20T02:00:00Z", False),  # Thursday's night is not
        ("days: [sun]", "2026-11-21T23:00:00Z", True),  # Sunday there, Saturday in UTC
        ("days: [sun]", "2026-11-21T22:59:00Z", False),
    ],
)
def test_a_window_is_read_off_the_wall(window: str, at: str, inside: bool) -> None:
    """Hostile 32: change window over DST gap and fold: what the clock there shows decides, each time it shows it."""
    berlin = policy(f"{{id: window, type: change_window, timezone: Europe/Berlin, {window}}}")
    found = row([requested(), deployed(parse_instant(at) - START)], "window", berlin, now=365 * DAY)

    assert found.status == ("pass" if inside else "fail")
    assert found.reason == (None if inside else "went live outside the window")


@pytest.mark.parametrize(
    ("freeze", "at", "frozen"),
    [
        ("from: 2026-12-20, to: 2027-01-02", "2026-12-19T22:59:59Z", False),
        ("from: 2026-12-20, to: 2027-01-02", "2026-12-19T23:00:00Z", True),  # midnight there
        ("from: 2026-12-20, to: 2027-01-02", "2027-01-02T22:59:59.999Z", True),  # the last day whole
        ("from: 2026-12-20, to: 2027-01-02", "2027-01-02T23:00:00Z", False),
        ("from: 2026-10-25T02:30, to: 2026-10-25T06:00", "2026-10-25T00:29:59Z", False),
        ("from: 2026-10-25T02:30, to: 2026-10-25T06:00", "2026-10-25T01:10:00Z", True),  # 02:10 again: frozen since 02:30
        ("from: 2026-10-24T20:00, to: 2026-10-25T02:30", "2026-10-25T01:10:00Z", True),  # until 02:30 for the second time
        ("from: 2026-10-24T20:00, to: 2026-10-25T02:30", "2026-10-25T01:30:00Z", False),
        ("from: 2026-03-29T02:30, to: 2026-03-29T06:00", "2026-03-29T00:59:59Z", False),
        ("from: 2026-03-29T02:30, to: 2026-03-29T06:00", "2026-03-29T01:00:00Z", True),  # 02:30 is skipped: from the jump on
        ("from: 2026-03-28T20:00, to: 2026-03-29T02:30", "2026-03-29T00:59:59Z", True),
        ("from: 2026-03-28T20:00, to: 2026-03-29T02:30", "2026-03-29T01:00:00Z", False),
    ],
)
def test_a_freeze_is_one_span_of_time(freeze: str, at: str, frozen: bool) -> None:
    """Hostile 32: never shorter than written where a clock time comes twice, and bounded by the jump where it never comes."""
    berlin = policy(f"{{id: window, type: change_window, timezone: Europe/Berlin, freezes: [{{{freeze}, title: calm}}]}}")
    found = row([requested(), deployed(parse_instant(at) - START)], "window", berlin, now=365 * DAY)

    assert found.reason == ("went live during the freeze calm" if frozen else None)


def test_an_emergency_may_leave_the_window_and_a_schedule_outside_it_warns() -> None:
    """Emergencies warn unless they are judged as well; rolling back is free; a schedule is told before it is too late."""
    never = "id: window, type: change_window, timezone: UTC, days: [sun]"
    lenient, strict = policy(f"{{{never}}}"), policy(f"{{{never}, emergencies: judged}}")
    urgent = [requested(), deployed(emergency=True)]
    planned = row([requested(scheduled_at=START + DAY)], "window", lenient, now=HOUR)

    assert [row(urgent, "window", one).status for one in (lenient, strict)] == ["warn", "fail"]
    assert (planned.status, planned.deadline) == ("warn", START + DAY)
    assert row([requested()], "window", lenient, now=HOUR).status == "not_evaluated"
    back = [*good(), event("rolled_back", 3 * HOUR, change_id="chg-2", version=7, previous_version=6)]
    assert row(back, "window", strict, change_id="chg-2").status == "not_evaluated"


def emergency(*after: dict[str, Any], now: int) -> tuple[str, str]:
    """Return the status of approvals and of the follow-up of an emergency."""
    found = statuses([requested(), deployed(emergency=True), *after], now=now)
    return found["approvals"], found["emergency-follow-up"]


def test_an_emergency_is_followed_up_in_time() -> None:
    """It goes live without approval and warns; a day later somebody else must have approved it or signed it off."""
    signed = event("signed_off", 5 * HOUR, actor=by("chi"), content_sha256=None)

    assert emergency(now=3 * HOUR) == ("warn", "pending")
    assert emergency(now=26 * HOUR) == ("warn", "fail")
    assert emergency(approved(5 * HOUR), now=30 * DAY) == ("warn", "pass")
    assert emergency(signed, now=30 * DAY) == ("warn", "pass")
    assert emergency({**signed, "actor": by("ANA.K")}, now=30 * DAY) == ("warn", "fail")
    assert emergency({**signed, "content_sha256": OTHER_SHA}, now=30 * DAY) == ("warn", "fail")
    assert emergency({**signed, "occurred_at": START + 26 * HOUR + 1}, now=30 * DAY) == ("warn", "fail")


def test_without_a_follow_up_check_an_emergency_needs_its_approvals() -> None:
    """Calling something an emergency is no way around a policy that does not ask for the follow-up."""
    bare = policy("{id: approvals, type: approvals}")

    assert row([requested(), deployed(emergency=True)], "approvals", bare).status == "fail"


def test_a_follow_up_may_want_evidence_too() -> None:
    """What is missing is named, with who and until when."""
    check = policy("{id: f, type: emergency_followup, within: 1d, roles: [testing_lead], evidence: [postmortem]}")
    waiting = row([requested(), deployed(emergency=True)], "f", check, now=3 * HOUR)
    done = event("signed_off", 5 * HOUR, actor=by("ben", "testing_lead"), evidence=[{"type": "postmortem", "url": "https://x.example"}])

    assert (waiting.who, waiting.deadline) == (("ben", "dee", "eli"), START + 26 * HOUR)
    assert "no evidence of postmortem" in waiting.found
    assert row([requested(), deployed(emergency=True), done], "f", check).status == "pass"


def test_emergency_on_every_change_is_found() -> None:
    """Hostile 32: emergency on every change [rate finding]: the third within 30 days is one too many, wherever in the initiative."""
    events = [one for day in range(1, 5) for one in later(f"chg-{day}", day * DAY, 6 + day, emergency=True, rule_id=f"rule-{day % 2}")]
    found = judge(events, now=300 * DAY)

    assert [rows(found, f"chg-{day}")["emergency-rate"].status for day in range(1, 5)] == ["pass", "pass", "fail", "fail"]
    assert rows(found, "chg-4")["emergency-rate"].found == "4 in 30d"
    late = later("chg-9", 200 * DAY, 11, emergency=True)
    assert row([*events, *late], "emergency-rate", change_id="chg-9", now=300 * DAY).status == "pass"


def test_what_expired_is_taken_back() -> None:
    """Pending within the grace, then a fail, unless something else is live on all its channels."""
    expired = event("expired", DAY)
    log = [*good(), expired]

    assert row(log, "expiry", now=DAY + HOUR).status == "pending"
    assert row(log, "expiry", now=2 * DAY).reason == "live past its expiry"
    assert row([*log, *later("chg-2", 2 * DAY, 8)], "expiry").status == "pass"
    assert row([*log, *later("chg-2", 2 * DAY + 1, 8)], "expiry").status == "fail"
    partly = [*log, *later("chg-2", DAY, 8, channels=["web"])]
    assert row(partly, "expiry").status == "fail"


def test_what_lives_long_is_looked_at_again() -> None:
    """With `review_after`, a sign-off buys another period."""
    review = policy("{id: expiry, type: expiry, review_after: 30d}")

    assert row(good(), "expiry", review, now=30 * DAY).status == "pass"
    assert row(good(), "expiry", review, now=31 * DAY).status == "fail"
    assert row([*good(), event("signed_off", 20 * DAY)], "expiry", review, now=31 * DAY).status == "pass"
