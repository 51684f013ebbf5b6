"""`pmon replay`: event files through the kernel into a folder; the same input gives the same bytes."""

import sys
from collections.abc import Callable
from pathlib import Path
from shutil import copyfileobj
from tempfile import NamedTemporaryFile
from typing import Any

import click

from governance.config import Config, load_config
from governance.message.instant import parse_instant
from governance.policy import Policy
from streams.cli.console import AS_JSON, hint, print_document, progress_line, text_of
from streams.cli.policy_files import policies_of
from streams.cli.problem import UsageProblem
from streams.event_file import check_names, read_events
from streams.file_replay import FileReplay, Folder, replay_signals, replay_to_folder
from streams.replay import FILE_KEY
from streams.settings import Settings, read_settings

Option = Callable[[Callable[..., int]], Callable[..., int]]


def kept(ctx: click.Context, _: click.Parameter, paths: tuple[str, ...]) -> tuple[str, ...]:
    """Return the files with standard input written to one of its own: a replay looks into its input more than once."""
    if paths.count("-") != 1:
        return paths
    file = NamedTemporaryFile(prefix="pmon-standard-input-")  # noqa: SIM115  # it lives as long as the verb
    ctx.call_on_close(file.close)
    copyfileobj(sys.stdin.buffer, file)
    file.flush()
    return tuple(file.name if path == "-" else path for path in paths)


def inputs(callback: Callable[[click.Context, click.Parameter, tuple[str, ...]], tuple[str, ...]] | None = None) -> Option:
    """Return the option that names event files."""
    told = "An event file, .gz is fine, - is standard input; repeatable."
    return click.option("--input", "paths", metavar="FILE", multiple=True, callback=callback, help=told)


INPUTS = inputs(kept)
CONFIG = click.option("--config", "config", metavar="FILE", help="The config (YAML); default PMON_CONFIG, else the defaults.")


def config_of(path: str | None, settings: Settings) -> Config | None:
    """Return the config a verb was given, by flag or environment, None for neither."""
    name = path or (str(settings.config) if settings.config else None)
    return None if name is None else load_config(text_of(name), name)


def judged_by(path: str | None, settings: Settings) -> tuple[Config | None, tuple[Policy, ...]]:
    """Return the config a verb was given and the policies it names, the shipped ones where it names none."""
    found = config_of(path, settings)
    return found, policies_of(found or Config(version=1), path or (str(settings.config) if settings.config else None))


def subject_key(settings: Settings) -> bytes:
    """Return the key subjects are hashed with: the deployment's where one is named, else the one all file replays share."""
    if settings.subject_key_file is None:
        return FILE_KEY
    try:
        return settings.subject_key_file.read_bytes()
    except OSError as error:
        raise UsageProblem(f"PMON_SUBJECT_KEY_FILE: cannot be read: {error.strerror}") from None


def instant(name: str, text: str | None) -> int | None:
    """Return a time given as a flag, ms; raises UsageProblem."""
    if text is None:
        return None
    try:
        return parse_instant(int(text) if text.isdecimal() else text)
    except ValueError as error:
        raise UsageProblem(f"{name}: {error}") from None


@click.command("replay", short_help="Run event files through the kernel into a folder.")
@CONFIG
@INPUTS
@click.option("--signals", metavar="FILE", help="A dump of monitor-signals: the monitor stage alone, instead of --input.")
@click.option("--out", metavar="DIR", required=True, help="The folder that gets one file per output topic, and summary.json.")
@click.option("--verdicts", is_flag=True, help="Write verdicts.jsonl too: the consent verdict of every exposure.")
@click.option("--until", metavar="TIME", help="Stop before records stamped at this time or later.")
@click.option("--no-drain", is_flag=True, help="Do not run the clock on at the end of the input.")
@AS_JSON
def command(
    config: str | None,
    paths: tuple[str, ...],
    signals: str | None,
    out: str,
    verdicts: bool,
    until: str | None,
    no_drain: bool,
    as_json: bool,
) -> int:
    """Run event files through the same kernel as the live monitor; write every output topic, and a summary, into a folder.

    \b
    Example:
      pmon simulate --out events.jsonl --days 2 && pmon replay --config events.jsonl.config.yaml --input events.jsonl --out out
    """
    settings = read_settings()
    if bool(paths) == bool(signals):
        raise UsageProblem("--input: name at least one event file, or a dump of monitor-signals with --signals, not both")
    if signals:
        if config or until or no_drain or verdicts:
            raise UsageProblem("--signals: takes none of --config, --until, --no-drain and --verdicts: the dump holds all it needs")
        records = read_events([signals], 10_000)
        folder = folder_at(out)
        found = replay_signals(records, folder)
    else:
        end = instant("--until", until)
        judged, policies = judged_by(config, settings)
        with progress_line() as progress:
            more: dict[str, Any] = {"subject_key": subject_key(settings), "progress": progress, "verdicts": verdicts}
            check_names(paths)
            folder = folder_at(out)
            run = FileReplay(paths, judged, settings.partitions, folder.write, policies=policies, **more)
            found = replay_to_folder(run, folder, until=end, drain=not no_drain)
        if verdicts:
            folder.write_verdicts()
        for topic, number in sorted(run.ignored.items()):
            hint(f"{number:,} records of topic {topic!r} left out: no input of ours, and no `sources` entry maps it")
    if as_json:
        print_document(found)
    else:
        click.echo(told(found, out))
    return 0


def folder_at(out: str) -> Folder:
    """Return the folder that gets the outputs; raises UsageProblem where it cannot be made."""
    try:
        return Folder(Path(out))
    except OSError as error:
        raise UsageProblem(f"--out: {out} cannot be written: {error.strerror}; name a folder, it is made where it is not there") from None


def told(found: dict[str, Any], out: str) -> str:
    """Return a summary for a person."""
    lines = [f"{found['records']:,} records read, written to {out}"]
    lines += [f"{number:>10,}  {topic}" for topic, number in found["counts_by_topic"].items()]
    refused = ", ".join(f"{number:,} {code}" for code, number in found["refused_by_reason"].items())
    lines.append(f"refused    {refused or 'nothing'}")
    closed = sorted({at for at in found["watermarks"].values() if at is not None})
    lines.append(f"closed to  {closed[0] if closed else 'nothing closed'}")
    lines += [f"state      {found['state_sha256']}", f"outputs    {found['outputs_sha256']}"]
    return "\n".join(lines)
