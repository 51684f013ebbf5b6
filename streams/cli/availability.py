"""`pmon incidents away|back PERSON`: who is there to be asked, as the command record that goes on the bus."""

from pathlib import Path
from typing import Any

import click
import orjson

from governance.identity import event_id
from governance.message.command import EVERYWHERE
from streams.cli.incident_bus import send_live
from streams.cli.incident_command import AT, BY, FROM, line
from streams.cli.incident_folder import read_outputs
from streams.cli.problem import UsageProblem
from streams.cli.replay import instant
from streams.settings import read_settings

WHERE = click.option(
    "--initiative", default=EVERYWHERE, metavar="NAME", help="For one initiative only, by its name or title; default: for all of them."
)
UNTIL = click.option("--until", metavar="TIME", help="When it turns into its opposite, RFC 3339 with zone; default: it holds until said.")


def said(
    person: str, initiative: str, by: str, until: str | None, at: str | None, folder: Path | None, *, available: bool
) -> int:
    """Say it of a person, or print it as a line of an event file; return the exit code."""

    def made(when: int) -> dict[str, Any]:
        request_id = event_id("command", "set_availability", person, available, initiative, by, when, until or "")
        return line("set_availability", request_id, initiative, when, by, {"person": person, "available": available, "until": until})

    if folder is not None:
        when = instant("--at", at or read_outputs(folder).watermark)
        if when is None:
            raise UsageProblem(f"--at: {folder} has no incident to take a time from; say when it is asked")
        click.echo(orjson.dumps(made(when)))
        return 0
    send_live(read_settings(), instant("--at", at), lambda when: made(when)["value"])
    where = "every initiative" if initiative == EVERYWHERE else initiative
    click.echo(f"{person} is {'there' if available else 'away'}{f' until {until}' if until else ''}, for {where}")
    return 0


@click.command("away", short_help="Say that somebody is not there: others are asked instead.")
@click.argument("person")
@BY
@UNTIL
@WHERE
@AT
@FROM
def away(person: str, by: str, until: str | None, initiative: str, at: str | None, folder: Path | None) -> int:
    """Say that PERSON, an owner or a substitute, is away; what they were asked to do is asked of who comes after them.

    \b
    Example:
      pmon incidents away ana --by ben --until 2026-11-30T08:00:00Z --from out
    """
    return said(person, initiative, by, until, at, folder, available=False)


@click.command("back", short_help="Say that somebody is there again.")
@click.argument("person")
@BY
@UNTIL
@WHERE
@AT
@FROM
def back(person: str, by: str, until: str | None, initiative: str, at: str | None, folder: Path | None) -> int:
    """Say that PERSON, an owner or a substitute, is there: they are asked of what opens or escalates from now on.

    \b
    Example:
      pmon incidents back ana --by ana --from out
    """
    return said(person, initiative, by, until, at, folder, available=True)
