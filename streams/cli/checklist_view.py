"""The checklist for a terminal: a change a block, a check a line, and under what is not met why, who and until when."""

from collections.abc import Mapping, Sequence
from typing import Any

from governance.checklist import Checklist, Judged
from governance.message.instant import format_instant
from governance.policy.row import STATUSES, Row
from reporting.safe import fit, width
from reporting.view.difference import differences
from reporting.view.screen import Screen, Span

WORD = {"pass": "pass", "fail": "FAIL", "warn": "warn", "pending": "pending", "not_evaluated": "-", "waived": "waived"}
STYLE = {"pass": "good", "fail": "bad", "warn": "warn", "pending": "wait", "not_evaluated": "dim", "waived": "info"}
NAMED = {"not_evaluated": "not evaluated"}
STATUS_ROOM = 9
LONGEST_CHECK = 28


def table(judged: Checklist, diffs: Sequence[Mapping[str, Any]], refused: Sequence[Mapping[str, Any]], screen: Screen) -> str:
    """Return the checklist as text: counts, then every change with its checks and what it changed, then what could not be read."""
    lines = [_header(judged, screen)]
    for one in judged.changes:
        own = [diff for diff in diffs if (diff["initiative"], diff["change_id"]) == (one.change.initiative, one.change.change_id)]
        lines += ["", *_change(one, screen), *_differences(own, screen)]
    if not judged.changes:
        lines += ["", screen.line(Span("No rule change was read."))]
    if refused:
        lines += ["", screen.line(Span(f"{len(refused)} records could not be read", "bad"))]
        lines += [screen.line(Span(f"  {one['error']['code']}: {one['error']['message']}")) for one in refused]
    return "\n".join(lines) + "\n"


def _header(judged: Checklist, screen: Screen) -> str:
    counts = judged.counts()
    number = len(judged.changes)
    spans = [Span(f"{number} change{'' if number == 1 else 's'}", "bold"), Span("   ")]
    for status in STATUSES:
        if counts[status]:
            spans.append(Span(f"{counts[status]} {NAMED.get(status, status)}   ", STYLE[status]))
    return screen.line(*spans)


def _change(one: Judged, screen: Screen) -> list[str]:
    version = "" if one.version is None else f" version {one.version}"
    about = f"   {one.change.rule_id}{version}   {one.state.replace('_', ' ')}   {one.change.initiative}   {format_instant(one.at)}"
    lines = [screen.line(Span(one.change.change_id, "bold"), Span(about, "dim"))]
    if not one.rows:
        return [*lines, screen.line(Span("  no policy was in force then", "dim"))]
    room = min(LONGEST_CHECK, max(width(screen.text(row.check)) for row in one.rows)) + 2
    for row in one.rows:
        lines += _row(row, room, screen)
    return lines


def _differences(diffs: Sequence[Mapping[str, Any]], screen: Screen) -> list[str]:
    rows, more = differences(diffs)
    lines = [screen.line(Span(f"  {row['path']}", "bold"), Span(f"  {row['what']}   version {row['versions']}", "dim")) for row in rows]
    return [*lines, screen.line(Span(f"  {more} more changes", "dim"))] if more else lines


def _row(row: Row, room: int, screen: Screen) -> list[str]:
    name = fit(screen.text(row.check), room - 2, "…" if screen.unicode else "~") + "  "
    found = row.reason if row.status == "not_evaluated" else row.found
    lines = [screen.line(Span("  "), Span(fit(WORD[row.status], STATUS_ROOM), STYLE[row.status]), Span(name), Span(found or "", "dim"))]
    if row.status in ("pass", "not_evaluated"):
        return lines
    indent = " " * (2 + STATUS_ROOM + room)
    lines += [screen.line(Span(indent + text)) for text in (row.reason, f"expected {row.expected}", _who(row), row.sop) if text]
    return lines


def _who(row: Row) -> str:
    parts = [", ".join(row.who)] if row.who else []
    if row.since is not None and row.status == "pending":
        parts.append(f"since {format_instant(row.since)}")
    if row.deadline is not None:
        parts.append(f"until {format_instant(row.deadline)}")
    return "; ".join(parts)
