"""`pmon run`: a worker on the bus, until it is told to stop."""

import click

from governance.config import Config
from streams.app import pulse_limit_s, work
from streams.cli.live import told
from streams.cli.problem import UsageProblem
from streams.cli.replay import CONFIG, judged_by, subject_key
from streams.pulse import Pulse
from streams.read_model.opening import open_model
from streams.settings import read_settings
from streams.shards import Ground
from streams.sinks import AddressError, channels
from streams.transport.opening import bus_of


@click.command("run", short_help="Work: watch the bus until told to stop.")
@CONFIG
def command(config: str | None) -> int:
    """Run a worker. Start as many as you like with the same PMON_GROUP: they share the partitions.

    The log is one JSON line for each transition, on standard error; the page, /healthz, /readyz and /metrics are served on PMON_WEB_HOST
    and PMON_WEB_PORT (0: any). SIGTERM ends it gracefully; killed, it loses nothing.

    \b
    Example:
      pmon run                                    # everything in this process
      PMON_BROKER=kafka://127.0.0.1:9092 PMON_SUBJECT_KEY_FILE=key pmon run --config config.yaml
    """
    settings = read_settings()
    found, policies = judged_by(config, settings)
    key, pulse = subject_key(settings), Pulse(pulse_limit_s(settings))
    try:
        channels(found or Config(version=1))
    except AddressError as error:
        raise UsageProblem(str(error)) from None

    async def go() -> None:  # the read model belongs to the loop it runs in
        await work(Ground(settings, found or Config(version=1), bus_of(settings), key, pulse, policies, open_model(settings)))

    told(go())
    return 0
