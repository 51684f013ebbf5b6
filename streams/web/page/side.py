"""The panels beside the incidents: the initiatives watched, consent, the checklist, experiments, the latest report. Not knowing is said."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from detectors.cell import CONSENT, Counts, add
from detectors.kpi import VIOLATIONS
from detectors.window import HOUR, end_of
from governance.config import Config
from governance.message.instant import format_instant
from governance.policy.row import STATUSES
from reporting.figure import clock, integer, moment, rate
from reporting.wording import check_name, count_of, label, where
from streams.read_model.situation import Overview, Published, Situation
from streams.web.page.hours import spans
from streams.web.page.mark import share_bar, strip

DAY_HOURS = 24
UNJUDGED = {"learning": "still learn", "too_small": "are too small to watch alone"}
INITIATIVES = 40
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


def initiatives(overviews: Sequence[Overview], config: Config, chosen: str) -> list[dict[str, Any]]:
    """Return the initiatives, those with something open first."""
    named = {one.initiative: one for one in overviews}
    for name in config.initiatives:
        named.setdefault(name, Overview(name, 0, 0))
    ordered = sorted(named.values(), key=lambda one: (-one.active, one.initiative))[:INITIATIVES]
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
    hours = spans(situation.hours, situation.overview.closed, None, DAY_HOURS)
    for span in hours:
        add(counts, span.counts)
    verdicts = {name: counts.get(CONSENT + name, 0) for name in ORDER if counts.get(CONSENT + name, 0)}
    whole = sum(verdicts.values())
    if not whole:
        told = ((situation.overview.report or {}).get("consent") or {}).get("why")
        return {"why": told or "no exposure of the last 24 h has a settled verdict"}
    settled = sum(verdicts.get(name, 0) for name in VIOLATIONS)
    judged = settled + verdicts.get("valid", 0)
    parts = [(_mark_of(name), many) for name, many in verdicts.items()]
    taken = Counter(end_of(end - 1, HOUR) for end in situation.overview.taken_back)
    # An hour keeps the verdicts it settled with; what was taken back of them since no longer stands.
    by_hour = [sum(span.counts.get(CONSENT + name, 0) for name in VIOLATIONS) for span in hours]
    back = [min(taken[span.end], many) for span, many in zip(hours, by_hour, strict=True)]
    violations = settled - sum(back)
    labels = [(index, f"{clock(format_instant(span.end - HOUR)):%H:%M}") for index, span in enumerate(hours) if index % 6 == 0]
    found = (
        f"{integer(violations)} violations in {integer(judged)} judged exposures of the last 24 h, {integer(sum(back))} more taken back."
    )
    return {
        "why": None,
        "violations": integer(violations),
        "judged": integer(judged),
        "bad": violations > 0,
        "marked": settled > 0,
        "back": integer(sum(back)) if sum(back) else "",
        "retracted": integer(max(sum(back), sum(situation.overview.retracted.values()))),
        "settling": integer(verdicts.get("undetermined", 0)),
        "whole": integer(whole),
        "strip": strip([many - gone for many, gone in zip(by_hour, back, strict=True)], back, labels, found),
        "bar": share_bar(parts, f"{integer(violations)} violations in {integer(whole)} exposures."),
        "rows": [
            {
                "mark": _mark_of(name),
                "name": name.replace("_", " ") + (" (fallback)" if name == "not_applicable" else ""),
                "many": integer(many),
                "share": rate(many / whole),
                "bad": name in VIOLATIONS and violations > 0,
            }
            for name, many in verdicts.items()
        ],
    }


def _mark_of(verdict: str) -> str:
    return "badmark" if verdict in VIOLATIONS else "obsmark" if verdict == "valid" else "restmark"


def checklist(report: Published | None, today: str) -> dict[str, Any]:
    """Return the checks of the latest report, or why there are none."""
    found = (report or {}).get("checklist") or {}
    checks = sorted(found.get("checks") or (), key=lambda check: STATUSES.index(check["status"]))
    if not checks:
        return {"why": found.get("why") or "a report makes it: none has been asked for yet", "rows": [], "more": 0}
    rows = []
    for check in checks[:CHECKS]:
        status = str(check.get("status"))
        shape, colour, word = RESULTS.get(status, RESULTS["not_evaluated"])
        who, until = ", ".join(map(str, check.get("who") or ())), check.get("deadline")
        row = {"shape": shape, "colour": colour, "word": word, "found": check.get("found")}
        row["check"] = check_name(str(check.get("check")))
        asks = status in ("fail", "warn", "pending")
        rows.append(row | {"who": who if asks else "", "deadline": until and moment(until, today)})
    return {"why": None, "rows": rows, "more": len(checks) - len(rows)}


def sight(report: Published | None) -> str:
    """Return how much the detectors see by the latest report, nothing before one."""
    found = (report or {}).get("series")
    if not found or not any(found.values()):
        return ""
    rest = [f"{integer(found[state])} {words}" for state, words in UNJUDGED.items() if found[state]]
    return f"Detectors judge {'; '.join([count_of(found['watched'], 'series', 'series'), *rest])} (latest report)."


def frozen(found: Sequence[Published], today: str) -> list[tuple[str, str]]:
    """Return a banner for each detector some of whose series are frozen: which, since when, and what becomes of it."""
    told = []
    for one in found:
        named = "; ".join(where(place) for place in one["where"]) + (" and more" if one["series"] > len(one["where"]) else "")
        name = f"{check_name(one['check'])}, {label(one['kpi'])}" if one["kpi"] != one["check"] else check_name(one["check"])
        since = f"{', '.join(one['raised'])} since {moment(one['since'], today)}"
        said = f"{since}. Neither judged nor taught while it raises; once job_failed is resolved it is tried again."
        told.append((f"{name}: {count_of(one['series'], 'series', 'series')} frozen ({named}).", said))
    return told


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
