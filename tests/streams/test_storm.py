"""Storms and flapping: people are asked a stated number of times at most, and nothing is lost for it.

`python -m tests.streams.test_storm KEYS` runs the first with any number of keys and prints its figures.
"""

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest

from governance.config import load_config
from governance.message.instant import parse_instant
from governance.paging import FREE_PAGES, NAMED, STORM, Pages, damped
from streams.kernel.record import Record
from streams.sinks.notice import SinkReader
from tests.streams.test_commands import HOUR, MINUTE, NOON, SECOND, Acted, Line, minutes

CONFIG = """
version: 1
timing: {tick: 10s, allowed_lateness: 10s, settle: 1m}
privacy: {default_jurisdiction: US}
limits: {profiles: 20000}
incidents: {ack_timeout: 5m, clear_for: 3m, reopen_window: 10m, pages_per_hour: CAP}
initiatives:
  home:
    owners:
      testing_lead: {person: ana, substitutes: [ben]}
      personalization_architect: {person: chi}
      data_privacy_lead: {person: dee, substitutes: [eli]}
    thresholds:
      - {id: low-ctr, kpi: ctr, op: "<", value: 0.5, window: 1m, group_by: [profile]}
"""


def storm(keys: int, bad: int = 2) -> list[Line]:
    """Return `bad` minutes in which every one of so many profiles breaches, and a quiet hour and a half of another after them."""
    lines = []
    for number in range(bad):
        for key in range(keys):
            at = NOON + number * MINUTE + 5 * SECOND
            value = {"event_id": f"e-{number}-{key}", "occurred_at": at, "type": "exposure", "initiative": "home"}
            value |= {"subject_id": f"u-{key}", "profile": f"p{key}"}
            lines.append({"topic": "engagement-events", "key": f"u-{key}", "timestamp": at, "value": value})
    return lines + minutes(bad=(), good=(90, 200, 300, 420))


def busiest_hour(found: Acted) -> int:
    """Return the most records that asked somebody to act within any hour."""
    times = sorted(parse_instant(one["incident"]["updated_at"]) for one in found.data("escalations") if one["kind"] == "responsible")
    return max(sum(1 for other in times if at - HOUR < other <= at) for at in times)


@pytest.mark.parametrize("cap", [1, 3, 20])
def test_a_storm_asks_as_often_as_stated_and_loses_nothing(tmp_path: Path, cap: int) -> None:
    """Every key has its incident with its owner on the topic; one storm incident stands for what was held back, says how much, and ends."""
    found = Acted(storm(40), tmp_path, CONFIG.replace("CAP", str(cap)))
    opened = Counter(one.check for one in found.incidents if one.step == "opened")

    assert busiest_hour(found) <= cap
    assert opened == {"threshold:low-ctr": 40, STORM: 1}
    assert all(one.owner is not None for one in found.incidents)
    (first, *_) = [one for one in found.data("findings") if one["check"] == STORM]
    assert first["observed"] == 40 - (cap - 1)
    assert [one.step for one in found.incidents if one.check == STORM][-1] == "closed"
    told = next(one for one in found.escalations if one.incident.check == STORM)
    held = 40 - (cap - 1)
    assert f"{held} requests to act were held back, {held} of threshold; the first: " in told.reason
    assert told.reason.count("threshold:low-ctr of ctr, profile p") == NAMED
    assert "pmon incidents list" in told.reason


def test_a_storm_comes_out_the_same_for_any_number_of_shards(tmp_path: Path) -> None:
    """What is held back is decided per initiative, in the order of everything else."""
    said = []
    for partitions in (1, 3, 8):
        found = Acted(storm(30), tmp_path / str(partitions), CONFIG.replace("CAP", "4"), partitions)
        said.append([sorted(map(orjson.dumps, found.data(topic))) for topic in ("incidents", "escalations", "findings", "audit-log")])

    assert said[0] == said[1] == said[2]


def test_a_sink_hears_of_a_storm_as_one_digest(tmp_path: Path) -> None:
    """How many were held back, of what, the first places, and where the rest stands: instead of a notice for each."""
    text = CONFIG.replace("CAP", "3") + "sinks: {team: {url: 'http://127.0.0.1:9/'}}\n"
    Acted(storm(30), tmp_path, text)
    reader = SinkReader("team", load_config(text))
    lines = [orjson.loads(line) for line in (tmp_path / "out" / "escalations.jsonl").read_bytes().splitlines()]
    records = [Record("escalations", 0, at, line["timestamp"], None, orjson.dumps(line["value"])) for at, line in enumerate(lines)]
    notices = [found for one in records if (found := reader.notice("escalations", one, {})) is not None]
    (digest, *_) = [one for one in notices if STORM in orjson.loads(one.event)["data"]["incident"]["check"]]

    assert len([one for one in notices if one.at == digest.at]) == 3
    assert "28 requests to act were held back, 28 of threshold; the first: threshold:low-ctr of ctr, profile p1" in digest.body
    assert "pmon incidents list" in digest.body


def test_few_incidents_are_no_storm(tmp_path: Path) -> None:
    """Below the cap nothing is held back."""
    found = Acted(storm(6), tmp_path, CONFIG.replace("CAP", "20"))

    assert {one.check for one in found.incidents} == {"threshold:low-ctr"}
    assert len([one for one in found.escalations if one.level == 1]) == 6


def test_a_metric_that_flaps_all_day_asks_a_stated_number_of_times(tmp_path: Path) -> None:
    """Case 39: bad for two minutes of every eight, for ten hours; every reopening is on the topic, 13 pages at most (14 in a day)."""
    bad = [at for at in range(10 * 60) if at % 8 < 2]
    good = [at for at in range(10 * 60) if at % 8 >= 2]
    found = Acted(minutes(bad, good), tmp_path, CONFIG.replace("CAP", "20").replace("profile]", "channel]"))

    reopened = [one for one in found.incidents if one.step == "reopened"]
    assert len(reopened) > 60
    assert len({one.incident_id for one in found.incidents}) == 1
    assert FREE_PAGES < len(found.escalations) <= 13


def noise(keys: int) -> list[Line]:
    """Return a day in which every one of so many profiles is bad for ten minutes of every half hour."""
    lines = []
    for number in range(24 * 12):
        for key in range(keys):
            at = NOON + number * 5 * MINUTE + 5 * SECOND
            value = {"event_id": f"t-{number}-{key}", "occurred_at": at, "type": "tally", "initiative": "home"}
            value |= {"profile": f"p{key}", "exposures": 100, "clicks": 20 if number % 6 < 2 else 80}
            lines.append({"topic": "engagement-events", "key": "k", "timestamp": at, "value": value})
    return lines


def test_a_day_of_noise_pages_nobody_more_often_than_the_cap_says(tmp_path: Path) -> None:
    """Six keys, 48 times bad each: 3 an hour are 72 in a day at most, for all who are asked together; the topic has every step."""
    config = CONFIG.replace("CAP", "3").replace("window: 1m, group_by", "window: 5m, group_by")
    found = Acted(noise(6), tmp_path, config)
    asked = [one for one in found.escalations if one.kind == "responsible"]

    assert len([one for one in found.incidents if one.step in ("opened", "reopened") and one.check != STORM]) == 6 * 48
    assert busiest_hour(found) <= 3
    assert 48 < len(asked) <= 72
    assert max(Counter(one.person for one in asked).values()) <= 72


DETECTOR = (
    CONFIG.partition("    thresholds:")[0]
    + "    detectors: {dip: {window: 1m, group_by: [profile]}, freshness: false, suppression: false, drift: false}\n"
)


def flapping(quiet: int, hours: int, bad: int, good: int) -> list[Line]:
    """Return tallies of three profiles by the minute: quiet at first, then p0 loses its clicks for `bad` of every `bad + good` minutes."""
    chance = Random(3)
    lines = []
    for minute in range(quiet + 60 * hours):
        for number in range(3):
            at = NOON + minute * MINUTE + (5 + number) * SECOND
            struck = number == 0 and minute >= quiet and (minute - quiet) % (bad + good) < bad
            clicks = sum(chance.random() < (0.02 if struck else 0.2) for _ in range(300))
            value = {"event_id": f"t-{minute}-{number}", "occurred_at": at, "type": "tally", "initiative": "home"}
            value |= {"profile": f"p{number}", "exposures": 300, "clicks": clicks}
            lines.append({"topic": "engagement-events", "key": f"p{number}", "timestamp": at, "value": value})
    return lines


def test_an_anomaly_that_comes_and_goes_is_one_incident_and_asks_a_stated_number_of_times(tmp_path: Path) -> None:
    """Two bad minutes, six good ones, for five hours: the dip opens once, reopens, counts its windows, and pages as seldom as a bound."""
    found = Acted(flapping(quiet=90, hours=5, bad=2, good=6), tmp_path, DETECTOR.replace("CAP", "20"))

    dips = [one for one in found.incidents if one.check == "dip"]
    steps = Counter(one.step for one in dips)
    assert len({one.incident_id for one in dips}) == 1
    assert steps["opened"] == 1
    assert steps["reopened"] > FREE_PAGES
    assert dips[-1].occurrences > 2 * FREE_PAGES
    assert FREE_PAGES <= len(found.escalations) <= 13


def test_the_wait_between_pages_of_one_incident_doubles_up_to_a_day() -> None:
    """Ten at once, then an hour, two, four."""
    waits = [next(hours for hours in range(50) if not damped(pages, 0, hours * HOUR)) for pages in range(8, 18)]

    assert waits == [0, 0, 1, 2, 4, 8, 16, 24, 24, 24]


def test_consent_is_never_held_back() -> None:
    """Its incidents are grouped already; noise does not keep the privacy lead from hearing of them."""
    full = Pages(times=tuple(range(20)))

    assert not full.admits("dip", 30, cap=20)
    assert full.admits("consent_violation", 30, cap=20)
    assert full.paged("consent_violation", 30) == full


def figures(keys: int) -> dict[str, Any]:
    """Return what a storm of so many keys came to."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        found = Acted(storm(keys), Path(folder), CONFIG.replace("CAP", "20"))
        took = time.perf_counter() - began
        opened = Counter(one.check for one in found.incidents if one.step == "opened")
        return {"keys": keys, "opened": dict(opened), "busiest hour": busiest_hour(found), "pages": len(found.escalations), "seconds": took}


if __name__ == "__main__":
    print(figures(int(sys.argv[1])))
