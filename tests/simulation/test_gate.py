"""The gate: real events through the kernel in every way, equal to the batch oracle and to each other; and what it once caught."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import orjson
import pytest

from governance.config import Config
from streams.kernel.changelog import expected_at
from streams.kernel.record import STAMP
from tests.simulation.consent import answer
from tests.simulation.gate import CALM, ROUGH, compared, run_gate, ways, world_of
from tests.simulation.log import Log
from tests.simulation.rules import OFF, OWNERS, UNCAPPED, WAITS, span
from tests.simulation.run import Run, Way
from tests.simulation.world import ENGAGEMENT, MINUTE, SECOND, TIMINGS, Arrival, Configured, Fact, World
from tests.simulation.worlds import MIDNIGHT

NOON = MIDNIGHT + 12 * 60 * MINUTE
BATCH_BYTES = 4 << 20  # what a record batch may take


@pytest.mark.parametrize("seed", range(12))
def test_histories_equal_the_oracle_and_each_other(seed: int) -> None:
    """Four ways of running one world: 1, 2, 3 and 8 shards, in step, at random, behind, one far behind; crashes, frozen owners."""
    assert [str(mismatch) for mismatch in compared(world_of(seed), ways(seed), seed)] == []


@pytest.mark.parametrize("seed", [1, 4])
def test_what_a_cap_holds_back_is_the_same_however_a_world_is_run(seed: int) -> None:
    """One page an hour but for the storm's own: pages, storms and their hashes are decided per initiative, in due order."""
    world = world_of(seed)
    capped = [replace(one, effective=with_cap(one.effective, 2)) for one in world.configs]
    found = [Run(replace(world, configs=tuple(capped)), way, seed) for way in ways(seed)]
    for run in found:
        run.go()

    assert all(run.outputs.settled() == found[0].outputs.settled() for run in found)
    assert any(b'"storm"' in event for event in found[0].outputs.settled().values())


def with_cap(effective: Mapping[str, Any], pages: int) -> Mapping[str, Any]:
    """Return a config that asks people so many times an hour."""
    return {**effective, "incidents": {**effective["incidents"], "pages_per_hour": pages}}


@pytest.mark.soak
def test_an_hour_of_histories() -> None:
    """The same for as long as somebody is willing to wait."""
    assert [str(mismatch) for _, mismatch in run_gate(seconds=3_600, seed=1_000).mismatches] == []


def test_the_gate_sees_one_event_that_was_lost() -> None:
    """A kernel that counted one punctual event less would not pass."""
    world = one_world([exposed(NOON + n * SECOND, f"e{n}") for n in range(3)], {"t": threshold(kpi="ctr")})
    without = replace(world, arrivals=world.arrivals[1:])

    assert answer(world) != Run(without, Way("file", 1, CALM), 0).go()
    assert answer(world) == Run(world, Way("file", 1, CALM), 0).go()


def test_ten_thousand_cells_close_at_one_tick_in_commits_that_fit() -> None:
    """Closing is cut into commits a record batch can hold, and a crash between two of them changes nothing."""
    cells = list(product([f"p{n}" for n in range(200)], [f"v{n}" for n in range(50)]))
    events = [exposed(NOON + n, f"e{n}", profile=profile, variant=variant) for n, (profile, variant) in enumerate(cells)]
    world = one_world(events, {"t": threshold(kpi="ctr", group_by=["profile"], datapoints_to_alarm=1, evaluation_periods=1)})

    run = Run(world, Way("backlog", 2, ROUGH), 7)
    assert run.go() == answer(world)
    assert len(run.outputs.by_topic["kpi-windows"]) == 2 * len(cells)  # once counted, once with verdicts

    sizes = [size for seat in [*run.intake_seats, *run.monitor_seats] for size in batch_bytes(seat.log)]
    assert max(sizes) <= BATCH_BYTES
    assert sum(size > BATCH_BYTES // 8 for size in sizes) >= 4  # it really was cut


def batch_bytes(log: Log) -> list[int]:
    """Return what each batch of a log that was not compacted takes, about."""
    sizes: list[int] = []
    for offset, key, value in log.read():
        if key == STAMP:
            assert expected_at(value) <= offset
            sizes.append(0)
        if sizes:
            sizes[-1] += len(key) + len(value or b"") + 12
    return sizes


def test_a_freshness_rule_of_a_later_config_knows_what_was_seen_before() -> None:
    """A key is eligible once seen, whichever config was in force then."""
    later = {"t": threshold(kpi="freshness_s", op=">", value=60.0)}
    world = one_world([exposed(NOON, "e1")], {}, later, at=NOON + 4 * MINUTE)

    assert answer(world)["findings"]
    assert agreed(world)


def test_waits_that_change_hold_for_incidents_that_live() -> None:
    """A longer or a shorter wait of a new config moves the timeout of what is open and the end of what is resolved."""
    events = [exposed(NOON + n * MINUTE, f"e{n}") for n in range(3)]
    for waits in ({"ack_timeout": "20m"}, {"ack_timeout": "1m"}, {"ack_timeout": "5m", "clear_for": "0s", "reopen_window": "1m"}):
        rules = {"t": threshold(kpi="ctr")}
        assert agreed(one_world(events, rules, rules, at=NOON + 4 * MINUTE, waits=waits))


def test_a_rule_that_groups_by_something_else_starts_afresh() -> None:
    """Values of another dimension are other keys, though the text may be the same; what lived stays as it was."""
    events = [exposed(NOON + n * MINUTE, f"e{n}", profile="x", variant="x") for n in range(8)]
    for before, after in ((["profile"], ["variant"]), (["profile"], []), ([], ["profile", "variant"])):
        first, second = threshold(kpi="ctr", group_by=before), threshold(kpi="ctr", group_by=after)
        assert agreed(one_world(events, {"t": first}, {"t": second}, at=NOON + 4 * MINUTE))


def test_what_was_resolved_is_spent() -> None:
    """After the incident has closed, one breach is one again, though older ones are among the last N."""
    #  1       2       3       4       5       6
    #  |breach-|breach-|clear--|-------|-------|breach-|      resolved at 3, closed at 6
    events = [exposed(NOON + n * MINUTE, f"e{n}") for n in (0, 1, 2, 5)] + [clicked(NOON + 2 * MINUTE, "c")]
    rules = {"t": threshold(kpi="ctr", evaluation_periods=4)}
    waits = {"clear_for": "1m", "reopen_window": "1m"}
    world = one_world(events, rules, rules, at=NOON - 30 * SECOND, waits=waits)

    assert agreed(world)
    assert [one["state"] for one in answer(world)["incidents"].values()] == ["closed"]
    assert sorted(answer(world)["findings"].values()) == ["confirmed", "pending", "pending"]


@pytest.mark.parametrize(("apart", "incidents"), [(6, 1), (7, 0)])
def test_a_breach_counts_for_six_windows(apart: int, incidents: int) -> None:
    """Two breaches with no eligible window between are two in a row while at most six windows lie between their ends."""
    world = one_world([exposed(NOON, "e1"), exposed(NOON + apart * MINUTE, "e2")], {"t": threshold(kpi="ctr")})

    assert len(answer(world)["incidents"]) == incidents
    assert list(compared(world, [Way("file", 1, CALM)], 1)) == []


def agreed(world: World) -> bool:
    """Return whether the kernel and the oracle agree about a world that has incidents, run in two ways."""
    assert answer(world)["incidents"]
    mismatches = [str(mismatch) for mismatch in compared(world, [Way("file", 1, CALM), Way("backlog", 2, ROUGH)], 1)]
    assert mismatches == []
    return True


def threshold(**more: Any) -> dict[str, Any]:
    """Return a threshold that a click-less minute breaches."""
    return {"op": "<", "value": 0.5, "window": "1m", **more}


def exposed(time: int, event_id: str, **cell: str) -> Arrival:
    """Return a punctual exposure of a subject of its own."""
    body: dict[str, Any] = {"event_id": event_id, "type": "exposure", "initiative": "alpha", "subject_id": event_id, **cell}
    body["occurred_at"] = time
    place = (cell.get("profile", "-"), "-", "-", cell.get("variant", "-"))
    fact = Fact(event_id, event_id, time, "alpha", place, {"exposures": 1}, event_id)
    return Arrival(time, time, ENGAGEMENT, event_id.encode(), orjson.dumps(body), fact)


def clicked(time: int, event_id: str) -> Arrival:
    """Return a punctual click in the cell of `exposed`."""
    body = {"event_id": event_id, "type": "click", "initiative": "alpha", "subject_id": event_id, "occurred_at": time}
    fact = Fact(event_id, event_id, time, "alpha", ("-", "-", "-", "-"), {"clicks": 1}, event_id)
    return Arrival(time, time, ENGAGEMENT, event_id.encode(), orjson.dumps(body), fact)


def one_world(
    arrivals: list[Arrival],
    rules: Mapping[str, Mapping[str, Any]],
    later: Mapping[str, Mapping[str, Any]] | None = None,
    at: int = 0,
    waits: Mapping[str, str] | None = None,
) -> World:
    """Return a world of one initiative with thresholds by id, maybe with a second config, ticks for half an hour after."""
    timing = {name: span(value) for name, value in TIMINGS["short"].items()}
    configs = []
    for number, chosen in enumerate([rules] if later is None else [rules, later]):
        thresholds = [{"id": name, **found} for name, found in chosen.items()]
        incidents = {**UNCAPPED, **{name: span(value) for name, value in WAITS["short"].items()}, **((waits or {}) if number else {})}
        one = {"owners": OWNERS, "thresholds": thresholds, "detectors": OFF}
        privacy = {"default_jurisdiction": "US"}  # silence is no denial: these worlds are not about consent
        config = Config.model_validate({"timing": timing, "incidents": incidents, "privacy": privacy, "initiatives": {"alpha": one}})
        configs.append(Configured(at if number else NOON - MINUTE, None, config.effective(), config.sha256))
    ticks = tuple((NOON + step * 10 * SECOND, False) for step in range(1, 180))
    return World(0, "short", tuple(arrivals), tuple(configs), ticks)
