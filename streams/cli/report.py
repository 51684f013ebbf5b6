"""`pmon report`: the report of one initiative, asked of a running monitor or made from event files."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import click
from pydantic import ValidationError

from governance.config import Config
from governance.message.command import Command
from reporting.view import canonical, csv, html, markdown, terminal
from streams.asking import NoAnswerError, ask, asked_at
from streams.cli.console import ACT, hint, progress_line, screen
from streams.cli.incident_bus import refusal
from streams.cli.live import on_the_bus
from streams.cli.problem import NotReachable, UsageProblem
from streams.cli.replay import CONFIG, INPUTS, config_of, instant, judged_by, subject_key
from streams.file_replay import FileReplay
from streams.kernel.action import UnservedError
from streams.plan_file import write_plan
from streams.settings import Settings, read_settings
from streams.transport.bus import Bus

FORMATS = ("text", "md", "html", "json", "csv")


@click.command("report", short_help="What happened to an initiative, what is wrong, and who does what.")
@click.option("--initiative", required=True, metavar="NAME", help="Its name or its title.")
@click.option("--window", default="14d", metavar="Nd|Nh", show_default=True, help="Days (the last may be partial) or whole hours.")
@click.option("--detail", type=click.Choice(["full", "summary"]), default="full", show_default=True)
@click.option("--dimension", type=click.Choice(["profile", "channel", "cohort", "variant"]), default=None)
@click.option("--alert-threshold", metavar="'ctr<0.02'", help="Bounds to hold the period to: kpi op number, joined by commas.")
@click.option("--format", "form", type=click.Choice(FORMATS), default=None, help="Default: by the ending of --out, else text.")
@click.option(
    "--table", type=click.Choice(list(csv.TABLES)), default=None, help="One table alone, as CSV (or JSON); default for csv: segments."
)
@click.option("--out", metavar="FILE", help="Write there instead of standard output.")
@click.option("--at", metavar="TIME", help="From files, where the period ends; default: the end of the base window of the last record.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--sign-off", metavar="REPORT", help="Sign the report of that id instead of asking for one; live, with --by.")
@click.option("--by", metavar="PERSON", help="Who signs: an owner or a substitute of a role that has to.")
@CONFIG
@INPUTS
def command(
    initiative: str,
    at: str | None,
    form: str | None,
    table: str | None,
    out: str | None,
    as_json: bool,
    config: str | None,
    paths: tuple[str, ...],
    sign_off: str | None,
    by: str | None,
    **asked: Any,
) -> int:
    """Ask a running monitor for the report of one initiative, or make it from event files. Exit code 1 means that it names something to
    act on.

    \b
    Example:
      pmon simulate --out events.jsonl --days 2
      pmon report --initiative plg-onboarding --config events.jsonl.config.yaml --input events.jsonl
      pmon report --initiative plg-onboarding --config events.jsonl.config.yaml --input events.jsonl --table backlog
      PMON_URL=http://127.0.0.1:6066 pmon report --initiative plg-onboarding --window 7d
    """
    settings = read_settings()
    if sign_off is not None or by is not None:
        return sign(settings, initiative, sign_off, by, files=bool(paths))
    request = request_of(initiative, asked)
    report = from_files(paths, config, settings, request, at) if paths else from_bus(settings, request, at)
    leave_plan(report, Path((config_of(config, settings) or Config(version=1)).plan_directory))
    wanted = "json" if as_json else form or (form_of(out) if out or table is None else "csv")
    if table is not None and wanted not in ("csv", "json"):
        raise UsageProblem(f"--table: one table alone is csv or json, not {wanted}")
    deliver(report, wanted, out, table)
    return ACT if report["issues"] else 0


def sign(settings: Settings, initiative: str, report: str | None, by: str | None, *, files: bool) -> int:
    """Sign a report of a running monitor off; raises UsageProblem and NotReachable."""
    if report is None or by is None or files:
        raise UsageProblem("--sign-off: needs --by PERSON and a running monitor, without --input")

    async def go(bus: Bus) -> dict[str, Any]:
        when = await asked_at(bus, settings)
        asked = {"requested_by": by, "initiative": initiative, "report_id": report, "requested_at": when}
        return await ask(bus, settings, {"request_id": f"sign-off-{uuid4().hex}", "command": "sign_off", **asked}, when)

    answered(settings, go)
    click.echo(f"signed {report} by {by}")
    return 0


def answered(settings: Settings, go: Callable[[Bus], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    """Return what a running monitor answers; raises UsageProblem and NotReachable."""
    try:
        answer = on_the_bus(settings, go)
    except NoAnswerError as error:
        raise NotReachable(str(error)) from None
    refusal(answer)
    return answer


def leave_plan(report: dict[str, Any], directory: Path) -> None:
    """Write the plan of a report that is served; where that cannot be done it is said, and the report holds the plan all the same."""
    try:
        hint(f"plan  {write_plan(report, directory)}")
    except OSError as error:
        hint(f"plan_directory: {directory} cannot be written: {error.strerror}")


REPLAYED = ("engagement-events", "consent-events", "rule-changes")  # what a report is made of, beside topics of the user's own


def from_bus(settings: Settings, request: Command, at: str | None) -> dict[str, Any]:
    """Return the report a running monitor answers with; raises UsageProblem and NotReachable."""
    if at is not None:
        raise UsageProblem(
            "--at: the command that asks a running monitor has no field for it, it reports up to its watermark; for a period that ends "
            f"elsewhere: `pmon tail {' '.join(REPLAYED)} --from-start --idle 5s > events.jsonl`, then the same with --input events.jsonl"
        )

    async def go(bus: Bus) -> dict[str, Any]:
        when = await asked_at(bus, settings)
        command = request.model_copy(update={"request_id": f"report-{uuid4().hex}", "requested_at": when})
        return await ask(bus, settings, command.model_dump(mode="json", exclude_none=True), when)

    return answered(settings, go)


def from_files(paths: tuple[str, ...], config: str | None, settings: Settings, request: Command, at: str | None) -> dict[str, Any]:
    """Return the report made from event files; raises UsageProblem."""
    try:
        with progress_line() as progress:
            judged, policies = judged_by(config, settings)
            run = FileReplay(
                paths,
                judged,
                settings.partitions,
                lambda message: None,
                subject_key=subject_key(settings),
                progress=progress,
                policies=policies,
            )
            return run.report(request.initiative, request, instant("--at", at))
    except UnservedError as error:
        raise UsageProblem(f"--{(error.field or 'initiative').replace('_', '-')}: {error.message}") from None


def request_of(initiative: str, asked: dict[str, Any]) -> Command:
    """Return the command the flags stand for; raises UsageProblem."""
    fields = {name: value for name, value in asked.items() if value is not None}
    fixed = {"request_id": "from-files", "command": "report", "requested_at": "2000-01-01T00:00:00Z", "requested_by": "pmon report"}
    try:
        return Command.model_validate({**fixed, "initiative": initiative, **fields})
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        name = str(detail["loc"][0]).replace("_", "-") if detail["loc"] else "initiative"
        raise UsageProblem(f"--{name}: {detail['msg'].removeprefix('Value error, ')}") from None


def form_of(out: str | None) -> str:
    """Return the form an output file's ending asks for."""
    return {".md": "md", ".html": "html", ".json": "json", ".csv": "csv"}.get(Path(out).suffix if out else "", "text")


def deliver(report: dict[str, Any], form: str, out: str | None, table: str | None = None) -> None:
    """Write a report, or one table of it, in one form, to a file or standard output."""
    if form == "json":
        content = canonical.dumps(csv.TABLES[table](report) if table else report) + b"\n"
    elif form == "csv":
        content = csv.render(report, table or "segments").encode()
    elif form == "text":
        shown = screen()
        plain = terminal.render(report) if out else terminal.render(report, shown.width, shown.colour, shown.unicode)
        content = plain.encode()
    else:
        content = (html if form == "html" else markdown).render(report).encode()
    if out is None:
        click.echo(content, nl=False)
        return
    try:
        Path(out).write_bytes(content)
    except OSError as error:
        raise UsageProblem(f"--out: {out} cannot be written: {error.strerror}") from None
    hint(f"written to {out}")
