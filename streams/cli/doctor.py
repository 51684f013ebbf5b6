"""`pmon doctor`: what may be wrong with a deployment, one line a check."""

import logging
from collections.abc import AsyncGenerator
from dataclasses import asdict

import click

from governance.config import Config
from streams.cli.console import ACT, AS_JSON, print_document, screen
from streams.cli.live import told
from streams.cli.problem import NOT_REACHABLE
from streams.cli.replay import CONFIG, config_of
from streams.doctor import Check, examined, key_file, redis
from streams.settings import Settings, read_settings
from streams.sinks import AddressError, send_test_alerts
from streams.transport.bus import BusError
from streams.transport.opening import bus_from_outside

STYLE = {"ok": "good", "warn": "warn", "fail": "bad", "unreachable": "bad"}


@click.command("doctor", short_help="What is wrong with a deployment, and what to do.")
@CONFIG
@click.option("--test-alert", is_flag=True, help="Send a test alert to every sink of the config.")
@AS_JSON
def command(config: str | None, test_alert: bool, as_json: bool) -> int:
    """Look at broker, topics, clock, lag, answers, Redis, key file and alerts of the deployment this environment names.

    One line a check, with what to do. Exit code 1 where something is to be done, 3 where broker, Redis or a sink is not reachable.

    \b
    Example:
      PMON_BROKER=kafka://127.0.0.1:9092 PMON_SUBJECT_KEY_FILE=key pmon doctor --config config.yaml
    """
    settings = read_settings()
    effective = config_of(config, settings) or Config(version=1)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    found: list[Check] = []

    async def go() -> None:
        async for check in _all(settings, effective, test_alert=test_alert):
            found.append(check)
            if not as_json:
                _show(check)

    told(go())
    if as_json:
        print_document({"checks": [asdict(check) for check in found]})
    outcomes = {check.outcome for check in found}
    return NOT_REACHABLE if "unreachable" in outcomes else ACT if outcomes - {"ok"} else 0


async def _all(settings: Settings, config: Config, *, test_alert: bool) -> AsyncGenerator[Check, None]:
    yield key_file(settings)
    yield await redis(settings)
    yield await _alerts(config, test_alert=test_alert)
    bus = bus_from_outside(settings)
    try:
        await bus.open()
    except BusError as error:
        yield Check("broker", "unreachable", str(error), "nothing else can be looked at without it")
        return
    try:
        async for check in examined(bus, settings, config):
            yield check
    finally:
        await bus.close()


async def _alerts(config: Config, *, test_alert: bool) -> Check:
    if not config.sinks:
        return Check("alerts", "warn", "the config has no sinks", "people hear of nothing unless something reads the topic escalations")
    if not test_alert:
        return Check("alerts", "ok", f"sinks {', '.join(sorted(config.sinks))}", "--test-alert sends each of them one")
    try:
        answers = await send_test_alerts(config)
    except AddressError as error:
        return Check("alerts", "fail", str(error), "correct `sinks` in the config")
    failed = [f"{name}: {why}" for name, why in sorted(answers.items()) if why is not None]
    if failed:
        return Check("alerts", "unreachable", "; ".join(failed), "is the address right, and reachable from here?")
    return Check("alerts", "ok", f"a test alert was sent to {', '.join(sorted(answers))}")


def _show(check: Check) -> None:
    shown = screen()
    mark = shown.paint(f"{check.outcome:<12}", STYLE[check.outcome])
    hint = f": {check.hint}" if check.hint else ""
    click.echo(mark + shown.text(f"{check.name:<9} {check.seen}{hint}"))
