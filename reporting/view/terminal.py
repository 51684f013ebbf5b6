"""The terminal view: as many columns as there are, one fact a row, never wrapped; colour only for level, state and breach."""

from collections.abc import Mapping
from typing import Any

from reporting import wording
from reporting.chart.flow import FAULTS
from reporting.figure import NONE, bare_points, bare_rate, day, integer, moment
from reporting.issues import ACTIVE
from reporting.recap import recap
from reporting.safe import fit, plain, width
from reporting.view import experiment
from reporting.view.checks import checks
from reporting.view.screen import CODES, MOST, Column, Screen, Span, grid
from reporting.view.table import SIGHT, frozen, header, named, paths, per_exposure, sight, tiles

ROWS = 24
MEMOS = 8  # experiments shown; the canonical JSON has them all
BAR = 10
LEVEL_STYLE = {3: "bad", 2: "warn"}


def render(report: Mapping[str, Any], width: int = MOST, colour: bool = False, unicode: bool = True) -> str:
    """Return the report for a terminal of so many columns, ending with a line end."""
    screen = Screen(max(40, min(width, MOST)), colour, unicode)
    lines = [*_top(report, screen), "", *_segments(report, screen), ""]
    if wording.in_full(report):
        lines += [*_trend(report, screen), "", *_paths(report, screen), *_sight(report, screen)]
    lines += [*_checklist(report, screen), "", *_experiments(report, screen), "", *_issues(report, screen)]
    lines += ["", *_backlog(report, screen), "", *_foot(report, screen)]
    return "\n".join(lines) + "\n"


def _top(report: Mapping[str, Any], screen: Screen) -> list[str]:
    words = header(report)
    mark = words["watermark"] + " UTC" if screen.unicode else report["period"]["watermark"]
    active = sum(issue["state"] in ACTIVE for issue in report["issues"])
    until = f"{words['from']} to {words['to']}"
    partial = f", last {report['period']['unit']} partial" if report["period"]["partial"] else ""
    lines = [
        screen.line(
            Span(report["title"], "bold"), Span(f"   watermark {mark}   ", "dim"), Span(f"{active} active", "bad" if active else "good")
        ),
        screen.line(Span(f"{until} UTC{partial}; {words['coverage']}", "dim")),
        "",
        *(line for sentence in recap(report) for line in _wrapped(screen, "".join(sentence), "bold" if sentence[0] else "")),
        "",
    ]
    found = tiles(report)
    room = max(len(tile["name"]) for tile in found) + 3
    for tile in found:
        style = {"bad": "bad", "good": "good"}.get(tile["status"], "dim")
        lines.append(
            screen.line(
                Span(fit(screen.text(tile["name"]), room)), Span(fit(screen.text(tile["value"]), 13), "bold"), Span(tile["beside"], style)
            )
        )
    return lines


def _wrapped(screen: Screen, text: str, style: str, indent: str = "") -> list[str]:
    """Break a sentence at spaces; no-break spaces hold."""
    lines, line = [], ""
    for word in plain(text).split(" "):
        if line and width(line) + 1 + width(word) > min(screen.width, 80) - len(indent):
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [screen.line(Span(f"{indent}{text}", style)) for text in (*lines, line)]


def _segments(report: Mapping[str, Any], screen: Screen) -> list[str]:
    figures = report["performance"]
    columns = [
        Column(" × ".join(figures["dimensions"])),
        Column("", least=104),
        Column("exposures", right=True),
        Column("ctr %", right=True),
    ]
    columns += [Column("vs prev", right=True), Column("conv %", right=True), Column("per exp.", right=True, least=96)]
    columns.append(Column("tech %", right=True, least=84))
    shown = [segment for segment in figures["segments"] if not segment["merged"]]
    longest = max((segment["counts"]["exposures"] for segment in shown), default=1) or 1
    rows = [_segment(segment, named(segment, figures["dimensions"]), longest) for segment in shown[:ROWS]]
    if len(shown) > ROWS:
        rest = sum(segment["counts"]["exposures"] for segment in shown[ROWS:])
        rows.append([Span(f"{len(shown) - ROWS} more cells", "dim"), Span(""), Span(integer(rest), "dim"), *[Span("")] * 5])
    merged = [segment for segment in figures["segments"] if segment["merged"]]
    for segment in merged:
        name = f"{report['coverage']['suppressed']['merged']} small cells, merged"
        rows.append([Span(name, "dim"), Span(""), Span(integer(segment["counts"]["exposures"]), "dim"), *[Span("")] * 5])
    previous = figures["previous"]
    rows.append(_segment({**figures["totals"], "change": previous["change"] if previous else None}, "All cells", 0))
    return grid(screen, columns, rows)


def _segment(segment: Mapping[str, Any], name: str, longest: int) -> list[Span]:
    kpis, counts, change = segment["kpis"], segment["counts"], (segment["change"] or {}).get("ctr")
    moved = change is not None and bool(change["moved"])
    fell = change is not None and moved and change["difference"] < 0
    style = "bad" if fell else "bold" if moved or not longest else ""
    arrow = ("▼ " if fell else "▲ ") if moved else ""
    bar = "█" * max(1, round(BAR * counts["exposures"] / longest)) if longest and counts["exposures"] else ""
    return [
        Span(name, "bold" if moved or not longest else ""),
        Span(bar, "info"),
        Span(integer(counts["exposures"])),
        Span(bare_rate(kpis["ctr"]), style),
        Span(f"{arrow}{bare_points(change['difference'])}" if change else NONE, style or "dim"),
        Span(bare_rate(kpis["conversion_rate"])),
        Span(per_exposure(counts, kpis)),
        Span(bare_rate(kpis["technical_fallback_rate"])),
    ]


def _trend(report: Mapping[str, Any], screen: Screen) -> list[str]:
    """Return CTR over time: one row per day or hour, a dot on one axis, changes between the rows."""
    points = [point for point in report["performance"]["trend"] if point["kpis"]["ctr"] is not None]
    if not points:
        return [screen.line(Span("No exposure was counted in the period.", "dim"))]
    values = [point["kpis"]["ctr"] for point in points]
    low, high = min(values), max(values)
    room = max(16, min(44, screen.width - 44))
    lines = [screen.line(Span(fit("CTR, %", 26), "dim"), Span(f"{bare_rate(low)} to {bare_rate(high)}", "dim"))]
    changes = [change for change in report["governance"]["changes"] if change["action"] in ("deployed", "rolled_back")]
    for point in points:
        place = round((point["kpis"]["ctr"] - low) / ((high - low) or 1) * (room - 1))
        when = day(point["start"]) if report["period"]["unit"] == "day" else moment(point["start"], report["period"]["watermark"])
        partial = "  partial" if point["partial"] else ""
        dot = " " * place + "●"
        lines.append(
            screen.line(Span(fit(when, 14)), Span(fit(bare_rate(point["kpis"]["ctr"]), 12)), Span(dot, "info"), Span(partial, "dim"))
        )
        for change in changes:
            if point["start"] <= change["at"] < point["end"]:
                lines.append(screen.line(Span(f"  ▼ {_went_out(report, change)}", "wait")))
    return lines


def _went_out(report: Mapping[str, Any], change: Mapping[str, Any]) -> str:
    channels = f" on {', '.join(change['channels'])}" if change["channels"] else ""
    version = f" v{change['version']}" if change["version"] is not None else ""
    when = moment(change["at"], report["period"]["watermark"])
    return f"{when} {change['change_id']} {change['action'].replace('_', ' ')} {change['rule_id']}{version}{channels}"


def _paths(report: Mapping[str, Any], screen: Screen) -> list[str]:
    """Return where decision paths end: one row an end, a bar of its share; a change only where it is more than chance."""
    found = paths(report)
    if not found["ends"]:
        return []
    columns = [Column("paths end at"), Column(""), *(Column(head, right=True) for head in ("exposures", "share", "vs prev"))]
    rows = []
    for end, told in zip(report["performance"]["decision_paths"]["ends"], found["ends"], strict=False):
        style = "bad" if end["node"] in FAULTS else ""
        bar = "█" * max(1, round(BAR * end["share"]))
        change = Span(told["change"] if told["moved"] else "", "bad" if told["worse"] else "bold")
        rows.append([Span(told["name"], style), Span(bar, style or "info"), Span(told["exposures"]), Span(told["share"]), change])
    dead = [screen.line(Span(f"Dead branches: {found['dead']}", "warn"))] if found["dead"] else []
    return [*grid(screen, columns, rows), *dead, ""]


def _checklist(report: Mapping[str, Any], screen: Screen) -> list[str]:
    """Return the checks that ask for something, and how many pass."""
    found = checks(report)
    rows = [row for row in found if row["status"] not in ("pass", "waived")]
    passed = [row["check"] for row in found if row["status"] == "pass"]
    said = f"{len(passed)} of {len(found)} checks pass" + (f": {', '.join(passed)}." if passed else ".")
    columns = [Column("result"), Column("check"), Column("what was found")]
    asked = any(row["who"] != NONE for row in rows)
    columns += [Column("who", least=100), Column("until", least=90)] if asked else []
    shown = [
        [
            Span(row["word"].lower(), row["tone"] if row["tone"] in CODES else "dim"),
            Span(row["check"], "bold"),
            *map(Span, (row["found"], *((row["who"], row["until"]) if asked else ()))),
        ]
        for row in rows
    ]
    table = grid(screen, columns, shown, gives=2) if shown else []
    return [*table, *_wrapped(screen, said, "dim")]


def _experiments(report: Mapping[str, Any], screen: Screen) -> list[str]:
    lines = _wrapped(screen, experiment.lead(report), "")
    for one in report["experiments"][:MEMOS]:
        style = experiment.STATUS[one["decision"]["action"]] if one["decision"] else "dim"
        lines += ["", screen.line(Span(one["id"], "bold"))]
        lines += _wrapped(screen, one["hypothesis"], "dim", "  ") if one["hypothesis"] else []
        lines += _wrapped(screen, experiment.verdict(one), style if style in CODES else "", "  ")
        for _, group in experiment.grouped(one):
            for metric, arm, found in group:
                status = {"better": "good", "safe": "good", "worse": "bad", "harmed": "bad"}.get(found["status"], "dim")
                role = "" if metric["role"] == "primary" else f" ({metric['role']})"
                lines.append(screen.line(Span(f"  {experiment.name_of(metric)}, {arm}{role}: "), Span(found["status"], status)))
                lines += _wrapped(screen, experiment.shown(metric, found), "", "    ")
        for name, said in experiment.facts(one) if one["decision"] and wording.in_full(report) else ():
            lines += _wrapped(screen, f"{name}: {said}", "dim", "  ")
        for number, step in enumerate(one["next_steps"], 1):
            lines += _wrapped(screen, f"{number}. {step}", "", "  ")
        lines += _wrapped(screen, one["rollout_guidance"], "bold", "  ") if one["rollout_guidance"] else []
    return lines


def _issues(report: Mapping[str, Any], screen: Screen) -> list[str]:
    if not report["issues"]:
        return [screen.line(Span("Nothing is open and nothing was breached in the period.", "good"))]
    columns = [Column("level"), Column("id", least=72), Column("what"), Column("state"), Column("owner", least=100)]
    columns.append(Column("since", right=True))
    rows = []
    for issue in report["issues"]:
        active = issue["state"] in ACTIVE
        style = LEVEL_STYLE.get(issue["level"], "") if active else "dim"
        state = {"open": "bad", "acknowledged": "info", "pending": "wait"}.get(issue["state"], "dim")
        rows.append(
            [
                Span(_level(issue["level"], screen), style),
                Span(issue["id"][:8], "dim"),
                Span(issue["title"], "bold" if active else "dim"),
                Span(wording.state(issue).lower(), state),
                Span(wording.owner(issue).split(", ")[0] if not (issue["owner"] or {}).get("substitute_for") else wording.owner(issue)),
                Span(moment(issue["opened_at"], report["period"]["watermark"])),
            ]
        )
    return grid(screen, columns, rows, gives=2)


def _level(level: int, screen: Screen) -> str:
    if not level:
        return "○" if screen.unicode else "-"
    return f"{'■' * level}{'·' * (3 - level)} L{level}" if screen.unicode else f"L{level}"


def _backlog(report: Mapping[str, Any], screen: Screen) -> list[str]:
    if not report["backlog"]:
        return [screen.line(Span("There is nothing to do.", "dim"))]
    columns = [Column("to do"), Column("owner"), Column("priority", least=80), Column("due", right=True)]
    rows = []
    for item in report["backlog"]:
        owner = wording.sentence(item["owner"]["person"]) if item["owner"] else "nobody yet"
        due = moment(item["due"], report["period"]["watermark"])
        rows.append(
            [
                Span(item["title"], "bold" if item["priority"] == 1 else ""),
                Span(owner, "" if item["owner"] else "warn"),
                Span(wording.PRIORITIES[item["priority"]]),
                Span(due, "warn" if item["overdue"] else ""),
            ]
        )
    return grid(screen, columns, rows)


def _foot(report: Mapping[str, Any], screen: Screen) -> list[str]:
    gate = report["plan"]["header"]["merge_gate"]["not_evaluated"]
    said = [f"{wording.draft(report['review'])}.", *([f"Not evaluated: {', '.join(gate)}."] if gate else [])]
    lines = [screen.line(Span(line, "dim")) for line in said]
    active = [issue for issue in report["issues"] if issue["kind"] == "incident" and issue["state"] in ACTIVE]
    if active:
        lines.append(screen.line(Span("Next  ", "dim"), Span(f"pmon incidents show {active[0]['id'][:8]}")))
    else:
        lines.append(screen.line(Span("Next  ", "dim"), Span("pmon incidents list")))
    return lines


def _sight(report: Mapping[str, Any], screen: Screen) -> list[str]:
    """Return what detectors watch, a row for each level."""
    columns = [Column(head.lower(), right=place > 1) for place, head in enumerate(SIGHT)]
    rows = [[Span(cell) for cell in row] for row in sight(report)]
    lines = [screen.line(Span(line)) for line in frozen(report)]
    return [*grid(screen, columns, rows), *lines, ""] if rows else []
