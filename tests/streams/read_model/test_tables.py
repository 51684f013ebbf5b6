"""A read model rebuilt from a shard's tables shows what the one fed by outputs shows."""

from collections import Counter
from collections.abc import Mapping
from itertools import count
from typing import Any

import pytest
from orjson import dumps

from detectors.cell import CONSENT
from detectors.window import HOUR
from governance.config import load_config
from governance.message.instant import format_instant
from streams.demo.stage import Stage
from streams.kernel.record import Outgoing, Record
from streams.read_model.fold import Fold, standing
from streams.read_model.memory import situation
from streams.read_model.situation import Situation, Story, by_urgency
from streams.read_model.tables import records_of, said_of
from streams.read_model.waiting import WAITING
from streams.replay import Replay
from streams.simulation.config import config_text
from streams.simulation.scenario import scenario
from tests.streams.read_model.outputs import HOME, START, pending
from tests.streams.test_commands import CONFIG, MINUTE, NOON, minute


@pytest.mark.parametrize(("name", "days", "until", "taken_back"), [("feed-stop", 1, 22, False), ("late-consent", 2, 40, True)])
def test_tables_hold_what_was_published(name: str, days: int, until: int, taken_back: bool) -> None:
    """Hours, incidents with their steps and answers come back; every shard is told apart by its own commits."""
    script = scenario(name, days=days, rate=200)
    sent: list[Outgoing] = []
    stage = Stage(script, 7, load_config(config_text(script)), 2, sent.append, lambda _: None)
    for at in stage.play():
        if at >= script.start + until * HOUR:
            break
    fed, rebuilt = Fold(), Fold()
    fed.take(0, 1, [*sent, *(one for station in stage.replay.stations for one in said_of(station.monitor))])
    for station in stage.replay.stations:
        rebuilt.rebuild(station.shard.number, 1)
        rebuilt.restore(station.shard.number, records_of(station.monitor))
    assert [place.name for place in rebuilt.places()] == [place.name for place in fed.places()] != []
    for one, other in zip(fed.places(), rebuilt.places(), strict=True):
        was, now = situation(one), situation(other)
        assert hours(now) == hours(was)
        assert verdicts(now) == verdicts(was) != []
        assert was.hours
        assert list(map(kept, now.incidents)) == list(map(kept, was.incidents))
        assert [steps(story) for story in now.incidents] == [steps(story) for story in was.incidents]
        assert now.overview.closed == was.overview.closed
        assert [when(one) for one in now.overview.pending] == [when(one) for one in was.overview.pending]
        assert now.overview.retracted == was.overview.retracted
        assert now.overview.taken_back == was.overview.taken_back
        assert len(now.overview.taken_back) == sum(now.overview.retracted.values())
    assert any(situation(place).incidents for place in rebuilt.places())
    assert any(place.retracted for place in rebuilt.places()) == taken_back


def hours(found: Situation) -> dict[int, int]:
    """Return events by hour; what came late to its minute is in the hour's row only, where it is counted as late."""
    names = ("exposures", "clicks", "conversions")
    return {row.end: sum(row.total().get(name, 0) for name in names) - row.total().get("late", 0) for row in found.hours}


def verdicts(found: Situation) -> list[tuple[str, int]]:
    """Return the verdicts of all hours by kind; those of late events are in the hour's row only."""
    counted = Counter[str]()
    for row in found.hours:
        counted.update({name: many for name, many in row.total().items() if name.startswith(CONSENT)})
    return sorted((name, many) for name, many in counted.items() if name != f"{CONSENT}undetermined")


def steps(story: Story) -> list[object]:
    """Return the timeline, without the owner where a step did not change it."""
    return [(step["sequence"], step["step"], step["at"], step["level"], step["state"]) for step in story.steps]


def kept(story: Story) -> dict[str, Any]:
    """Return an incident without what its windows showed: that comes from findings, which no table holds."""
    windows = [{name: window[name] for name in ("start", "end")} for window in story.now["windows"]]
    return {**story.now, "windows": windows}


def test_a_first_breach_waits_after_a_restart_and_no_longer_once_a_good_window_came() -> None:
    """Bad, good, good, bad, and after each a shard opened anew: what is said to wait is what a second breach would be counted with."""
    play, offset, waits = Replay(1, lambda _: None, load_config(CONFIG)), count(), []
    for number, good in enumerate((False, True, True, False)):
        lines = [*minute(number, good), *minute(number, good=True, channel="app")]
        play.feed(Record(line["topic"], 0, next(offset), line["timestamp"], line["key"].encode(), dumps(line["value"])) for line in lines)
        play.run_until_closed(NOON + (number + 1) * MINUTE)
        model = Fold()
        model.rebuild(0, 1)
        model.restore(0, records_of(play.stations[0].monitor))
        waits.append([one for place in model.places() for one in standing(place)["pending"]])
    ends = [[one["window"]["end"] for one in found] for found in waits]
    assert ends == [[format_instant(NOON + MINUTE)], [], [], [format_instant(NOON + 4 * MINUTE)]]
    assert {(one["check"], one["key"]["channel"]) for found in waits for one in found} == {("threshold:low-ctr", "web")}


def test_what_waits_keeps_what_its_finding_said() -> None:
    """The row knows when, the finding knows how much; a window without breach takes both away."""
    model = Fold()
    at = START + HOUR
    told = {"initiative": HOME, "check": "threshold:low-ctr", "key": {"channel": "web", "kpi": "ctr"}, "state": "pending"}
    window = {"start": format_instant(START), "end": format_instant(at)}
    model.take(0, 1, [pending(at), Outgoing(WAITING, None, None, dumps({"data": told | {"window": window}}), 0)])
    assert [one["observed"] for one in model.places()[0].pending.values()] == [0.01]
    model.take(0, 2, [Outgoing(WAITING, None, None, dumps({"data": told | {"window": None}}), 0)])
    assert model.places()[0].pending == {}
    assert WAITING not in model.published


def when(pending: Mapping[str, Any]) -> object:
    """Return what waits, without what its finding said of it."""
    return [pending[name] for name in ("check", "key", "window")]


def test_incidents_that_ended_together_stand_in_one_order() -> None:
    """Told in another order, as a restart may, they are read in the same."""
    stories = [Story({"incident_id": name, "state": "closed", "updated_at": "2026-11-22T14:00:00.000Z"}, ()) for name in "abc"]

    assert by_urgency(stories) == by_urgency(reversed(stories))
