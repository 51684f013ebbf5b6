"""Consent through the whole kernel: hostile histories of `governance.md` §6, each with the outcome that is right for it."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from governance.config import load_config
from governance.message.instant import format_instant, parse_instant
from governance.message.outputs import Escalation, Finding, Incident, KpiWindow, VerdictLine
from streams.file_replay import FileReplay, Folder, replay_to_folder
from streams.kernel.subject import BARRIERS, LEDGERS

NOON = 1_795_348_800_000  # 2026-11-22T12:00:00Z
SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
CONFIG = """
version: 1
incidents: {clear_for: 2m, reopen_window: 10m}
initiatives:
  home:
    owners:
      testing_lead: {person: ana}
      personalization_architect: {person: chi}
      data_privacy_lead: {person: dee}
  us: {jurisdiction: US}
"""
TCF_ALL = "CQlH_MAQlH_MANwABBENB4FsAP_gAEPgAAYgGMwBIAAgAEAAoBeYDGQAKICAAAAA.IGMwBIAAgAEAAoBeYDGQ.f_wAAAAAAAAA"
Line = dict[str, Any]


def exposure(event: str, at: int, subject: str = "u-1", stamp: int | None = None, **more: Any) -> Line:
    """Build an exposure `at` ms after noon."""
    value = {"event_id": event, "occurred_at": NOON + at, "type": "exposure", "initiative": "home", "subject_id": subject}
    value |= {"channel": "web", **more}
    return {"topic": "engagement-events", "key": subject, "timestamp": NOON + (at if stamp is None else stamp), "value": value}


def consent(event: str, at: int, state: str = "given", subject: str = "u-1", stamp: int | None = None, **more: Any) -> Line:
    """Build a consent record `at` ms after noon, for personalised content where nothing else is said."""
    value: dict[str, Any] = {"event_id": event, "occurred_at": NOON + at, "subject_id": subject, "state": state}
    value |= {"purposes": ["personalised_content"], **more}
    return {"topic": "consent-events", "key": subject, "timestamp": NOON + (at if stamp is None else stamp), "value": value}


class Replayed:
    """What a replay of some lines wrote; every output is held against its model."""

    def __init__(self, lines: Iterable[Line], out: Path, config: str = CONFIG) -> None:
        path = out / "in.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in sorted(lines, key=lambda line: int(line["timestamp"]))))
        folder = Folder(out / "out")
        self.run = FileReplay([str(path)], load_config(config), 2, folder.write, verdicts=True)
        self.summary = replay_to_folder(self.run, folder, until=None, drain=True)
        folder.write_verdicts()
        self._out = out / "out"
        found = [VerdictLine.model_validate_json(line) for line in (self._out / "verdicts.jsonl").read_text().splitlines()]
        self.verdicts = {line.event_id: str(line.verdict) for line in found}
        self.decided = {line.event_id: line.decided_by and line.decided_by.offset for line in found}
        self.findings = [Finding.model_validate_json(json.dumps(one)) for one in self.data("findings")]
        self.incidents = [Incident.model_validate_json(json.dumps(one)) for one in self.data("incidents")]
        self.windows = [KpiWindow.model_validate_json(json.dumps(one)) for one in self.data("kpi-windows")]

    def data(self, topic: str) -> list[dict[str, Any]]:
        """Return the data of every event of a topic."""
        return [json.loads(line)["value"]["data"] for line in (self._out / f"{topic}.jsonl").read_text().splitlines()]

    def steps(self) -> list[tuple[str, str, str]]:
        """Return (step, verdict, state) of every incident event."""
        return [(one.step, one.key["verdict"], one.state) for one in self.incidents]


def test_a_withdrawal_before_an_exposure_is_an_incident_of_the_privacy_lead_that_both_others_hear_of(tmp_path: Path) -> None:
    """One finding with both records, opened when it settles, level 3; levels 1 and 2 are informed; the window gets its second revision."""
    found = Replayed([consent("c1", 0), consent("c2", MINUTE, "withdrawn"), exposure("e1", 2 * MINUTE, consent_asserted=True)], tmp_path)

    assert found.verdicts == {"e1": "withdrawn"}
    violation, assertion = found.findings
    assert (violation.check, violation.state) == ("consent_violation", "confirmed")
    assert [one.event_id for one in violation.evidence] == ["e1", "c2"]
    assert (assertion.check, assertion.observed, assertion.expected) == ("consent_assertion", "withdrawn", "valid")
    assert [(one.step, one.level, one.owner and one.owner.person, parse_instant(one.opened_at)) for one in found.incidents] == [
        ("opened", 3, "dee", NOON + 8 * MINUTE)
    ]
    asked = [Escalation.model_validate_json(json.dumps(one)) for one in found.data("escalations")]
    told = [("responsible", 3, "dee"), ("informed", 1, "ana"), ("informed", 2, "chi")]
    assert [(one.kind, one.level, one.person) for one in asked] == told
    assert [(one.revision, one.counts.exposures, one.counts.consent) for one in found.windows] == [
        ("counts", 1, {}),
        ("consent", 1, {"withdrawn": 1}),
    ]


def test_10_global_privacy_control_wins_over_a_string_that_accepts_all(tmp_path: Path) -> None:
    """Opted out of advertising by GPC, of nothing else: silence is valid in the US, an opt-out is not."""
    gpc = consent("c2", MINUTE, "withdrawn", source="gpc", jurisdiction="US", purposes=["personalised_advertising", "data_sale"])
    lines = [consent("c1", 0, purposes=None, tcf=TCF_ALL, jurisdiction="US"), gpc]
    lines += [exposure("ad", 2 * MINUTE, initiative="us", purpose="personalised_advertising")]
    lines += [exposure("content", 2 * MINUTE, initiative="us")]
    lines += [exposure("nobody", 2 * MINUTE, "u-2", initiative="us"), exposure("eu", 2 * MINUTE, "u-2")]

    assert Replayed(lines, tmp_path).verdicts == {"ad": "withdrawn", "content": "valid", "nobody": "valid", "eu": "no_record"}


@pytest.mark.parametrize("order", [("c1", "c2"), ("c2", "c1")])
def test_11_withdrawn_and_given_at_one_millisecond_is_withdrawn(tmp_path: Path, order: tuple[str, str]) -> None:
    """Whichever arrives first."""
    said = {"c1": consent("c1", 0), "c2": consent("c2", 0, "withdrawn")}
    lines = [said[name] | {"timestamp": NOON + number} for number, name in enumerate(order)]

    assert Replayed([*lines, exposure("e1", 1)], tmp_path).verdicts == {"e1": "withdrawn"}


def test_12_a_grant_that_arrives_late_retracts_the_violation_under_the_same_ids(tmp_path: Path) -> None:
    """Effective before the exposure, stamped an hour after it."""
    found = Replayed([exposure("e1", 0), consent("c1", -MINUTE, stamp=HOUR)], tmp_path)

    assert found.verdicts == {"e1": "valid"}
    assert [(one.state, one.observed) for one in found.findings] == [("confirmed", "no_record"), ("retracted", "no_record")]
    assert len({one.finding_id for one in found.findings}) == 1
    assert found.steps() == [("opened", "no_record", "open"), ("retracted", "no_record", "retracted")]
    assert len({one.incident_id for one in found.incidents}) == 1


def test_13_a_withdrawal_ten_minutes_late_makes_one_violation(tmp_path: Path) -> None:
    """The window keeps its verdict, the day takes the correction, the violation is there once."""
    found = Replayed([consent("c1", -HOUR), exposure("e1", 0), consent("c2", -1, "withdrawn", stamp=10 * MINUTE)], tmp_path)

    assert found.verdicts == {"e1": "withdrawn"}
    assert [(one.state, one.observed) for one in found.findings] == [("confirmed", "withdrawn")]
    assert [parse_instant(one.opened_at) for one in found.incidents] == [NOON + 11 * MINUTE]
    assert [one.counts.consent for one in found.windows if one.revision == "consent"] == [{"valid": 1}]


def test_14_a_grant_holds_from_its_millisecond_up_to_its_expiry(tmp_path: Path) -> None:
    """Exactly at the expiry is expired, exactly at the effective time is effective."""
    lines = [consent("c1", 1_000, expires_at=NOON + 2_000)]
    lines += [exposure(f"at-{at}", at) for at in (999, 1_000, 1_999, 2_000)]

    assert Replayed(lines, tmp_path).verdicts == {"at-999": "no_record", "at-1000": "valid", "at-1999": "valid", "at-2000": "expired"}


def test_15_one_record_a_thousand_times_is_one_record(tmp_path: Path) -> None:
    """Repetitions leave the ledger as it is."""
    once = Replayed([consent("c1", 0), exposure("e1", MINUTE)], tmp_path)
    (tmp_path / "b").mkdir()
    often = Replayed([*(consent("c1", 0, stamp=n) for n in range(1_000)), exposure("e1", MINUTE)], tmp_path / "b")

    assert often.verdicts == once.verdicts == {"e1": "valid"}
    assert rows(often, LEDGERS) == rows(once, LEDGERS)


def test_16_ten_thousand_changes_of_mind_are_bounded_and_said_to_be_cut(tmp_path: Path) -> None:
    """What held before the remembered ones is `history_truncated`, not a guess; what holds now is still known."""
    toggles = [consent(f"c{n}", n, ("given", "withdrawn")[n % 2]) for n in range(10_000)]
    found = Replayed([*toggles, exposure("then", 5_000), exposure("now", 10_000)], tmp_path)

    assert found.verdicts == {"then": "history_truncated", "now": "withdrawn"}
    assert sum(len(value) for _, value in rows(found, LEDGERS)) < 8_000
    assert ("opened", "history_truncated", "open") in found.steps()


def test_17_consent_for_one_channel_is_none_for_another(tmp_path: Path) -> None:
    """Nor for another purpose."""
    lines = [consent("c1", 0, channels=["web"]), exposure("web", 1), exposure("mail", 1, channel="email")]
    lines.append(exposure("ads", 1, purpose="personalised_advertising"))

    assert Replayed(lines, tmp_path).verdicts == {"web": "valid", "mail": "no_record", "ads": "no_record"}


def test_18_a_record_of_another_decade_is_refused_and_moves_nothing(tmp_path: Path) -> None:
    """Ten years ahead: quarantined, the watermark where it was."""
    plain = Replayed([consent("c1", 0), exposure("e1", 1)], tmp_path)
    (tmp_path / "b").mkdir()
    wild = consent("c2", 10 * 365 * 24 * HOUR, "withdrawn", stamp=0)
    found = Replayed([consent("c1", 0), wild, exposure("e1", 1)], tmp_path / "b")

    assert found.summary["refused_by_reason"] == {"in_future": 1}
    assert (found.verdicts, found.summary["watermarks"]) == (plain.verdicts, plain.summary["watermarks"])


NO_TIMES = ("1e400", "NaN", "-5", '"2025-02-30T00:00:00Z"', '"2025-11-22T12:00:00"', "1763812800", "1763812800000000")


@pytest.mark.parametrize("time", NO_TIMES)
def test_19_a_time_that_is_none_is_refused(tmp_path: Path, time: str) -> None:
    """Never read as now, never as another unit; what stands before it still decides."""
    line = json.dumps(consent("c2", 0, "withdrawn"))
    value = line.replace(f'"occurred_at": {NOON}', f'"occurred_at": {time}')
    path = tmp_path / "in.jsonl"
    path.write_text("\n".join([json.dumps(consent("c1", -1)), value, json.dumps(exposure("e1", MINUTE))]) + "\n")
    folder = Folder(tmp_path / "out")
    run = FileReplay([str(path)], load_config(CONFIG), 1, folder.write, verdicts=True)
    summary = replay_to_folder(run, folder, until=None, drain=True)
    folder.write_verdicts()

    assert sum(summary["refused_by_reason"].values()) == 1
    assert json.loads((tmp_path / "out" / "verdicts.jsonl").read_text())["verdict"] == "valid"


@pytest.mark.parametrize("skew", [-2 * MINUTE, 2 * MINUTE])
def test_20_two_minutes_between_two_producers_clocks_change_no_verdict(tmp_path: Path, skew: int) -> None:
    """The consent feed's stamps run ahead or behind; what settles waits longer than that."""
    lines = [consent("c1", 0, stamp=max(skew, -MINUTE)), consent("c2", 4 * MINUTE, "withdrawn", stamp=4 * MINUTE + skew)]
    lines += [exposure("before", 3 * MINUTE), exposure("after", 5 * MINUTE)]

    assert Replayed(lines, tmp_path).verdicts == {"before": "valid", "after": "withdrawn"}


def test_45_an_erasure_takes_the_rows_and_nothing_brings_them_back(tmp_path: Path) -> None:
    """Pending exposures are judged first; a day later the rows are gone; older consent and older exposures resurrect nothing."""
    lines = [consent("c1", 0), exposure("before", MINUTE), consent("x", 2 * MINUTE, "erased", purposes=None)]
    lines += [exposure("after", 3 * MINUTE), exposure("other", 27 * HOUR, "u-2"), exposure("much-later", 28 * HOUR)]
    lines += [consent("late", MINUTE, stamp=27 * HOUR), exposure("straggler", 90 * SECOND, stamp=27 * HOUR)]
    found = Replayed(lines, tmp_path)

    assert found.verdicts == {"before": "valid", **dict.fromkeys(("after", "straggler", "other", "much-later"), "no_record")}
    assert rows(found, LEDGERS) == []
    assert len(rows(found, BARRIERS)) == 1
    assert [value for _, value in rows(found, BARRIERS) if b'"c1"' in value or b'"late"' in value] == []


def test_a_record_later_than_corrections_reach_is_told_of(tmp_path: Path) -> None:
    """It changes no verdict; where it concerns nothing that was shown, it is no news."""
    lines = [exposure("e1", 0), consent("c1", -MINUTE, stamp=25 * HOUR), consent("c2", -MINUTE, subject="u-9", stamp=25 * HOUR)]
    found = Replayed(lines, tmp_path)

    assert found.verdicts == {"e1": "no_record"}
    assert [(one.check, [place.event_id for place in one.evidence]) for one in found.findings][1:] == [("late_evidence", ["c1"])]


def test_a_late_withdrawal_corrects_its_own_subject_among_its_neighbours(tmp_path: Path) -> None:
    """Exposures of two hundred people share rows, and stand beside each other in them."""
    people = [f"u-{number}" for number in range(200)]
    lines = [consent(f"c-{name}", 0, subject=name) for name in people]
    lines += [exposure(f"e-{name}-{at}", 5 * MINUTE + at, name) for name in people for at in (1, 2)]
    lines += [consent("w", 4 * MINUTE, "withdrawn", subject="u-7", stamp=30 * MINUTE)]
    found = Replayed(lines, tmp_path)

    assert {name for name, verdict in found.verdicts.items() if verdict != "valid"} == {"e-u-7-1", "e-u-7-2"}
    assert {found.verdicts["e-u-7-1"], found.verdicts["e-u-7-2"]} == {"withdrawn"}


@pytest.mark.parametrize(("days", "told"), [(3, ["c1"]), (8, [])])
def test_exposures_long_gone_are_known_for_a_week(tmp_path: Path, days: int, told: list[str]) -> None:
    """After that nobody can tell a late record from one that concerns nothing."""
    lines = [exposure("e1", 0), consent("c1", -MINUTE, stamp=days * 24 * HOUR)]
    found = Replayed(lines, tmp_path)

    assert [place.event_id for one in found.findings if one.check == "late_evidence" for place in one.evidence] == told


def test_a_string_that_does_not_decode_is_a_finding_and_never_consent(tmp_path: Path) -> None:
    """Whatever the record lists beside it."""
    found = Replayed([consent("c1", 0, tcf=TCF_ALL[:26]), exposure("e1", 1)], tmp_path)

    assert found.verdicts == {"e1": "no_record"}
    assert [one.check for one in found.findings] == ["consent_string", "consent_violation"]


def test_clean_windows_resolve_an_incident_a_violation_soon_after_reopens_it_and_silence_clears_nothing(tmp_path: Path) -> None:
    """Two judged windows without violation clear; windows without exposures do not count; at last it closes."""
    #  0        1        2        (nobody)   30       31       32       60
    #  violated ok       ok                  violated ok       ok       ok
    lines = [consent("c1", 0, subject="good"), exposure("bad-1", 1, "bad"), exposure("bad-2", 10 * MINUTE, "bad")]
    lines += [exposure(f"ok-{n}", n * MINUTE + 5, "good") for n in (1, 2, 11, 40, 60)]
    found = Replayed(lines, tmp_path)

    assert [(one.step, (parse_instant(one.updated_at) - NOON) // MINUTE) for one in found.incidents] == [
        ("opened", 6),
        ("resolved", 8),
        ("reopened", 16),
        ("resolved", 46),
        ("closed", 57),
    ]
    assert format_instant(NOON + 6 * MINUTE) == found.incidents[-1].opened_at


def test_no_subject_shows_in_any_output(tmp_path: Path) -> None:
    """Subjects are stored and published as a keyed hash only."""
    marker = "SECRET-SUBJECT"
    lines = [consent("c1", 0, "withdrawn", marker, tcf="no string"), exposure("e1", 1, marker, consent_asserted=True)]
    found = Replayed([*lines, consent("c2", -1, "refused", marker, stamp=26 * HOUR)], tmp_path)

    assert {one.check for one in found.findings} == {"consent_string", "consent_violation", "consent_assertion", "late_evidence"}
    for file in (tmp_path / "out").iterdir():
        assert marker not in file.read_text(), file.name
    for station in found.run.replay.stations:
        assert not [key for key, value in [*station.intake.items(), *station.monitor.items()] if marker.encode() in key + value]


def rows(found: Replayed, kind: bytes) -> list[tuple[bytes, bytes]]:
    """Return the rows of one kind in all intake shards."""
    return sorted(row for station in found.run.replay.stations for row in station.intake.items() if row[0][:1] == kind)
