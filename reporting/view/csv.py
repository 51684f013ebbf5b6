"""Tables as CSV (RFC 4180) for spreadsheets and trackers: nothing in a cell is ever a formula.

A spreadsheet takes a text that begins with = + - @ for a formula, also behind a tab, a line end or a quote of another script. Such a text
gets an apostrophe before it (OWASP, CSV injection); numbers of ours stay numbers. Small cells are merged before they come here.
"""

from collections.abc import Mapping
from typing import Any, Final

from reporting.safe import plain
from reporting.view.checks import checks
from reporting.wording import breached_windows

FORMULA: Final = "=+-@\uff1d\uff0b\uff0d\uff20\t\r\n"  # the full-width forms are folded to the plain ones by some programs
Rows = list[dict[str, Any]]


def render(report: Mapping[str, Any], table: str) -> str:
    """Return one table of TABLES; raises KeyError for another name."""
    rows = TABLES[table](report)
    names = list(dict.fromkeys(name for row in rows for name in row)) or HEADS[table]
    lines: list[list[Any]] = [names, *([row.get(name) for name in names] for row in rows)]
    return "".join(",".join(_written(cell(value)) for value in line) + "\r\n" for line in lines)


def _written(value: str | int | float) -> str:
    text = str(value)
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\r\n') else text


def cell(value: object) -> str | int | float:
    """Return a value as a cell.

    >>> cell("=1+1"), cell(-0.5), cell(" @x"), cell(None)
    ("'=1+1", -0.5, "' @x", '')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return value
    text = plain(value)
    return f"'{text}" if text.lstrip()[:1] in FORMULA and text.strip() else text


def segments(report: Mapping[str, Any]) -> Rows:
    """Return one row a segment: its key, counts, figures with interval, and the change against the period before."""
    rows = []
    names = report["performance"]["dimensions"]
    for one in report["performance"]["segments"]:
        row = {name: one["key"].get(name, one["key"].get("merged", "")) for name in names}
        row |= _counts(one["counts"])
        rows.append(row | _figures(one))
    return rows


def _counts(counts: Mapping[str, Any]) -> dict[str, Any]:
    """Return counts by name, money by currency; sorted, so that columns do not hang on how the report was written."""
    whole = {name: number for name, number in sorted(counts.items()) if isinstance(number, int)}
    return whole | {f"revenue_minor_{code}": amount for code, amount in sorted(counts["revenue_minor"].items())}


def _figures(one: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, value in sorted(one["kpis"].items()):
        row[name] = value
        ends = one["interval"].get(name)
        if ends:
            row |= {f"{name}_low": ends[0], f"{name}_high": ends[1]}
        change = (one["change"] or {}).get(name)
        if change:
            row |= {f"{name}_change": change["difference"], f"{name}_moved": change["moved"]}
    return row


def trend(report: Mapping[str, Any]) -> Rows:
    """Return one row a day or hour of the whole initiative."""
    return [
        {"start": one["start"], "end": one["end"], "partial": one["partial"]}
        | _counts(one["counts"])
        | dict(sorted(one["kpis"].items()))
        for one in report["performance"]["trend"]
    ]


def checklist(report: Mapping[str, Any]) -> Rows:
    """Return one row a check."""
    return [{name: row[name] for name in HEADS["checklist"]} for row in checks(report)]


def issues(report: Mapping[str, Any]) -> Rows:
    """Return one row an issue."""
    return [
        {name: one[name] for name in ("id", "kind", "check", "title", "state", "level", "severity", "opened_at", "updated_at")}
        | {"owner": (one["owner"] or {}).get("person"), "windows": breached_windows(one), "action": one["recommended_action"]}
        | {"suspects": ", ".join(str(suspect["change_id"]) for suspect in one["suspects"])}
        for one in report["issues"]
    ]


def backlog(report: Mapping[str, Any]) -> Rows:
    """Return one row an item, as trackers import them: the same work has the same id in every report."""
    return [
        {name: one[name] for name in ("id", "title", "priority", "due", "overdue", "acceptance")}
        | {"owner": (one["owner"] or {}).get("person"), "substitute_for": (one["owner"] or {}).get("substitute_for")}
        | {"role": (one["owner"] or {}).get("role"), "source": one["source"]["kind"], "source_id": one["source"]["id"]}
        | {"check": one["source"]["check"], "initiative": report["initiative"], "report_id": report["report_id"]}
        for one in report["backlog"]
    ]


TABLES: Final = {"segments": segments, "trend": trend, "checklist": checklist, "issues": issues, "backlog": backlog}
HEADS: Final = {  # of a table without rows
    "segments": ["exposures"],
    "trend": ["start", "end", "partial"],
    "checklist": ["status", "check", "found", "who", "until"],
    "issues": ["id", "kind", "check", "title", "state", "level", "severity", "opened_at", "updated_at", "owner"],
    "backlog": ["id", "title", "priority", "due", "overdue", "acceptance", "owner"],
}
