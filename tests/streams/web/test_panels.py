"""What is not known or was taken back: consent on the page, how old each feed is, how much the detectors see."""

import asyncio
import re
from dataclasses import replace

from orjson import dumps

from detectors.window import HOUR
from governance.message.instant import format_instant
from reporting.report import build
from streams.kernel.publishing import kpi_window, publish
from streams.kernel.record import Outgoing
from streams.read_model.frozen import FROZEN
from streams.read_model.retraction import RETRACTED
from streams.web.page.page import Asked, render
from tests.reporting.builders import fortnight
from tests.streams.read_model.outputs import HOME, incident_step
from tests.streams.web.sites import NOW, filled, site

VERDICTS = {"exposures": 43, "consent.valid": 40, "consent.withdrawn": 3}


def test_what_late_evidence_took_back_is_said_where_the_violations_are() -> None:
    """The panel counts it, and so does the incident it was part of."""
    model = filled()
    counted = kpi_window(HOME, ("p1", "email", "-", "a"), NOW - HOUR, NOW, VERDICTS, {}, VERDICTS, "consent")
    step = incident_step("opened", 1, NOW, check="consent_violation", key={"channel": "email", "verdict": "withdrawn"}, occurrences=4)
    taken = {"initiative": HOME, "retracted": {"i-1": 1}, "taken_back": [NOW - HOUR // 2]}
    model.take(0, 2, [counted, step, Outgoing(RETRACTED, None, None, dumps({"data": taken}), 0)])

    _, text = asyncio.run(render(site(model), Asked()))

    assert "4\u00a0exposures, 1 retracted" in text
    assert re.search(r"<dt>violations</dt><dd class=\"bad\">2</dd>.*<dt>retracted</dt><dd>1</dd>", text)
    strip = re.search(r"<svg[^>]*><title>2 violations in 43 judged exposures of the last 24 h, 1 more taken back.</title>.*?</svg>", text)
    assert strip
    assert (strip[0].count('class="badmark"'), strip[0].count('class="nextmark"')) == (2, 2)  # two diamonds; a hollow one and its stroke


def test_a_frozen_series_is_named_while_it_is_frozen() -> None:
    """Which detector, where, what it raised, since when; gone when it is well."""
    model = filled()
    row = {"check": "dip", "kpi": "ctr", "series": 7, "where": [{"channel": "web"}, {"channel": "push"}], "raised": ["KeyError"]}
    pages = []
    for commit, rows in ((2, [row | {"since": format_instant(NOW - HOUR)}]), (3, [])):
        model.take(0, commit, [Outgoing(FROZEN, None, None, dumps({"data": {"initiative": HOME, "frozen": rows}}), 0)])
        pages.append(asyncio.run(render(site(model), Asked()))[1])

    assert "Dip, CTR: 7\u00a0series frozen (web; push and more)." in pages[0]
    assert f"KeyError since {format_instant(NOW - HOUR)[11:16]}. Neither judged nor taught" in pages[0]
    assert "frozen" not in pages[1]


def test_the_newest_record_of_each_feed_stands_in_the_header() -> None:
    """A feed that this worker has not read since it started is said to be so, never fresh."""
    read = {"engagement-events": NOW, "rule-changes": NOW - HOUR}

    _, text = asyncio.run(render(replace(site(filled()), newest=lambda: read), Asked()))
    _, none = asyncio.run(render(site(filled()), Asked()))

    assert "engagement 2\u00a0min, consent none yet, rules 1\u00a0h 2\u00a0min" in text
    assert "Newest event" not in none


def test_how_much_the_detectors_see_stands_under_the_incidents() -> None:
    """Nothing open means little where little is watched: the page says how many series are judged and how many are not."""
    model = filled()
    report = build(fortnight()) | {"initiative": HOME}
    rows = [{"check": "dip", "watched": 3, "learning": 1, "too_small": 2}, {"check": "drift", "watched": 1, "learning": 0, "too_small": 0}]
    report["coverage"] = report["coverage"] | {"detection": rows}
    model.take(0, 2, [publish("reports", "report", "q-7", "id", HOME, NOW, report)])

    _, text = asyncio.run(render(site(model), Asked()))

    assert "Detectors judge 4\u00a0series; 1 still learn; 2 are too small to watch alone (latest report)." in text
