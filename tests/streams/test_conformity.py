"""Rule changes and rule versions on the bus: confirmed when due, retracted by evidence, resolved by what is live."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from governance.config import load_config
from governance.message.outputs import Finding, Incident
from governance.policy import load_policy
from streams.event_file import EventFileError
from streams.file_replay import FileReplay, Folder, replay_to_folder

NOON = 1_795_348_800_000  # 2026-11-22T12:00:00Z
MINUTE, HOUR = 60_000, 3_600_000
SHA = "a" * 64
CONFIG = """
version: 1
privacy: {default_jurisdiction: US}
initiatives:
  home:
    owners: {testing_lead: {person: ana}, personalization_architect: {person: chi}, data_privacy_lead: {person: dee}}
"""
POLICY = """
policy_version: 1
id: house
checks:
  - {id: two-eyes, type: approvals, severity: high, count: 1}
"""
Line = dict[str, Any]


def change(event: str, at: int, action: str, stamp: int | None = None, **more: Any) -> Line:
    """Build a step of change chg-1 of rule-1, `at` ms after noon."""
    value = {"event_id": event, "occurred_at": NOON + at, "change_id": "chg-1", "initiative": "home", "rule_id": "rule-1", "version": 1}
    value |= {"action": action, "change_type": "update", "content_sha256": SHA, "actor": {"id": "bob", "roles": ["ops"]}, **more}
    return {"topic": "rule-changes", "key": "home", "timestamp": NOON + (at if stamp is None else stamp), "value": value}


def approved(event: str, at: int, stamp: int | None = None, **more: Any) -> Line:
    """Build an approval by somebody else."""
    return change(event, at, "approved", stamp, actor={"id": "ana", "roles": ["approver"]}, **more)


def shown(event: str, at: int, version: int, rule: str = "rule-1") -> Line:
    """Build an exposure under a rule version."""
    value = {"event_id": event, "occurred_at": NOON + at, "type": "exposure", "initiative": "home", "subject_id": event}
    return {
        "topic": "engagement-events",
        "key": event,
        "timestamp": NOON + at,
        "value": {**value, "rule_id": rule, "rule_version": version},
    }


def replayed(lines: Iterable[Line], out: Path, partitions: int = 2, policy: str = POLICY) -> tuple[list[Finding], list[Incident]]:
    """Return the findings and incidents of rules that a replay publishes."""
    out.mkdir()
    path = out / "in.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in sorted(lines, key=lambda line: int(line["timestamp"]))))
    folder = Folder(out / "out")
    run = FileReplay([str(path)], load_config(CONFIG), partitions, folder.write, policies=(load_policy(policy),))
    replay_to_folder(run, folder, until=None, drain=True)

    def data(topic: str) -> list[str]:
        found = [json.loads(line)["value"]["data"] for line in (out / "out" / f"{topic}.jsonl").read_text().splitlines()]
        return [json.dumps(one) for one in found if one["check"] == "shadow_change" or one["check"].startswith("policy:")]

    findings = [Finding.model_validate_json(one) for one in data("findings")]
    return findings, [Incident.model_validate_json(one) for one in data("incidents")]


def told(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    """Return (check, state) of findings."""
    return [(str(one.check), one.state) for one in findings]


def steps(incidents: Iterable[Incident]) -> list[tuple[str, int]]:
    """Return (step, level) of incidents."""
    return [(one.step, one.level) for one in incidents]


def test_a_change_that_went_live_unapproved_is_a_finding_of_its_policy_and_opens_an_incident(tmp_path: Path) -> None:
    """The finding names policy, evidence and who can mend it; the incident has a playbook of its own."""
    findings, incidents = replayed([change("r1", 0, "requested"), change("r2", 1, "deployed")], tmp_path / "a")

    assert told(findings) == [("policy:two-eyes", "confirmed")]
    (finding,) = findings
    assert finding.policy is not None
    assert finding.policy.id == "house"
    assert finding.key == {"rule_id": "rule-1"}
    assert [one.event_id for one in finding.evidence] == ["r2"]
    assert incidents[0].step == "opened"
    assert incidents[0].playbook.id == "policy"


def test_an_approved_change_says_nothing_and_one_that_waits_says_nothing_either(tmp_path: Path) -> None:
    """Quiet when nothing is wrong: only what went live is judged on the bus."""
    good = [change("r1", 0, "requested"), approved("r2", 1), change("r3", 2, "deployed")]
    waits = [change("r4", 0, "requested", change_id="chg-2", rule_id="rule-2")]

    assert replayed([*good, *waits], tmp_path / "a") == ([], [])


def test_an_approval_that_arrives_late_takes_finding_and_incident_back(tmp_path: Path) -> None:
    """The approval was given in time and logged half an hour later: the same finding retracted, the same incident retracted."""
    lines = [change("r1", 0, "requested"), change("r3", 2, "deployed"), approved("r2", 1, stamp=30 * MINUTE), shown("e", 40 * MINUTE, 1)]
    findings, incidents = replayed(lines, tmp_path / "a")

    assert told(findings) == [("policy:two-eyes", "confirmed"), ("policy:two-eyes", "retracted")]
    assert len({one.finding_id for one in findings}) == 1
    assert (incidents[0].step, incidents[-1].step, incidents[-1].state) == ("opened", "retracted", "retracted")
    assert len({one.incident_id for one in incidents}) == 1


def test_a_successor_that_passes_resolves_the_incident_and_the_finding_stands(tmp_path: Path) -> None:
    """What is live now is right; that the one before was not stays true."""
    second: dict[str, Any] = {"change_id": "chg-2", "version": 2, "previous_version": 1}
    good = [change("r4", 30 * MINUTE, "requested", **second), approved("r5", 31 * MINUTE, **second)]
    lines = [change("r3", 2, "deployed"), *good, change("r6", 32 * MINUTE, "deployed", **second), shown("e", 40 * MINUTE, 2)]
    findings, incidents = replayed(lines, tmp_path / "a")

    assert told(findings) == [("policy:two-eyes", "confirmed")]
    assert "resolved" in [one.step for one in incidents]


def test_34_a_version_never_announced_is_a_shadow_change_after_the_grace(tmp_path: Path) -> None:
    """Version 9 is in no log: said once the grace is over, not before; version 1 was announced and is quiet."""
    lines = [change("r1", 0, "deployed"), shown("e1", MINUTE, 1), shown("e2", MINUTE, 9), shown("e3", 3 * HOUR, 1)]
    findings, incidents = replayed(lines, tmp_path / "a")

    shadows = [one for one in findings if one.check == "shadow_change"]
    assert told(shadows) == [("shadow_change", "confirmed")]
    assert "version 9" in str(shadows[0].observed)
    assert next(one.step for one in incidents if one.check == "shadow_change") == "opened"


def test_a_program_without_a_change_log_has_no_shadow_changes(tmp_path: Path) -> None:
    """Nobody announces anything there, so nothing shown was left out of an announcement."""
    findings, incidents = replayed([shown(f"e{at}", at * MINUTE, at % 3 + 1) for at in range(30)], tmp_path / "a")
    assert told(findings) == []
    assert incidents == []


def test_an_announcement_that_comes_late_takes_the_shadow_back(tmp_path: Path) -> None:
    """Version 9 went live before it was shown, and its record came half an hour later."""
    late = change("r2", 0, "deployed", stamp=30 * MINUTE, change_id="chg-9", version=9)
    lines = [change("r1", 0, "deployed"), shown("e2", MINUTE, 9), late, shown("e3", 40 * MINUTE, 9)]
    findings, incidents = replayed(lines, tmp_path / "a")

    assert told(one for one in findings if one.check == "shadow_change") == [("shadow_change", "confirmed"), ("shadow_change", "retracted")]
    assert [one.state for one in incidents if one.check == "shadow_change"][-1] == "retracted"


@pytest.mark.parametrize("partitions", [1, 3, 8])
def test_findings_of_rules_are_the_same_for_every_number_of_shards(tmp_path: Path, partitions: int) -> None:
    """Ids, states and steps do not depend on who computes them."""
    lines = [change("r3", 2, "deployed"), shown("e2", MINUTE, 9), approved("r2", 1, stamp=30 * MINUTE), shown("e3", 40 * MINUTE, 9)]
    expected, found = replayed(lines, tmp_path / "a"), replayed(lines, tmp_path / "b", partitions)

    assert [(one.finding_id, one.state) for one in expected[0]] == [(one.finding_id, one.state) for one in found[0]]
    assert [(one.incident_id, one.step, one.level) for one in expected[1]] == [(one.incident_id, one.step, one.level) for one in found[1]]


def config_record(at: int, policies: list[dict[str, Any]], config: dict[str, Any] | None = None) -> list[Line]:
    """Build the records of a config and its policies, one for each of two partitions, stamped `at` ms after noon."""
    own = load_config(CONFIG)
    value = {"sha256": own.sha256, "config": own.effective() if config is None else config, "policies": policies}
    record = {"topic": "monitor-config", "key": "any", "timestamp": NOON + at, "value": value}
    return [record | {"partition": number} for number in range(2)]


def by_log(lines: Iterable[Line], out: Path) -> tuple[list[tuple[str, str]], dict[str, int]]:
    """Return (check, evidence) of the policy findings of a log that brings its own configs, and what was refused."""
    path = out / "in.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in sorted(lines, key=lambda line: int(line["timestamp"]))))
    folder = Folder(out / "out")
    summary = replay_to_folder(FileReplay([str(path)], None, 2, folder.write), folder, until=None, drain=True)
    found = [json.loads(line)["value"]["data"] for line in (out / "out" / "findings.jsonl").read_text().splitlines()]
    named = [(one["check"], one["evidence"][0]["event_id"]) for one in found if one["check"].startswith("policy:")]
    return named, summary["refused_by_reason"]


def test_a_change_is_held_to_the_policies_of_its_time_though_the_config_stays_the_same(tmp_path: Path) -> None:
    """Nothing asked for at first; from the tenth minute on an approval."""
    lax = load_policy("policy_version: 1\nid: house\nchecks: []\n").effective()
    lines = [*config_record(-HOUR, [lax]), *config_record(10 * MINUTE, [load_policy(POLICY).effective()])]
    lines += [change("r1", 0, "deployed"), change("r2", 20 * MINUTE, "deployed", change_id="chg-2", rule_id="rule-2")]

    assert by_log([*lines, shown("e", HOUR, 1)], tmp_path) == ([("policy:two-eyes", "r2")], {})


def test_a_config_record_that_is_none_replaces_nothing(tmp_path: Path) -> None:
    """Refused, in every partition; what was in force stays so. A log that begins with one is not replayed."""
    good = load_policy(POLICY).effective()
    unknown = {**good, "checks": [{"id": "a", "type": "no such check"}]}
    bad = [*config_record(1, [], {"version": "none"}), *config_record(MINUTE, [good, unknown]), *config_record(MINUTE, [{}])]
    lines = [*config_record(-HOUR, [good]), *bad, change("r1", 20 * MINUTE, "deployed"), shown("e", HOUR, 1)]

    assert by_log(lines, tmp_path) == ([("policy:two-eyes", "r1")], {"invalid_value": 6})
    with pytest.raises(EventFileError, match="partition 0, offset 0: the first config of a log must be one; config is none"):
        by_log(bad, tmp_path)
