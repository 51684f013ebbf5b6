"""Jobs: what failed beside the fold is told by ticks, and climbs like any other incident."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from governance.config import load_config
from governance.message.instant import format_instant
from streams.jobs import Jobs, watch
from tests.streams.test_commands import CONFIG, MINUTE, NOON, Acted, Line, minutes

SINK = "sink:team"


def ticks(minutes: int, jobs: dict[int, dict[str, Any]]) -> list[Line]:
    """Return a tick a minute for both partitions; `jobs` are what the first partition's tick tells, by minute."""
    found = []
    for number in range(minutes):
        for partition in range(2):
            at = NOON + number * MINUTE
            value = {"at": at, "ends": {}, "drain": False}
            if partition == 0 and number in jobs:
                value["jobs"] = jobs[number]
            found.append({"topic": "ticks", "partition": partition, "timestamp": at, "value": value})
    return found


def failed(*at: int, ok: tuple[int, ...] = ()) -> dict[int, dict[str, Any]]:
    """Return a failed round at some minutes and a good one at others."""
    return {**{number: {SINK: {"failed": 1}} for number in at}, **{number: {SINK: {"ok": 1}} for number in ok}}


def told(jobs: dict[int, dict[str, Any]], folder: Path, minutes_long: int = 20) -> Acted:
    """Return what a deployment whose workers told of these jobs came to."""
    return Acted([*minutes(bad=(), good=range(minutes_long)), *ticks(minutes_long, jobs)], folder)


def test_a_failed_round_opens_and_every_further_one_climbs_to_the_top(tmp_path: Path) -> None:
    """The first owner of the config is asked, then the architect, then the privacy lead; at the top it stays."""
    found = told(failed(3, 5, 7, 9), tmp_path)

    assert {(one.check, one.initiative) for one in found.incidents} == {("job_failed", "_system")}
    assert {one.key.get("feed") for one in found.incidents} == {SINK}
    assert found.asked() == [(1, "ana"), (2, "chi"), (3, "dee")]
    assert found.steps()[:4] == ["opened", "escalated", "escalated", "occurrence"]


def test_a_job_that_works_again_is_resolved_and_one_that_was_retried_well_asks_nobody(tmp_path: Path) -> None:
    assert "resolved" in told(failed(3, ok=(5, 6, 7, 8)), tmp_path / "one").steps()
    assert told(failed(ok=(3, 4)), tmp_path / "other").incidents == []


def test_two_jobs_are_two_incidents(tmp_path: Path) -> None:
    jobs = {3: {SINK: {"failed": 2}, "read_model": {"failed": 1}}}

    assert {one.key.get("feed") for one in told(jobs, tmp_path).incidents} == {SINK, "read_model"}


def test_what_does_not_answer_fails_a_round_after_its_retries_and_is_told_when_it_is_back() -> None:
    """Silent for seven looks with two retries: two rounds; then it answers, which is told at each look, so that its incident can end."""
    looks, jobs = [True, *[False] * 7, True, True], Jobs()

    async def go() -> None:
        watching = asyncio.create_task(watch("read_model", lambda: looks.pop(0), jobs, retry_limit=2, pause_s=0.0))
        while looks:
            await asyncio.sleep(0)
        watching.cancel()

    asyncio.run(go())
    assert jobs.take() == {"read_model": {"ok": 2, "failed": 2}}


def test_rounds_are_counted_until_a_tick_has_taken_them() -> None:
    """What a tick could not write is told with the next one."""
    jobs = Jobs()
    jobs.ended(SINK, ok=True)
    jobs.ended(SINK, ok=False)
    jobs.ended(SINK, ok=False)
    taken = jobs.take()
    jobs.ended(SINK, ok=False)
    jobs.give_back(taken)

    assert taken == {SINK: {"ok": 1, "failed": 2}}
    assert jobs.take() == {SINK: {"ok": 1, "failed": 3}}
    assert jobs.take() == {}


def test_a_config_that_cannot_be_loaded_is_a_failed_job(tmp_path: Path) -> None:
    """It, or a policy that comes with it, is none: what was in force goes on, and the first owner of that config is asked."""
    found = Acted([*configured(), *minutes(bad=(), good=range(20)), *spoiled(5)], tmp_path, None)

    assert {(one.check, one.initiative) for one in found.incidents} == {("job_failed", "_system")}
    assert {one.key.get("feed") for one in found.incidents} == {"monitor-config"}
    assert found.asked()[0] == (1, "ana")
    assert [one["reason_code"] for one in found.data("dead-letters")] == ["invalid_value"] * 2


def test_a_good_config_ends_what_a_bad_one_opened(tmp_path: Path) -> None:
    """At the end of the base window after it, even where both come within one; a bad one after that opens or reopens it."""
    quiet = minutes(bad=(), good=range(40))

    later = Acted([*configured(), *quiet, *spoiled(5), *configured(8.5)], tmp_path / "later", None)
    assert [(one.step, one.updated_at) for one in later.incidents] == [
        ("opened", format_instant(NOON + 6 * MINUTE)),
        ("resolved", format_instant(NOON + 10 * MINUTE)),
        ("closed", format_instant(NOON + 21 * MINUTE)),
    ]

    at_once = Acted([*configured(), *quiet, *spoiled(5), *configured(5.1)], tmp_path / "once", None)
    assert at_once.steps() == ["opened", "resolved", "closed"]

    again = Acted([*configured(), *quiet, *spoiled(5), *configured(8), *spoiled(12)], tmp_path / "again", None)
    assert again.steps()[:3] == ["opened", "resolved", "reopened"]
    assert again.incidents[-1].state == "open"

    one_of_two = Acted([*configured(), *quiet, *spoiled(5), *configured(8)[:1]], tmp_path / "one", None)
    assert one_of_two.steps()[:2] == ["opened", "resolved"], "a config that one partition heard holds for all initiatives"


def test_a_good_config_after_a_good_one_says_nothing(tmp_path: Path) -> None:
    """Nothing was open, so nothing is counted, ended or told."""
    found = Acted([*configured(), *minutes(bad=(), good=range(12)), *configured(5)], tmp_path, None)
    assert found.incidents == []


MAPPED = CONFIG + """
sources:
  - topic: shop
    as: engagement-events
    map: {event_id: id, occurred_at: ts, subject_id: user.id, initiative: {const: home}, type: {const: click}}
"""


def shop(minutes: Iterable[float], fits: bool = False) -> list[Line]:
    """Return records of a mapped topic, which call the person `user` as the map says, or otherwise."""
    return [
        {
            "topic": "shop",
            "key": f"u-{at}",
            "timestamp": NOON + round(at * MINUTE),
            "value": {"id": f"s-{at}", "ts": NOON + round(at * MINUTE), "user" if fits else "customer": {"id": f"u-{at}"}},
        }
        for at in minutes
    ]


def test_a_feed_whose_map_never_fits_is_a_failed_job_until_a_record_is_read(tmp_path: Path) -> None:
    """A record each six minutes is too few for a share of them to say anything; after two hours of nothing else somebody hears, hourly."""
    found = Acted([*shop(range(0, 240, 6)), *shop([240], fits=True), *shop([300])], tmp_path, MAPPED)

    assert {(one.check, one.initiative, one.key.get("feed")) for one in found.incidents} == {("job_failed", "_system", "feed:shop")}
    opened, ended = found.incidents[0], next(one for one in found.incidents if one.step == "resolved")
    assert (opened.step, opened.opened_at) == ("opened", format_instant(NOON + 121 * MINUTE))
    assert ended.updated_at == format_instant(NOON + 241 * MINUTE)
    assert ended.occurrences == 2, "at two hours and at three"
    assert found.asked()[0] == (1, "ana")
    assert found.incidents[-1].state in ("resolved", "closed"), "one record that is none is none in a row of twenty"


def test_what_a_share_tells_of_is_told_of_once(tmp_path: Path) -> None:
    """A busy feed of which nothing can be read is `refused_input` after ten minutes, and no failed job beside it."""
    found = Acted(shop(number / 5 for number in range(900)), tmp_path, MAPPED)

    assert {one.check for one in found.incidents} == {"refused_input"}


def test_fewer_than_twenty_records_are_one_producers_bad_day(tmp_path: Path) -> None:
    found = Acted(shop(range(0, 19 * 20, 20)), tmp_path, MAPPED)

    assert found.incidents == []


def spoiled(at: float) -> list[Line]:
    """Return a config whose policies are none, in both partitions."""
    none = {"sha256": "0" * 64, "effective_at": None, "config": {"version": 1}, "policies": [{"policy_version": 1, "checks": "none"}]}
    return [{"topic": "monitor-config", "partition": number, "timestamp": NOON + round(at * MINUTE), "value": none} for number in range(2)]


def configured(at: float = -1) -> list[Line]:
    """Return the config as its own record in both partitions."""
    config = load_config(CONFIG)
    value: dict[str, Any] = {"sha256": config.sha256, "effective_at": None, "config": config.effective(), "policies": []}
    return [{"topic": "monitor-config", "partition": number, "timestamp": NOON + round(at * MINUTE), "value": value} for number in range(2)]
