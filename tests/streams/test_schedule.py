"""Scheduled reports, their review and the plan: made by ticks, looked at before they are handed on, noted in the chain."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from governance.config import load_config
from streams.event_file import read_events
from streams.file_replay import Folder, replay_signals
from tests.streams.test_commands import CONFIG, HOUR, MINUTE, NOON, Acted, Line, command, minutes

SCHEDULED = (
    CONFIG.replace("  home:\n", "  home:\n    reports: [{cadence: 1h, window: 2h, detail: summary, dimension: channel, to: [team]}]\n")
    + "sinks: {team: {url: 'http://127.0.0.1:9/'}}\ndashboards: [{title: Grafana, url: 'https://grafana.example/d/1'}]\n"
)
TWO_HOURS = minutes(bad=(), good=range(130))


def reports(found: Acted) -> list[dict[str, Any]]:
    """Return the reports that were published, in their order."""
    return [one for one in found.data("reports") if "performance" in one]


def entries(found: Acted, kind: str) -> list[dict[str, Any]]:
    """Return the bodies of the audit entries of a kind for `home`."""
    return [entry.body for entry in found.audit if entry.kind == kind and entry.initiative == "home"]


def signed(report: str, *who: tuple[float, str], lines: Sequence[Line] = TWO_HOURS) -> list[Line]:
    """Return the history with sign-offs of a report at some minutes after noon."""
    return [*lines, *(command("sign_off", at, by=person, report_id=report) for at, person in who)]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Acted:
    """Two hours in which nobody asks for anything."""
    return Acted(TWO_HOURS, tmp_path_factory.mktemp("plain"), SCHEDULED, drain=True)


@pytest.fixture(scope="module")
def first(plain: Acted) -> str:
    """The id of the report of 13:00."""
    return str(reports(plain)[0]["report_id"])


def test_a_report_is_made_at_each_end_of_its_cadence_and_none_in_the_drain(plain: Acted) -> None:
    """The clock runs on to midnight; the last report is of the last hour that the data reached."""
    made = reports(plain)

    assert [one["period"]["to"] for one in made] == ["2026-11-22T13:00:00.000Z", "2026-11-22T14:00:00.000Z"]
    assert {(one["request"]["requested_by"], one["request"]["window"], one["request"]["dimension"]) for one in made} == {
        ("schedule", "2h", "channel")
    }
    assert [one["performance"]["totals"]["counts"]["exposures"] for one in made] == [60, 120]


def test_it_waits_for_both_sign_offs_and_says_so(plain: Acted) -> None:
    """Named are the role, the person and what the signature means; the chain has it."""
    review = reports(plain)[0]["review"]

    assert (review["status"], review["distributed"], review["to"]) == ("waiting", False, ["team"])
    assert review["blocked_by"] == ["sign_off:testing_lead", "sign_off:personalization_architect"]
    assert [(one["person"], one["for"], one["status"]) for one in review["sign_offs"]] == [
        ("ana", "readout interpreted", "waiting"),
        ("chi", "experience integrity", "waiting"),
    ]
    assert [(one["name"], one["status"]) for one in review["dependencies"]] == [
        ("data_engineering", "ready"),
        ("privacy", "ready"),
        ("experimentation", "ready"),
    ]
    assert [one["blocked_by"] for one in entries(plain, "review")] == [review["blocked_by"]] * 2


def test_signed_by_both_it_is_distributed_with_the_numbers_it_had(first: str, tmp_path: Path) -> None:
    """Published again at each signature, under an id of its own; nothing but the review differs."""
    found = Acted(signed(first, (70, "ben"), (80, "chi")), tmp_path, SCHEDULED)
    made, half, whole = (one for one in reports(found) if one["report_id"] == first)

    assert half["review"]["blocked_by"] == ["sign_off:personalization_architect"]
    assert half["review"]["sign_offs"][0] | {"at": None} == {
        "role": "testing_lead",
        "person": "ben",
        "for": "readout interpreted",
        "status": "signed",
        "at": None,
    }
    assert (whole["review"]["status"], whole["review"]["distributed"], whole["review"]["blocked_by"]) == ("distributed", True, [])
    assert {**made, "review": None} == {**half, "review": None} == {**whole, "review": None}
    assert [one["status"] for one in entries(found, "review") if one["report_id"] == first] == ["waiting", "waiting", "distributed"]


@pytest.mark.parametrize(("by", "code", "field"), [("mallory", "forbidden", "requested_by"), ("ana", "unknown_report", "report_id")])
def test_a_sign_off_that_cannot_count_is_refused_by_field(by: str, code: str, field: str, first: str, tmp_path: Path) -> None:
    """By who holds no role, or of a report nobody made."""
    target = first if by == "mallory" else "00000000-0000-5000-8000-000000000000"
    found = Acted(signed(target, (70, by)), tmp_path, SCHEDULED)

    assert found.error(f"sign_off-70-{by}") == (code, field)
    assert all(not one["review"]["distributed"] for one in reports(found))


def test_one_role_cannot_sign_for_another(first: str, tmp_path: Path) -> None:
    """The privacy lead holds neither of the two roles: both are still open."""
    found = Acted(signed(first, (70, "dee")), tmp_path, SCHEDULED)

    assert reports(found)[-2]["review"]["blocked_by"] == ["sign_off:testing_lead", "sign_off:personalization_architect"]


def test_a_role_nobody_holds_is_named(tmp_path: Path) -> None:
    """`eu` has a privacy lead only."""
    config = SCHEDULED.replace("    jurisdiction: EU\n", "    jurisdiction: EU\n    reports: [{cadence: 1h, window: 2h, to: [team]}]\n")
    lines = [line for line in TWO_HOURS if "click" not in line["value"]["event_id"]]
    eu = [{**line, "value": {**line["value"], "initiative": "eu"}} for line in lines]
    found = Acted(eu, tmp_path, config)

    assert [one["status"] for one in reports(found)[0]["review"]["sign_offs"]] == ["unowned", "unowned"]


@pytest.mark.parametrize(
    ("before", "rule"),
    [
        ("    thresholds:\n", "    detectors: {freshness: {window: 5m, sla: 10m}}\n    thresholds:\n"),
        ("    thresholds:\n", "    thresholds:\n      - {id: stale, kpi: freshness_s, op: '>', value: 600, window: 5m}\n"),
    ],
)
def test_a_feed_that_is_down_blocks_until_it_is_back(before: str, rule: str, tmp_path: Path) -> None:
    """By detector or by threshold: open at 13:00, resolved before the second signature, looked at again it blocks no more."""
    silent = SCHEDULED.replace(before, rule, 1)
    lines = minutes(bad=(), good=[*range(40), *range(62, 130)])
    made = Acted(lines, tmp_path / "made", silent)
    report = reports(made)[0]
    found = Acted(signed(report["report_id"], (110, "ana"), (111, "chi"), lines=lines), tmp_path / "signed", silent)

    assert report["review"]["blocked_by"][0] == "dependency:data_engineering"
    assert "freshness" in report["review"]["dependencies"][0]["why"]
    assert [one["review"]["distributed"] for one in reports(found) if one["report_id"] == report["report_id"]] == [False, False, True]


def test_reports_of_commands_are_signed_the_same_way(tmp_path: Path) -> None:
    """And a request that is sent again is answered with what was signed meanwhile."""
    asked = [*TWO_HOURS, command("report", 65, window="1h", request="q-1")]
    identity = next(one["report_id"] for one in reports(Acted(asked, tmp_path / "one", CONFIG)))
    again = command("report", 90, window="1h", request="q-1")
    found = Acted([*signed(identity, (70, "ana"), (71, "chi"), lines=asked), again], tmp_path / "two", CONFIG)

    assert reports(found)[-1]["review"]["distributed"]


@pytest.mark.parametrize("partitions", [1, 5])
def test_the_number_of_shards_changes_nothing_but_offsets(plain: Acted, tmp_path: Path, partitions: int) -> None:
    other = Acted(TWO_HOURS, tmp_path, SCHEDULED, partitions, drain=True)

    def comparable(found: Acted) -> list[Any]:
        return [{**report, "plan": {**report["plan"], "feeds": None}} for report in reports(found)]

    assert comparable(plain) == comparable(other)
    assert plain.data("audit-log") == other.data("audit-log")


def test_the_signals_alone_make_the_same_reports(first: str, tmp_path: Path) -> None:
    whole = Acted(signed(first, (70, "ana"), (71, "chi")), tmp_path, SCHEDULED)
    folder = Folder(tmp_path / "again")
    replay_signals(read_events([whole.out / "monitor-signals.jsonl"], 2), folder)

    assert (tmp_path / "again" / "reports.jsonl").read_bytes() == (whole.out / "reports.jsonl").read_bytes() != b""
    assert (tmp_path / "again" / "audit-log.jsonl").read_bytes() == (whole.out / "audit-log.jsonl").read_bytes()


def test_the_plan_says_what_stands_behind_the_report(plain: Acted) -> None:
    """Every key of the plan, with what it is made of."""
    plan = reports(plain)[1]["plan"]
    config = load_config(SCHEDULED)

    assert plan["initiative"] == "home"
    assert plan["header"]["merge_gate"]["waits_for"] == ["governance", "experiments"]
    assert plan["feeds"][0] == {
        "topic": "engagement-events",
        "partition": 0,
        "first_offset": 0,
        "last_offset": plan["feeds"][0]["last_offset"],
    }
    assert sum(feed["last_offset"] + 1 for feed in plan["feeds"] if feed["topic"] == "engagement-events") >= 240
    assert set(plan["dependencies"]) == {"data_engineering", "privacy", "experimentation"}
    assert plan["error_handling"]["retry_limit"] == 2
    assert set(plan["success_metrics"]) == {"lift_percent", "incident_response_s", "consent_adherence"}
    assert plan["hashes"] == {"config": config.sha256, "policies": None}
    assert (plan["retro"]["cadence"], plan["retro"]["next"]) == ("1h", "2026-11-22T15:00:00.000Z")
    assert [one["cadence"] for one in plan["cadences"]] == ["1h"]
    assert [one["id"] for one in plan["thresholds"]] == ["low-ctr"]
    assert plan["metrics"]["kpis"]["ctr"] == {"numerator": "clicks", "denominator": "exposures", "better": "up"}
    assert plan["owners"][0] == {"role": "testing_lead", "person": "ana"}
    assert plan["dashboards"] == [{"title": "Grafana", "url": "https://grafana.example/d/1"}]
    assert (plan["version"], plan["changes"]) == (1, [])


def test_the_plan_has_a_new_version_when_thresholds_or_cadences_change(tmp_path: Path) -> None:
    """The new config is in the log at 12:30: its row says what changed, the chain has both versions with the hashes."""
    changed = SCHEDULED.replace("value: 0.5", "value: 0.4").replace("cadence: 1h", "cadence: 2h")
    records = []
    for at, text in ((NOON - MINUTE, SCHEDULED), (NOON + HOUR // 2, changed)):
        config = load_config(text)
        for partition in range(2):
            body: dict[str, Any] = {"sha256": config.sha256, "effective_at": None if at < NOON else at, "policies": []}
            body["config"] = config.effective()
            key = {"partition": partition, "key": config.sha256, "timestamp": at}
            records.append({"topic": "monitor-config", **key, "value": body})
    found = Acted([*TWO_HOURS, *records], tmp_path, None)

    one, two = entries(found, "plan")
    assert (one["version"], two["version"]) == (1, 2)
    assert one["plan_sha256"] != two["plan_sha256"]
    (change,) = reports(found)[-1]["plan"]["changes"]
    assert (change["version"], change["from"], change["to"]) == (2, one["config"], two["config"])
    assert {"thresholds.low-ctr", "reports"} <= {field["field"] for field in change["changes"]}
    assert [one["period"]["watermark"][11:16] for one in reports(found)] == ["14:00"]


def test_every_entry_of_the_chain_holds(plain: Acted) -> None:
    """Plans and reviews are links of the same chain as incidents."""
    chain = [entry for entry in plain.audit if entry.initiative == "home"]

    assert [entry.sequence for entry in chain] == list(range(1, len(chain) + 1))
    assert [entry.kind for entry in chain] == ["plan", "review", "review"]
    assert all(later.previous_hash == entry.hash for entry, later in pairwise(chain))


def outage(*, missed: bool, partitions: int = 2) -> list[Line]:
    """Return seventy minutes of ticks, then one six hours after noon that says, or does not, since when nobody ticked; an event then."""
    last, again = 70, 6 * 60 + 5
    told = {"missed": NOON + last * MINUTE} if missed else {}
    lines = [*minutes(bad=(), good=[*range(last), again - 1])]
    for number in [*range(last + 1), again, again + 1, again + 2]:
        value = {"at": NOON + number * MINUTE, "ends": {}, "drain": False, **(told if number == again else {})}
        lines += [{"topic": "ticks", "partition": at, "timestamp": NOON + number * MINUTE, "value": value} for at in range(partitions)]
    return lines


def test_of_the_reports_an_outage_missed_the_newest_is_made_only(tmp_path: Path) -> None:
    """Down from 13:10 to 18:05 with an hourly report: 13:00 was made in time, of 14:00 to 18:00 the last is; the signals say the same."""
    found = Acted(outage(missed=True), tmp_path / "told", SCHEDULED)
    folder = Folder(tmp_path / "again")
    replay_signals(read_events([str(found.out / "monitor-signals.jsonl")], 2), folder)

    assert [one["period"]["to"][11:16] for one in reports(found)] == ["13:00", "18:00"]
    assert (tmp_path / "again" / "reports.jsonl").read_bytes() == (found.out / "reports.jsonl").read_bytes()


@pytest.mark.parametrize("partitions", [1, 3])
def test_what_an_outage_missed_is_the_same_for_any_number_of_shards(tmp_path: Path, partitions: int) -> None:
    found = Acted(outage(missed=True, partitions=partitions), tmp_path, SCHEDULED, partitions)

    assert [one["period"]["to"][11:16] for one in reports(found)] == ["13:00", "18:00"]


def test_a_gap_that_nobody_tells_of_is_none(tmp_path: Path) -> None:
    """Ticks that come late, or are made from a file, say nothing of an outage: every report is made."""
    found = Acted(outage(missed=False), tmp_path, SCHEDULED)

    assert [one["period"]["to"][11:16] for one in reports(found)] == ["13:00", "14:00", "15:00", "16:00", "17:00", "18:00"]
