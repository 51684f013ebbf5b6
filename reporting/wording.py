"""What things are called: titles, states and tasks, from the report's own fields; a cause is never claimed."""

from collections.abc import Mapping, Sequence
from typing import Any

from governance.message.instant import parse_instant
from governance.playbook import steps_taken
from reporting.figure import NBSP, age, integer, moment, money, rate

TITLE_LENGTH = 48
LABELS = {
    "ctr": "CTR",
    "conversion_rate": "Conversion rate",
    "revenue_per_exposure": "Revenue per exposure",
    "technical_fallback_rate": "Technical fallback",
    "consent_fallback_rate": "Consent fallback",
    "consent_violation_rate": "Consent violations",
    "variant_share": "Variant share",
    "freshness_s": "Time since the last event",
    "srm_failure_share": "Failing ratio tests",
}
AFTER = {
    "withdrawn": "after withdrawal",
    "refused": "after refusal",
    "revoked": "after revocation",
    "expired": "after consent expired",
    "invalidated": "after invalidation",
    "no_record": "without a consent record",
}
CHECKS = {
    "dip": "Below expected",
    "freshness": "Events stopped",
    "suppression": "Variant shown too little",
    "drift": "Level shifted",
    "srm": "Sample ratio off",
    "contamination": "People seen in two arms",
    "guardrail": "Guardrail harmed",
    "consent_assertion": "Asserted consent not on record",
    "consent_string": "Consent string not readable",
    "late_evidence": "Consent evidence came late",
    "shadow_change": "Rule version never announced",
    "schema_change": "Fields of a feed changed",
    "refused_input": "Input refused above its share",
    "misrouted": "Records on the wrong partition",
    "cardinality": "Too many values of a dimension",
    "stalled": "A shard stands still",
    "job_failed": "A job failed",
    "storm": "Many incidents at once",
}
DETECTED = frozenset({"dip", "drift", "freshness", "suppression"})
STATES = {
    "pending": "Pending, breached once",
    "open": "Not acknowledged",
    "acknowledged": "Acknowledged",
    "resolved": "Resolved",
    "reopened": "Reopened",
    "closed": "Closed",
    "retracted": "Retracted",
}
STEPS = {
    "opened": "Opened",
    "occurrence": "Breached again",
    "acknowledged": "Acknowledged",
    "escalated": "Escalated",
    "reassigned": "Reassigned",
    "remediation_logged": "Remediation logged",
    "silenced": "Silenced",
    "resolved": "Resolved",
    "reopened": "Reopened",
    "closed": "Closed",
    "retracted": "Retracted",
}
ROLES = {
    "testing_lead": "testing lead",
    "personalization_architect": "personalization architect",
    "data_privacy_lead": "data privacy lead",
}
PRIORITIES = {1: "1 now", 2: "2 this week", 3: "3 next"}
PLACES = ("channel", "profile", "cohort", "variant", "feed", "rule_id", "experiment_id")


SIGHT = "A series that learns, or could not show the loss of everything in a day of windows, is not judged by itself but in what holds it."


def in_full(report: Mapping[str, Any]) -> bool:
    """Return whether a report was asked for in full; a summary keeps its findings and leaves out what they rest on."""
    return bool(report["request"].get("detail", "full") != "summary")


def label(kpi: str) -> str:
    """Return a key figure's name in words."""
    return LABELS.get(kpi) or sentence(kpi.replace("_", " "))


def sentence(text: str) -> str:
    """Return text with its first letter a capital."""
    return text[:1].upper() + text[1:]


def amount(kpi: str, value: float | None, currency: str | None = None) -> str:
    """Return a key figure's value with its unit."""
    if kpi == "freshness_s" and value is not None:
        return age(int(value * 1000))
    if kpi == "revenue_per_exposure":
        return money(value, currency, 3)
    return rate(value)


def where(key: Mapping[str, str]) -> str:
    """Return a key in words, the whole initiative where it names no place."""
    named = [str(key[name]) for name in PLACES if key.get(name)]
    return " × ".join(named) if named else "whole initiative"


def title(issue: Mapping[str, Any]) -> str:
    """Return an issue's name: what, how much, where."""
    what = _what(issue)
    place = where(issue["key"])
    whole = what if place == "whole initiative" else f"{what}, {place}"
    return whole if len(whole) <= TITLE_LENGTH else whole[: TITLE_LENGTH - 1].rstrip() + "…"


def _what(issue: Mapping[str, Any]) -> str:
    check, bound = issue["check"], issue.get("threshold")
    if bound and check not in DETECTED:  # a detector is held to a chance, not to a bound of its figure
        return f"{label(bound['kpi'])} {'below' if bound['op'] in ('<', '<=') else 'above'} {amount(bound['kpi'], bound['value'])}"
    if check == "consent_violation":
        return f"Personalised {AFTER.get(issue['key'].get('verdict', ''), 'without consent')}"
    kind, _, name = check.partition(":")
    if kind in CHECKS:
        kpi = issue["key"].get("kpi")
        if kpi and kind == "dip":
            return f"{label(kpi)} {against(issue)}"
        return f"{label(kpi)} at another level" if kpi and kind == "drift" else CHECKS[kind]
    if kind == "policy":
        return f"{check_name(name)}: not as the policy asks"
    return f"{sentence(kind)} {name} breached" if name else sentence(kind.replace("_", " "))


def check_name(check: str) -> str:
    """Return a policy check's name in words.

    >>> check_name("qa-evidence"), check_name("four_eyes")
    ('QA evidence', 'Four eyes')
    """
    return sentence(" ".join({"qa": "QA"}.get(word, word) for word in check.replace("_", "-").split("-")))


def against(issue: Mapping[str, Any]) -> str:
    """Return how far the last breached window is from what was expected, where both are known."""
    seen = [window for window in issue.get("windows", ()) if window.get("expected") and window.get("observed") is not None]
    return off(seen[-1]["observed"], seen[-1]["expected"]) if seen else "below expected"


def off(observed: float, expected: float) -> str:
    """Return how far off what was expected: a detector of several cells weighs them, so its figures only mean something against each other.

    >>> off(0.0316, 0.0412)
    '23\\xa0% below expected'
    """
    share = observed / expected - 1
    return f"{abs(share) * 100:.0f}{NBSP}% {'below' if share < 0 else 'above'} expected"


def state(issue: Mapping[str, Any]) -> str:
    """Return an issue's state in words."""
    if issue["kind"] == "request":
        return "Breached, last two" if issue.get("twice") else "Breached"
    return STATES.get(issue["state"], sentence(str(issue["state"])))


def owner(issue: Mapping[str, Any]) -> str:
    """Return who has it and why, 'nobody yet' where nobody does."""
    holder = issue.get("owner")
    if not holder:
        return "nobody yet"
    if holder.get("substitute_for"):
        return f"{sentence(holder['person'])}, for {sentence(holder['substitute_for'])}"
    return f"{sentence(holder['person'])}, {ROLES.get(holder['role'], holder['role'])}"


def breached_windows(issue: Mapping[str, Any]) -> int:
    """Return how many windows were breached: a listed stretch holds as many as fit into it, and of very many not all are listed.

    Occurrences of a consent incident are exposures, of any other windows.
    """
    spans = [parse_instant(window["end"]) - parse_instant(window["start"]) for window in issue["windows"]]
    listed = sum(-(-span // spans[0]) for span in spans)
    return listed if issue["check"] == "consent_violation" else max(listed, issue["occurrences"])


def finding(issue: Mapping[str, Any]) -> str:
    """Return the sentence under an issue's title: how often, how much, and what was close to it."""
    said = []
    windows = issue["windows"]
    seen = [window["observed"] for window in windows if window.get("observed") is not None]
    bound = issue.get("threshold")
    if issue["check"] == "consent_violation":
        said.append(f"{count_of(issue['occurrences'], 'exposure')} without valid consent, in {count_of(breached_windows(issue), 'window')}")
    elif windows:
        number = breached_windows(issue)
        many = f"{integer(number)} window{'s' if number > 1 else ''} breached"
        worst = (
            f", the furthest at {amount(bound['kpi'], min(seen) if bound['op'] in ('<', '<=') else max(seen))}" if seen and bound else ""
        )
        said.append(many + worst)
    if bound and bound.get("reason") and issue["kind"] == "incident":
        said.append(f"the bound's reason: {bound['reason']}")
    explanation = issue.get("explanation") or {}
    if explanation.get("global"):
        said.append("no segment cleared the evidence bar: global")
    elif explanation.get("segments"):
        said.append(f"{where(explanation['segments'][0].get('where', {}))} is the segment that moved")
    for suspect in issue["suspects"][:1]:
        said.append(suspected(suspect))
    return sentence("; ".join(said)) + "." if said else ""


def suspected(suspect: Mapping[str, Any]) -> str:
    """Return how close a change was and how much of the segment it reaches, without calling it the cause."""
    reach = f", reaches {suspect['overlap'] * 100:.0f}{NBSP}% of the segment" if suspect.get("overlap") is not None else ""
    return close_by(suspect) + reach


def close_by(suspect: Mapping[str, Any]) -> str:
    """Return how close a change was."""
    rule = f"{suspect['rule_id']} v{suspect['version']}" if suspect.get("version") is not None else str(suspect.get("rule_id", ""))
    before = int(suspect.get("before_s", 0))
    when = (
        f"{age(before * 1000)} before the first breached window" if before >= 0 else f"{age(-before * 1000)} into the first breached window"
    )
    return f"{suspect['change_id']} ({rule}) was {str(suspect.get('action', 'deployed')).replace('_', ' ')} {when}"


def undoing(suspects: Sequence[Mapping[str, Any]]) -> str | None:
    """Return how the closest change would be undone, None where it is no deployment or nothing went before it."""
    first = suspects[0] if suspects else {}
    if first.get("action") != "deployed" or first.get("previous_version") is None:
        return None
    return f"Roll {first['rule_id']} back to v{first['previous_version']} if {first['change_id']} fits."


def steps(issue: Mapping[str, Any], today: str) -> list[tuple[str, str]]:
    """Return the steps of an issue's playbook, each with who logged that it was taken and when, "" where nobody did."""
    named = list((issue.get("playbook") or {}).get("steps") or ())
    taken = steps_taken(named, issue.get("remediation", ()))
    said = ["" if one is None else f"{sentence(str(one['actor']))}, {moment(one['at'], today)}" for one in taken]
    return list(zip(map(str, named), said, strict=True))


def task(issue: Mapping[str, Any]) -> str:
    """Return a backlog title: a verb and an object."""
    if issue["state"] not in ("open", "acknowledged", "pending", "reopened"):
        return f"Record what ended it: {title(issue)}"
    return f"Settle: {title(issue)}"


def acceptance(issue: Mapping[str, Any]) -> str:
    """Return when a backlog item is done."""
    if issue["kind"] == "request":
        return "The next report with the same threshold lists no breach, or the bound is changed with a reason."
    if issue["check"] == "consent_violation":
        return "No personalised exposure without valid consent since, and a remediation is on record."
    return "The incident is resolved and a remediation is on record."


def levels(level: int) -> str:
    """Return a level as words."""
    return f"L{level}" if level else "–"


def count_of(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun.

    >>> count_of(1, "incident"), count_of(2, "incident"), count_of(0, "incident")
    ('1\\xa0incident', '2\\xa0incidents', 'no incidents')
    """
    named = noun if number == 1 else plural or f"{noun}s"
    return f"no {named}" if number == 0 else f"{integer(number)}{NBSP}{named}"


RESULTS = {  # of a check: its word, the icon beside it and their colour
    "pass": {"word": "Pass", "icon": "pass", "tone": "good"},
    "fail": {"word": "Fail", "icon": "fail", "tone": "bad"},
    "warn": {"word": "Warn", "icon": "warn", "tone": "warn"},
    "pending": {"word": "Pending", "icon": "pending", "tone": "wait"},
    "not_evaluated": {"word": "Not evaluated", "icon": "none", "tone": "none"},
    "waived": {"word": "Waived", "icon": "waived", "tone": "none"},
}


def draft(review: Mapping[str, Any]) -> str:
    """Return whether a report may be handed on, and what it waits for otherwise.

    >>> draft({"distributed": False, "blocked_by": ["dependency:privacy", "sign_off:testing_lead"]})
    'Draft, waits for privacy and the testing lead'
    """
    if review["distributed"]:
        return "Signed and distributed"
    kinds = [name.partition(":")[::2] for name in review["blocked_by"]]
    names = [f"the {ROLES[name]}" if kind == "sign_off" else name.replace("_", " ") for kind, name in kinds]
    return f"Draft, waits for {', '.join(names[:-1])}{' and ' if len(names) > 1 else ''}{names[-1]}"


def signature(sign: Mapping[str, Any]) -> str:
    """Return what one sign-off is about and how it stands."""
    state = {"signed": "signed", "waiting": "not signed yet", "unowned": "nobody holds the role"}[sign["status"]]
    return f"{ROLES[sign['role']]}: {sign['for']}, {state}"
