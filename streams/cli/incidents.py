"""`pmon incidents`: the table, and one incident whole; of a running monitor, or from a folder of outputs."""

from collections.abc import Sequence
from pathlib import Path

import click

from streams.cli.availability import away, back
from streams.cli.console import ACT, AS_JSON, hint, print_document, screen
from streams.cli.incident_bus import hours_live, read_live
from streams.cli.incident_command import FROM, acknowledge, log, resolve, sign_off, silence
from streams.cli.incident_evidence import evidence
from streams.cli.incident_folder import Outputs, Story, read_outputs
from streams.cli.incident_hours import Hour, hours_of
from streams.cli.incident_view import show as shown
from streams.cli.incident_view import table
from streams.settings import read_settings


class _ListsByDefault(click.Group):
    """`pmon incidents --from DIR` is `pmon incidents list --from DIR`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in ("-h", "--help")):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group("incidents", cls=_ListsByDefault, short_help="What is open, since when, and who has it.")
def command() -> None:
    """Incidents of a running monitor, or of a folder with --from: `list` (the default), `show` and `explain` ID, exit code 1 where
    something is open; `ack`, `resolve`, `log`, `silence` and `sign-off` ID act on one; `away` and `back` PERSON say who may be asked.

    \b
    Example:
      pmon incidents list --from out
    """


@command.command("list", short_help="All incidents, what is open first.")
@FROM
@AS_JSON
def list_all(folder: Path | None, as_json: bool) -> int:
    """List every incident as it stands: open before over, higher level first, then the oldest. Exit code 1 where one is open.

    \b
    Example:
      pmon incidents list --from out
    """
    outputs = _outputs(folder)
    if as_json:
        print_document({"watermark": outputs.watermark, "incidents": [dict(story.now) for story in outputs.stories]})
    else:
        click.echo(table(outputs, screen(), folder), nl=False)
    return ACT if any(story.active for story in outputs.stories) else 0


@command.command("show", short_help="One incident: windows, steps, what to do.")
@click.argument("id")
@FROM
@AS_JSON
def show(id: str, folder: Path | None, as_json: bool) -> int:
    """Show the incident whose id begins with ID, with its key figure by hour. Exit code 1 where it is open.

    \b
    Example:
      pmon incidents show 7c1e --from out
    """
    outputs = _outputs(folder)
    story = outputs.find(id)
    if as_json:
        timeline = [dict(step) for step in story.steps]
        print_document({"watermark": outputs.watermark, "incident": timeline[-1], "timeline": timeline, "findings": list(story.findings)})
    else:
        click.echo(shown(story, outputs, screen(), _hours(folder, story, outputs.watermark)), nl=False)
        hint(f"id {story.id}")
    return ACT if story.active else 0


@command.command("explain", short_help="Which segment moved, what changed before, and the records it stands on.")
@click.argument("id")
@FROM
@AS_JSON
def explain(id: str, folder: Path | None, as_json: bool) -> int:
    """Show what is known of why: the segments that moved, rule changes close to it, and the evidence. Exit code 1 where it is open.

    \b
    Example:
      pmon incidents explain 7c1e --from out
    """
    outputs = _outputs(folder)
    story = outputs.find(id)
    if as_json:
        found = [{"finding_id": one["finding_id"], "evidence": one["evidence"]} for one in story.findings]
        print_document({"incident_id": story.id, "explanation": story.now.get("explanation"), "evidence": found})
    else:
        click.echo(evidence(story, outputs, screen()), nl=False)
    return ACT if story.active else 0


for act in (acknowledge, resolve, log, silence, sign_off, away, back):
    command.add_command(act)


def _hours(folder: Path | None, story: Story, watermark: str | None) -> Sequence[Hour]:
    if watermark is None:
        return ()
    return hours_live(read_settings(), story, watermark) if folder is None else hours_of(folder, story, watermark)


def _outputs(folder: Path | None) -> Outputs:
    return read_live(read_settings()) if folder is None else read_outputs(folder)
