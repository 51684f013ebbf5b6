"""`pmon tail`: records of topics as JSON Lines, as they come."""

import sys
import time

import click

from governance.message.duration import parse_duration
from streams.cli.live import on_the_bus
from streams.cli.problem import UsageProblem
from streams.event_file import write_record
from streams.kernel.record import Record
from streams.settings import read_settings
from streams.topics import KEPT_DAYS, on_bus
from streams.transport.bus import Bus, Place
from streams.transport.history import in_order

WAIT_S = 0.2


@click.command("tail", short_help="Print records of topics as they come.")
@click.argument("topics", nargs=-1, required=True, metavar="TOPIC...")
@click.option("--from-start", is_flag=True, help="Begin with what is there already, by stamp.")
@click.option("--idle", metavar="DURATION", help="Stop after so long without a record, such as 5s.")
def command(topics: tuple[str, ...], from_start: bool, idle: str | None) -> int:
    """Print the records of TOPICs (their plain names; a topic of your own stands as it is) as an event file.

    What is there already comes in the order of its stamps over all partitions, so a replay of it counts as the worker did.

    \b
    Example:
      PMON_BROKER=kafka://127.0.0.1:9092 PMON_SUBJECT_KEY_FILE=key pmon tail incidents escalations --from-start --idle 5s
    """
    settings = read_settings()
    idle_s = None if idle is None else _seconds(idle)
    names = {on_bus(settings, topic) if topic in KEPT_DAYS else topic: topic for topic in topics}

    def put(record: Record) -> None:
        write_record(sys.stdout.buffer, record._replace(topic=names[record.topic]))

    async def follow(bus: Bus) -> None:
        there = await bus.describe(names)
        for name, plain in names.items():
            if name not in there:
                raise UsageProblem(f"{plain}: no such topic on the bus; `pmon topics describe` lists ours")
        places: list[Place] = [(name, number) for name in names for number in range(there[name].partitions)]
        ends = await bus.ends(places)
        if from_start:
            async for record in in_order(bus, ends):
                put(record)
        last = time.monotonic()
        async for batch in bus.follow(ends, WAIT_S):
            for record in batch:
                put(record)
            sys.stdout.buffer.flush()
            if batch:
                last = time.monotonic()
            elif idle_s is not None and time.monotonic() - last >= idle_s:
                return

    on_the_bus(settings, follow)
    return 0


def _seconds(text: str) -> float:
    try:
        return parse_duration(text) / 1000
    except ValueError as error:
        raise UsageProblem(f"--idle: {error}") from None
