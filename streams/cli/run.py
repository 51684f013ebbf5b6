"""`pmon run`: a worker on the bus, until it is told to stop."""

import click

from governance.config import Config
from streams.app import pulse_limit_s, work
from streams.cli.live import told
from streams.cli.replay import CONFIG, config_of, subject_key
from streams.pulse import Pulse
from streams.settings import read_settings
from streams.shards import Ground
from streams.transport.opening import bus_of


@click.command("run", short_help="Work: watch the bus until told to stop.")
@CONFIG
def command(config: str | None) -> int:
    """Run a worker. Start as many as you like with the same PMON_GROUP: they share the partitions.

    The log is one JSON line for each transition, on standard error. SIGTERM ends it gracefully; killed, it loses nothing.

    \b
    Example:
      pmon run                                    # everything in this process
      PMON_BROKER=kafka://127.0.0.1:9092 PMON_SUBJECT_KEY_FILE=key pmon run --config config.yaml
    """
    settings = read_settings()
    effective = config_of(config, settings) or Config(version=1)
    ground = Ground(settings, effective, bus_of(settings), subject_key(settings), Pulse(pulse_limit_s(settings)))
    told(work(ground))
    return 0
