"""The CSV tables: every row of the report, and nothing a spreadsheet would take for a formula."""

import csv as reader
from io import StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporting.report import build
from reporting.view import csv
from tests.reporting.builders import cell, fortnight, incident, request, row, snapshot

BEGINS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "\u200b=1", "\uff1d1", "=cmd|' /C calc'!A0", '"=1')
PEOPLE = {"exposures": 90, "subjects": 60}


def read(text: str) -> list[dict[str, str]]:
    """Return a table as a program reads it."""
    return list(reader.DictReader(StringIO(text, newline="")))


@pytest.mark.parametrize("table", list(csv.TABLES))
def test_every_table_has_the_rows_of_the_report(table: str) -> None:
    report = build(fortnight())
    rows = read(csv.render(report, table))
    assert len(rows) == len(csv.TABLES[table](report)) > 0
    assert all(None not in one and None not in one.values() for one in rows)
    assert csv.render(report, table) == csv.render(build(fortnight()), table)


@pytest.mark.parametrize("table", list(csv.TABLES))
def test_a_report_of_nothing_still_has_heads(table: str) -> None:
    empty = build(snapshot((row(0, {}),)))
    assert csv.render(empty, table).startswith(("status", "start", "id", "exposures"))


@pytest.mark.parametrize("begin", BEGINS)
def test_no_name_from_outside_begins_a_formula(begin: str) -> None:
    """Whatever a name begins with, the cell it lands in begins with an apostrophe or with something harmless."""
    cells = {cell(profile=begin, channel="web"): PEOPLE, cell(profile="p", channel=begin): PEOPLE}
    opened = "2026-11-09T12:00:00Z"
    one = incident("i-1", f"threshold:{begin}", {"channel": begin}, 1, "open", opened, (opened,), recommended_action=begin)
    report = build(snapshot((row(0, cells),), incidents=(one,)))
    for table in csv.TABLES:
        for one in read(csv.render(report, table)):
            for value in one.values():
                assert harmless(value), value


def harmless(value: str) -> bool:
    """Return whether a spreadsheet reads a cell as text or as a number."""
    try:
        float(value)
    except ValueError:
        return value.strip()[:1] not in tuple("=+-@\uff1d\uff0b\uff0d\uff20")
    return True


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text()))
def test_a_cell_is_one_line_without_control_characters(value: Any) -> None:
    shown = csv.cell(value)
    if isinstance(shown, str):
        assert not any(mark in shown for mark in "\r\n\t\x00\x1b\u202e")
        assert harmless(shown) or value in ("", None)


def test_small_cells_are_merged_here_too() -> None:
    cells = {cell(channel=name): {"exposures": number, "subjects": number} for name, number in (("web", 100), ("email", 40), ("sms", 3))}
    text = csv.render(build(snapshot((row(0, cells),), request=request(dimension="channel"))), "segments")
    assert [one["channel"] for one in read(text)] == ["web", "other, merged"]
    assert "sms" not in text
