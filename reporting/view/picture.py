"""The pictures of the HTML view, drawn from the report's own numbers, and the icons that stand beside status words."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from markupsafe import Markup

from detectors.window import DAY
from governance.message.instant import format_instant, parse_instant
from reporting.chart.bars import Part, segment_bars
from reporting.chart.flow import decision_flow
from reporting.chart.graph import Node, plan_graph
from reporting.chart.mark import element
from reporting.chart.multiples import Panel, row
from reporting.chart.series import Series, observed_series
from reporting.chart.timeline import Kind, Lane, Moment, lanes, steps
from reporting.figure import NONE, clock, day, moment, rate
from reporting.issues import ACTIVE
from reporting.wording import STEPS, count_of, label, owner, title, where

WIDE, INSET, NARROW = 796.0, 592.0, 326.0
ISSUES = 20  # issues shown in full; the canonical JSON has them all
FACETS = 3
EDGES = 14
LANES = 12
BREACHES = 24  # diamonds in a lane; a breach that goes on for days is its bar
CHANGES = 3
RATES = ("ctr", "conversion_rate")
ICONS = {
    "pass": '<circle cx="8" cy="8" r="7" fill="currentColor"/><path d="M4.8 8.2l2.2 2.2 4.2-4.6" class="cut"/>',
    "fail": '<path d="M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1z" fill="currentColor"/><path d="M5.5 5.5l5 5m0-5l-5 5" class="cut"/>',
    "warn": '<path d="M8 1.5L15.3 14.5H.7z" fill="currentColor"/><path d="M8 6v4m0 1.8v.4" class="cut"/>',
    "pending": '<circle cx="8" cy="8" r="6.2"/><path d="M8 4.6V8l2.3 1.5"/>',
    "waived": '<circle cx="8" cy="8" r="6.2"/><path d="M4 12L12 4"/>',
    "none": '<circle cx="8" cy="8" r="6.2" stroke-dasharray="2.6 2.2"/>',
}


def icon(name: str) -> Markup:
    """Return a status icon in its word's colour; the word beside it carries the meaning."""
    return Markup(f'<svg class="icon" width="14" height="14" viewBox="0 0 16 16" aria-hidden="true">{ICONS[name]}</svg>')


def level_bars(level: int) -> Markup:
    """Return a level as one to three filled bars."""
    bars = "".join(element("rect", x=index * 6, y=1, width=4.4, height=10, class_="on" if index < level else "off") for index in range(3))
    return Markup(element("svg", bars, class_="levels", width=18, height=12, viewBox="0 0 18 12", aria_hidden="true"))


def pictures(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return every chart of the report; one that has nothing to show is empty."""
    drawn = report["issues"][:ISSUES]
    return {
        "multiples": _multiples(report),
        "flow": _both(partial(_flow, report)),
        "lanes": _both(partial(_lanes, report)),
        "plan": Markup(_plan(report)),
        "steps": {
            issue["id"]: Markup(_steps(report, issue)) for issue in drawn if issue["kind"] == "incident" and issue["state"] in ACTIVE
        },
        "series": {issue["id"]: _both(partial(_series, report, issue), INSET) for issue in drawn if issue["kind"] == "request"},
        "bars": {issue["id"]: _both(partial(_bars, issue), INSET) for issue in drawn},
    }


def _both(draw: Callable[[float], str], wide: float = WIDE) -> dict[str, Markup]:
    """Draw a chart at its two widths; a media query shows one of them, so text is never scaled."""
    return {"wide": Markup(draw(wide)), "narrow": Markup(draw(NARROW))}


def _multiples(report: Mapping[str, Any]) -> list[list[dict[str, Any]]]:
    """Return one row of panels per rate; the whole initiative where there is only one facet or none."""
    figures = report["performance"]
    facets = figures["trends"][:FACETS]
    if not facets:
        return []
    labels = _row_labels([point["start"] for point in figures["trend"]], report["period"]["unit"])
    found = []
    for order, kpi in enumerate(RATES):
        panels = [_panel(report, facet, kpi, first=not index) for index, facet in enumerate(facets)]
        drawn = row(panels, labels if order == len(RATES) - 1 else ())
        found.append([{"name": panel.name, "chart": Markup(svg)} for panel, svg in zip(panels, drawn, strict=True)])
    return found


def _panel(report: Mapping[str, Any], facet: Mapping[str, Any], kpi: str, first: bool) -> Panel:
    ((dimension, value),) = facet["key"].items()
    open_end = bool(facet["points"]) and facet["points"][-1]["partial"]
    short = "Conversion" if kpi == "conversion_rate" else label(kpi)
    return Panel(
        f"{short}, {value}" + (", %" if first else ""),
        [_percent(point, kpi) for point in facet["points"]],
        [_percent(point, kpi) for point in facet["previous"]],
        open_end,
        [
            place
            for place, change in _placed_changes(report)
            if dimension != "channel" or not change["channels"] or value in change["channels"]
        ],
        _breached(report, dimension, value, kpi),
    )


def _percent(point: Mapping[str, Any], kpi: str) -> float | None:
    value = point["kpis"][kpi] if point["kpis"] else None
    return None if value is None else value * 100


def _placed_changes(report: Mapping[str, Any]) -> list[tuple[float, Mapping[str, Any]]]:
    """Return the changes that went out, with their place between the trend's rows."""
    starts = [parse_instant(point["start"]) for point in report["performance"]["trend"]]
    if not starts:
        return []
    size = parse_instant(report["performance"]["trend"][0]["end"]) - starts[0]
    placed = [
        ((parse_instant(change["at"]) - starts[0]) / size - 0.5, change) for change in report["governance"]["changes"] if _out(change)
    ]
    return [(place, change) for place, change in placed if 0 <= place <= len(starts) - 1][-CHANGES:]


def _out(change: Mapping[str, Any]) -> bool:
    return change["action"] in ("deployed", "rolled_back")


def _breached(report: Mapping[str, Any], dimension: str, value: str, kpi: str) -> frozenset[int]:
    """Return the rows that hold a breached window of an active incident about this facet and figure."""
    rows = [(parse_instant(point["start"]), parse_instant(point["end"])) for point in report["performance"]["trend"]]
    found: set[int] = set()
    for issue in report["issues"]:
        about = (issue["threshold"] or {}).get("kpi") or issue["key"].get("kpi")
        if issue["state"] in ACTIVE and issue["kind"] == "incident" and issue["key"].get(dimension) == value and about == kpi:
            windows = [(parse_instant(window["start"]), parse_instant(window["end"])) for window in issue["windows"]]
            found |= {index for index, (start, end) in enumerate(rows) if any(start < until and since < end for since, until in windows)}
    return frozenset(found)


def _row_labels(starts: Sequence[str], unit: str) -> list[tuple[int, str]]:
    if not starts:
        return []
    last = len(starts) - 1
    named = [f"{clock(start):%H:%M}" if unit == "hour" else str(clock(start).day) for start in starts]
    first = named[0] if unit == "hour" else day(starts[0])
    return [(0, first), *((index, named[index]) for index in sorted({last // 2, last} - {0}))]


def _flow(report: Mapping[str, Any], width: float) -> str:
    paths = report["performance"]["decision_paths"]
    edges = [(edge["from"], edge["to"], edge["exposures"]) for edge in paths["edges"][:EDGES]]
    return decision_flow(edges, paths["exposures"], width) if edges else ""


def _lanes(report: Mapping[str, Any], width: float) -> str:
    incidents = [issue for issue in report["issues"] if issue["kind"] == "incident"][:LANES]
    if not incidents:
        return ""
    start, end = parse_instant(report["period"]["from"]), parse_instant(report["period"]["to"])
    drawn = [_lane(issue, start, end) for issue in incidents]
    changes = [(parse_instant(change["at"]), change["change_id"]) for change in report["governance"]["changes"] if _out(change)]
    inside = [(at, name) for at, name in changes if start <= at < end]
    named = [(at, name if index >= len(inside) - 1 else "") for index, (at, name) in enumerate(inside)]
    return lanes(drawn, named, (start, end), _span_labels(start, end, report["period"]["unit"]), width)


def _lane(issue: Mapping[str, Any], start: int, end: int) -> Lane:
    active = issue["state"] in ACTIVE
    breaches = [parse_instant(window["end"]) for window in issue["windows"][:BREACHES]]
    opened = max(start, parse_instant(issue["opened_at"]))
    return Lane(
        title(issue), f"L{issue['level']}", opened, end if active else max(opened, parse_instant(issue["updated_at"])), active, breaches
    )


def _span_labels(start: int, end: int, unit: str) -> list[tuple[float, str]]:
    step = max(DAY if unit == "day" else DAY // 24, (end - start) // 4)
    step = -(-step // DAY) * DAY if unit == "day" else -(-step // (DAY // 24)) * (DAY // 24)
    named = [(at, format_instant(at)) for at in range(start, end, step)]
    return [(float(at), day(text) if unit == "day" else f"{clock(text):%H:%M}") for at, text in named]


def _steps(report: Mapping[str, Any], issue: Mapping[str, Any]) -> str:
    """Return an incident's own timeline: changes before it, breaches, then each step; nothing where no step is known."""
    today = report["period"]["watermark"]
    found = [
        (parse_instant(suspect["at"]), Moment("change", moment(suspect["at"], today), _change(suspect), _carrier(suspect)))
        for suspect in issue["suspects"][:2]
    ]
    found += [
        (parse_instant(window["end"]), Moment("breach", moment(window["end"], today), f"Breach {index}"))
        for index, window in enumerate(issue["windows"][:2], 1)
    ]
    for step in issue["timeline"][:6]:
        kind: Kind = "escalation" if step["step"] in ("opened", "escalated", "reopened") else "step"
        who = f"to {owner(step)}" if step["owner"] else ""
        what = STEPS.get(step["step"], step["step"]) + (f", L{step['level']}" if kind == "escalation" else "")
        found.append((parse_instant(step["at"]), Moment(kind, moment(step["at"], today), what, who if kind == "escalation" else "")))
    if len(found) < 2:
        return ""
    moments = [entry for _, entry in sorted(found, key=lambda item: item[0])]
    return steps(moments, f"{title(issue)}: {count_of(len(moments), 'step')} from {moments[0].at} to {moments[-1].at}.")


def _change(suspect: Mapping[str, Any]) -> str:
    return f"{suspect['change_id']} {str(suspect.get('action', 'deployed')).replace('_', ' ')}"


def _carrier(suspect: Mapping[str, Any]) -> str:
    version = f" v{suspect['version']}" if suspect.get("version") is not None else ""
    channels = f" on {', '.join(suspect['channels'])}" if suspect.get("channels") else ""
    return f"{suspect['rule_id']}{version}{channels}"


def _series(report: Mapping[str, Any], issue: Mapping[str, Any], width: float) -> str:
    """Return the whole initiative's figure over the period against the bound of the request."""
    bound, trend = issue["threshold"], report["performance"]["trend"]
    if report["performance"]["definitions"].get(bound["kpi"], {}).get("numerator", "revenue_minor") == "revenue_minor":
        return ""
    hit = {window["start"] for window in issue["windows"]}
    placed = _placed_changes(report)
    return observed_series(
        Series(
            label(bound["kpi"]),
            [None if point["kpis"][bound["kpi"]] is None else point["kpis"][bound["kpi"]] * 100 for point in trend],
            breached=[index for index, point in enumerate(trend) if point["start"] in hit],
            changes=[(place, f"{change['change_id']}") for place, change in placed[-1:]],
            labels=_row_labels([point["start"] for point in trend], report["period"]["unit"]),
            bound=(bound["value"] * 100, f"bound {rate(bound['value'])}"),
            partial=report["period"]["partial"],
            name_of_hatch=f"hatch-{issue['id']}-{width:.0f}",
        ),
        width,
    )


def _bars(issue: Mapping[str, Any], width: float) -> str:
    """Return who carries the change, where the explanation says so."""
    segments = (issue["explanation"] or {}).get("segments") or ()
    parts = [
        Part(
            where(segment["where"]),
            segment["share_of_change"],
            f"{_rate(segment, 'after')}, before {_rate(segment, 'before')}",
            claim=True,
        )
        for segment in segments
        if segment.get("share_of_change") is not None
    ]
    return segment_bars(parts, "the change", width) if parts else ""


def _rate(segment: Mapping[str, Any], when: str) -> str:
    return rate(segment[f"k_{when}"] / segment[f"n_{when}"]) if segment.get(f"n_{when}") else NONE


def _plan(report: Mapping[str, Any]) -> str:
    gate = report["plan"]["header"]["merge_gate"]
    skipped = gate["not_evaluated"]
    items = [issue for issue in report["issues"] if issue["state"] in ACTIVE]
    return plan_graph(
        {
            "performance": Node(count_of(len(report["performance"]["segments"]), "row")),
            "governance": Node("not evaluated", missing=True) if "governance" in skipped else Node("evaluated"),
            "experiments": Node("not evaluated", missing=True)
            if "experiments" in skipped
            else Node(count_of(len(report["experiments"]), "experiment")),
            "merge gate": Node(f"passed {clock(gate['passed_at']):%H:%M:%S}"),
            "issues": Node(f"{len(items)} active"),
            "report": Node("draft"),
        }
    )
