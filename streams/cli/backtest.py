"""`pmon backtest`: what each value of a setting would have done over a file; a table, a picture, JSON."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from detectors.window import WEEK
from governance.config import Config
from governance.message.instant import format_instant
from reporting.chart.lanes import Lane, lanes
from reporting.chart.lanes import Span as Bar
from reporting.view.screen import Column, Screen, Span, grid
from streams.backtest.agreement import Fire, Label, LabelError, agreement, labels_of, matches, within
from streams.backtest.run import COUNTED_BEFORE, COUNTED_IN_INITIATIVE, run_files, run_signals
from streams.backtest.sweep import Candidate, Setting, SweepError, passes, setting_of, value_at, value_text
from streams.cli.console import AS_JSON, hint, opened, print_document, screen
from streams.cli.problem import UsageProblem
from streams.cli.replay import CONFIG, INPUTS, judged_by
from streams.event_file import read_events
from streams.settings import read_settings

PICTURE = 48  # columns of the picture in the terminal

Row = tuple[Candidate, list[Fire]]


@click.command("backtest", short_help="What another threshold, rule or setting would have done.")
@CONFIG
@INPUTS
@click.option("--signals", metavar="FILE", help="A dump of monitor-signals (`pmon replay` writes one), instead of --input.")
@click.option(
    "--set", "texts", metavar="PATH=V1,V2,…", multiple=True, required=True, help="A place in the config and values to try; repeatable."
)
@click.option("--labels", metavar="FILE", help="What went wrong: F.truth.json of simulate, or lines of {start,end,key}.")
@click.option("--svg", metavar="FILE", help="Draw the picture into a file, too.")
@AS_JSON
def command(
    config: str | None,
    paths: tuple[str, ...],
    signals: str | None,
    texts: tuple[str, ...],
    labels: str | None,
    svg: str | None,
    as_json: bool,
) -> int:
    """Run candidates of a config over the same events; several --set are a grid. Events are read and counted once, whatever is tried.

    Configs and commands in the events are left out: nobody acknowledged what did not happen.

    \b
    Example:
      pmon simulate --out f.jsonl --scenario ctr-drop && pmon backtest --config f.jsonl.config.yaml --input f.jsonl \\
        --set initiatives.plg-onboarding.thresholds.low-ctr.value=0.03,0.04,0.05 --labels f.jsonl.truth.json
    """
    if bool(paths) == bool(signals):
        raise UsageProblem("--input: name at least one event file, or a dump of monitor-signals with --signals, not both")
    settings = read_settings()
    judged, policies = judged_by(config, settings)
    own = judged or Config(version=1)
    try:
        swept = [setting_of(text, own) for text in texts]
        runs = passes(own, swept)
    except SweepError as error:
        raise UsageProblem(str(error)) from None
    wanted = relevant(labels, swept)
    if signals:
        refuse_counted(swept)
    dump = list(read_events([signals], 10_000)) if signals else []
    heard = [run_signals(one, dump, policies) for one in runs] if signals else run_files(runs, paths, settings.partitions, policies)
    found = list(zip(runs, heard, strict=True))
    rows = [(candidate, fires.of(candidate, swept)) for one, fires in found for candidate in one.candidates]
    rows.sort(key=lambda row: order(row[0], swept))
    period = min((fires.first for _, fires in found if fires.first), default=0), max((fires.last for _, fires in found), default=0)
    if not period[1]:
        raise UsageProblem("--input: no window closes in it, so nothing can be judged; a dump of monitor-signals is named with --signals")
    wanted = None if wanted is None else within(wanted, *period)
    answers = [answer(row, swept, wanted, period) for row in rows]
    notes = noted(rows, answers, swept, own)
    if svg:
        title = f"What {counted(rows)} would have opened between {format_instant(period[0])} and {format_instant(period[1])}"
        drawn = [lane(row, one, said, wanted, period) for row, one, said in zip(rows, answers, notes, strict=True)]
        swept_by = ", ".join(setting.text for setting in swept)
        write(svg, lanes(title, swept_by, drawn, [(label.start, label.end) for label in wanted or ()], period))
    if as_json:
        span = {"from": format_instant(period[0]), "to": format_instant(period[1])}
        print_document({"period": span, "settings": [setting.text for setting in swept], "candidates": answers})
    else:
        click.echo("\n".join(told(rows, answers, notes, swept, wanted, period, screen())))
        hint("--svg FILE draws it; --json has every incident")
    return 0


def write(path: str, text: str) -> None:
    """Write a file; raises UsageProblem where it cannot be."""
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageProblem(f"--svg: {path}: cannot be written: {error.strerror}") from None


def relevant(path: str | None, swept: Sequence[Setting]) -> list[Label] | None:
    """Return the labels of what the swept rules are there to find, None without a file: a label that names another check is left out."""
    if path is None:
        return None
    with opened(path) as file:
        try:
            found = labels_of(file.read())
        except LabelError as error:
            raise UsageProblem(f"--labels: {path}: {error}") from None
    focus = [setting.focus for setting in swept]
    places = [place for place in focus if place is not None]
    if len(places) < len(focus):
        return found
    return [
        label
        for label in found
        if any(label.check in (None, check) and label.initiative in (None, initiative) for initiative, check in places)
    ]


def refuse_counted(swept: Sequence[Setting]) -> None:
    """Raise UsageProblem for what a dump of signals has already been counted by."""
    for setting in swept:
        if setting.path[0] in COUNTED_BEFORE or (setting.path[0] == "initiatives" and setting.path[2] in COUNTED_IN_INITIATIVE):
            raise UsageProblem(f"--set {setting.text}: a dump of signals is already counted by it; use --input with the events instead")


def order(candidate: Candidate, swept: Sequence[Setting]) -> list[int]:
    """Return the candidate's place in the grid as it was asked for."""
    return [setting.values.index(value) for setting, value in zip(swept, candidate.values, strict=True)]


def answer(row: Row, swept: Sequence[Setting], labels: Sequence[Label] | None, period: tuple[int, int]) -> dict[str, Any]:
    """Return what a candidate would have done, as JSON values."""
    candidate, fires = row
    weeks = (period[1] - period[0]) / WEEK
    return {
        "set": {setting.text: value for setting, value in zip(swept, candidate.values, strict=True)},
        "incidents": len(fires),
        "per_week": len(fires) / weeks if weeks else None,
        "first_fire": format_instant(fires[0].opened) if fires else None,
        "agreement": None if labels is None else agreement(fires, labels),
        "fires": [
            {
                "initiative": fire.initiative,
                "check": fire.check,
                "key": dict(fire.key),
                "opened_at": format_instant(fire.opened),
                "resolved_at": None if fire.resolved is None else format_instant(fire.resolved),
            }
            for fire in fires
        ],
    }


def noted(rows: Sequence[Row], answers: Sequence[dict[str, Any]], swept: Sequence[Setting], own: Config) -> list[str]:
    """Return of each candidate whether it is what the config says now, and whether none agrees better with the labels."""
    now = tuple(value_at(own.effective(), setting.path) for setting in swept)
    agreed = [one["agreement"] for one in answers]
    ranks = [(one["f1"], -(one["delay_s"] or 0.0)) if one and one["f1"] else None for one in agreed]
    best = max((rank for rank in ranks if rank is not None), default=None)
    found = []
    for row, rank in zip(rows, ranks, strict=True):
        said = ["now"] * (row[0].values == now) + ["best"] * (rank == best and len(set(ranks)) > 1)
        found.append(", ".join(said))
    return found


def counted(rows: Sequence[Row]) -> str:
    return "1 candidate" if len(rows) == 1 else f"{len(rows)} candidates"


def named(row: Row) -> str:
    return ", ".join(value_text(value) for value in row[0].values)


def lane(row: Row, one: dict[str, Any], note: str, labels: Sequence[Label] | None, period: tuple[int, int]) -> Lane:
    """Return a candidate as a lane of the picture."""
    bars = [
        Bar(fire.opened, fire.resolved or period[1], None if labels is None else any(matches(fire, label) for label in labels))
        for fire in row[1]
    ]
    agreed = one["agreement"]
    said = f"{one['incidents']} opened"
    if agreed:
        said = f"{agreed['found']} of {agreed['labels']} found, {agreed['false']} false, after {waited(agreed)}"
    return Lane(named(row) + (f" ({note})" if note else ""), tuple(bars), said)


def waited(agreed: dict[str, Any]) -> str:
    """Return the median delay as people read it."""
    return "-" if agreed["delay_s"] is None else f"{agreed['delay_s'] / 60:.0f} min"


def told(
    rows: Sequence[Row],
    answers: Sequence[dict[str, Any]],
    notes: Sequence[str],
    swept: Sequence[Setting],
    labels: Sequence[Label] | None,
    period: tuple[int, int],
    screen: Screen,
) -> list[str]:
    """Return the table and the picture for a terminal."""
    lines = [screen.line(Span(counted(rows), "bold"), Span(f"   {format_instant(period[0])} to {format_instant(period[1])}", "dim"))]
    lines += [screen.line(Span(f"  {setting.text}", "dim")) for setting in swept]
    columns = [Column("value"), *(Column(head, right=True) for head in ("incidents", "a week")), Column("first fire")]
    columns += [Column(head, right=True) for head in ("found", "false", "delay")] if labels is not None else []
    columns += [Column("")] if any(notes) else []
    table = [cells(row, one) + ([Span(note, "bold")] if any(notes) else []) for row, one, note in zip(rows, answers, notes, strict=True)]
    lines += ["", *grid(screen, columns, table), ""]
    room = min(28, max(8, *(len(named(row)) for row in rows)))
    if labels:
        lines.append(
            screen.line(
                Span("labelled".ljust(room)[:room] + "  ", "dim"), Span(strip([(one.start, one.end) for one in labels], period, "██"))
            )
        )
    for row in rows:
        lived = [(fire.opened, fire.resolved or period[1]) for fire in row[1]]
        lines.append(screen.line(Span(named(row).ljust(room)[:room] + "  "), Span(strip(lived, period, "◆█"), "bad")))
    return lines


def cells(row: Row, one: dict[str, Any]) -> list[Span]:
    """Return a candidate's line of the table."""
    per_week = "-" if one["per_week"] is None else f"{one['per_week']:.2f}"
    found = [Span(named(row), "bold"), Span(str(one["incidents"])), Span(per_week), Span(one["first_fire"] or "never")]
    if one["agreement"] is not None:
        agreed = one["agreement"]
        found += [
            Span(f"{agreed['found']} of {agreed['labels']}"),
            Span(str(agreed["false"]), "bad" if agreed["false"] else ""),
            Span(waited(agreed)),
        ]
    return found


def strip(spans: Sequence[tuple[int, int]], period: tuple[int, int], marks: str) -> str:
    """Return spans over the period as so many columns: the first mark where one begins, the second while it lasts."""
    length = max(1, period[1] - period[0])
    line = ["·"] * PICTURE
    for start, end in spans:
        first, last = (min(PICTURE - 1, max(0, (at - period[0]) * PICTURE // length)) for at in (start, end))
        line[first : last + 1] = [marks[0], *marks[1] * (last - first)]
    return "".join(line)
