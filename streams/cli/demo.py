"""`pmon demo`: a personalization program goes wrong and is caught, live on the terminal, everything in this process."""

import gzip
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from shlex import quote
from typing import Any

import click
import orjson

from governance.config import Config, load_config
from reporting.view import canonical, csv, html, markdown, terminal
from streams.cli.console import screen
from streams.cli.incident_folder import read_outputs
from streams.cli.problem import UsageProblem
from streams.cli.version import version
from streams.demo.screen import Progress
from streams.demo.stage import Stage
from streams.demo.stand import Stand
from streams.demo.story import Story
from streams.demo.telling import Redrawn, Telling, Written
from streams.event_line import write_line
from streams.file_replay import Folder, summary
from streams.kernel.bulletin import SIGNALS
from streams.kernel.record import Outgoing, Record
from streams.plan_file import write_plan
from streams.read_model.memory import MemoryModel
from streams.settings import Settings, read_settings
from streams.simulation.config import config_text
from streams.simulation.scenario import RECIPES, Scenario, scenario
from streams.simulation.truth import dumps
from streams.web.operators import Operators
from streams.web.site import Site

SEED = 7
ABOUT_LENGTH = 95  # columns that the first line has for what the scenario is about, behind a pipe
SPEED = 6 * 3_600  # six hours a second: the fortnight in under a minute
SHOWN = list(RECIPES)
ANSWER_S = 0.2  # how long a command from the page waits at most once the play is over
EVENTS = "events.jsonl.gz"  # what was fed, with its offsets: the reports can be recomputed from it
LARGE = ("kpi-windows", "monitor-signals")  # not kept where nobody named a folder


@click.command("demo", short_help="Watch a personalization program go wrong and be caught.")
@click.option("--scenario", "name", type=click.Choice(SHOWN), default="fortnight", show_default=True, help="What goes wrong.")
@click.option("--speed", metavar="X", default=str(SPEED), show_default=True, help="Event time over wall time, or max.")
@click.option("--port", type=click.IntRange(0, 65_535), metavar="N", help="The page's port, 0 for any; default: PMON_WEB_PORT.")
@click.option("--once", is_flag=True, help="Run to the end without waiting and without the page; needs --out.")
@click.option("--out", metavar="DIR", help="Leave all outputs and the reports here; default: reports and incidents in a temporary folder.")
def command(name: str, speed: str, port: int | None, once: bool, out: str | None) -> int:
    """Make up events, run them through the whole monitor in this process, and show what it finds while it finds it.

    Nothing to install, no broker, no network. The live page is served on this machine only, until Ctrl-C. At the end: the report, also as
    HTML, Markdown and JSON.

    \b
    Example:
      pmon demo --scenario ctr-drop
      pmon demo --once --out demo
    """
    if once and out is None:
        raise UsageProblem("--once: needs --out DIR, the folder that gets the outputs and reports")
    pace = None if once else pace_of(speed)
    story = scenario(name)
    settings = read_settings()
    with folder_of(out) as path:
        if once:
            perform(story, pace, path, settings.partitions, None, everything=True)
            show_results(path, story)
            return 0
        with page_of(story, pace, settings, port) as stand:
            answer = perform(story, pace, path, settings.partitions, stand, everything=out is not None)
            show_results(path, story)
            stay(stand, answer)
    return 0


@contextmanager
def page_of(script: Scenario, pace: float | None, settings: Settings, port: int | None) -> Iterator[Stand]:
    """Serve the page; on another port where the default one is taken. Prints its address."""
    config = load_config(config_text(script), "config.yaml")
    stand = Stand(script.start)

    def site(model: MemoryModel, now: Callable[[], int]) -> Site:
        about = f"demo, {speed_of(pace)}, seed {SEED}"
        hosts = frozenset({settings.web_host})
        site = Site(model, config, now, changes=stand.changes, about=about, version=version(), hosts=hosts)
        return replace(site, newest=lambda: dict(stand.newest), operators=operators_of(config), ask=stand.ask)

    ports = [settings.web_port, 0] if port is None else [port]
    try:
        with stand.served(site, settings.web_host, ports):
            click.echo(f"Page  {stand.url}")
            sys.stdout.flush()
            yield stand
    except OSError as error:
        raise UsageProblem(f"--port: {settings.web_host}:{ports[-1]} cannot be had: {error.strerror}; --port 0 takes any") from None


def operators_of(config: Config) -> Operators:
    """Return the made-up people of a scenario and tokens made up now; the page, which only this machine reaches, says them."""
    roles = (role for initiative in config.initiatives.values() for role in initiative.owners.values())
    people = sorted({role.person for role in roles})
    tokens = {person: f"{person}-{token_hex(8)}" for person in people}
    return Operators(tokens, f"Everybody here is made up: {'; '.join(f'{person}, {token}' for person, token in tokens.items())}.")


def stay(stand: Stand, answer: Callable[[], None]) -> None:
    """Keep the page until the reader has seen enough, and answer what is asked on it."""
    click.echo(f"Page  {stand.url}   stays until Ctrl-C")
    sys.stdout.flush()
    with suppress(KeyboardInterrupt):
        while True:
            time.sleep(ANSWER_S)
            if not stand.asked.empty():
                answer()


def pace_of(text: str) -> float | None:
    """Return event time over wall time, None for as fast as it goes; raises UsageProblem."""
    if text == "max":
        return None
    try:
        pace = float(text)
    except ValueError:
        pace = 0.0
    if not 1 <= pace <= 1e9:
        raise UsageProblem(f"--speed: must be a number from 1 to 1e9, event time over wall time, or max, was {text!r}")
    return pace


def speed_of(pace: float | None) -> str:
    """Return a pace in words.

    >>> speed_of(21600.0), speed_of(90.0), speed_of(None)
    ('6 h per second', '1.5 min per second', 'as fast as it goes')
    """
    if pace is None:
        return "as fast as it goes"
    return f"{pace / 3600:.3g} h per second" if pace >= 3600 else f"{pace / 60:.3g} min per second"


@contextmanager
def folder_of(out: str | None) -> Iterator[Path]:
    """Give the folder named, or a temporary one that stays for the reader and goes when the demo is broken off."""
    if out is not None:
        yield Path(out)
        return
    path = Path(tempfile.mkdtemp(prefix="pmon-demo-"))
    try:
        yield path
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise


def perform(
    script: Scenario, pace: float | None, path: Path, partitions: int, stand: Stand | None, *, everything: bool
) -> Callable[[], None]:
    """Play the scenario in front of the reader, on the page too where there is a stand; leave its outputs and reports in the folder.

    Returns what answers commands from the page from then on; the folder stays as it is.
    """
    text = config_text(script)
    config = load_config(text, "config.yaml")
    try:
        folder = Folder(path)
    except OSError as error:
        raise UsageProblem(f"--out: {path} cannot be written: {error.strerror}") from None
    story, outbox = Story(config, script.start), list[Outgoing]()
    played = False

    def publish(message: Outgoing) -> None:
        if stand is not None and message.topic != SIGNALS:
            outbox.append(message)
        if played:
            return
        story.publish(message)
        if everything or message.topic not in LARGE:
            folder.write(message)

    def fed(record: Record) -> None:
        if everything and not played:
            keep(record)
        if stand is not None:
            stand.read(record)
        if record.topic == "rule-changes" and record.value is not None:
            story.change(record.value)

    stage = Stage(script, SEED, config, partitions, publish, fed, stand.asked if stand is not None else None)

    def hand_over(now: int) -> None:
        if stand is not None:
            stand.take([*outbox, *stage.said()], now)
            outbox.clear()

    with kept(path / EVENTS if everything else None) as keep:
        play(stage, story, script, pace, hand_over)
    if everything:
        found = summary(folder, stage.replay.records, stage.replay.watermarks(), stage.replay.state_sha256())
        (path / "summary.json").write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")
    else:
        folder.close()
        for topic in LARGE:
            (path / f"{topic}.jsonl").unlink()
    (path / "config.yaml").write_text(text, encoding="utf-8")
    (path / "truth.json").write_bytes(dumps(stage.run.truth))
    leave_reports(story.reports, config, path)
    played = True

    def answer() -> None:
        stage.answer()
        hand_over(script.end)

    return answer


@contextmanager
def kept(path: Path | None) -> Iterator[Callable[[Record], None]]:
    """Give what keeps each record that is fed as a line of a file, nothing where none is named."""
    with nullcontext() if path is None else gzip.open(path, "wb", compresslevel=1) as file:

        def keep(record: Record) -> None:
            if file is not None:
                file.write(write_line(record))

        yield keep


def play(stage: Stage, story: Story, script: Scenario, pace: float | None, heard: Callable[[int], None]) -> None:
    """Tell the story hour by hour, no faster than `pace`; `heard` is told each time how far it is."""
    telling = telling_here()
    begun = time.monotonic()
    about = RECIPES[script.name].about
    about = whole if len(whole := f"{about}, everything in this process, nothing to install") <= ABOUT_LENGTH else about
    progress = Progress(about, SEED, speed_of(pace), script.start, script.end, script.start, 0)
    try:
        telling.show(story, progress)
        for now in stage.play():
            progress = Progress(about, SEED, speed_of(pace), script.start, script.end, now, stage.replay.records)
            heard(now)
            telling.show(story, progress)
            early = 0.0 if pace is None else begun + (now - script.start) / 1000 / pace - time.monotonic()
            if early > 0:
                time.sleep(early)
        telling.end(story, progress)
    finally:
        telling.close()


def telling_here() -> Telling:
    """Return how the story is told on this standard output."""
    if sys.stdout.isatty() and screen().unicode:
        return Redrawn(sys.stdout, lambda: (screen(), shutil.get_terminal_size().lines), time.monotonic)
    return Written(sys.stdout, screen())


def leave_reports(reports: dict[str, dict[str, Any]], config: Config, path: Path) -> None:
    """Write the last report of each initiative, its tables and its plan: `report.*` for the first of the config, else `report-NAME.*`."""
    for name, report in reports.items():
        stem = "report" if name == next(iter(config.initiatives)) else f"report-{name}"
        (path / f"{stem}.json").write_bytes(canonical.dumps(report) + b"\n")
        (path / f"{stem}.md").write_text(markdown.render(report), encoding="utf-8")
        (path / f"{stem}.html").write_text(html.render(report), encoding="utf-8")
        for table in csv.TABLES:
            (path / f"{stem}-{table}.csv").write_text(csv.render(report, table), encoding="utf-8", newline="")
        write_plan(report, path / config.plan_directory)


def show_results(path: Path, script: Scenario) -> None:
    """Print the report of the first program, and what to look at next."""
    shown = screen()
    report = orjson.loads((path / "report.json").read_bytes())
    click.echo(terminal.render(report, shown.width, shown.colour, shown.unicode))
    folder = quote(str(path))
    stories = read_outputs(path).stories
    tries = [f"pmon incidents --from {folder}"]
    tries += [f"pmon incidents show {stories[0].name} --from {folder}"] if stories else []
    tries.append(f"pmon simulate --scenario {script.name} --seed {SEED} --out events.jsonl")
    click.echo(f"Open  {path / 'report.html'}")
    for number, line in enumerate(tries):
        click.echo(f"{'Try' if not number else '':4}  {line}")
