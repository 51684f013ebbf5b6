"""Issues, backlog and plan: what follows from incidents and from the request's own thresholds."""

from typing import Any
from uuid import UUID

import pytest

from governance.message.outputs import Report
from reporting.issues import InvalidThresholdError
from reporting.report import build, report_id
from reporting.view.canonical import dumps
from tests.reporting.builders import cell, fortnight, incident, request, row, snapshot


def days(*ctr_percent: int, **changes: Any) -> Any:
    """Return a snapshot of one channel with these click rates, in per cent of 1,000 exposures a day."""
    rows = tuple(
        row(index, {cell(): {"exposures": 1000, "clicks": percent * 10, "subjects": 900}}) for index, percent in enumerate(ctr_percent)
    )
    return snapshot(rows, **changes)


@pytest.mark.parametrize(
    ("ctr_percent", "state", "breaches"),
    [((4, 4, 1, 1), "open", 2), ((4, 1, 1, 4), "pending", 2), ((1, 4, 1), "pending", 2), ((4, 4, 4), None, 0), ((9, 9, 1), "pending", 1)],
)
def test_a_threshold_of_the_request_is_an_item_where_breached_and_open_where_breached_in_the_last_two(
    ctr_percent: tuple[int, ...], state: str | None, breaches: int
) -> None:
    found = build(days(*ctr_percent, request=request(alert_threshold="ctr<0.02")))["issues"]
    assert ([] if state is None else [("request:ctr<0.02", state, breaches)]) == [
        (one["check"], one["state"], one["occurrences"]) for one in found
    ]


def test_a_day_without_exposures_is_not_eligible() -> None:
    """Breach, nothing, breach: the last two eligible days are the two breaches."""
    rows = tuple(row(index, {cell(): {"exposures": 100, "clicks": 1, "subjects": 90}} if index != 1 else {}) for index in range(3))
    (issue,) = build(snapshot(rows, request=request(alert_threshold="ctr<0.02")))["issues"]
    assert issue["twice"]


def test_an_incident_of_the_same_request_check_is_not_listed_twice() -> None:
    known = incident("i-1", "request:ctr<0.02", {}, 1, "open", "2026-11-10T00:00:00Z", ())
    found = build(days(1, 1, request=request(alert_threshold="ctr<0.02"), incidents=(known,)))["issues"]
    assert [issue["incident_id"] for issue in found] == ["i-1"]


def test_a_threshold_on_an_unknown_figure_says_what_is_known() -> None:
    with pytest.raises(InvalidThresholdError, match=r"known are .*click_to_conversion, .*ctr"):
        build(days(1, request=request(alert_threshold="clickrate<0.02")))


def test_issues_stand_active_first_then_by_level_then_by_age() -> None:
    found = build(fortnight())["issues"]
    assert [i["check"] for i in found] == [
        "consent_violation",
        "threshold:low-ctr",
        "threshold:tech",
        "request:ctr<0.0425",
        "threshold:low-ctr",
    ]
    assert found[0]["title"] == "Personalised after withdrawal, email"
    assert found[-1]["state"] == "resolved"


def test_suspects_are_the_changes_close_before_that_reach_the_channel() -> None:
    """chg-311 went out on web 8 minutes before the first breached window; it does not reach email."""
    found = {issue["id"]: issue for issue in build(fortnight())["issues"]}
    (suspect,) = found["7c1e"]["suspects"]
    assert (suspect["change_id"], suspect["before_s"]) == ("chg-311", 8 * 60)
    assert found["a41f"]["suspects"] == []


def test_the_backlog_names_one_owner_a_priority_and_a_date_and_keeps_its_ids() -> None:
    """The same incident in a later report is the same piece of work."""
    items = build(fortnight())["backlog"]
    assert [(item["owner"]["person"], item["priority"], item["due"]) for item in items[:2]] == [
        ("eli", 1, "2026-11-22T17:05:00.000Z"),
        ("chi", 1, "2026-11-22T18:00:00.000Z"),
    ]
    later = build(fortnight(request=request(request_id="q-200", alert_threshold="ctr<0.0425")))["backlog"]
    assert [item["id"] for item in items] == [item["id"] for item in later]
    assert len(items) == len({UUID(item["id"]) for item in items})


@pytest.mark.parametrize(
    ("state", "remediation", "expected"),
    [("resolved", [], 1), ("resolved", [{"note": "x"}], 0), ("retracted", [], 0), ("open", [{"note": "x"}], 1)],
)
def test_work_is_left_until_an_incident_is_over_and_remedied(state: str, remediation: list[dict[str, str]], expected: int) -> None:
    known = incident("i-1", "threshold:low-ctr", {}, 1, state, "2026-11-10T00:00:00Z", (), remediation=remediation)
    assert expected == len(build(days(4, incidents=(known,)))["backlog"])


def test_an_unowned_incident_falls_to_the_owner_of_its_level_in_the_config() -> None:
    known = incident("i-1", "threshold:low-ctr", {}, 2, "open", "2026-11-10T00:00:00Z", (), owner=None)
    (item,) = build(days(4, incidents=(known,)))["backlog"]
    assert item["owner"]["person"] == "chi"


def test_the_plan_has_the_diamond_its_gate_and_what_was_not_evaluated() -> None:
    plan = build(fortnight())["plan"]
    assert plan["header"]["pattern"] == "diamond"
    gate = plan["header"]["merge_gate"]
    assert (gate["waits_for"], gate["blocked_by"], gate["not_evaluated"]) == (
        ["governance", "experiments"],
        [],
        ["governance", "experiments"],
    )
    assert gate["passed_at"] == "2026-11-22T14:32:30.000Z"
    assert len(plan["feeds"]) == 24


def test_success_metrics_are_measured_or_say_why_not() -> None:
    """Acknowledged 6 minutes after it opened; 3 violations among the judged exposures; no readout, so no lift."""
    report = build(fortnight())
    metrics, judged = report["plan"]["success_metrics"], report["governance"]["consent"]["judged"]
    assert metrics["incident_response_s"]["value"] == 360
    assert pytest.approx(1 - 3 / judged) == metrics["consent_adherence"]["value"]
    assert metrics["lift_percent"]["value"] is None
    bare = build(days(4))["plan"]["success_metrics"]
    assert [bare[name]["value"] for name in ("lift_percent", "incident_response_s", "consent_adherence")] == [None, None, None]
    assert all(bare[name]["why"] for name in bare)


def test_what_this_build_cannot_judge_is_present_and_says_so() -> None:
    report = build(fortnight())
    for part in (report["governance"], *report["experiments"]):
        assert part["status"] == "not_evaluated"
        assert part["why"]


def test_the_report_is_what_its_schema_promises() -> None:
    report = build(fortnight())
    assert report["report_id"] == str(Report.model_validate_json(dumps(report)).report_id)


def test_the_same_snapshot_has_the_same_bytes_and_another_request_another_id() -> None:
    assert dumps(build(fortnight())) == dumps(build(fortnight()))
    assert report_id(fortnight()) != report_id(fortnight(request=request(window="7d")))
