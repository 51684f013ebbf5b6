"""The panels beside the incidents: the programs watched, consent, the checklist, experiments, the latest report. Not knowing is said."""

from collections.abc import Mapping, Sequence
from typing import Any

from detectors.cell import CONSENT, Counts, add
from detectors.kpi import VIOLATIONS
from detectors.window import HOUR
from governance.config import Config
from governance.message.instant import format_instant
from reporting.figure import integer, moment, rate
from reporting.wording import count_of, sentence
from streams.read_model.situation import Overview, Published, Situation
from streams.web.page.hours import spans
from streams.web.page.mark import share_bar

DAY_HOURS = 24
PROGRAMS = 40
CHECKS = 12
ORDER = ("valid", "not_applicable", "undetermined", "history_truncated", *VIOLATIONS)
RESULTS = {  # a check's result: icon, colour, word
    "pass": ("pass", "good", "Pass"),
    "fail": ("fail", "bad", "Fail"),
    "warn": ("warn", "warn", "Watch"),
    "pending": ("pending", "wait", "Pending"),
    "waived": ("none", "plain", "Waived"),
    "not_evaluated": ("none", "plain", "Not evaluated"),
}


def programs(overviews: Sequence[Overview], config: Config, chosen: str) -> list[dict[str, Any]]:
    """Return the initiatives, those with something open first."""
    named = {one.initiative: one for one in overviews}
    for name in config.initiatives:
        named.setdefault(name, Overview(name, 0, 0))
    ordered = sorted(named.values(), key=lambda one: (-one.active, one.initiative))[:PROGRAMS]
    return [
        {
            "name": one.initiative,
            "title": title_of(one.initiative, config),
            "chosen": one.initiative == chosen,
            "active": one.active,
            "said": f"{one.active} open" if one.active else "nothing open" if one.closed else "nothing published yet",
        }
        for one in ordered
    ]


def title_of(initiative: str, config: Config) -> str:
    """Return an initiative's title, its name where it has none."""
    own = config.initiatives.get(initiative)
    return own.title if own is not None and own.title else initiative


def consent(situation: Situation) -> dict[str, Any]:
    """Return the verdicts of the last 24 closed hours, or why there are none."""
    counts: Counts = {}
    for span in spans(situation.hours, situation.overview.closed, None, DAY_HOURS):
        add(counts, span.counts)
    verdicts = {name: counts.get(CONSENT + name, 0) for name in ORDER if counts.get(CONSENT + name, 0)}
    whole = sum(verdicts.values())
    if not whole:
        told = ((situation.overview.report or {}).get("consent") or {}).get("why")
        return {"why": told or "no exposure of the last 24 h has a settled verdict"}
    violations = sum(verdicts.get(name, 0) for name in VIOLATIONS)
    parts = [("badmark" if name in VIOLATIONS else "obsmark" if name == "valid" else "restmark", many) for name, many in verdicts.items()]
    return {
        "why": None,
        "violations": integer(violations),
        "bad": violations > 0,
        "settling": integer(verdicts.get("undetermined", 0)),
        "whole": integer(whole),
        "bar": share_bar(parts, f"{integer(violations)} violations in {integer(whole)} exposures."),
        "rows": [
            (sentence(name.replace("_", " ")), integer(many), rate(many / whole), name in VIOLATIONS) for name, many in verdicts.items()
        ],
    }


def checklist(report: Published | None) -> dict[str, Any]:
    """Return the checks of the latest report, or why there are none."""
    found = (report or {}).get("checklist") or {}
    checks = list(found.get("checks") or ())
    if not checks:
        return {"why": found.get("why") or "a report makes it: none has been asked for yet", "rows": [], "more": 0}
    rows = []
    for check in checks[:CHECKS]:
        shape, colour, word = RESULTS.get(str(check.get("status")), RESULTS["not_evaluated"])
        row = {"shape": shape, "colour": colour, "word": word, "check": check.get("check"), "found": check.get("found")}
        rows.append(row | {"who": check.get("who"), "deadline": check.get("deadline")})
    return {"why": None, "rows": rows, "more": len(checks) - len(rows)}


def experiments(situation: Situation, config: Config) -> dict[str, Any]:
    """Return each experiment's decision as the latest report has it; those the config names and nobody has read out are said to be so."""
    found = list((situation.overview.report or {}).get("experiments") or ())
    if found:
        return {"rows": [_experiment(one) for one in found], "why": None}
    own = config.initiatives.get(situation.overview.initiative)
    names = list(own.experiments) if own is not None else []
    if not names:
        return {"rows": [], "why": "None configured."}
    rows = [{"name": name, "decision": "Not evaluated", "said": "the latest report holds no readout", "colour": "plain"} for name in names]
    return {"rows": rows, "why": None}


def _experiment(one: Mapping[str, Any]) -> dict[str, Any]:
    decision = one.get("decision")
    word = decision.get("decision") if isinstance(decision, Mapping) else decision
    said = one.get("why") or one.get("status") or ""
    colour = {"ship": "good", "stop": "bad", "rollback": "bad", "continue": "info"}.get(str(word), "plain")
    name = one.get("experiment_id") or one.get("id") or one.get("name") or "experiment"
    words = str(said).replace("_", " ")
    return {"name": name, "decision": sentence(str(word or "not evaluated").replace("_", " ")), "said": words, "colour": colour}


def latest(report: Published | None, now: int) -> dict[str, Any] | None:
    """Return the latest report in a line."""
    if report is None:
        return None
    today, period = format_instant(now), report["period"]
    return {
        "request": report["request_id"],
        "title": report["title"],
        "period": f"{moment(period['from'], today)} to {moment(period['to'], today)}",
        "window": report.get("window"),
        "said": f"{count_of(report['issues'], 'issue')}, {report['active']} active; {count_of(report['backlog'], 'item')} in the backlog",
    }


def last_hour(closed: int) -> str:
    """Return the last hour that is closed, as a span of the clock."""
    end = closed // HOUR * HOUR
    start, stop = format_instant(end - HOUR), format_instant(end)
    return f"{start[11:16]}–{stop[11:16]}"
