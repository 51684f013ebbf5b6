"""`pmon incidents ack|resolve|log|silence|sign-off ID`: what somebody asks of an incident, as the command record that goes on the bus.

A running monitor is sent it and answers; from a folder of outputs the record is printed as a line of an event file, for the next
`pmon replay --input`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import orjson
from pydantic import ValidationError

from governance.identity import event_id
from governance.message.command import Command, CommandName
from governance.message.instant import format_instant
from streams.cli.incident_bus import FLAGS, act_live
from streams.cli.incident_folder import Story, read_outputs
from streams.cli.problem import UsageProblem
from streams.cli.replay import instant
from streams.settings import read_settings

TOPIC = "monitor-commands"
DONE: dict[CommandName, str] = {
    "acknowledge": "acknowledged",
    "resolve": "resolved",
    "log_remediation": "logged for",
    "silence": "silenced",
    "sign_off": "signed off",
}
FROM = click.option(
    "--from",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="A folder that `pmon replay --out DIR` wrote, instead of a running monitor.",
)
BY = click.option("--by", required=True, metavar="PERSON", help="Who asks: an owner or a substitute by the config.")
NOTE = click.option("--note", metavar="TEXT", help="Kept in the audit chain as you write it: no personal data of users.")
AT = click.option("--at", metavar="TIME", help="When it is asked; default: now, or the watermark of the folder.")


def line_of(name: CommandName, story: Story, at: int, by: str, note: str | None, until: str | None = None) -> dict[str, Any]:
    """Return the line of an event file that asks it; asked twice alike it has the same request id and is done once. Raises UsageProblem."""
    request_id = event_id("command", name, story.id, by, note or "", at, *([] if until is None else [until]))
    said = {"incident_id": story.id, "note": note, "until": until}
    return line(name, request_id, story.now["initiative"], at, by, said)


def line(name: CommandName, request_id: str, initiative: str, at: int, by: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return a command, with what it says beside who asks it of what, as a line of an event file; raises UsageProblem."""
    value: dict[str, Any] = {
        "request_id": request_id,
        "command": name,
        "requested_at": format_instant(at),
        "requested_by": by,
        "initiative": initiative,
    }
    value |= {field: one for field, one in said.items() if one is not None}
    try:
        Command.model_validate_json(orjson.dumps(value))
    except ValidationError as error:
        fault = error.errors(include_input=False)[0]
        named = (fault.get("ctx") or {}).get("field") or ".".join(map(str, fault["loc"]))
        raise UsageProblem(f"{FLAGS.get(named, named)}: {fault['msg'].removeprefix('Value error, ')}") from None
    return {"topic": TOPIC, "key": initiative, "timestamp": at, "value": value}


def asked(name: CommandName, id: str, folder: Path | None, by: str, note: str | None, at: str | None, until: str | None = None) -> int:
    """Ask it of the incident whose id begins with `id`, or print it as a line of an event file; return the exit code."""

    def made(story: Story, when: int) -> dict[str, Any]:
        return line_of(name, story, when, by, note, until)

    if folder is None:
        story, _ = act_live(read_settings(), id, instant("--at", at), lambda story, when: made(story, when)["value"])
        click.echo(f"{DONE[name]} {story.id}{f' until {until}' if until else ''}")
        return 0
    outputs = read_outputs(folder)
    story = outputs.find(id)
    when = instant("--at", at or outputs.watermark or story.now["updated_at"])
    assert when is not None
    click.echo(orjson.dumps(made(story, when)))
    return 0


@click.command("ack", short_help="Say that you have it: nobody else is asked meanwhile.")
@click.argument("id")
@BY
@NOTE
@AT
@FROM
def acknowledge(id: str, folder: Path | None, by: str, note: str | None, at: str | None) -> int:
    """Acknowledge the incident whose id begins with ID; two more breaches ask anew.

    \b
    Example:
      pmon incidents ack 7c1e --by ana --from out
    """
    return asked("acknowledge", id, folder, by, note, at)


@click.command("resolve", short_help="Say that it is over; a new breach reopens it.")
@click.argument("id")
@BY
@NOTE
@AT
@FROM
def resolve(id: str, folder: Path | None, by: str, note: str | None, at: str | None) -> int:
    """Resolve the incident whose id begins with ID. A consent incident needs an entry of `log` first.

    \b
    Example:
      pmon incidents resolve 7c1e --by ana --note 'rolled rule-42 back' --from out
    """
    return asked("resolve", id, folder, by, note, at)


@click.command("log", short_help="Write down what was done about it.")
@click.argument("id")
@BY
@click.option("--note", required=True, metavar="TEXT", help="What was done: published with the incident as you write it.")
@click.option("--step", type=click.IntRange(1, 99), metavar="N", help="The step of its playbook that was taken: the note begins with it.")
@AT
@FROM
def log(id: str, folder: Path | None, by: str, note: str, step: int | None, at: str | None) -> int:
    """Add an entry to the remediation log of the incident whose id begins with ID.

    \b
    Example:
      pmon incidents log 7c1e --by ana --note 'rolled rule-42 back' --from out
    """
    return asked("log_remediation", id, folder, by, note if step is None else f"Step {step}: {note}", at)


@click.command("silence", short_help="Ask nobody about it for a while; it goes on being recorded.")
@click.argument("id")
@BY
@click.option("--until", required=True, metavar="TIME", help="When people are asked again, RFC 3339 with zone; 30 days ahead at most.")
@NOTE
@AT
@FROM
def silence(id: str, folder: Path | None, by: str, until: str, note: str | None, at: str | None) -> int:
    """Silence the incident whose id begins with ID until a time.

    \b
    Example:
      pmon incidents silence 7c1e --by ana --until 2026-11-23T08:00:00Z --from out
    """
    return asked("silence", id, folder, by, note, at, until)


@click.command("sign-off", short_help="Say that you have looked at it and stand for how it was dealt with.")
@click.argument("id")
@BY
@NOTE
@AT
@FROM
def sign_off(id: str, folder: Path | None, by: str, note: str | None, at: str | None) -> int:
    """Sign the incident whose id begins with ID off: kept with your roles, and in the audit chain. Its state stays as it is.

    A report is signed off by `pmon report --sign-off`.

    \b
    Example:
      pmon incidents sign-off 7c1e --by chi --note 'cause found, rule-42 is rolled back' --from out
    """
    return asked("sign_off", id, folder, by, note, at)
