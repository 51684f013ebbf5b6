"""`pmon topics`: the topics of a deployment, made and looked at."""

from typing import Any

import click

from governance.config import Config
from streams.cli.console import ACT, AS_JSON, print_document
from streams.cli.live import on_the_bus
from streams.cli.replay import CONFIG, config_of
from streams.settings import Settings, read_settings
from streams.topics import faults, foreign_faults, prepare, wanted
from streams.transport.bus import Bus, Topic

DAY_MS = 86_400_000


@click.group("topics", short_help="Create the topics of a deployment, or look at them.")
def command() -> None:
    """Create the topics of a deployment, or look at them. Workers create what is missing when they start; where the broker's rules forbid
    them to, somebody who may does it with this.

    \b
    Example:
      PMON_BROKER=kafka://127.0.0.1:9092 PMON_SUBJECT_KEY_FILE=key pmon topics create
    """


@command.command("create", short_help="Create what is missing, then verify everything.")
@CONFIG
def create(config: str | None) -> int:
    """Create every topic that is missing, with its partitions, retention and compaction, then verify all of them.

    \b
    Example:
      PMON_BROKER=kafka://127.0.0.1:9092 PMON_SUBJECT_KEY_FILE=key pmon topics create
    """
    settings = read_settings()
    effective = config_of(config, settings) or Config(version=1)

    async def make(bus: Bus) -> None:
        await prepare(bus, settings, effective)

    on_the_bus(settings, make)
    for topic in wanted(settings):
        click.echo(topic.name)
    return 0


@command.command("describe", short_help="What is there, what should be.")
@CONFIG
@AS_JSON
def describe(config: str | None, as_json: bool) -> int:
    """Show every topic as it is, and what keeps it from being used; exit code 1 where something does.

    \b
    Example:
      PMON_BROKER=kafka://127.0.0.1:9092 PMON_SUBJECT_KEY_FILE=key pmon topics describe
    """
    settings = read_settings()
    effective = config_of(config, settings) or Config(version=1)
    foreign = [source.topic for source in effective.sources]

    async def look(bus: Bus) -> dict[str, Topic]:
        return await bus.describe([*(topic.name for topic in wanted(settings)), *foreign])

    there = on_the_bus(settings, look)
    problems = [*faults(wanted(settings), there), *foreign_faults(settings, foreign, there)]
    if as_json:
        print_document({"topics": [_plain(topic) for topic in _listed(settings, foreign, there)], "problems": problems})
    else:
        for topic in _listed(settings, foreign, there):
            kept = "compacted" if topic.compacted else "for ever" if topic.retention_ms is None else f"{topic.retention_ms / DAY_MS:g} d"
            click.echo(f"{topic.name:<40} {topic.partitions:>4} partitions  {kept:<10} stamps by {_STAMPS[topic.stamps]}")
        for problem in problems:
            click.echo(f"pmon: {problem}", err=True)
    return ACT if problems else 0


_STAMPS = {"append": "broker", "create": "producer"}


def _listed(settings: Settings, foreign: list[str], there: dict[str, Topic]) -> list[Topic]:
    return [there[name] for name in (*(topic.name for topic in wanted(settings)), *foreign) if name in there]


def _plain(topic: Topic) -> dict[str, Any]:
    return {
        "name": topic.name,
        "partitions": topic.partitions,
        "retention_ms": topic.retention_ms,
        "compacted": topic.compacted,
        "stamps": _STAMPS[topic.stamps],
    }
