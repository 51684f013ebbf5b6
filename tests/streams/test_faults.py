"""A detector that raises: its own series is frozen, everything else goes on, and somebody hears of it after the retries."""

from collections.abc import Sequence
from random import Random
from typing import Any

import orjson
import pytest

from governance.config import Config, load_config
from governance.message.outputs import Incident
from streams.kernel.cells import EXTRAS
from streams.kernel.faults import FAULTS
from streams.kernel.looks import TRIALS
from streams.kernel.record import Commit, Outgoing, Record
from streams.kernel.rows import Rows, key_parts, pack, row_key, unpack
from streams.kernel.state_rows import STATES
from streams.read_model.frozen import frozen_of
from streams.replay import Replay

MINUTE, SECOND = 60_000, 1_000
NOON = 1_795_348_800_000
BROKEN_AT, LATER = 30, 60  # minutes after noon: a state is spoilt, and what is asked for then
CONFIG = """
version: 1
timing: {tick: 10s, allowed_lateness: 10s, settle: 1m}
incidents: {ack_timeout: 5m, clear_for: 3m, reopen_window: 30m}
initiatives:
  home:
    owners:
      testing_lead: {person: ana}
      personalization_architect: {person: chi}
      data_privacy_lead: {person: dee}
    detectors: {dip: {window: 1m, group_by: [profile]}, drift: {window: 1m, group_by: [profile]}, freshness: false, suppression: false}
"""
OTHERWISE = CONFIG.replace("dip: {window: 1m", "dip: {window: 2m")


def tallies(first: int, last: int) -> list[Record]:
    """Return a tally a minute of each of four profiles, 300 exposures and about 30 clicks; nobody clicks in p1 from minute 50 to 54."""
    found: list[Record] = []
    for minute in range(first, last):
        chance = Random(minute)
        for number in range(1, 5):
            clicks = 0 if number == 1 and 50 <= minute < 54 else chance.randint(25, 35)
            at = NOON + minute * MINUTE + 7 * SECOND
            value: dict[str, Any] = {"event_id": f"t-{minute}-{number}", "occurred_at": at, "type": "tally", "initiative": "home"}
            value |= {"profile": f"p{number}", "exposures": 300, "clicks": clicks}
            found.append(record("engagement-events", f"k{number}", at, value))
    return found


def record(topic: str, key: str, at: int, value: dict[str, Any]) -> Record:
    """Return a record that `placed` gives its place."""
    return Record(topic, 0, 0, at, key.encode(), orjson.dumps(value))


def command(name: str, minute: float, **more: Any) -> Record:
    """Return a command of the testing lead, so many minutes after noon."""
    at = NOON + int(minute * MINUTE)
    value = {"request_id": f"{name}-{minute}", "command": name, "requested_at": at, "requested_by": "ana"}
    return record("monitor-commands", "home", at, {**value, "initiative": "home", **more})


class Spoilt:
    """A history in which the state of one series becomes one that its detector raises on, held in any number of shards."""

    def __init__(
        self,
        shards: int = 1,
        spoil: Sequence[tuple[str, str]] = (("dip", "p2"),),
        *,
        text: str = CONFIG,
        begin: Sequence[Record] | None = None,
        reload: bool = False,
    ) -> None:
        self.sent: list[Outgoing] = []
        self.replay = Replay(shards, self.sent.append, load_config(text))
        self._offsets: dict[tuple[str, int], int] = {}
        self.feed(tallies(0, BROKEN_AT) if begin is None else begin)
        for check, profile in spoil:
            self._spoil(check, profile)
        self.before = self.states()
        if reload:
            for station in self.replay.stations:
                station.intake, station.monitor = Rows.load(station.intake.items()), Rows.load(station.monitor.items())

    def feed(self, records: Sequence[Record]) -> "Spoilt":
        """Feed records, each to the partition of its key."""
        shards = len(self.replay.stations)
        self.replay.feed([self._placed(one, one.key[-1] % shards if one.key else 0) for one in records])
        return self

    def _placed(self, one: Record, partition: int) -> Record:
        offset = self._offsets[one.topic, partition] = self._offsets.get((one.topic, partition), -1) + 1
        return Record(one.topic, partition, offset, one.timestamp, one.key, one.value)

    def configure(self, text: str, minute: int) -> "Spoilt":
        """Let another config judge from a minute after noon on."""
        config = load_config(text)
        value: dict[str, Any] = {"sha256": config.sha256, "effective_at": None, "config": config.effective(), "policies": []}
        for number in range(len(self.replay.stations)):
            one = Record("monitor-config", number, 1, NOON + minute * MINUTE, config.sha256.encode(), orjson.dumps(value))
            self.replay.feed([one])
        return self

    def _spoil(self, check: str, profile: str) -> None:
        for station in self.replay.stations:
            rows = {
                key: (station.monitor.get(key) or b"")[:-8]  # of the version that is read, and a number short
                for key in station.monitor.keys(STATES)
                if key_parts(key)[1] == check and key_parts(key)[4:] == [profile]
            }
            assert station.monitor.stamp is not None
            station.monitor.apply(Commit(rows, station.monitor.stamp, ()))

    def states(self) -> dict[tuple[Any, ...], bytes | None]:
        """Return the row of every series."""
        stations = self.replay.stations
        return {tuple(key_parts(key)): one.monitor.get(key) for one in stations for key in one.monitor.keys(STATES)}

    def data(self, topic: str) -> list[dict[str, Any]]:
        """Return the data of every event of a topic."""
        return [orjson.loads(one.value)["data"] for one in self.sent if one.topic == topic]

    def steps(self, check: str = "job_failed") -> list[str]:
        """Return the steps of the incidents of a check, each held against its model."""
        found = [Incident.model_validate_json(orjson.dumps(one)) for one in self.data("incidents")]
        return [one.step for one in found if one.check == check]


def minute_of(data: dict[str, Any], field: str) -> int:
    """Return when something was, in minutes after noon."""
    hours, minutes = data[field][11:16].split(":")
    return (int(hours) - 12) * 60 + int(minutes)


@pytest.fixture(scope="module")
def spoilt() -> Spoilt:
    """A history of 70 minutes whose series p2 of `dip` raises from minute 30 on; a report is asked for at its end."""
    return Spoilt().feed(tallies(BROKEN_AT, LATER)).feed([*tallies(LATER, 70), command("report", 70, window="2h")])


def test_it_is_tried_at_two_more_windows_and_then_climbs_the_ladder(spoilt: Spoilt) -> None:
    """Closed was 12:28; what ends at 12:29, 12:30 and 12:31 raises. Then its owner is asked, and who comes after, every five minutes."""
    found = [one for one in spoilt.data("incidents") if one["check"] == "job_failed"]
    asked = [(one["level"], one["person"]) for one in spoilt.data("escalations") if one["incident"]["check"] == "job_failed"]

    assert [(one["step"], minute_of(one, "updated_at")) for one in found] == [("opened", 31), ("escalated", 36), ("escalated", 41)]
    assert {(one["initiative"], tuple(one["key"].items())) for one in found} == {("home", (("feed", "detector:dip"),))}
    assert asked == [(1, "ana"), (2, "chi"), (3, "dee")]
    (finding,) = [one for one in spoilt.data("findings") if one["check"] == "job_failed"]
    assert (finding["observed"], finding["state"]) == (1, "confirmed")


def test_everything_else_goes_on(spoilt: Spoilt) -> None:
    """Every window closes, the other series learn, and the dip of p1 is found; the frozen state is what it was."""
    windows = {(one["key"]["profile"], minute_of(one["window"], "end")) for one in spoilt.data("kpi-windows")}
    after = spoilt.states()
    changed = {place for place, row in after.items() if row != spoilt.before.get(place)}

    assert windows == {(f"p{number}", end) for number in range(1, 5) for end in range(1, 71)}
    assert set(after) - changed == {("home", "dip", "ctr", "profile", "p2")}
    assert any(one["check"] == "dip" and one["key"]["profile"] == "p1" for one in spoilt.data("incidents"))


def test_a_report_says_what_is_frozen_and_why(spoilt: Spoilt) -> None:
    (report,) = spoilt.data("reports")
    (row,) = [one for one in report["coverage"]["detection"] if one["check"] == "dip" and one["group_by"] == ["profile"]]

    assert (row["series"], row["frozen"]) == (4, 1)
    assert row["raised"] == ["ValueError"]
    assert [one["key"] for one in report["issues"] if one["check"] == "job_failed"] == [{"feed": "detector:dip"}]


def test_the_page_is_told_what_is_frozen_as_long_as_it_is(spoilt: Spoilt) -> None:
    """Which series of which detector, what it raised and since when; nothing once its detector begins anew."""
    anew = Spoilt().feed(tallies(BROKEN_AT, 40)).configure(OTHERWISE, 40).feed(tallies(40, 50))
    told, after = ([one for station in run.replay.stations for one in frozen_of(station.monitor)] for run in (spoilt, anew))
    row = {"check": "dip", "kpi": "ctr", "series": 1, "where": [{"profile": "p2"}], "raised": ["ValueError"]}

    assert [orjson.loads(one.value)["data"] for one in told] == [
        {"initiative": "home", "frozen": [{**row, "since": "2026-11-22T12:29:00.000Z"}]}
    ]
    assert after == []
    gone = row_key(FAULTS, "home", "detector:dip", "ctr", "profile", "p2")
    (well,) = [one for station in anew.replay.stations[:1] for one in frozen_of(station.monitor, [gone])]
    assert orjson.loads(well.value)["data"] == {"initiative": "home", "frozen": []}


@pytest.mark.parametrize(("shards", "reload"), [(3, False), (8, True)])
def test_it_is_the_same_for_any_number_of_shards_and_after_a_reload(shards: int, reload: bool, spoilt: Spoilt) -> None:
    found = Spoilt(shards, reload=reload).feed(tallies(BROKEN_AT, LATER)).feed(tallies(LATER, 70))
    for topic in ("incidents", "escalations", "findings", "audit-log"):
        mine, theirs = (
            sorted(orjson.dumps(one) for one in run.data(topic) if one.get("kind") not in ("review", "command")) for run in (found, spoilt)
        )
        assert mine == theirs


def test_many_frozen_series_of_one_detector_are_one_incident() -> None:
    """Whoever is asked is told how many there are; another detector is another incident."""
    spoil = [("dip", "p2"), ("dip", "p3"), ("drift", "p2")]
    found = Spoilt(spoil=spoil).feed(tallies(BROKEN_AT, 40))
    opened = {one["key"]["feed"] for one in found.data("incidents") if one["check"] == "job_failed" and one["step"] == "opened"}
    observed = {one["key"]["feed"]: one["observed"] for one in found.data("findings") if one["check"] == "job_failed"}

    assert opened == set(observed)
    assert observed == {"detector:dip": 2, "detector:drift": 1}


def test_other_settings_of_its_detector_let_it_begin_anew() -> None:
    """The incident ends with the config that changes them; a config that changes something else leaves it frozen."""
    same = Spoilt().feed(tallies(BROKEN_AT, 40)).configure(CONFIG.replace("clear_for: 3m", "clear_for: 2m"), 40).feed(tallies(40, 50))
    other = Spoilt().feed(tallies(BROKEN_AT, 40)).configure(OTHERWISE, 40).feed(tallies(40, 50))
    place = ("home", "dip", "ctr", "profile", "p2")

    assert same.states()[place] == same.before[place]
    assert "resolved" not in same.steps()
    assert other.states()[place] != other.before[place]
    assert other.steps()[-1] == "resolved"


def test_whoever_resolves_it_has_it_tried_again() -> None:
    """What still raises is frozen again after as many retries, and the incident reopens a level up."""
    first = Spoilt().feed(tallies(BROKEN_AT, 34))
    (opened,) = [one for one in first.data("incidents") if one["check"] == "job_failed"]
    more = [command("resolve", 34, incident_id=opened["incident_id"]), *tallies(34, 45)]
    found = first.feed(more)

    assert found.steps()[:3] == ["opened", "resolved", "reopened"]
    reopened = next(one for one in found.data("incidents") if one["step"] == "reopened")
    assert (reopened["level"], minute_of(reopened, "updated_at")) == (2, 37)


def test_the_config_is_what_this_file_takes_it_for() -> None:
    assert isinstance(load_config(OTHERWISE), Config)
    assert load_config(OTHERWISE).incidents.retry_limit == 2


UNREADABLE = "no name of anything"  # in the counts of a day: a report cannot be built from them, an incident not be explained


def name_counts(run: Spoilt, *, readable: bool) -> Spoilt:
    """Spoil, or mend, the counts of the day."""
    for station in run.replay.stations:
        rows = {}
        for key in station.monitor.keys(EXTRAS):
            (counts,) = unpack(station.monitor.get(key) or b"")
            rest = {name: number for name, number in counts.items() if name != UNREADABLE}
            rows[key] = pack(rest if readable else {**rest, UNREADABLE: 1})
        assert rows
        station.monitor.apply(Commit(rows, station.monitor.stamp or b"", ()))
    return run


def paths(last: int) -> list[Record]:
    """Return an exposure with a decision path, which the counts of a day keep, and tallies up to a minute."""
    value = {"event_id": "e-1", "occurred_at": NOON + SECOND, "type": "exposure", "initiative": "home", "subject_id": "k1"}
    value |= {"decision_path": ["all"], "fallback": "no_match"}
    return [record("engagement-events", "k1", NOON + SECOND, value), *tallies(0, last)]


def reporting(schedule: str = "", until: int = 20) -> Spoilt:
    """Return some minutes of history, counts of the day spoilt at their end; `schedule` is what the config schedules."""
    text = CONFIG.replace("    owners:", f"    reports: [{schedule}]\n    owners:") if schedule else CONFIG
    return name_counts(Spoilt(spoil=(), text=text, begin=paths(until)), readable=False)


def test_a_report_that_cannot_be_built_is_answered_and_tried_again() -> None:
    """Mended before its last retry, it is published under the request it was asked by, and nobody is told."""
    run = reporting().feed([command("report", 20, window="1d"), *tallies(20, 21)])
    (answer,) = run.data("reports")
    name_counts(run, readable=True).feed(tallies(21, 30))
    told = [orjson.loads(one.value) for one in run.sent if one.topic == "reports"]

    assert (answer["ok"], answer["error"]["code"], answer["error"]["field"]) == (False, "failed", None)
    assert "raised JSONDecodeError" in answer["error"]["message"]
    assert UNREADABLE not in orjson.dumps(answer).decode()
    assert [one["data"].get("request_id") or one["data"]["request"]["request_id"] for one in told] == ["report-20", "report-20"]
    assert told[1]["data"]["performance"]["totals"]["counts"]["exposures"] > 0
    assert told[0]["id"] != told[1]["id"]
    assert run.steps() == []


def test_one_that_cannot_be_built_at_all_climbs_until_another_can() -> None:
    """Three tries, then its owners hear of `report`; the next report that is built ends it."""
    run = reporting().feed([command("report", 20, window="1d"), *tallies(20, 30)])
    assert next(one["key"] for one in run.data("incidents") if one["check"] == "job_failed") == {"feed": "report"}
    assert run.steps()[0] == "opened"
    name_counts(run, readable=True).feed([command("report", 30, window="1d"), *tallies(30, 35)])

    assert run.steps()[-1] == "resolved"
    assert [one.get("ok") for one in run.data("reports")] == [False, None]


def test_a_scheduled_one_is_tried_again_for_the_period_it_was_due_for() -> None:
    run = reporting("{cadence: 1h, window: 1d}", until=59).feed(tallies(59, 61))
    assert run.data("reports") == []
    (report,) = name_counts(run, readable=True).feed(tallies(61, 65)).data("reports")

    assert (report["period"]["to"][11:16], report["request"]["requested_by"]) == ("13:00", "schedule")
    assert report["performance"]["totals"]["counts"]["exposures"] == 4 * 300 * 60 + 1


def test_an_incident_that_cannot_be_explained_is_opened_all_the_same() -> None:
    """What raises costs it the explanation; when it has raised at three closings, its owners hear of `explain`."""
    low = "thresholds: [{id: low, kpi: ctr, op: '<', value: 0.1, window: 1m, group_by: [profile]}]"
    text = CONFIG.replace("    detectors:", f"    {low}\n    detectors:").replace("reopen_window: 30m", "reopen_window: 1m")
    run = name_counts(Spoilt(spoil=(), text=text, begin=paths(20)), readable=False).feed(tallies(20, 70))
    told = [one for one in run.data("incidents") if one["check"] == "threshold:low" and minute_of(one, "opened_at") > 20]
    failed = [one for one in run.data("incidents") if one["check"] == "job_failed"]

    assert {"opened", "resolved"} <= {one["step"] for one in told}
    assert [one for one in told if one["explanation"] is not None] == []
    assert [one["key"] for one in failed[:1]] == [{"feed": "explain"}]


def arms(first: int, last: int) -> list[Record]:
    """Return a tally a minute of both arms of an experiment: a hundred people each, of whom b converts more."""
    found: list[Record] = []
    for minute in range(first, last):
        for arm, converted in (("a", 20), ("b", 40)):
            at = NOON + minute * MINUTE + 7 * SECOND
            value: dict[str, Any] = {"event_id": f"x-{minute}-{arm}", "occurred_at": at, "type": "tally", "initiative": "home"}
            value |= {"variant": arm, "experiment_id": "exp", "exposures": 100, "subjects": 100, "converted_subjects": converted}
            found.append(record("engagement-events", "feed", at, value))
    return found


def shares(run: Spoilt, planned: Any) -> Spoilt:
    """Write another planned share of arm a into what is kept of the experiment."""
    for station in run.replay.stations:
        for key in station.monitor.keys(TRIALS):
            if key_parts(key)[1:] == ["exp"]:
                (parts,) = unpack(station.monitor.get(key) or b"")
                parts[1][0][2]["a"] = planned
                station.monitor.apply(Commit({key: pack(parts)}, station.monitor.stamp or b"", ()))
    return run


def test_an_experiment_that_cannot_be_read_out_keeps_its_sums_and_is_decided_later() -> None:
    """Its looks raise until its row is mended; its owners hear of `experiment`, and nobody of it is forgotten meanwhile."""
    one = "control: a, allocation: {a: 0.5, b: 0.5}, goals: [converted_subjects], attribution: 1m, minimum_runtime: 1h"
    text = CONFIG.replace("    detectors:", f"    experiments: {{exp: {{{one}}}}}\n    detectors:")
    run = shares(Spoilt(spoil=(), text=text, begin=arms(0, 10)), "half").feed(arms(10, 20))
    failed = [one for one in run.data("incidents") if one["check"] == "job_failed"]
    assert [one["key"] for one in failed[:1]] == [{"feed": "experiment"}]

    shares(run, 0.5).feed(arms(20, 70))
    decisions = [one["observed"] for one in run.data("findings") if one["check"] == "decision"]
    assert run.steps()[-2:] == ["resolved", "closed"]
    assert (decisions[-1]["action"], decisions[-1]["reason"]) == ("ship", "win")
    assert decisions[-1]["users"] % 200 == 0
    assert decisions[-1]["users"] == 200 * decisions[-1]["look"]
