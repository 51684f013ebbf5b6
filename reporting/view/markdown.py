"""The Markdown view: for a ticket, a pull request or a chat; everything from outside is escaped, nothing is HTML."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reporting import wording
from reporting.figure import MINUS, NONE, age, bare_points, bare_rate, day, integer, moment, rate
from reporting.recap import recap
from reporting.safe import markdown as safe
from reporting.view import experiment
from reporting.view.canonical import digest
from reporting.view.checks import checks
from reporting.view.difference import differences
from reporting.view.table import SIGHT, feeds, frozen, header, paths, per_exposure, performance, sight, tiles

ROWS = 40


def render(report: Mapping[str, Any]) -> str:
    """Return the report as Markdown, ending with a line end."""
    parts = [
        _top(report),
        _performance(report),
        _governance(report),
        _experiments(report),
        _issues(report),
        _backlog(report),
        _plan(report) if wording.in_full(report) else [_identity(report)],
    ]
    return "\n\n".join(line for part in parts for line in part if line) + "\n"


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], right: Sequence[int] = ()) -> str:
    """Return a table of plain cells, columns in `right` aligned to the right; every cell is escaped."""
    rule = ["---:" if index in right else "---" for index in range(len(heads))]
    lines = [[safe(head) for head in heads], rule, *([safe(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _top(report: Mapping[str, Any]) -> list[str]:
    words, request = header(report), report["request"]
    before = f", against the {words['before']} before" if words["before"] else ""
    partial = f" (last {report['period']['unit']} partial)" if report["period"]["partial"] else ""
    coverage = report["coverage"]
    facts = [
        f"Period {words['from']} to {words['to']} UTC{partial}",
        f"watermark {words['watermark']}",
        f"{words['coverage']}, late {integer(coverage['late'])}, refused {integer(coverage['refused_total'])}",
        f"asked by {request.get('requested_by') or 'nobody named'}",
        wording.draft(report["review"]),
    ]
    sentences = [f"{'**' + safe(strong) + '**' if strong else ''}{safe(rest)}" for strong, rest in recap(report)]
    return [
        f"# {safe(report['title'])}",
        safe(f"{words['span']}{before}"),
        safe(" · ".join(facts)),
        " ".join(sentences),
        table(["", "Value", "Compared"], [[tile["name"], tile["value"], tile["beside"]] for tile in tiles(report)], right=[1]),
    ]


def _performance(report: Mapping[str, Any]) -> list[str]:
    words, figures = performance(report), report["performance"]
    heads = [*(wording.sentence(name) for name in figures["dimensions"]), "Exposures", "CTR, %", "95 %", "vs previous, pp"]
    heads += ["Conversion, %", f"{words['unit']} per exposure", "Technical fallback, %"]
    width = len(figures["dimensions"])
    found = [segment for segment in figures["segments"] if not segment["merged"]]
    rows = [_row(segment, [segment["key"][name] for name in figures["dimensions"]]) for segment in found[:ROWS]]
    if len(found) > ROWS:
        rest = sum(segment["counts"]["exposures"] for segment in found[ROWS:])
        rows.append([f"{integer(len(found) - ROWS)} more cells", *[""] * (width - 1), integer(rest), *[""] * 6])
    for segment in figures["segments"]:
        if segment["merged"]:
            rows.append(_row(segment, [_merged(report), *[""] * (width - 1)]))
    previous = figures["previous"]
    whole = {**figures["totals"], "change": previous["change"] if previous else None}
    rows.append(_row(whole, ["All cells", *[""] * (width - 1)]))
    return [
        "## Performance",
        safe(words["lead"]),
        table(heads, rows, right=range(width, len(heads))),
        safe(f"Intervals: {figures['methods']['interval']}; changes: {figures['methods']['change']}. ▲ or ▼: moved by more than chance."),
        *([*_trend(report), *_paths(report), *_sight(report)] if wording.in_full(report) else []),
    ]


def _merged(report: Mapping[str, Any]) -> str:
    suppressed = report["coverage"]["suppressed"]
    return f"{integer(suppressed['merged'])} small cells, merged (under {suppressed['minimum_subjects']} people on every day)"


def _row(segment: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    kpis, change, ends = segment["kpis"], (segment["change"] or {}).get("ctr"), segment["interval"]["ctr"]
    arrow = ("▼ " if change["difference"] < 0 else "▲ ") if change and change["moved"] else ""
    return [
        *names,
        integer(segment["counts"]["exposures"]),
        bare_rate(kpis["ctr"]),
        f"{bare_rate(ends[0])} to {bare_rate(ends[1])}" if ends else NONE,
        arrow + bare_points(change["difference"]) if change else NONE,
        bare_rate(kpis["conversion_rate"]),
        per_exposure(segment["counts"], kpis, symbol=False),
        bare_rate(kpis["technical_fallback_rate"]),
    ]


def _trend(report: Mapping[str, Any]) -> list[str]:
    unit = report["period"]["unit"]
    rows = [
        [
            (day(point["start"]) if unit == "day" else moment(point["start"], report["period"]["watermark"]))
            + (" (partial)" if point["partial"] else ""),
            integer(point["counts"]["exposures"]),
            bare_rate(point["kpis"]["ctr"]),
            bare_rate(point["kpis"]["conversion_rate"]),
        ]
        for point in report["performance"]["trend"]
    ]
    heads = [wording.sentence(unit), "Exposures", "CTR, %", "Conversion, %"]
    return [f"### {'Day by day' if unit == 'day' else 'Hour by hour'}", table(heads, rows, right=[1, 2, 3])]


def _paths(report: Mapping[str, Any]) -> list[str]:
    found = paths(report)
    rows = [[end["name"], end["exposures"], end["share"], end["before"], _marked(end)] for end in found["ends"]]
    dead = f"Dead branches, taken in the period before and not in this one: {found['dead']}." if found["dead"] else ""
    heads = ["Paths end at", "Exposures", "Share", "Before", "Change"]
    return ["### Decision paths", table(heads, rows, right=[1, 2, 3, 4]), safe(dead)] if rows else []


def _marked(end: Mapping[str, Any]) -> str:
    if not end["moved"]:
        return str(end["change"])
    return f"{'▼' if end['change'].startswith(MINUS) else '▲'} {end['change']}"


def _sight(report: Mapping[str, Any]) -> list[str]:
    rows = sight(report)
    said = [*(f"{line}." for line in frozen(report)), wording.SIGHT]
    return ["### What detectors watch", table(SIGHT, rows, right=[2, 3, 4, 5]), *map(safe, said)] if rows else []


def _governance(report: Mapping[str, Any]) -> list[str]:
    governance, today = report["governance"], report["period"]["watermark"]
    changes = [
        [moment(change["at"], today), change["change_id"], change["rule_id"], change["version"], change["action"].replace("_", " ")]
        for change in governance["changes"][-12:]
    ]
    rows = [[row["word"].lower(), row["check"], row["found"], row["who"], row["until"]] for row in checks(report)]
    return [
        "## Governance",
        safe(header(report)["checks"]),
        table(["Result", "Check", "What was found", "Who", "Until"], rows),
        table(["When", "Change", "Rule", "Version", "What"], changes) if changes and wording.in_full(report) else "",
        *(_differences(governance["diffs"]) if wording.in_full(report) else ()),
    ]


def _differences(diffs: Sequence[Mapping[str, Any]]) -> list[str]:
    rows, more = differences(diffs)
    left = f"{more} more are in the canonical JSON." if more else ""
    found = [[row["rule"], row["versions"], row["path"], row["what"]] for row in rows]
    return ["### What versions changed", table(["Rule", "Versions", "Where", "What"], found), left] if found else []


def _experiments(report: Mapping[str, Any]) -> list[str]:
    parts = ["## Experiments", safe(experiment.lead(report))]
    for one in report["experiments"][: experiment.SHOWN]:
        parts.append(f"### {safe(one['id'])}")
        parts.append(safe(one["hypothesis"]) if one["hypothesis"] else "")
        parts.append(f"**{safe(experiment.verdict(one))}**")
        rows = [
            [experiment.name_of(metric), arm, metric["role"], experiment.shown(metric, found), found["status"]]
            for _, group in experiment.grouped(one)
            for metric, arm, found in group
        ]
        parts.append(table(["Metric", "Arm", "Role", "Treatment less control", "Status"], rows) if rows else "")
        parts.append(table(["", ""], experiment.facts(one)) if experiment.facts(one) and wording.in_full(report) else "")
        parts.append("\n".join(f"{index}. {safe(step)}" for index, step in enumerate(one["next_steps"], 1)))
        parts.append(safe(one["rollout_guidance"]) if one["rollout_guidance"] else "")
    return parts


def _issues(report: Mapping[str, Any]) -> list[str]:
    if not report["issues"]:
        return ["## Issues", "Nothing is open and nothing was breached in the period."]
    parts = ["## Issues"]
    for issue in report["issues"]:
        since = moment(issue["opened_at"], report["period"]["watermark"])
        parts.append(f"### {safe(wording.levels(issue['level']))} {safe(issue['title'])}")
        parts.append(safe(wording.finding(issue)))
        parts.append(safe(f"{issue['check']}, since {since}, {wording.state(issue).lower()}. Owner: {wording.owner(issue)}."))
        if issue["recommended_action"]:
            parts.append(f"**{safe(issue['recommended_action'])}**")
        steps = wording.steps(issue, report["period"]["watermark"])
        told = [safe(step) + (f" (taken: {safe(taken)})" if taken else "") for step, taken in steps]
        parts.append("\n".join(f"{index}. {step}" for index, step in enumerate(told, 1)))
    return parts


def _backlog(report: Mapping[str, Any]) -> list[str]:
    today = report["period"]["watermark"]
    rows = [
        [
            item["id"][:8],
            item["title"],
            wording.sentence(item["owner"]["person"]) if item["owner"] else "nobody yet",
            wording.PRIORITIES[item["priority"]],
            moment(item["due"], today) + (", past" if item["overdue"] else ""),
            f"{item['source']['kind']}, {item['source']['check']}",
        ]
        for item in report["backlog"]
    ]
    return ["## Backlog", table(["Id", "What", "Owner", "Priority", "Due", "From"], rows) if rows else "There is nothing to do."]


def _plan(report: Mapping[str, Any]) -> list[str]:
    plan, metrics = report["plan"], report["plan"]["success_metrics"]
    gate, waited, lift = plan["header"]["merge_gate"], metrics["incident_response_s"], metrics["lift_percent"]
    skipped = f"; {' and '.join(gate['not_evaluated'])} not evaluated" if gate["not_evaluated"] else ""
    measured = [
        ["Lift", NONE if lift["value"] is None else f"{lift['value']:+.1f} %".replace("-", MINUS), lift["why"]],
        ["Incident response", age(int(waited["value"] * 1000)) if waited["value"] is not None else NONE, waited["why"] or "median"],
        ["Consent adherence", rate(metrics["consent_adherence"]["value"]), metrics["consent_adherence"]["why"] or "of judged exposures"],
    ]
    signs = "; ".join(wording.signature(sign) for sign in report["review"]["sign_offs"])
    rows = [list(feed.values()) for feed in feeds(report)]
    return [
        "## Plan and audit",
        safe(f"Merge gate ({plan['header']['pattern']}) passed {moment(gate['passed_at'], report['period']['watermark'])}{skipped}."),
        safe(f"Sign-offs: {signs}."),
        table(["Feed", "Partitions", "Offsets, first to last", "Records"], rows, right=[1, 2, 3]) if rows else "",
        table(["Success metric", "Value", "On what"], measured),
        _identity(report),
    ]


def _identity(report: Mapping[str, Any]) -> str:
    hashes = report["plan"]["hashes"]
    return f"Config sha256 `{hashes['config']}`  \nReport sha256 `{digest(report)}`  \nReport id `{report['report_id']}`"
