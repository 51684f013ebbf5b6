"""The views: golden files, hostile names, and what each promises of its form."""

import re
from collections.abc import Callable
from functools import partial
from html.parser import HTMLParser
from typing import Any

import orjson
import pytest

from detectors.cell import Cell
from reporting.report import build
from reporting.safe import fit, markdown, plain, width
from reporting.view import csv, html, terminal
from reporting.view import markdown as markdown_view
from reporting.view.canonical import dumps
from tests.reporting.builders import PATHS, cell, changes_log, fortnight, incident, request, row, snapshot
from tests.reporting.golden import FOLDER, views
from tests.reporting.trials import won

HOSTILE = (
    "<script>alert(1)</script>|[x](javascript:alert(1))|\x1b[31mred\r\nnew\tline|{{7*7}}{% raw %}|\u202etxt.exe|"
    "${7*7}|`a`|\"'><img src=x onerror=1>"
)
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@pytest.mark.parametrize("name", list(views()))
def test_the_view_is_the_golden_file(name: str) -> None:
    """Made by `python -m tests.reporting.golden`; look at what changed before you write it anew."""
    assert (FOLDER / name).read_bytes() == views()[name]()


def hostile() -> dict[str, Any]:
    """Return a report whose every free name is hostile."""
    names: list[Cell] = [cell(HOSTILE, f"{HOSTILE}{index}", HOSTILE, HOSTILE) for index in range(2)]
    counts = {"exposures": 100, "clicks": 7, "subjects": 60, "revenue_minor.EUR": 5}
    rows = tuple(row(index, dict.fromkeys(names, counts)) for index in range(4))
    change = {**changes_log()[0], "reason": HOSTILE, "channels": [HOSTILE]}
    key = {"channel": HOSTILE, "profile": HOSTILE, "kpi": "ctr"}
    owner = {"role": "testing_lead", "person": HOSTILE, "substitute_for": HOSTILE, "reason": HOSTILE}
    playbook = {"id": "x", "title": HOSTILE, "steps": [HOSTILE], "runbook": HOSTILE, "sop": HOSTILE}
    known = incident(
        "i-1", "threshold:low-ctr", key, 2, "open", "2026-11-10T00:00:00Z", ("2026-11-10T00:00:00Z",),
        owner=owner, playbook=playbook, recommended_action=HOSTILE,
    )  # fmt: skip
    entry = {"path": HOSTILE, "kind": "changed", "before": HOSTILE, "after": HOSTILE}
    difference = {"rule_id": HOSTILE, "change_id": HOSTILE, "from_version": 1, "to_version": 2, "changes": [entry], "left_out": 7}
    return build(
        snapshot(
            rows,
            tuple(row(index - 4, dict.fromkeys(names, counts)) for index in range(4)),
            title=HOSTILE,
            initiative=HOSTILE,
            request=request(requested_by=HOSTILE, request_id=HOSTILE),
            incidents=(known,),
            timelines={"i-1": (known, {**known, "sequence": 2, "step": "escalated"})},
            rule_changes=(change,),
            differences=(difference,),
            decision_paths={(HOSTILE, f"{HOSTILE}b"): 50, **PATHS},
            feeds=({"topic": HOSTILE, "partition": 0, "first_offset": 0, "last_offset": 3},),
        )
    )


class Tags(HTMLParser):
    """Collects what a browser would see: tags, their attributes, and text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def seen(document: str) -> Tags:
    tags = Tags()
    tags.feed(document)
    return tags


def test_a_hostile_name_is_text_in_html() -> None:
    document = html.render(hostile())
    tags = seen(document)
    assert not tags.tags & {"script", "img", "iframe", "object", "link", "form", "a"}
    assert not [name for name in tags.attributes if name.startswith("on") or name in ("href", "src", "action")]
    shown = "".join(tags.text)
    assert "<script>alert(1)</script>" in shown
    assert not CONTROL.search(document)
    assert "{{" not in document
    assert "49" not in seen(html.render(build(snapshot((row(0, {}),), title="{{7*7}}")))).text[3]


def test_a_hostile_name_is_text_in_markdown() -> None:
    document = markdown_view.render(hostile())
    assert "\\<script\\>" in document
    assert not re.search(r"(?<!\\)<", document)
    assert not re.search(r"(?<!\\)\]\(", document)
    assert "{{" not in document
    assert not CONTROL.search(document)
    for line in document.splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) == len(re.findall(r"(?<!\\)\|", table_head(document, line)))


def table_head(document: str, line: str) -> str:
    """Return the head line of the table a line stands in."""
    lines = document.splitlines()
    index = lines.index(line)
    while lines[index - 1].startswith("|"):
        index -= 1
    return lines[index]


@pytest.mark.parametrize("unicode", [True, False])
def test_a_hostile_name_is_text_in_the_terminal(unicode: bool) -> None:
    document = terminal.render(hostile(), colour=False, unicode=unicode)
    assert not CONTROL.search(document)
    assert "<script>" in document
    assert unicode or document.isascii()


def test_a_hostile_name_sends_no_escape_even_where_colour_is_on() -> None:
    """Only our own codes are in the text: a style and its end."""
    document = terminal.render(hostile(), colour=True)
    assert not CONTROL.search(re.sub(r"\x1b\[(?:0|1|90|91|33|32|35|94)m", "", document))


def test_json_gives_a_hostile_name_back_as_it_was() -> None:
    """Programs need the name itself; control characters are escaped by the format."""
    written = dumps(hostile())
    assert orjson.loads(written)["title"] == HOSTILE
    assert not re.search(rb"[\x00-\x1f]", written)


@pytest.mark.parametrize("columns", [40, 60, 72, 80, 100, 110, 200])
def test_no_terminal_row_is_wider_than_the_screen(columns: int) -> None:
    for report in (build(fortnight()), hostile()):
        for line in terminal.render(report, columns).splitlines():
            assert width(line) <= min(columns, 110)


def test_the_html_is_one_file_without_script_or_anything_to_fetch() -> None:
    document = html.render(build(fortnight()))
    assert "default-src 'none'" in document
    assert not re.search(r"<script|https?://|@import|url\((?!#)", document)
    assert len(document.encode()) <= 300_000
    assert document.count("<h1>") == 1


def test_a_report_of_the_most_cells_and_issues_still_is_a_page() -> None:
    """10,000 cells and 200 incidents are bounded in every view; the canonical JSON has them all."""
    counts = {"exposures": 500, "clicks": 20, "subjects": 300}
    cells = {cell(f"p{index % 100}", f"c{index // 100}"): counts for index in range(10_000)}
    many = tuple(
        incident(f"i-{index}", "threshold:low-ctr", {"channel": "c1"}, 1, "open", "2026-11-09T05:00:00Z", ()) for index in range(200)
    )
    report = build(snapshot((row(0, cells),), incidents=many))
    assert len(report["performance"]["segments"]) == 10_000
    assert len(html.render(report).encode()) <= 300_000
    assert "9,960 more cells" in html.render(report)
    assert len(report["issues"]) == 200


def test_the_recap_is_four_sentences_with_and_without_anything_to_say() -> None:
    for report in (build(fortnight()), build(snapshot((row(0, {}),))), build(snapshot(()))):
        paragraph = re.search(r'<p class="recap">(.*?)</p>', html.render(report), re.S)
        assert paragraph is not None
        assert len(re.findall(r"\.(?=\s|$)", re.sub(r"<[^>]+>", "", paragraph[1]))) == 4


def test_an_hour_report_reads_by_the_hour() -> None:
    """Hours are named by their time, days by their date."""
    hour = 3_600_000
    rows = tuple(row(index, {cell(): {"exposures": 100, "clicks": 4, "subjects": 60}}, size=hour) for index in range(6))
    document = html.render(build(snapshot(rows, unit="hour", request=request(window="6h"))))
    assert "Hour by hour" in document
    assert "9\u00a0November 2026, 00:00 to 06:00" in document


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[0mb", "a\ufffd[0mb"),
        ("one\r\ntwo", "one two"),
        ("\u202eevil", "\ufffdevil"),
        ("tab\there", "tab here"),
        ("naïve 漢字 🙂", "naïve 漢字 🙂"),
    ],
)
def test_plain_text_keeps_letters_and_shows_what_would_act(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_markdown_leaves_numbers_and_prose_readable() -> None:
    """Only what Markdown would read as markup is escaped."""
    assert markdown("4.31 % (95 % 4.2 to 4.4), chg-311") == "4.31 % (95 % 4.2 to 4.4), chg-311"
    assert markdown("1. one") == "1\\. one"
    assert markdown("# not a head") == "\\# not a head"
    assert markdown("http://x.example") == "http\\://x.example"


def test_text_is_fitted_by_columns_not_by_letters() -> None:
    assert fit("漢字漢字", 5) == "漢字…"
    assert fit("ab", 4) == "ab  "


def test_a_report_read_back_looks_the_same_in_every_view() -> None:
    """The bus and the read model hand on the canonical JSON, whose keys are sorted; no view hangs on the order of keys."""
    report = build(fortnight(trials={"exp-7": won()}))
    read = orjson.loads(dumps(report))
    views: list[Callable[[Any], str]] = [html.render, markdown_view.render, terminal.render]
    views += [partial(csv.render, table=table) for table in csv.TABLES]
    for view in views:
        assert view(read) == view(report)


def test_a_segment_too_small_to_stand_alone_is_not_in_an_explanation_either() -> None:
    """sms had three people on its best day: neither its counts nor its name are given, only that something was left out."""
    cells = {cell(channel=name): {"exposures": number, "subjects": number} for name, number in (("web", 100), ("email", 40), ("sms", 3))}
    found = [{"where": {"channel": name}, "share_of_change": 0.5, "k_after": 1, "n_after": 3} for name in ("sms", "web")]
    opened = "2026-11-09T12:00:00Z"
    explanation = {"global": False, "segments": found, "suspects": []}
    one = incident("i-1", "dip", {"kpi": "ctr"}, 1, "open", opened, (opened,), explanation=explanation)
    report = build(snapshot((row(0, cells),), incidents=(one,)))
    told = report["issues"][0]["explanation"]
    assert ([segment["where"]["channel"] for segment in told["segments"]], told["suppressed"]) == (["web"], 1)
    assert "sms" not in dumps(report).decode()


def test_a_summary_keeps_the_findings_and_leaves_out_what_they_rest_on() -> None:
    """Every issue, decision, check and task of the full report is in the summary; it is less than two thirds as long in every view."""
    full = build(fortnight(trials={"exp-7": won()}))
    brief = build(fortnight(trials={"exp-7": won()}, request={**full["request"], "detail": "summary"}))
    for view in (html.render, markdown_view.render, terminal.render):
        long, short = view(full), view(brief)
        assert len(short) < len(long) * 2 / 3
        for said in (*(issue["title"] for issue in full["issues"]), *(item["title"] for item in full["backlog"]), "Ship hero-b, win"):
            assert said in short or said.replace("\N{NO-BREAK SPACE}", " ") in short, said


def test_what_versions_changed_is_readable() -> None:
    """One row a value, and how many more there are; a summary leaves them out."""
    entries = [{"path": "hero.title", "kind": "changed", "before": '"Hi"', "after": '"Hello"'}]
    entries.append({"path": "cap", "kind": "added", "before": "", "after": "3"})
    difference = {"rule_id": "rule-42", "change_id": "chg-1", "from_version": 6, "to_version": 7, "changes": entries, "left_out": 2}
    report = build(snapshot((row(0, {}),), differences=(difference,)))
    short = build(snapshot((row(0, {}),), differences=(difference,), request=request(detail="summary")))

    assert '| rule-42 | 6 to 7 | hero.title | "Hi" became "Hello" |' in markdown_view.render(report)
    assert {"rule-42", "6 to 7", "cap", "added 3", "2 more are in the canonical JSON."} <= set(seen(html.render(report)).text)
    assert "became" not in markdown_view.render(short) + html.render(short)


def test_a_step_of_the_playbook_says_who_took_it() -> None:
    """In every view that has the steps; the others stay open."""
    report = build(fortnight())
    issue = next(one for one in report["issues"] if one["state"] == "open" and len(one["playbook"]["steps"]) > 1)
    issue["remediation"] = [{"id": "r", "at": "2026-11-22T14:20:00.000Z", "actor": "ana", "action": "Step 2: done"}]
    step = issue["playbook"]["steps"][1]

    page, text = html.render(report), markdown_view.render(report)

    assert page.count("taken: Ana, 14:20") == 1
    assert f"<li>{step} <span" in page
    assert text.count("(taken: Ana, 14:20)") == 1
