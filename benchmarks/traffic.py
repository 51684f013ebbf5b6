"""The traffic the live benchmarks run on: people who gave consent and are in an experiment, a few dozen cells, every field set."""

from collections.abc import Iterator
from typing import Any

import orjson

from benchmarks.shard import START
from detectors.window import MINUTE, end_of
from governance.config import Config
from streams import clockwork
from streams.event_file import partition_of
from streams.kernel.pending import TICKS
from streams.kernel.record import Record
from streams.producing import Producing
from streams.settings import Settings
from streams.topics import inputs, on_bus, prepare
from streams.transport.bus import Bus, Message

EACH = 20  # events of a subject
CONFIG = """
version: 1
timing: {settle: 1m}
initiatives:
  home:
    owners: {testing_lead: {person: ana}}
    thresholds: [{id: low-ctr, kpi: ctr, op: "<", value: 0.0001, window: 5m, group_by: [channel], min_denominator: 20}]
    experiments:
      exp-7: {control: variant-0, allocation: {variant-0: 0.5, variant-1: 0.5}, goals: [clicked_subjects], attribution: 1m}
"""


def record(topic: str, key: str, at: int, value: dict[str, Any], partitions: int) -> Record:
    """Return an event as a record to be sent."""
    return Record(topic, partition_of(key.encode(), partitions), 0, at, key.encode(), orjson.dumps(value))


def traffic(count: int, span_ms: int, partitions: int = 1) -> Iterator[Record]:
    """Yield the consent of everybody and `count` engagement events of `span_ms`, nine exposures and a click of ten."""
    people = max(1, count // EACH)
    for number in range(people):
        said = {"event_id": f"c-{number}", "occurred_at": START, "subject_id": f"u-{number}", "state": "given"}
        said |= {"purposes": ["personalised_content"], "jurisdiction": "EU", "source": "cmp"}
        yield record("consent-events", f"u-{number}", START, said, partitions)
    for number in range(count):
        at, person = START + number * span_ms // count, number * 7919 % people
        cell, variant = person % 30, f"variant-{person % 2}"
        event = {
            "event_id": f"e-{number}",
            "occurred_at": at,
            "type": "click" if number % 10 == 9 else "exposure",
            "initiative": "home",
            "subject_id": f"u-{person}",
            "profile": f"profile-{cell // 5}",
            "channel": f"channel-{cell % 5}",
            "cohort": "2026-W47",
            "variant": variant,
            "experiment_id": "exp-7",
            "rule_id": "rule-42",
            "rule_version": 7,
            "decision_path": ["eligible", "tier-2", variant],
            "fallback": None,
            "purpose": "personalised_content",
            "consent_asserted": True,
            "latency_ms": number % 40,
        }
        yield record("engagement-events", f"u-{person}", at, event, partitions)


async def fill(bus: Bus, own: Settings, config: Config, count: int, span_ms: int) -> None:
    """Put the traffic on the bus with a tick each `tick`, and ticks on until what it was is closed, settled and matured."""
    await prepare(bus, own, config)
    await Producing(bus, own, config, speed=1e9).run(traffic(count, span_ms, own.partitions), drain=False)
    await tick_on(bus, own, config, START + span_ms, START + span_ms)


async def tick_on(bus: Bus, own: Settings, config: Config, first: int, last: int) -> None:
    """Tick from `first` until what was there at `last` (ms) is closed, settled and matured."""
    names = {plain: name for name, plain in inputs(own, config).items()}
    tick, until = config.timing.tick, end_of(last, MINUTE) + config.timing.settle + 4 * MINUTE
    for partition in range(own.partitions):
        ends = await bus.ends([(name, partition) for plain, name in names.items() if plain != TICKS])
        known = {plain: ends[name, partition] for plain, name in names.items() if plain != TICKS}
        ticks = [clockwork.tick_record(partition, 0, at, known, drain=False) for at in range(end_of(first, tick), until, tick)]
        await bus.append(on_bus(own, TICKS), partition, [Message(one.key, one.value, one.timestamp) for one in ticks])
