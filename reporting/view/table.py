"""The tables of the HTML view as rows of finished text and marks, bounded so that a report stays a page."""

from collections.abc import Iterable, Mapping, Sequence
from math import floor
from typing import Any

from markupsafe import Markup

from detectors.kpi import breached
from governance.message.instant import format_instant, parse_instant
from reporting.chart import cells
from reporting.chart.flow import FAULTS
from reporting.coverage import MERGED
from reporting.figure import NBSP, NONE, bare_points, bare_rate, clock, day, integer, money, points, rate, short
from reporting.issues import ACTIVE, DEPLOYED
from reporting.recap import pace, policies_told
from reporting.wording import count_of, label, sentence

SHOWN = 40  # rows of the segment table; the canonical JSON has them all
ENDS = 10  # of decision paths, and of dead branches
SIGHT = ("Detector", "By", "Watched", "Learning", "Too small", "Smallest change seen in one window")
TECHNICAL = "technical_fallback_rate"


def currency(counts: Mapping[str, Any]) -> str | None:
    """Return the one currency of some counts, None where there are several or none: they are never added."""
    amounts = counts["revenue_minor"]
    return next(iter(amounts)) if len(amounts) == 1 else None


def per_exposure(counts: Mapping[str, Any], kpis: Mapping[str, Any], symbol: bool = True) -> str:
    """Return the money per exposure; a dash where nothing came in or in several currencies."""
    code = currency(counts)
    if code is None:
        return NONE
    text = money(kpis["revenue_per_exposure"], code, 3)
    return text if symbol else text.replace(money(0, code, 0).rstrip("0"), "")


def named(segment: Mapping[str, Any], dimensions: Sequence[str]) -> str:
    """Return a segment's key in the order of the table's dimensions, whatever order it was written in."""
    return " × ".join(str(segment["key"][name]) for name in dimensions if name in segment["key"]) or MERGED[0]


def tiles(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the five totals: name, value, and what it is compared with."""
    performance = report["performance"]
    totals, previous = performance["totals"], performance["previous"]
    change = previous["change"] if previous else {}
    consent = report["governance"]["consent"]
    found = [
        _tile("Exposures", short(totals["counts"]["exposures"]), pace(report)),
        _tile("CTR", rate(totals["kpis"]["ctr"]), _compared(change.get("ctr"))),
        _tile("Conversion rate", rate(totals["kpis"]["conversion_rate"]), _compared(change.get("conversion_rate"))),
        _tile("Revenue per exposure", per_exposure(totals["counts"], totals["kpis"]), _earned(totals["counts"])),
    ]
    if consent["status"] == "not_evaluated":
        return [*found, _tile("Consent violations", NONE, "not evaluated", "none")]
    bad = consent["violations"] > 0
    return [
        *found,
        _tile("Consent violations", integer(consent["violations"]), f"of {short(consent['judged'])} judged", "bad" if bad else "good"),
    ]


def _tile(name: str, value: str, beside: str, status: str = "") -> dict[str, Any]:
    return {"name": name, "value": value, "beside": beside, "status": status}


def _compared(change: Mapping[str, Any] | None) -> str:
    if change is None:
        return "nothing to compare"
    return f"{points(change['difference'])}, {'more than chance' if change['moved'] else 'within chance'}"


def _earned(counts: Mapping[str, Any]) -> str:
    amounts = counts["revenue_minor"]
    if not amounts:
        return "no revenue counted"
    return ", ".join(money(minor, code) for code, minor in amounts.items()) + " in all"


def performance(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return the segment table: rows in groups, the axis they share, the last rows (the rest, merged, all) and the legend's needs."""
    figures = report["performance"]
    segments = [segment for segment in figures["segments"] if not segment["merged"]]
    merged = [segment for segment in figures["segments"] if segment["merged"]]
    shown, rest = segments[:SHOWN], segments[SHOWN:]
    span = cells.bounds([value for segment in shown for value in _seen(segment)])
    longest = max((segment["counts"]["exposures"] for segment in shown), default=1) or 1
    bound = _bound(figures)
    code = currency(figures["totals"]["counts"])
    rows = [_row(segment, figures["dimensions"], longest, span, bound) for segment in shown]
    total = _row(_whole(figures), figures["dimensions"], longest, span, None, "All cells")
    return {
        "head": " × ".join(figures["dimensions"]),
        "groups": _grouped(rows) if len(figures["dimensions"]) > 1 else [{"name": "", "rows": rows}],
        "axis": Markup(cells.axis(*span)),
        "rest": {"cells": len(rest), "exposures": integer(sum(segment["counts"]["exposures"] for segment in rest))} if rest else None,
        "merged": {"exposures": integer(merged[0]["counts"]["exposures"])} if merged else None,
        "total": total,
        "unit": money(0, code, 0).rstrip("0").strip(NBSP) if code else "Revenue",
        "bound": rate(bound["value"]) if bound and any(row["technical_over"] for row in rows) else None,
        "lead": _lead(figures, shown),
        "moved": any(row["moved"] for row in rows),
        "days": figures["previous"]["rows"] if figures["previous"] else 0,
    }


def header(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return the report's period, freshness and coverage in words."""
    period, previous = report["period"], report["performance"]["previous"]
    start, last = clock(period["from"]), clock(format_instant(parse_instant(period["to"]) - 1))
    if period["unit"] == "hour":
        span = f"{last.day}{NBSP}{last:%B %Y}, {start:%H:%M} to {clock(period['to']):%H:%M}"
    else:
        same = (start.year, start.month) == (last.year, last.month)
        span = f"{start.day}{'' if same else f'{NBSP}{start:%B}'} to {last.day}{NBSP}{last:%B %Y}"
    share = report["coverage"]["share"]
    return {
        "span": span,
        "before": count_of(previous["rows"], period["unit"]) if previous else "",
        "from": f"{day(period['from'])} {start:%H:%M}",
        "to": f"{day(period['to'])} {clock(period['to']):%H:%M}",
        "watermark": f"{day(period['watermark'])} {clock(period['watermark']):%H:%M:%S}",
        "coverage": f"{floor(share * 10_000) / 100:.2f}{NBSP}% of events" if share is not None else "no events",
        "last": day(format_instant(parse_instant(period["to"]) - 1)),
        "until": f"{clock(period['to']):%H:%M}",
        "checks": _checks(report["governance"]),
        "deployed": sum(change["action"] in DEPLOYED for change in report["governance"]["changes"]),
        "open": sum(issue["state"] in ACTIVE for issue in report["issues"]),
    }


def _checks(governance: Mapping[str, Any]) -> str:
    """Say how the checks came out, what was not evaluated included."""
    consent, counts = governance["consent"], governance["counts"]
    policies = policies_told(counts)
    if governance["status"] == "not_evaluated":
        policies = "the policy checks could not be evaluated"
    if consent["status"] == "not_evaluated":
        unjudged = governance["status"] == "not_evaluated"
        return "Nothing could be evaluated." if unjudged else f"{sentence(policies)}; consent was not evaluated."
    return f"Consent at exposure {'fails' if consent['violations'] else 'passes'}; {policies}."


def _seen(segment: Mapping[str, Any]) -> Iterable[float]:
    """Return the rates a row puts on the axis; interval ends stay out, one thin cell must not squeeze all others."""
    if segment["kpis"]["ctr"] is not None:
        yield segment["kpis"]["ctr"]
    if segment["previous"] and segment["previous"]["kpis"]["ctr"] is not None:
        yield segment["previous"]["kpis"]["ctr"]


def _bound(figures: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the threshold on technical fallbacks that can be read off this table's rows, None where there is none."""
    for rule in figures["thresholds"]:
        if rule["kpi"] == TECHNICAL and set(rule["group_by"]) <= set(figures["dimensions"]):
            found: Mapping[str, Any] = rule
            return found
    return None


def _whole(figures: Mapping[str, Any]) -> dict[str, Any]:
    previous = figures["previous"]
    return {
        "key": {},
        "merged": False,
        **figures["totals"],
        "previous": previous["totals"] if previous else None,
        "change": previous["change"] if previous else None,
        "previous_suppressed": False,
    }


def _row(
    segment: Mapping[str, Any],
    dimensions: list[str],
    longest: int,
    span: tuple[float, float],
    bound: Mapping[str, Any] | None,
    name: str | None = None,
) -> dict[str, Any]:
    kpis, counts, change = segment["kpis"], segment["counts"], segment["change"] or {}
    values = [segment["key"].get(dimension, "") for dimension in dimensions]
    ctr, conversion = change.get("ctr"), change.get("conversion_rate")
    technical = kpis[TECHNICAL]
    moved = ctr is not None and bool(ctr["moved"])
    return {
        "group": values[0] if len(values) > 1 else "",
        "name": name or (" · ".join(values[1:]) if len(values) > 1 else values[0]),
        "bar": Markup(cells.bar(counts["exposures"] / longest, f"{integer(counts['exposures'])} exposures.")) if name is None else Markup(),
        "exposures": integer(counts["exposures"]),
        "mark": Markup(_mark(segment, span, moved)) if kpis["ctr"] is not None else Markup(),
        "ctr": bare_rate(kpis["ctr"]),
        "moved": moved,
        "fell": ctr is not None and moved and ctr["difference"] < 0,
        "change": bare_points(ctr["difference"]) if ctr else NONE,
        "hidden": segment["previous_suppressed"],
        "conversion": bare_rate(kpis["conversion_rate"]),
        "conversion_change": bare_points(conversion["difference"]) if conversion else "",
        "conversion_moved": bool(conversion and conversion["moved"]),
        "money": per_exposure(counts, kpis, symbol=False),
        "technical": bare_rate(technical),
        "technical_over": bool(bound and technical is not None and breached(technical, bound["op"], bound["value"])),
    }


def _mark(segment: Mapping[str, Any], span: tuple[float, float], moved: bool) -> str:
    ends = segment["interval"]["ctr"]
    before = segment["previous"]["kpis"]["ctr"] if segment["previous"] else None
    value = segment["kpis"]["ctr"]
    said = (
        f"CTR {rate(value)}"
        + (f", 95 % {rate(ends[0])} to {rate(ends[1])}" if ends else "")
        + (f", before {rate(before)}" if before is not None else "")
    )
    fell = moved and before is not None and value < before
    return cells.rate_mark(value, ends, before, fell, span, said + ".")


def _grouped(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Group rows by their first dimension, groups in the order of their largest row."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["group"], []).append(row)
    return [{"name": name, "rows": inside} for name, inside in groups.items()]


def _lead(figures: Mapping[str, Any], shown: list[dict[str, Any]]) -> str:
    if figures["previous"] is None:
        return "There is no period before this one, so nothing is called moved."
    moved = [segment for segment in figures["segments"] if (segment["change"] or {}).get("ctr") and segment["change"]["ctr"]["moved"]]
    if not moved:
        return "In no cell did CTR move by more than chance against the period before."
    names = [named(segment, figures["dimensions"]) for segment in moved[:3]]
    more = f" and {len(moved) - 3} more" if len(moved) > 3 else ""
    return f"CTR moved by more than chance in {len(moved)} of {len(figures['segments'])} cells: {', '.join(names)}{more}."


def feeds(report: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return one row per topic: partitions, and first and last offsets added over them."""
    topics: dict[str, list[Mapping[str, Any]]] = {}
    for feed in report["plan"]["feeds"]:
        topics.setdefault(feed["topic"], []).append(feed)
    return [
        {
            "topic": topic,
            "partitions": integer(len(parts)),
            "offsets": f"{integer(sum(part['first_offset'] for part in parts))} to {integer(sum(part['last_offset'] for part in parts))}",
            "records": integer(sum(part["last_offset"] - part["first_offset"] + 1 for part in parts)),
        }
        for topic, parts in topics.items()
    ]


def paths(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return where decision paths end, as rows, and the branches that nobody took any more."""
    found = report["performance"]["decision_paths"]
    return {
        "ends": [
            {
                "name": end["node"].replace("_", " "),
                "exposures": integer(end["exposures"]),
                "share": rate(end["share"]),
                "before": rate(end["previous_share"]),
                "change": points(end["change"]["difference"]) if end["change"] else NONE,
                "moved": bool(end["change"] and end["change"]["moved"]),
                "worse": bool(end["node"] in FAULTS and end["change"] and end["change"]["difference"] > 0),
            }
            for end in found["ends"][:ENDS]
        ],
        "dead": ", ".join(f"{edge['from']} to {edge['to']} ({integer(edge['previous'])} before)" for edge in found["dead"][:ENDS]),
    }


def sight(report: Mapping[str, Any]) -> list[list[str]]:
    """Return what detectors watch, a row as `SIGHT` names it for each level."""
    rows = []
    for found in report["coverage"]["detection"]:
        figure = "" if found["kpi"] == found["check"] else f" of {label(found['kpi'])}"
        by = " and ".join(found["group_by"]) or "the whole"
        change = found["smallest_change"]
        least, most = (rate(min(1.0, change[end])) for end in ("least", "most")) if change else (NONE, NONE)
        numbers = [integer(found[name]) for name in ("watched", "learning", "too_small")]
        rows.append([f"{found['check']}{figure}", by, *numbers, least if least == most else f"{least} to {most}"])
    return rows


def frozen(report: Mapping[str, Any]) -> list[str]:
    """Return a line for each level of which some series are frozen: how many, and what their detector raised."""
    found = [one for one in report["coverage"]["detection"] if one["frozen"]]
    return [
        f"Frozen, {one['check']} by {' and '.join(one['group_by']) or 'the whole'}: {integer(one['frozen'])} of {integer(one['series'])}, "
        f"the detector raised {', '.join(one['raised'])}"
        for one in found
    ]
