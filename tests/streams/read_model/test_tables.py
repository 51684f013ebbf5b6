"""A read model rebuilt from a shard's tables shows what the one fed by outputs shows."""

from typing import Any

from detectors.window import HOUR
from governance.config import load_config
from streams.demo.stage import Stage
from streams.kernel.record import Outgoing
from streams.read_model.fold import Fold
from streams.read_model.memory import situation
from streams.read_model.situation import Situation, Story
from streams.read_model.tables import records_of
from streams.simulation.config import config_text
from streams.simulation.scenario import scenario


def test_tables_hold_what_was_published() -> None:
    """Hours, incidents with their steps and answers come back; every shard is told apart by its own commits."""
    script = scenario("feed-stop", days=1, rate=200)
    sent: list[Outgoing] = []
    stage = Stage(script, 7, load_config(config_text(script)), 2, sent.append, lambda _: None)
    for at in stage.play():
        if at >= script.start + 22 * HOUR:
            break
    fed, rebuilt = Fold(), Fold()
    fed.take(0, 1, sent)
    for station in stage.replay.stations:
        rebuilt.rebuild(station.shard.number, 1)
        rebuilt.restore(station.shard.number, records_of(station.monitor))
    assert [place.name for place in rebuilt.places()] == [place.name for place in fed.places()] != []
    for one, other in zip(fed.places(), rebuilt.places(), strict=True):
        was, now = situation(one), situation(other)
        assert hours(now) == hours(was)
        assert was.hours
        assert list(map(kept, now.incidents)) == list(map(kept, was.incidents))
        assert [steps(story) for story in now.incidents] == [steps(story) for story in was.incidents]
        assert now.overview.closed == was.overview.closed
    assert any(situation(place).incidents for place in rebuilt.places())


def hours(found: Situation) -> dict[int, int]:
    """Return events by hour; what came late to its minute is in the hour's row only, where it is counted as late."""
    names = ("exposures", "clicks", "conversions")
    return {row.end: sum(row.total().get(name, 0) for name in names) - row.total().get("late", 0) for row in found.hours}


def steps(story: Story) -> list[object]:
    """Return the timeline, without the owner where a step did not change it."""
    return [(step["sequence"], step["step"], step["at"], step["level"], step["state"]) for step in story.steps]


def kept(story: Story) -> dict[str, Any]:
    """Return an incident without what its windows showed: that comes from findings, which no table holds."""
    windows = [{name: window[name] for name in ("start", "end")} for window in story.now["windows"]]
    return {**story.now, "windows": windows}
