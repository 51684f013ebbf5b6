"""Seeded configs: owners, thresholds of every kind over windows of every level, and times short enough to matter."""

from random import Random
from typing import Any

from tests.simulation.world import DAY, HOUR, MINUTE, TIMINGS

OWNERS = {
    "testing_lead": {"person": "ana", "substitutes": ["ben"]},
    "personalization_architect": {"person": "chi", "substitutes": []},
    "data_privacy_lead": {"person": "dee", "substitutes": ["eli"]},
}
KPIS = {
    "clicks_per_subject": {"numerator": "clicks", "denominator": "subjects", "better": "up"},
    "late_share": {"numerator": "late", "denominator": "exposures", "better": "down"},
    "euros_per_conversion": {"numerator": "revenue_minor.EUR", "denominator": "conversions", "better": "up"},
}
BOUNDS: dict[str, list[tuple[str, float]]] = {
    "ctr": [("<", 0.2), ("<", 0.5), ("<=", 1.0), (">", 0.9)],
    "conversion_rate": [("<", 0.25), (">=", 0.5)],
    "revenue_per_exposure": [("<", 50.0), (">", 200.0)],
    "technical_fallback_rate": [(">", 0.1), (">=", 0.25)],
    "consent_fallback_rate": [(">", 0.3)],
    "clicks_per_subject": [("<", 0.5), (">", 2.0)],
    "late_share": [(">", 0.05), (">=", 0.5)],
    "euros_per_conversion": [("<", 300.0)],
    "variant_share": [("<", 0.4), (">", 0.6)],
    "freshness_s": [(">", 90.0), (">=", 240.0)],
}
WINDOWS = {
    "short": [1 * MINUTE, 1 * MINUTE, 2 * MINUTE, 3 * MINUTE, 5 * MINUTE],
    "coarse": [1 * MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR],
    "long": [15 * MINUTE, 45 * MINUTE, HOUR, 3 * HOUR, 4 * HOUR, 6 * HOUR, DAY, 2 * DAY],
}
WAITS = {
    "short": {"ack_timeout": 3 * MINUTE, "clear_for": 2 * MINUTE, "reopen_window": 3 * MINUTE},
    "coarse": {"ack_timeout": 10 * MINUTE, "clear_for": 150_000, "reopen_window": 7 * MINUTE},
    "long": {"ack_timeout": 5 * HOUR, "clear_for": 2 * HOUR, "reopen_window": 8 * HOUR},
}
UNCAPPED = {"pages_per_hour": 1_000_000}  # the oracle asks everybody; what the cap holds back has tests of its own
OFF = {"dip": False, "freshness": False, "suppression": False, "drift": False}  # they have histories of their own
DIMENSIONS = ("profile", "channel", "cohort", "variant")


def config_of(chance: Random, kind: str, before: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a config; one that follows another differs from it in bounds, in evidence asked for and by further thresholds."""
    timing = {name: span(value) for name, value in TIMINGS[kind].items()}
    timing["stalled_after"] = "1h"
    initiatives = {}
    for name in ("alpha", "beta"):
        known = before["initiatives"][name]["thresholds"] if before else []
        kept = [moved(chance, threshold) if chance.random() < 0.6 else threshold for threshold in known if chance.random() < 0.85]
        wanted = chance.choice([0, 1] if before else [1, 3])
        free = [number for number in range(9) if f"t{number}" not in {threshold["id"] for threshold in kept}]
        fresh = [threshold_of(chance, kind, f"t{free[index]}") for index in range(wanted)]
        initiatives[name] = {**staffed(chance), "kpis": KPIS, "thresholds": kept + fresh, "detectors": OFF}
    waits = {name: span(int(value * chance.choice([0.2, 0.5, 1, 1, 3]))) for name, value in WAITS[kind].items()}
    return {"timing": timing, "incidents": {**waits, **UNCAPPED}, "initiatives": initiatives}


def staffed(chance: Random) -> dict[str, Any]:
    """Return who owns an initiative: roles may be empty (all but the last), or covered by another role."""
    empty = chance.choice([(), (), ("testing_lead",), ("personalization_architect",), ("testing_lead", "personalization_architect")])
    covers = chance.choice([{}, {}, {"testing_lead": "data_privacy_lead"}, {"personalization_architect": "testing_lead"}])
    return {"owners": {role: owner for role, owner in OWNERS.items() if role not in empty}, "covers": covers}


def threshold_of(chance: Random, kind: str, name: str) -> dict[str, Any]:
    """Return one threshold."""
    kpi = chance.choice(list(BOUNDS))
    op, value = chance.choice(BOUNDS[kpi])
    if kpi == "freshness_s" and kind == "long":
        value *= 40
    periods = chance.choice([1, 2, 2, 3, 4])
    return {
        "id": name,
        "kpi": kpi,
        "op": op,
        "value": value,
        "window": span(chance.choice(WINDOWS[kind])),
        "group_by": chance.sample(DIMENSIONS, chance.choice([0, 0, 1, 1, 2, 4])),
        "min_denominator": chance.choice([1, 1, 2, 3]),
        "datapoints_to_alarm": chance.randint(1, periods),
        "evaluation_periods": periods,
    }


def moved(chance: Random, threshold: dict[str, Any]) -> dict[str, Any]:
    """Return the threshold with another bound, more or less evidence asked for, sometimes other groups."""
    op, value = chance.choice(BOUNDS[threshold["kpi"]])
    groups = threshold["group_by"] if chance.random() < 0.7 else chance.sample(DIMENSIONS, chance.choice([1, 1, 2]))
    return {**threshold, "op": op, "value": value, "min_denominator": chance.choice([1, 2, 4]), "group_by": groups}


def span(duration: int) -> str:
    """Return a duration as the config writes it."""
    return f"{duration // 1000}s"
