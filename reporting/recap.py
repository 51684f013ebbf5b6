"""The recap: four sentences, each a plain fact and the part of it that asks for action."""

from collections.abc import Mapping, Sequence
from typing import Any

from reporting.figure import MINUS, integer, points, rate, relative
from reporting.issues import ACTIVE
from reporting.wording import count_of, owner, sentence, suspected, title, undoing

NEITHER = "Neither consent nor the policy checks were evaluated."
Sentence = tuple[str, str]  # (what asks for action, what is plain): the first may be empty, together they are one sentence


def recap(report: Mapping[str, Any]) -> tuple[Sentence, Sentence, Sentence, Sentence]:
    """Return exactly four sentences: the period, what broke, consent and governance, what to do."""
    active = [issue for issue in report["issues"] if issue["state"] in ACTIVE]
    return (_period(report), _broke(report, active), _consent(report), _do(report, active))


def _period(report: Mapping[str, Any]) -> Sentence:
    performance = report["performance"]
    totals, previous = performance["totals"], performance["previous"]
    kpis, seen = totals["kpis"], totals["counts"]["exposures"]
    if not seen:
        return ("", "No exposure was counted in the period.")
    said = (
        f"Over the period CTR stood at {rate(kpis['ctr'])} and conversion at {rate(kpis['conversion_rate'])} of {integer(seen)} exposures"
    )
    change = previous["change"].get("ctr") if previous else None
    if change is None:
        return ("", f"{said}, with no period before it to compare.")
    if change["moved"]:
        return ("", f"{said}; CTR moved by {points(change['difference'])}, more than chance.")
    return ("", f"{said}, a change within chance.")


def _broke(report: Mapping[str, Any], active: Sequence[Mapping[str, Any]]) -> Sentence:
    if not active:
        past = len(report["issues"])
        return (
            "",
            "Nothing is open" + (f", {count_of(past, 'incident')} ended in the period." if past else " and nothing opened in the period."),
        )
    first = active[0]
    rest = f" and {integer(len(active) - 1)} more" if len(active) > 1 else ""
    near = next((issue for issue in active if issue["suspects"]), None)
    change = "; no rule change went out in the day before" if near is None else f"; {suspected(near['suspects'][0])}"
    about = f" of {title(near)}" if near is not None and near is not first else ""
    return (f"{title(first)}{rest}", f" {'are' if rest else 'is'} open{change}{about}.")


def _consent(report: Mapping[str, Any]) -> Sentence:
    consent = report["governance"]["consent"]
    unjudged = report["governance"]["status"] == "not_evaluated"
    policies = "policy checks were not evaluated" if unjudged else policies_told(report["governance"]["counts"])
    if consent["status"] == "not_evaluated":
        return ("", f"Consent was not evaluated; {policies}." if report["governance"]["status"] != "not_evaluated" else NEITHER)
    number = consent["violations"]
    if number:
        said = f"{integer(number)} personalised {'exposure' if number == 1 else 'exposures'} had no valid consent"
        return (said, f" among {integer(consent['judged'])} judged; {policies}.")
    return ("", f"All {integer(consent['judged'])} judged exposures had valid consent; {policies}.")


def policies_told(counts: Mapping[str, int]) -> str:
    """Return how the policy checks came out, as the end of a sentence."""
    words = {"fail": "fail", "warn": "warn", "pending": "wait"}
    unmet = [f"{integer(counts[name])} {word}" for name, word in words.items() if counts.get(name)]
    return f"of the policy checks {', '.join(unmet)}" if unmet else "every policy check that could be made passes"


def _do(report: Mapping[str, Any], active: Sequence[Mapping[str, Any]]) -> Sentence:
    backlog = report["backlog"]
    if not backlog:
        return ("", "There is nothing to do.")
    more = f"; {count_of(len(backlog) - 1, 'more item')} in the backlog" if len(backlog) > 1 else ""
    for issue in active:
        action = undoing(issue["suspects"]) or issue["recommended_action"]
        if action:
            return ("", f"{sentence(str(action).rstrip('. '))} ({owner(issue)}){more}.")
    return ("", f"To do first: {backlog[0]['title'][:1].lower()}{backlog[0]['title'][1:]}{more}.")


def pace(report: Mapping[str, Any]) -> str:
    """Return how exposures compare with the previous period, row for complete row."""
    previous = report["performance"]["previous"]
    if not previous or not previous["exposures"]:
        return "no period before it"
    change = previous["exposures"]
    text = relative(change["relative"])
    return f"{text} per {change['per']}" if text.startswith(("+", MINUS)) else f"as before per {change['per']}"
