"""Memos as words and pictures, the same words in every view."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from governance.message.instant import format_instant, parse_instant
from reporting.chart.interval import Look, Row, interval_path, interval_plot
from reporting.figure import EXPONENTS, MINUS, NBSP, NONE, age, day, integer, money, rate, relative
from reporting.wording import count_of, label, sentence

SHOWN = 20  # memos drawn in full; the canonical JSON has them all
STATUS = {"ship": "good", "rollback": "bad", "stop": "warn", "continue": "info"}
ICONS = {"ship": "pass", "rollback": "fail", "stop": "warn", "continue": "pending"}
ACTIONS = {"ship": "Ship", "rollback": "Roll back", "stop": "Stop", "continue": "Continue"}
NAMES = {"converted_subjects": "Converted people", "clicked_subjects": "People who clicked", "revenue_per_subject": "Revenue per person"}
UNFIT = ("srm", "contaminated")


def scale(metric: Mapping[str, Any]) -> tuple[float, str]:
    """Return the factor and unit a metric's difference is shown in: points of a share, money in its currency."""
    if not (metric["kind"] == "mean" or metric["metric"].startswith("revenue")):
        return 100.0, "pp"
    currency = metric["currency"]
    return (1.0, "minor units") if currency is None else (10.0 ** -EXPONENTS.get(currency, 2), currency)


def name_of(metric: Mapping[str, Any]) -> str:
    """Return a metric's name in words."""
    return NAMES.get(metric["metric"]) or label(metric["metric"])


def ends(values: Sequence[float], factor: float) -> str:
    """Return the ends of an interval, signed."""
    return " to ".join(signed(value * factor) for value in values)


def signed(value: float) -> str:
    """Return a number with its sign in three significant digits.

    >>> signed(0.4219)
    '+0.422'
    """
    text = f"{value:+.3g}"
    return text.replace("-", MINUS) if float(text) else "0"


def shown(metric: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """Return what one treatment shows on one metric: `+0.92 pp (95 % +0.19 to +1.65, valid at every look)`."""
    if found["users"] is None:
        return str(found["why"])
    factor, unit = scale(metric)
    text = f"{signed(found['difference'] * factor)}{NBSP}{unit} against {figure(metric, found['control_value'])}"
    if found["ci"] is None:
        return f"{text}, no interval yet"
    level = f"{(1 - metric['alpha']) * 100:.4g}{NBSP}%"
    lift = f", lift {relative(found['lift'])}" if found["lift"] is not None else ""
    return f"{text} ({level} {ends(found['ci'], factor)}, valid at every look, {p_of(found['p_value'])}){lift}{worst(metric, found)}"


def worst(metric: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """Return what a guardrail is judged by: the worst its lower bound leaves open, and what is allowed."""
    if not found["bounds"] or found["bounds"][0] is None:
        return ""
    factor, unit = scale(metric)
    sign = -1.0 if metric["better"] == "down" else 1.0  # bounds are turned so that more is better
    allowed = metric["non_inferiority"] * abs(found["control_value"])
    said = (f"{signed(sign * value * factor)}{NBSP}{unit}" for value in (found["bounds"][0], -allowed))
    return f"; at worst {next(said)}, allowed {next(said)}"


def figure(metric: Mapping[str, Any], value: float) -> str:
    """Return a metric's value: a share in per cent, money with its symbol."""
    return rate(value) if scale(metric)[1] == "pp" else money(value, metric["currency"], 3)


def p_of(p: float) -> str:
    """Return a p-value in words."""
    return f"p{NBSP}<{NBSP}0.001" if p < 0.001 else f"p{NBSP}={NBSP}{p:.3f}"


def verdict(experiment: Mapping[str, Any]) -> str:
    """Return the decision in a sentence."""
    decision = experiment["decision"]
    if decision is None:
        return sentence(str(experiment["why"] or "nothing is decided")) + "."
    arms = f" {', '.join(decision['arms'])}" if decision["action"] in ("ship", "rollback") else ""
    ties = f" (as good: {', '.join(decision['ties'])})" if decision["ties"] else ""
    return f"{ACTIONS[decision['action']]}{arms}{ties}, {decision['reason'].replace('_', ' ')}: {decision['why']}."


def facts(experiment: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what stands beside the picture: name and words."""
    found: list[tuple[str, str]] = []
    dates, checked, readout = experiment["dates"], experiment["integrity"], experiment["readout"]
    if dates["started"]:
        until = f", ended {day(dates['ended'])}" if dates["ended"] else f", planned to {day(dates['ends_at'])}" if dates["ends_at"] else ""
        found.append(("Dates", f"from {day(dates['started'])}{until}, last look {day(dates['looked_at'])}"))
    if experiment["rule_versions"]:
        versions = [f"{one['rule_id']} v{one['version']} {one['action'].replace('_', ' ')}" for one in experiment["rule_versions"][-3:]]
        found.append(("Rules", ", ".join(versions)))
    if checked:
        found += integrity(checked)
    if experiment["design"]:
        found.append(("Method", method(experiment)))
    if readout:
        found.append(
            ("Evidence", f"{count_of(readout['matured'], 'matured user')}, {count_of(readout['looks'], 'look')}{progress(readout)}")
        )
        found += preview(readout)
        claims = readout["peek_tax"]["claims_too_early"]
        said = ", ".join(f"{NAMES.get(one['metric']) or label(one['metric'])} of {one['arm']}" for one in claims)
        tax = f"it would call {said} significant already; " if claims else "it would say no more than this here; "
        found.append(("A test for one look", tax + readout["peek_tax"]["how_often_wrong"]))
    if experiment["decision"]:
        found.append(("Decided", decided(experiment)))
        found.append(("Would change it", experiment["decision"]["would_change"]))
    said = ", ".join(f"{one['change_id']} {one['action'].replace('_', ' ')} by {one['by'] or NONE}" for one in experiment["approvals"])
    if said or experiment["design"]:
        found.append(("Approvals", said or "no change of the period that names it was approved or rejected"))
    return found


def method(experiment: Mapping[str, Any]) -> str:
    """Return how it is read, for a statistician: the sequence, how alpha is spent, what was fixed beforehand."""
    design, readout = experiment["design"], experiment["readout"]
    metrics = readout["metrics"] if readout else []
    arms, goals = max((len(one["arms"]) for one in metrics), default=1), sum(one["role"] != "guardrail" for one in metrics)
    shared = [count_of(arms, "treatment")] if arms > 1 else []
    shared += [f"{goals} goals, half to the first"] if goals > 1 else []
    shared += ["half kept for the one test at the planned end"] if experiment["dates"]["ends_at"] else []
    spent = f" shared over {', '.join(shared)}" if shared else ""
    planned = f"; {integer(design['planned_subjects'])} people planned" if design["planned_subjects"] else ""
    worth = f"an effect worth having is {rate(design['minimum_effect'])} of control"
    sequence = f"asymptotic confidence sequence of the difference, tuned to {integer(design['tuning_n'])} people"
    return f"{sequence}, alpha {design['alpha']:g}{spent}; each person followed for {age(design['attribution_ms'])}; {worth}{planned}"


def decided(experiment: Mapping[str, Any]) -> str:
    """Return since when it is decided, whether that stays, and the intervals of that look."""
    decision, metrics = experiment["decision"], (experiment["readout"] or {"metrics": []})["metrics"]
    stays = ", and that stays" if decision["latched"] else ""
    if not metrics or not decision["numbers"]:
        return f"{day(decision['at'])}{stays}"
    factor, unit = scale(metrics[0])
    sign = -1.0 if metrics[0]["better"] == "down" else 1.0  # a decision's numbers are turned so that more is better
    shown = [(one["arm"], *sorted(sign * factor * one[end] for end in ("low", "high"))) for one in decision["numbers"]]
    said = "; ".join(f"{arm} {signed(low)} to {signed(high)}{NBSP}{unit}" for arm, low, high in shown)
    return f"{day(decision['at'])}{stays}; {name_of(metrics[0])} at that look: {said}"


def integrity(checked: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the checks of exposure in words."""
    ratio, mixed, consent = checked["sample_ratio"], checked["contamination"], checked["consent_clean"]
    users = ", ".join(f"{arm} {integer(number)}" for arm, number in ratio["users"].items())
    p = p_of(ratio["p_value"])
    where = "".join(f"; off in {', '.join(one['where'].values())}" for one in ratio["where"])
    by = {"config": "the config", "propensity": "logged propensities", "equal": "equal shares"}[ratio["planned_by"]]
    split = f"{ratio['verdict']} against {by} ({p}): {users}{where}" if ratio["verdict"] != "one arm" else f"one arm only: {users}"
    found = [("Split", split), ("Seen in two arms", f"{integer(mixed['users'])} ({rate(mixed['share'])}), {mixed['verdict']}")]
    clean = consent["share"]
    if checked["phases"] > 1:
        found.append(("Phases", f"{checked['phases']}, each with its own split or measuring; weighted by precision, never pooled"))
    return [*found, ("Consent-clean", NONE if clean is None else f"{rate(clean)} of {integer(consent['judged'])} judged {consent['of']}")]


def preview(readout: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what those who have not matured yet come to so far on the first goal, nothing where there are none."""
    metric = readout["metrics"][0]
    if not metric["preview"]:
        return []
    users = sum(one["users"] for one in metric["preview"].values())
    said = ", ".join(
        f"{arm} {integer(one['users'])}{'' if one['value'] is None else ' at ' + figure(metric, one['value'])}"
        for arm, one in metric["preview"].items()
    )
    return [
        ("Not matured yet", f"{count_of(users, 'user')}: {said} so far; a preview of {name_of(metric)}, in no interval and no decision")
    ]


def progress(readout: Mapping[str, Any]) -> str:
    """Return how far it is and how many users are expected to go."""
    if readout["progress"] is None:
        return ""
    togo = "no number of users would do" if readout["users_to_go"] is None else f"about {integer(readout['users_to_go'])} users to go"
    togo = togo if readout["users_to_go"] != 0 else "none to go"
    return f", {rate(readout['progress'])} of the precision wanted, {togo}"


def memos(report: Mapping[str, Any], width: float, narrow: float) -> list[dict[str, Any]]:
    """Return what the HTML view shows of each experiment."""
    return [
        {
            "id": one["id"],
            "hypothesis": one["hypothesis"],
            "status": STATUS[one["decision"]["action"]] if one["decision"] else "none",
            "icon": ICONS[one["decision"]["action"]] if one["decision"] else "none",
            "word": ACTIONS[one["decision"]["action"]] if one["decision"] else "Not decided",
            "verdict": verdict(one),
            "facts": facts(one),
            "steps": one["next_steps"],
            "guidance": one["rollout_guidance"],
            "plots": [plot(one, unit, rows, width, narrow) for unit, rows in grouped(one)],
            "path": path(one, width, narrow),
        }
        for one in report["experiments"][:SHOWN]
    ]


def grouped(experiment: Mapping[str, Any]) -> list[tuple[str, list[tuple[Mapping[str, Any], str, Mapping[str, Any]]]]]:
    """Return the metrics by unit, for one axis each."""
    found: dict[str, list[tuple[Mapping[str, Any], str, Mapping[str, Any]]]] = {}
    for metric in (experiment["readout"] or {"metrics": []})["metrics"]:
        for arm, one in metric["arms"].items():
            found.setdefault(scale(metric)[1], []).append((metric, arm, one))
    return list(found.items())


def plot(
    experiment: Mapping[str, Any], unit: str, rows: Sequence[tuple[Mapping[str, Any], str, Mapping[str, Any]]], width: float, narrow: float
) -> dict[str, Any]:
    """Return the interval plot of the metrics that share a unit, at two widths."""
    decision = experiment["decision"]
    usable = decision is None or decision["reason"] not in UNFIT
    drawn = []
    for metric, arm, one in rows:
        factor = scale(metric)[0]
        fixed = one["fixed_horizon"]["ci"] if one["users"] is not None else None
        good = {"better": True, "worse": False, "harmed": False}.get(one["status"])
        role = "" if metric["role"] == "primary" else f", {metric['role']}"
        drawn.append(
            Row(
                f"{arm}: {name_of(metric)}",
                None if one["difference"] is None else one["difference"] * factor,
                None if one["ci"] is None else (one["ci"][0] * factor, one["ci"][1] * factor),
                None if fixed is None else (fixed[0] * factor, fixed[1] * factor),
                f"{one['status']}{role}",
                usable,
                good,
            )
        )
    lines = [f"{name_of(metric)}, {arm}: {shown(metric, one)}" for metric, arm, one in rows]
    return {"wide": Markup(interval_plot(drawn, unit, width)), "narrow": Markup(interval_plot(drawn, unit, narrow)), "lines": lines}


def path(experiment: Mapping[str, Any], width: float, narrow: float) -> dict[str, Any] | None:
    """Return the path of the first treatment's interval on the first goal, None for fewer than two looks."""
    readout = experiment["readout"]
    if not readout or not readout["path"]:
        return None
    arm = readout["path"][-1]["arms"][0]["arm"]
    factor, unit = scale(readout["metrics"][0])
    looks = [
        Look(parse_instant(point["at"]), one["low"] * factor, one["estimate"] * factor, one["high"] * factor)
        for point in readout["path"]
        for one in point["arms"]
        if one["arm"] == arm
    ]
    if len(looks) < 2:
        return None
    started = experiment["dates"]["started"]
    since = looks[0].at if started is None else min(looks[0].at, parse_instant(started))
    names = (day(format_instant(since)), day(format_instant(looks[-1].at)))
    title = f"{name_of(readout['metrics'][0])}, {arm}: the interval from look to look"
    drawn = (Markup(interval_path(looks, since, names, unit, wide)) for wide in (width, narrow))
    return {"title": title, "wide": next(drawn), "narrow": next(drawn)}


def runtime(experiment: Mapping[str, Any]) -> str:
    """Return the minimum run time in words."""
    least = experiment["dates"]["minimum_runtime_ms"]
    return NONE if least is None else age(least)


def lead(report: Mapping[str, Any]) -> str:
    """Return the section's sentence: how many are decided, and which ask for something."""
    found = report["experiments"]
    if not found:
        return "The config names no experiment for this initiative, and nobody was seen in one."
    asking = [f"{one['id']}: {ACTIONS[one['decision']['action']].lower()}" for one in found if acts(one)]
    off = [one["id"] for one in found if one["integrity"] and one["integrity"]["sample_ratio"]["verdict"] == "fails"]
    said = f"{', '.join(asking[:4])}." if asking else "No experiment asks for anything but time."
    return said + (f" Users are not split as planned in {', '.join(off[:4])}{' and more' if len(off) > 4 else ''}." if off else "")


def acts(experiment: Mapping[str, Any]) -> bool:
    """Return whether somebody has to do something."""
    return bool(experiment["decision"] and experiment["decision"]["action"] != "continue")
