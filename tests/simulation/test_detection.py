"""Detection however a history is run: shards, order, backlog, crashes, frozen owners; and from the signals alone."""

from collections import Counter
from random import Random
from typing import Any

import orjson

from governance.config import Config
from tests.simulation.gate import CALM, ROUGH, WILD
from tests.simulation.rules import OWNERS, UNCAPPED, WAITS, span
from tests.simulation.run import Run, Way
from tests.simulation.world import ENGAGEMENT, MINUTE, SECOND, TIMINGS, Arrival, Configured, Fact, World
from tests.simulation.worlds import MIDNIGHT

NOON = MIDNIGHT + 12 * 60 * MINUTE
MINUTES, STRUCK = 75, range(60, 68)
DETECTORS = {
    "dip": {"window": "1m", "group_by": ["profile"]},
    "freshness": {"window": "1m", "group_by": ["profile"], "sla": "5m"},
    "suppression": {"window": "1m"},
    "drift": {"window": "1m"},
}
WAYS = (Way("file", 1, CALM), Way("random", 3, WILD), Way("backlog", 2, ROUGH), Way("laggard", 8, ROUGH))


def tally(minute: int, profile: str, variant: str, chance: Random) -> Arrival:
    """Return the counts of a minute: 300 exposures, 30 clicks; p1 clicks a fifth as often while struck, b is shown so."""
    shown = (300 + chance.randint(-15, 15)) // (5 if minute in STRUCK and variant == "b" else 1)
    clicks = sum(chance.random() < (0.02 if minute in STRUCK and profile == "p1" else 0.1) for _ in range(shown))
    time, name = NOON + minute * MINUTE + 7 * SECOND, f"t-{minute}-{profile}-{variant}"
    body: dict[str, Any] = {"event_id": name, "occurred_at": time, "type": "tally", "initiative": "alpha"}
    body |= {"profile": profile, "variant": variant, "exposures": shown, "clicks": clicks}
    fact = Fact(name, name, time, "alpha", (profile, "-", "-", variant), {"exposures": shown, "clicks": clicks}, name)
    return Arrival(time, time, ENGAGEMENT, profile.encode(), orjson.dumps(body), fact)


def watched() -> World:
    """Return a world of one initiative under all detectors, in which a profile dips, a variant is hidden and a profile falls silent."""
    chance = Random(8)
    parts = [(profile, variant) for profile in ("p1", "p2", "p3", "p4") for variant in ("a", "b")]
    arrivals = [
        tally(minute, profile, variant, chance)
        for minute in range(MINUTES)
        for profile, variant in parts
        if not (profile == "p4" and minute >= STRUCK.start)
    ]
    one = {"owners": OWNERS, "allocation": {"a": 0.5, "b": 0.5}, "detectors": DETECTORS}
    timing = {name: span(value) for name, value in TIMINGS["short"].items()}
    incidents = {**UNCAPPED, **{name: span(value) for name, value in WAITS["short"].items()}}
    config = Config.model_validate(
        {"timing": timing, "incidents": incidents, "privacy": {"default_jurisdiction": "US"}, "initiatives": {"alpha": one}}
    )
    ticks = tuple((NOON + step * 30 * SECOND, False) for step in range(1, 2 * MINUTES + 30))
    return World(0, "short", tuple(arrivals), (Configured(NOON - MINUTE, None, config.effective(), config.sha256),), ticks)


def test_detectors_say_the_same_however_a_history_is_run() -> None:
    """What is found, opened, escalated and resolved is equal byte for byte, and it is what was done."""
    runs = [Run(watched(), way, 5) for way in WAYS]
    for run in runs:
        run.go()
    settled = [run.outputs.settled() for run in runs]
    assert all(one == settled[0] for one in settled[1:])
    steps = [orjson.loads(value)["data"] for value in settled[0].values() if b'"step":"opened"' in value and b'"occurrences"' in value]
    opened = Counter((step["check"], step["key"].get("profile", step["key"].get("variant", "-"))) for step in steps if "playbook" in step)
    assert {("freshness", "p4"), ("suppression", "b")} <= set(opened)
    assert {check for check, _ in opened} >= {"dip"}
