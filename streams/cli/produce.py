"""`pmon produce`: event files onto the bus."""

import click

from governance.config import Config
from streams.cli.console import hint
from streams.cli.live import on_the_bus
from streams.cli.problem import UsageProblem
from streams.cli.replay import CONFIG, config_of, inputs
from streams.event_file import read_events
from streams.file_replay import holds, own_time_of
from streams.kernel.pending import TICKS
from streams.producing import Producing, Sent, TooOldError
from streams.settings import read_settings
from streams.topics import prepare
from streams.transport.bus import Bus


@click.command("produce", short_help="Send event files to the bus.")
@inputs()
@CONFIG
@click.option("--speed", default="max", show_default=True, metavar="X|max", help="Event time over wall time: 60 is a minute a second.")
@click.option("--no-drain", is_flag=True, help="Write no ticks behind the last record (PMON_CLOCK=log).")
def command(paths: tuple[str, ...], config: str | None, speed: str, no_drain: bool) -> int:
    """Send event files to the bus with their timestamps.

    On the wall clock the broker stamps the records anew, and a file older than dedup_horizon is refused. With PMON_CLOCK=log (for the
    worker too) stamps are kept and the ticks that a replay of the same files would make are written among the records.

    \b
    Example:
      PMON_BROKER=kafka://127.0.0.1:9092 PMON_SUBJECT_KEY_FILE=key PMON_CLOCK=log pmon produce --input events.jsonl
    """
    settings = read_settings()
    if not paths:
        raise UsageProblem("--input: name at least one event file, - is standard input")
    effective = config_of(config, settings) or Config(version=1)
    files = list(paths)
    own_ticks = holds(files, TICKS)

    async def send(bus: Bus) -> Sent:
        await prepare(bus, settings, effective)
        producing = Producing(bus, settings, effective, speed=pace(speed), own_ticks=own_ticks)
        return await producing.run(read_events(files, settings.partitions, own_time_of(effective)), drain=not no_drain)

    try:
        sent = on_the_bus(settings, send)
    except TooOldError as error:
        raise UsageProblem(f"--input: {error}") from None
    for topic, number in sorted(sent.records.items()):
        click.echo(f"{number:>10,}  {topic}")
    if sent.ticks:
        click.echo(f"{sent.ticks:>10,}  {TICKS}")
    for topic, number in sorted(sent.ignored.items()):
        hint(f"{number:,} records of topic {topic!r} left out: no input of ours, and no `sources` entry maps it")
    if sent.broken or sent.too_large:
        click.echo(f"pmon: left out: {sent.broken:,} broken lines, {sent.too_large:,} records larger than the topic takes", err=True)
    return 0


def pace(text: str) -> float | None:
    """Return event time over wall time, None for as fast as it goes; raises UsageProblem."""
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise UsageProblem("--speed: must be a number above 0, or max")
    return speed
