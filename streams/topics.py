"""The topics of a deployment: how they are made, how long they keep, and whether those that are there will do.

They are created before anything subscribes: a topic that Kafka or Faust makes by itself has the wrong number of partitions, and the agents
then restart for ever.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from detectors.window import DAY
from governance.config import Config
from streams.kernel.bulletin import SIGNALS
from streams.kernel.intake import INPUTS
from streams.kernel.pending import TICKS
from streams.settings import Settings
from streams.transport.bus import Bus, Topic

INTAKE, MONITOR = "intake", "monitor"  # the stages, by the names of their tables
OUTPUTS = ("incidents", "escalations", "findings", "kpi-windows", "reports", "audit-log", "dead-letters")
KEPT_DAYS: dict[str, int | None] = {
    "engagement-events": 30,  # longer than any outage somebody would want to read again after
    "consent-events": 30,  # what is settled is in the rows; the ledger of record is the consent platform's
    "rule-changes": 400,
    "monitor-commands": 30,
    "monitor-config": None,  # kept, not compacted: a replay judges by what was in force
    "ticks": 30,
    SIGNALS: 400,  # this log alone reproduces every incident, as long as days are kept
    "incidents": 400,
    "escalations": 400,
    "findings": 400,
    "kpi-windows": 90,
    "reports": 90,
    "audit-log": None,
    "dead-letters": 30,
}
LARGEST_BATCH = 8 << 20  # a commit, its outbox: see kernel COMMIT_BYTES and streams/seat.py
LARGEST_INPUT = 1 << 20  # Kafka's default: what is larger than a message may be is refused with a dead letter


class TopicsError(Exception):
    """Topics that are there do not do; one line for each: the topic, what it is and what would be right."""


def changelog(settings: Settings, stage: str) -> str:
    """Return the name of a stage's changelog on the bus; the group's, since state belongs to who folds it."""
    return f"{settings.topic_prefix}{settings.group}-{stage}-changelog"


def sink_log(settings: Settings) -> str:
    """Return the name of the topic where sinks keep how far they are; the group's, as the changelogs."""
    return f"{settings.topic_prefix}{settings.group}-sinks"


def on_bus(settings: Settings, plain: str) -> str:
    """Return what a plain topic is called on the bus."""
    return settings.topic_prefix + plain


def inputs(settings: Settings, config: Config) -> dict[str, str]:
    """Return the plain name of every topic the intake reads, by its name on the bus; foreign topics keep their own."""
    ours = {on_bus(settings, plain): plain for plain in (*INPUTS, TICKS)}
    return {**ours, **{source.topic: source.topic for source in config.sources}}


def wanted(settings: Settings) -> list[Topic]:
    """Return the topics of a deployment as they should be."""
    by_log = settings.clock == "log"  # history: stamps are its producers', and nothing may be too old to be kept
    found = []
    for plain, days in KEPT_DAYS.items():
        read = plain in (*INPUTS, TICKS)
        topic = Topic(
            on_bus(settings, plain),
            settings.partitions,
            retention_ms=None if days is None or by_log else days * DAY,
            stamps="append" if read and not by_log else "create",
            consumed=read or plain == SIGNALS,
            largest_batch=LARGEST_INPUT if read and plain != TICKS and plain != "monitor-config" else LARGEST_BATCH,
        )
        found.append(topic)
    rows = Topic("", settings.partitions, compacted=True, stamps="append", largest_batch=LARGEST_BATCH)
    logs = [changelog(settings, INTAKE), changelog(settings, MONITOR), sink_log(settings)]
    return [*found, *(replace(rows, name=name) for name in logs)]


def ours_to_make(settings: Settings, config: Config) -> list[Topic]:
    """Return the foreign topics of a bus in memory: there nobody else could have made them."""
    if settings.broker != "mem://":
        return []
    stamps: Literal["append", "create"] = "create" if settings.clock == "log" else "append"
    days = KEPT_DAYS["engagement-events"] or 0
    return [
        Topic(source.topic, settings.partitions, retention_ms=days * DAY, stamps=stamps, consumed=True, largest_batch=LARGEST_INPUT)
        for source in config.sources
    ]


async def prepare(bus: Bus, settings: Settings, config: Config) -> None:
    """Create what is missing, then verify everything; raises TopicsError."""
    topics = wanted(settings)
    there = await bus.describe([topic.name for topic in [*topics, *ours_to_make(settings, config)]])
    missing = [topic for topic in [*topics, *ours_to_make(settings, config)] if topic.name not in there]
    if missing:
        await bus.create(missing)
    foreign = [source.topic for source in config.sources]
    there = await bus.describe([*(topic.name for topic in topics), *foreign])
    problems = [*faults(topics, there), *foreign_faults(settings, foreign, there)]
    if problems:
        raise TopicsError("\n".join(problems))


def faults(topics: Sequence[Topic], there: dict[str, Topic]) -> list[str]:
    """Return what keeps the topics that are there from being used."""
    found = []
    for topic in topics:
        real = there.get(topic.name)
        if real is None:
            found.append(f"{topic.name}: is not there; `pmon topics create` makes it")
            continue
        if real.partitions != topic.partitions:
            found.append(
                f"{topic.name}: has {real.partitions} partitions, PMON_PARTITIONS says {topic.partitions}; state is by partition, "
                "so the number stays what it was at the start"
            )
        if real.compacted != topic.compacted:
            found.append(f"{topic.name}: cleanup.policy must be {'compact' if topic.compacted else 'delete'}")
        if real.stamps != topic.stamps:
            kind = {"append": "LogAppendTime", "create": "CreateTime"}[topic.stamps]
            found.append(f"{topic.name}: message.timestamp.type must be {kind}; was it made with another PMON_CLOCK?")
        if real.largest_batch < topic.largest_batch:
            found.append(f"{topic.name}: max.message.bytes must be {topic.largest_batch} at least, is {real.largest_batch}")
    return found


def foreign_faults(settings: Settings, names: Sequence[str], there: dict[str, Topic]) -> list[str]:
    """Return what keeps the topics named by `sources` from being read: they need our number of partitions to be ours to join."""
    found = []
    for name in names:
        if name not in there:
            found.append(f"{name}: is named by `sources` and is not there")
        elif there[name].partitions != settings.partitions:
            found.append(f"{name}: has {there[name].partitions} partitions and must have {settings.partitions} as PMON_PARTITIONS says")
    return found
