"""Incidents acted on through the whole kernel: what people ask by command, refused or done, audited and answered; who is there.

The hostile histories are cases 38 to 43 of `governance.md` §6.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from governance.config import load_config
from governance.message.instant import format_instant
from governance.message.outputs import Answer, AuditEntry, Escalation, Incident
from streams.event_file import read_events
from streams.file_replay import FileReplay, Folder, replay_signals, replay_to_folder

NOON = 1_795_348_800_000  # 2026-11-22T12:00:00Z
SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
CONFIG = """
version: 1
timing: {tick: 10s, allowed_lateness: 10s, settle: 1m}
privacy: {default_jurisdiction: US}
incidents: {ack_timeout: 5m, clear_for: 3m, reopen_window: 10m}
people: {ana: {aliases: [ana.k]}, zoe: {active: false}}
initiatives:
  home:
    owners:
      testing_lead: {person: ana, substitutes: [ben, zoe]}
      personalization_architect: {person: chi}
      data_privacy_lead: {person: dee, substitutes: [eli]}
    thresholds:
      - {id: low-ctr, kpi: ctr, op: "<", value: 0.5, window: 1m, group_by: [channel], evaluation_periods: 2}
  eu:
    jurisdiction: EU
    owners: {data_privacy_lead: {person: dee}}
"""
Line = dict[str, Any]


def minute(number: int, good: bool = False, channel: str = "web", initiative: str = "home") -> list[Line]:
    """Return what one minute after noon brings: an exposure, and a click where it is a good one."""
    at = NOON + number * MINUTE + 5 * SECOND
    kinds = ("exposure", "click") if good else ("exposure",)
    return [
        {
            "topic": "engagement-events",
            "key": f"u-{channel}-{number}",
            "timestamp": at,
            "value": {
                "event_id": f"{kind}-{channel}-{number}-{initiative}",
                "occurred_at": at,
                "type": kind,
                "initiative": initiative,
                "subject_id": f"u-{channel}-{number}",
                "channel": channel,
            },
        }
        for kind in kinds
    ]


def minutes(bad: Iterable[int], good: Iterable[int] = ()) -> list[Line]:
    """Return some bad and some good minutes."""
    return [line for number in bad for line in minute(number)] + [line for number in good for line in minute(number, good=True)]


def command(name: str, at: float, by: str = "ana", initiative: str = "home", request: str = "", **more: Any) -> Line:
    """Return a command sent `at` minutes after noon."""
    stamp = NOON + int(at * MINUTE)
    value = {
        "request_id": request or f"{name}-{at}-{by}",
        "command": name,
        "requested_at": stamp,
        "requested_by": by,
        "initiative": initiative,
    }
    return {"topic": "monitor-commands", "key": initiative, "timestamp": stamp, "value": value | more}


class Acted:
    """What a replay of some lines wrote; every output is held against its model."""

    def __init__(self, lines: Sequence[Line], out: Path, config: str | None = CONFIG, partitions: int = 2, drain: bool = False) -> None:
        out.mkdir(exist_ok=True)
        path = out / "in.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in sorted(lines, key=lambda line: int(line["timestamp"]))))
        folder = Folder(out / "out")
        run = FileReplay([str(path)], None if config is None else load_config(config), partitions, folder.write)
        self.summary = replay_to_folder(run, folder, until=None, drain=drain)
        self.out = out / "out"
        self.incidents = [Incident.model_validate_json(json.dumps(one)) for one in self.data("incidents")]
        self.escalations = [Escalation.model_validate_json(json.dumps(one)) for one in self.data("escalations")]
        self.audit = [AuditEntry.model_validate_json(json.dumps(one)) for one in self.data("audit-log")]
        found = [one for one in self.data("reports") if "ok" in one]
        self.answers = {one["request_id"]: Answer.model_validate_json(json.dumps(one)) for one in found}

    def data(self, topic: str) -> list[dict[str, Any]]:
        """Return the data of every event of a topic."""
        return [json.loads(line)["value"]["data"] for line in (self.out / f"{topic}.jsonl").read_text().splitlines()]

    def steps(self) -> list[str]:
        """Return the steps of all incidents in the order they were written."""
        return [one.step for one in self.incidents]

    def asked(self) -> list[tuple[int, str | None]]:
        """Return (level, person) of everybody asked to act."""
        return [(one.level, one.person) for one in self.escalations if one.kind == "responsible"]

    def error(self, request: str) -> tuple[str, str | None]:
        """Return (code, field) of a refusal."""
        found = self.answers[request].error
        assert found is not None
        assert not self.answers[request].ok
        return found.code, found.field


BAD = minutes(bad=range(4), good=(8,))  # opened at the end of minute 2, told to ana


@pytest.fixture(scope="module")
def incident(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The id of the incident that the bad minutes open: the same in every run of them."""
    return Acted(BAD, tmp_path_factory.mktemp("first")).incidents[0].incident_id


def test_acknowledging_stops_the_clock_until_it_gets_worse(incident: str, tmp_path: Path) -> None:
    """No timeout after it; two more breaches climb all the same and clear it. An alias of the owner may do it."""
    lines = [*minutes(bad=(0, 1, 13, 14), good=(18,)), command("acknowledge", 3.5, by="Ana.K", incident_id=incident)]
    found = Acted(lines, tmp_path)

    assert found.steps()[:3] == ["opened", "acknowledged", "occurrence"]
    assert [one.state for one in found.incidents][1:3] == ["acknowledged", "acknowledged"]
    assert found.steps()[3] == "escalated"
    assert found.asked() == [(1, "ana"), (2, "chi")]
    assert found.answers["acknowledge-3.5-Ana.K"].ok


def test_unacknowledged_climbs_to_the_top_and_stays(tmp_path: Path) -> None:
    """Every five minutes one level, by event time; at the top nobody is left to ask."""
    found = Acted(minutes(bad=(0, 1), good=(30,)), tmp_path)

    opened = [one for one in found.incidents if one.step in ("opened", "escalated")]
    assert [(one.level, one.updated_at) for one in opened] == [
        (level, format_instant(NOON + at * MINUTE)) for level, at in ((1, 2), (2, 7), (3, 12))
    ]
    assert found.asked() == [(1, "ana"), (2, "chi"), (3, "dee")]


@pytest.mark.parametrize(
    ("name", "more", "code", "field"),
    [
        ("acknowledge", {"incident_id": "00000000-0000-5000-8000-000000000000"}, "unknown_incident", "incident_id"),
        ("acknowledge", {"by": "mallory"}, "forbidden", "requested_by"),
        ("acknowledge", {"by": "zoe"}, "forbidden", "requested_by"),
        ("resolve", {"by": "mallory"}, "forbidden", "requested_by"),
        ("silence", {"until": NOON}, "invalid_value", "until"),
        ("silence", {"until": NOON + 60 * 24 * HOUR}, "invalid_value", "until"),
        ("log_remediation", {}, "missing_field", "note"),
        ("acknowledge", {"initiative": "nowhere"}, "unknown_initiative", "initiative"),
        ("set_availability", {"person": "mallory", "available": False}, "unknown_person", "person"),
        ("set_availability", {"person": "ben", "available": False, "until": NOON}, "invalid_value", "until"),
    ],
)
def test_what_cannot_be_served_is_refused_by_field_and_changes_nothing(
    incident: str, tmp_path: Path, name: str, more: dict[str, Any], code: str, field: str
) -> None:
    """Case 38: unknown incident, unauthorised, deactivated; each with an answer, and in the audit chain where the initiative is known."""
    calm = Acted(BAD, tmp_path / "calm")
    found = Acted([*BAD, command(name, 3.9, **{"incident_id": incident, "request": "q", **more})], tmp_path / "asked")

    assert found.error("q") == (code, field)
    assert [one.model_dump(exclude={"hash", "previous_hash"}) for one in found.incidents] == [
        one.model_dump(exclude={"hash", "previous_hash"}) for one in calm.incidents
    ]
    audited = [entry.body for entry in found.audit if entry.kind == "command"]
    assert [(one["ok"], one["error"]) for one in audited] == (
        [] if field in ("note", "initiative") else [(False, {"code": code, "field": field})]
    )
    assert "mallory" not in (found.out / "audit-log.jsonl").read_text()


def test_double_acknowledgement_and_anything_after_the_end_are_refused(incident: str, tmp_path: Path) -> None:
    """Case 38: the second one is told so; a closed incident takes nothing."""
    lines = [*minutes(bad=(0, 1), good=range(2, 30))]
    lines += [command("acknowledge", at, request=f"a-{at}", incident_id=incident) for at in (2.5, 3.5, 29)]
    lines += [command("silence", 29, incident_id=incident, request="s", until=NOON + HOUR)]
    found = Acted(lines, tmp_path)

    assert found.steps() == ["opened", "acknowledged", "resolved", "closed"]
    assert [found.error(f"a-{at}")[0] for at in (3.5, 29)] == ["wrong_state", "wrong_state"]
    assert found.error("s") == ("wrong_state", "incident_id")
    assert [entry.body["ok"] for entry in found.audit if entry.kind == "command"] == [True, False, False, False]


def test_a_request_that_comes_again_is_answered_again_and_not_done_again(incident: str, tmp_path: Path) -> None:
    """The remediation stands once; both answers are the same."""
    again = [command("log_remediation", at, request="r-1", incident_id=incident, note="rolled rule-42 back") for at in (2.5, 3.5)]
    found = Acted([*BAD, *again], tmp_path)

    assert found.steps().count("remediation_logged") == 1
    assert [(entry["actor"], entry["action"]) for entry in found.incidents[-1].remediation] == [("ana", "rolled rule-42 back")]
    assert len([one for one in found.data("reports") if one["request_id"] == "r-1"]) >= 1
    assert len([entry for entry in found.audit if entry.kind == "command"]) == 1


def test_resolving_by_hand_spends_the_breaches_before_it_and_a_new_one_reopens(incident: str, tmp_path: Path) -> None:
    """One breach is enough to reopen, one level up; with none it closes after the time to reopen."""
    reopened = Acted([*minutes(bad=(0, 1, 6), good=(9,)), command("resolve", 3.5, incident_id=incident)], tmp_path / "reopened")
    closed = Acted([*minutes(bad=(0, 1), good=range(5, 20)), command("resolve", 3.5, incident_id=incident)], tmp_path / "closed")

    assert reopened.steps()[:3] == ["opened", "resolved", "reopened"]
    assert reopened.incidents[2].level == 2
    assert closed.steps() == ["opened", "resolved", "closed"]
    assert closed.incidents[-1].updated_at == format_instant(NOON + 14 * MINUTE)


def consent_violations() -> list[Line]:
    return [line for number in range(3) for line in minute(number, initiative="eu")] + minutes(bad=(), good=range(12))


def test_a_failing_consent_incident_is_resolved_only_after_something_was_done(tmp_path: Path) -> None:
    """Case 38: resolve without remediation is refused; with an entry it is done. It starts at level 3."""
    first = Acted(consent_violations(), tmp_path / "first")
    identity = first.incidents[0].incident_id
    asked = [
        command("resolve", 5.5, by="dee", initiative="eu", request="early", incident_id=identity),
        command("log_remediation", 6.5, by="dee", initiative="eu", incident_id=identity, note="fallback served on web"),
        command("resolve", 7.5, by="dee", initiative="eu", request="late", incident_id=identity),
    ]
    found = Acted([*consent_violations(), *asked], tmp_path / "second")

    assert found.error("early") == ("remediation_missing", "incident_id")
    assert found.answers["late"].ok
    own = [one for one in found.incidents if one.incident_id == identity]
    assert own[0].level == 3
    assert [one.step for one in own][-2:] == ["remediation_logged", "resolved"]
    assert own[-1].remediation[0]["action"] == "fallback served on web"


def test_a_silence_asks_nobody_and_climbs_when_it_ends(incident: str, tmp_path: Path) -> None:
    """Case 43: breaches under it are occurrences, nothing rises; at its end it climbs at once, for nobody acknowledged."""
    lines = [*minutes(bad=range(12)), *minutes(bad=(), good=(30,)), command("silence", 2.5, incident_id=incident, until=NOON + 20 * MINUTE)]
    found = Acted(lines, tmp_path)

    assert found.steps()[:3] == ["opened", "silenced", "occurrence"]
    risen = [(one.step, one.level, one.updated_at) for one in found.incidents if one.step == "escalated"]
    assert risen[0] == ("escalated", 2, format_instant(NOON + 20 * MINUTE))
    assert found.asked()[:2] == [(1, "ana"), (2, "chi")]


def test_a_silent_consent_incident_asks_once_when_the_silence_ends(tmp_path: Path) -> None:
    """It stands at the last level and nothing can rise: who has it is told all the same that it is still open."""
    identity = Acted(consent_violations(), tmp_path / "first").incidents[0].incident_id
    quiet = command("silence", 5.5, by="dee", initiative="eu", incident_id=identity, until=NOON + 8 * MINUTE)
    found = Acted([*consent_violations(), quiet, *minutes(bad=(), good=range(12, 30))], tmp_path / "second")

    asked = [one for one in found.escalations if one.kind == "responsible"]
    assert [(one.person, one.incident.step, one.incident.updated_at) for one in asked][1:] == [
        ("dee", "escalated", format_instant(NOON + 8 * MINUTE))
    ]
    assert asked[-1].reason == "the silence ended 2026-11-22T12:08:00.000Z and it is still open: escalated to level 3"


def test_who_is_away_is_passed_over_until_they_are_back(tmp_path: Path) -> None:
    """Case 40: substitute, then the next level; `until` ends by event time; nobody is handed back what they left."""
    away = [
        command("set_availability", 0.5, by="chi", initiative="*", person="ANA", available=False, until=NOON + 20 * MINUTE, request="x")
    ]
    found = Acted([*away, *minutes(bad=(1, 2), good=(24,))], tmp_path)

    owner = found.incidents[0].owner
    assert owner is not None
    assert (owner.person, owner.substitute_for) == ("ben", "ana")
    assert found.answers["x"].ok
    assert len([one for one in found.data("reports") if one["request_id"] == "x"]) == 1
    assert found.asked() == [(1, "ben"), (2, "chi"), (3, "dee")]
    assert [entry.initiative for entry in found.audit if entry.kind == "command"] == ["*"]


def test_when_the_owner_leaves_somebody_else_is_asked_and_nobody_left_is_unowned_and_critical(tmp_path: Path) -> None:
    """Case 40: reassigned at the next base window; all away: no owner, severity critical; the first who returns gets it."""

    def leave(at: float, person: str, **more: Any) -> Line:
        return command("set_availability", at, by="chi", person=person, available=False, request=f"{person}-leaves", **more)

    people = ("ana", "ben", "chi", "dee", "eli")
    lines = [*minutes(bad=(0, 1)), leave(2.5, "ana"), *[leave(3.5, person) for person in people[1:4]], *minutes(bad=(), good=(12,))]
    lines += [leave(3.5, "eli", until=NOON + 5 * MINUTE)]
    found = Acted(lines, tmp_path)

    moved = [(one.step, one.level, one.owner.person if one.owner else None, one.severity) for one in found.incidents][:4]
    assert moved == [
        ("opened", 1, "ana", "warning"),
        ("reassigned", 1, "ben", "warning"),
        ("reassigned", 1, None, "critical"),
        ("reassigned", 3, "eli", "critical"),
    ]
    assert [one.reason for one in found.escalations][2].startswith("unowned")


@pytest.mark.parametrize("partitions", [1, 3])
def test_the_same_log_gives_the_same_ids_and_hashes(incident: str, tmp_path: Path, partitions: int) -> None:
    """Case 35: with commands too, byte for byte."""
    lines = [
        *BAD,
        command("acknowledge", 3.5, incident_id=incident),
        command("set_availability", 3.6, initiative="*", person="ben", available=False),
    ]
    one = Acted(lines, tmp_path / "one", partitions=partitions)
    other = Acted(lines, tmp_path / "other", partitions=partitions)

    assert one.summary == other.summary
    assert one.answers["acknowledge-3.5-ana"].ok


def test_sign_off_is_kept_and_audited(incident: str, tmp_path: Path) -> None:
    """By whoever holds a role; its note stands in the chain."""
    found = Acted([*BAD, command("sign_off", 3.5, by="chi", incident_id=incident, note="looked right")], tmp_path)

    (entry,) = [entry.body for entry in found.audit if entry.kind == "command"]
    assert (entry["by"], entry["note"], entry["ok"]) == ("chi", "looked right", True)


def change(number: int, action: str, by: str) -> Line:
    """Return a rule change at the end of minute `number`."""
    at = NOON + number * MINUTE - SECOND
    value = {"event_id": f"r-{number}-{action}", "occurred_at": at, "change_id": "chg-1", "initiative": "home", "rule_id": "rule-42"}
    value |= {"version": 7, "previous_version": 6, "action": action, "change_type": "update", "environment": "production"}
    value |= {"channels": ["web"], "actor": {"id": by, "roles": ["marketing_ops"]}, "content_sha256": "0" * 64}
    return {"topic": "rule-changes", "key": "home", "timestamp": at, "value": value}


def test_the_author_of_the_suspected_change_is_never_asked(tmp_path: Path) -> None:
    """Case 40: ana deployed it under another of her names, ben asked for it: the architect is asked at once, at level 2."""
    lines = [*minutes(bad=(5, 6), good=(*range(4), 30)), change(4, "requested", "ben"), change(5, "deployed", "Ana.K")]
    found = Acted(lines, tmp_path)

    explanation = found.incidents[0].explanation
    assert explanation is not None
    assert [one["change_id"] for one in explanation.suspects] == ["chg-1"]
    assert found.asked()[0] == (2, "chi")
    assert {person for _, person in found.asked()}.isdisjoint({"ana", "ben"})


def test_a_bound_of_a_report_is_judged_on_until_its_incident_is_over(tmp_path: Path) -> None:
    """Opened by the report for two bad hours, resolved by a good hour, closed when the time to reopen is over."""
    hours = [line for number in range(8) for line in minute(60 * number, good=number >= 3)]
    asked = command("report", 125, window="2h", alert_threshold="ctr<0.6", dimension="channel")
    found = Acted([*hours, asked], tmp_path)

    own = [one for one in found.incidents if one.check.startswith("request:")]
    assert [one.step for one in own if one.step != "escalated"] == ["opened", "occurrence", "resolved", "closed"]
    assert [one.level for one in own if one.step == "opened"] == [1]
    assert own[-1].updated_at == format_instant(NOON + 6 * HOUR + MINUTE)


def test_what_the_monitor_says_of_itself_may_be_acted_on_by_any_owner(tmp_path: Path) -> None:
    """Refused input belongs to no initiative: the owners of all are asked, in the order of the config; whoever holds a role may take it."""
    broken = [
        {"topic": "engagement-events", "key": "u", "timestamp": NOON + n * 5 * SECOND, "value": {"event_id": "x"}} for n in range(300)
    ]
    lines = [*broken, *minutes(bad=(), good=range(30))]
    first = Acted(lines, tmp_path / "first")
    identity = first.incidents[0].incident_id
    taken = command("acknowledge", 25.5, by="dee", initiative="_system", incident_id=identity)
    found = Acted([*lines, taken], tmp_path / "second")

    assert first.incidents[0].initiative == "_system"
    assert first.asked()[0] == (1, "ana")
    assert "acknowledged" in [one.step for one in found.incidents if one.incident_id == identity]


def test_the_signals_alone_give_the_same_bytes(incident: str, tmp_path: Path) -> None:
    """Commands act at their place in `monitor-signals`: that log reproduces every step, refusal and answer."""
    lines = [*BAD, command("acknowledge", 3.5, incident_id=incident), command("acknowledge", 3.6, by="mallory", incident_id=incident)]
    lines += [command("set_availability", 3.7, initiative="*", person="ana", available=False, until=NOON + 6 * MINUTE)]
    whole = Acted(lines, tmp_path)
    folder = Folder(tmp_path / "again")
    replay_signals(read_events([whole.out / "monitor-signals.jsonl"], 2), folder)

    for topic in ("incidents", "escalations", "reports", "audit-log"):
        one, other = ((place / f"{topic}.jsonl").read_bytes().splitlines() for place in (whole.out, tmp_path / "again"))
        assert sorted(payload(line) for line in one) == sorted(payload(line) for line in other) != []


def payload(line: bytes) -> str:
    return json.dumps(json.loads(line)["value"], sort_keys=True)
