"""Small builders of snapshots: a seeded fortnight with a dip, and rows made by hand."""

from collections.abc import Mapping
from random import Random
from typing import Any

from detectors.cell import Cell, Counts
from detectors.window import DAY, HOUR, MINUTE
from governance.config import Config, load_config
from governance.message.instant import format_instant, parse_instant
from reporting.snapshot import Row, Snapshot

INITIATIVE = "plg-onboarding"
START = parse_instant("2026-11-09T00:00:00Z")
WATERMARK = parse_instant("2026-11-22T14:32:30Z")
CONFIG = """
version: 1
initiatives:
  plg-onboarding:
    title: PLG Onboarding
    owners:
      testing_lead: {person: ana, substitutes: [ben]}
      personalization_architect: {person: chi, substitutes: []}
      data_privacy_lead: {person: dee, substitutes: [eli]}
    kpis:
      click_to_conversion: {numerator: conversions, denominator: clicks, better: up}
    thresholds:
      - {id: low-ctr, kpi: ctr, op: "<", value: 0.036, window: 1h, group_by: [channel], min_denominator: 200,
         reason: "below this it costs more than it brings"}
      - {id: tech, kpi: technical_fallback_rate, op: ">", value: 0.01, window: 1h, group_by: [channel], min_denominator: 200}
    experiments:
      exp-7: {control: hero-a, allocation: {hero-a: 0.5, hero-b: 0.5}, goals: [converted_subjects],
              hypothesis: "a shorter hero raises first-week conversion"}
"""
PATHS = {
    ("exposures", "eligible"): 914_000,
    ("exposures", "no_consent"): 78_000,
    ("exposures", "no_match"): 8_000,
    ("eligible", "tier 1"): 382_000,
    ("eligible", "tier 2"): 532_000,
    ("tier 1", "hero-a"): 301_000,
    ("tier 1", "hero-b"): 78_000,
    ("tier 1", "technical"): 3_000,
    ("tier 2", "hero-b"): 218_000,
    ("tier 2", "checklist"): 310_000,
    ("tier 2", "technical"): 4_000,
    ("eligible", "rare"): 4,
}


def config(text: str = CONFIG) -> Config:
    """Return a checked config."""
    return load_config(text)


def cell(profile: str = "-", channel: str = "web", cohort: str = "-", variant: str = "-") -> Cell:
    return (profile, channel, cohort, variant)


def row(index: int, cells: Mapping[Cell, Mapping[str, int]], partial: bool = False, size: int = DAY, start: int = START) -> Row:
    """Return the row number `index` of `size` from `start`."""
    return Row(start + index * size, start + (index + 1) * size, cells, partial)


def snapshot(rows: tuple[Row, ...], previous: tuple[Row, ...] = (), **changes: Any) -> Snapshot:
    """Return a snapshot of rows made by hand; every other field has a plain value that `changes` replace."""
    settings = changes.pop("config", None) or config()
    values: dict[str, Any] = {
        "initiative": INITIATIVE,
        "title": "PLG Onboarding",
        "request": {
            "request_id": "q-118",
            "command": "report",
            "window": f"{len(rows)}d",
            "detail": "full",
            "dimension": None,
            "requested_by": "ana",
        },
        "period_from": rows[0].start_ms if rows else START,
        "period_to": rows[-1].end_ms if rows else START + DAY,
        "watermark": rows[-1].end_ms if rows else START + DAY,
        "unit": "day",
    }
    return Snapshot(**{**values, **changes}, rows=rows, previous=previous, config=settings, config_sha256="c0" * 32)


def request(**changes: Any) -> dict[str, Any]:
    """Return a report request."""
    plain: dict[str, Any] = {
        "request_id": "q-118",
        "command": "report",
        "window": "14d",
        "detail": "full",
        "dimension": None,
        "requested_by": "ana",
    }
    return {**plain, **changes}


RATES = {  # (profile, channel): exposures a day, CTR, conversion rate, technical fallback rate
    ("trial-admin", "web"): (22_000, 0.054, 0.021, 0.006),
    ("trial-admin", "in-app"): (10_100, 0.046, 0.023, 0.0112),
    ("trial-admin", "email"): (8_880, 0.033, 0.012, 0.002),
    ("trial-member", "web"): (17_900, 0.037, 0.016, 0.0055),
    ("trial-member", "in-app"): (13_300, 0.039, 0.0188, 0.0098),
    ("trial-member", "email"): (4_360, 0.0258, 0.0104, 0.0018),
    ("paid-admin", "in-app"): (5_000, 0.0447, 0.0283, 0.0071),
    ("paid-admin", "web"): (3_490, 0.0422, 0.0264, 0.0049),
}


def counted(random: Random, exposures: int, ctr: float, conversion: float, technical: float, at: int, people: int | None = None) -> Counts:
    """Return the counts of one cell and row around the given rates."""

    def draw(mean: float) -> int:
        return max(0, round(random.gauss(mean, mean**0.5)))

    fallbacks = draw(exposures * 0.078)
    counts = {
        "exposures": exposures,
        "clicks": draw(exposures * ctr),
        "conversions": draw(exposures * conversion),
        "technical_fallbacks": draw(exposures * technical),
        "consent_fallbacks": fallbacks,
        "no_match_fallbacks": draw(exposures * 0.008),
        "subjects": people if people is not None else exposures * 7 // 10,
        "revenue_minor.EUR": draw(exposures * conversion * 1_950),
        "consent.valid": exposures - fallbacks,
        "consent.not_applicable": fallbacks,
        "latency_ms.4": exposures,
        "last_ms": at - MINUTE,
    }
    return {name: number for name, number in counts.items() if number}


def fortnight(**changes: Any) -> Snapshot:
    """Return a seeded fortnight against the one before: email × trial-admin fell, six tiny cells, three incidents, one past."""
    random = Random(20261122)
    previous = tuple(_day(random, index - 14, email_ctr=0.033) for index in range(14))
    rows = tuple(_day(random, index, email_ctr=0.026 if index > 3 else 0.033) for index in range(14))
    now, steps = incidents()
    values: dict[str, Any] = {
        "period_from": START,
        "period_to": parse_instant("2026-11-22T14:32:00Z"),
        "watermark": WATERMARK,
        "request": request(alert_threshold="ctr<0.0425"),
        "incidents": now,
        "timelines": steps,
        "rule_changes": changes_log(),
        "decision_paths": PATHS,
        "refused": {"missing_field": 9, "not_json": 3},
        "late": 431,
        "feeds": tuple(
            {"topic": topic, "partition": partition, "first_offset": first + partition, "last_offset": last + partition}
            for topic, first, last in (
                ("engagement-events", 51_610_014, 53_012_833),
                ("consent-events", 1_137_525, 1_150_548),
                ("rule-changes", 150, 153),
            )
            for partition in range(8)
        ),
    }
    return snapshot(rows, previous, **{**values, **changes})


def _day(random: Random, index: int, email_ctr: float) -> Row:
    partial = index == 13
    share = 0.6 if partial else 1.0
    end = START + (index + 1) * DAY if not partial else parse_instant("2026-11-22T14:32:00Z")
    cells: dict[Cell, Counts] = {}
    for (profile, channel), (exposures, ctr, conversion, technical) in RATES.items():
        rate = email_ctr if (profile, channel) == ("trial-admin", "email") else ctr
        if partial and channel == "web":
            rate *= 0.93
        many = round(exposures * share * random.uniform(0.96, 1.04))
        for variant, part in (("hero-a", 0.5), ("hero-b", 0.5)):
            cells[(profile, channel, "2026-W46", variant)] = counted(random, round(many * part), rate, conversion, technical, end)
    if partial:
        cells[("trial-admin", "email", "2026-W46", "hero-b")]["consent.withdrawn"] = 3
    for number in range(6):
        cells[(f"pilot-{number}", "sms", "2026-W46", "hero-a")] = counted(random, 6 + number, 0.1, 0.05, 0.0, end, people=3 + number)
    return Row(START + index * DAY, START + (index + 1) * DAY, cells, partial)


def incident(
    name: str, check: str, key: Mapping[str, str], level: int, state: str, opened: str, windows: tuple[str, ...], **more: Any
) -> dict[str, Any]:
    """Return an incident's data; `windows` are the ends of its breached hours."""
    ends = [parse_instant(end) for end in windows]
    plain: dict[str, Any] = {
        "incident_id": name,
        "check": check,
        "initiative": INITIATIVE,
        "key": dict(key),
        "state": state,
        "level": level,
        "severity": {1: "warning", 2: "high", 3: "critical"}[level],
        "owner": {"role": "testing_lead", "person": "ana", "substitute_for": None, "reason": "owner"},
        "opened_at": opened,
        "updated_at": opened,
        "sequence": 1,
        "step": "opened",
        "occurrences": len(windows),
        "windows": [{"start": format_instant(end - HOUR), "end": format_instant(end)} for end in ends],
        "explanation": None,
        "playbook": None,
        "recommended_action": None,
        "remediation": [],
        "episode": 1,
        "previous_hash": None,
        "hash": "0" * 64,
    }
    return {**plain, **more}


def incidents() -> tuple[tuple[dict[str, Any], ...], dict[str, tuple[dict[str, Any], ...]]]:
    """Return the fortnight's incidents and their steps."""
    chi = {"role": "personalization_architect", "person": "chi", "substitute_for": None, "reason": "owner"}
    eli = {"role": "data_privacy_lead", "person": "eli", "substitute_for": "dee", "reason": "substitute for dee"}
    steps = {"id": "threshold", "title": "A key figure crossed its threshold twice", "runbook": None, "sop": "SOP-14"}
    plan = {**steps, "steps": ["Compare hero-b v7 with v6 on web", "Log the remediation; one clear window resolves it"]}
    low = incident(
        "7c1e", "threshold:low-ctr", {"channel": "web", "kpi": "ctr"}, 2, "open", "2026-11-22T14:00:00Z",
        ("2026-11-22T13:00:00Z", "2026-11-22T14:00:00Z"), owner=chi, playbook=plan, recommended_action="Roll rule-42 back to v6.",
    )  # fmt: skip
    email = incident(
        "a41f", "consent_violation", {"channel": "email", "verdict": "withdrawn"}, 3, "acknowledged", "2026-11-22T13:05:00Z",
        ("2026-11-22T13:00:00Z",), owner=eli,
        playbook={**steps, "sop": "SOP-9", "steps": ["Check the suppression-list sync", "Record the affected ids under SOP-9"]},
        recommended_action="Stop the email send that is in flight.",
    )  # fmt: skip
    slow = incident(
        "d902",
        "threshold:tech",
        {"channel": "in-app", "kpi": "technical_fallback_rate"},
        1,
        "open",
        "2026-11-22T13:00:00Z",
        ("2026-11-22T12:00:00Z", "2026-11-22T13:00:00Z"),
    )
    past = incident(
        "e001",
        "threshold:low-ctr",
        {"channel": "email", "kpi": "ctr"},
        1,
        "resolved",
        "2026-11-13T04:00:00Z",
        ("2026-11-13T03:00:00Z", "2026-11-13T04:00:00Z"),
        updated_at="2026-11-13T09:00:00Z",
    )
    timelines = {
        "7c1e": ({**low, "level": 1}, {**low, "sequence": 2, "step": "escalated", "updated_at": "2026-11-22T14:15:00Z"}),
        "a41f": (email, {**email, "sequence": 2, "step": "acknowledged", "updated_at": "2026-11-22T13:11:00Z"}),
        "d902": (slow,),
    }
    return (low, email, slow, past), timelines


def changes_log() -> tuple[dict[str, Any], ...]:
    """Return the fortnight's rule changes."""
    plain = {"initiative": INITIATIVE, "action": "deployed", "environment": "production"}
    return (
        {
            **plain,
            "event_id": "r-1",
            "occurred_at": "2026-11-17T09:10:00Z",
            "change_id": "chg-309",
            "rule_id": "rule-17",
            "version": 3,
            "previous_version": 2,
            "channels": ["email"],
            "reason": "winter copy",
        },
        {
            **plain,
            "event_id": "r-2",
            "occurred_at": "2026-11-22T11:52:00Z",
            "change_id": "chg-311",
            "rule_id": "rule-42",
            "version": 7,
            "previous_version": 6,
            "channels": ["web"],
            "reason": "new hero for trial admins",
        },
    )
