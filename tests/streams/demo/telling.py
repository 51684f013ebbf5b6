"""A small story told by hand: a day of two programs, a rule change, an incident with its steps, a feed gone silent."""

from typing import Any

import orjson

from detectors.window import HOUR, MINUTE
from governance.config import load_config
from governance.message.instant import format_instant
from streams.demo.screen import Progress
from streams.demo.story import Story
from streams.kernel.record import Outgoing
from streams.simulation.config import config_text
from streams.simulation.scenario import START, scenario

END = START + 30 * HOUR
BROKEN = START + 26 * HOUR  # web's CTR collapses
SILENT = START + 28 * HOUR  # email stops


def output(topic: str, time: int, data: dict[str, Any]) -> Outgoing:
    """Return an output as the kernel publishes it."""
    return Outgoing(topic, None, b"", orjson.dumps({"specversion": "1.0", "data": data}), time)


def window(initiative: str, channel: str, end: int, exposures: int, clicks: int, revision: str = "counts") -> Outgoing:
    """Return one closed hour of one cell."""
    key = {"profile": "trial-admin", "channel": channel, "cohort": "2026-W46", "variant": "hero-a"}
    counts = {"exposures": exposures, "clicks": clicks, "technical_fallbacks": 0}
    span = {"start": format_instant(end - HOUR), "end": format_instant(end)}
    return output("kpi-windows", end, {"initiative": initiative, "key": key, "window": span, "revision": revision, "counts": counts})


def finding(state: str, kpi: str, channel: str, end: int, observed: float, threshold: float) -> Outgoing:
    """Return one finding of a threshold."""
    data = {
        "check": "threshold:low-ctr",
        "initiative": "plg-onboarding",
        "state": state,
        "key": {"channel": channel, "kpi": kpi},
        "observed": observed,
        "threshold": threshold,
    }
    return output("findings", end, data)


def step(
    name: str, check: str, kpi: str, channel: str, at: int, *, level: int = 1, state: str = "open", initiative: str = "plg-onboarding"
) -> Outgoing:
    """Return one step of an incident's life."""
    roles = {1: ("testing_lead", "ana"), 2: ("personalization_architect", "chi")}
    role, person = roles[level]
    data = {
        "incident_id": f"{check}-{channel}",
        "check": check,
        "initiative": initiative,
        "key": {"channel": channel, "kpi": kpi},
        "state": state,
        "step": name,
        "level": level,
        "owner": {"role": role, "person": person, "substitute_for": None, "reason": None},
        "windows": [{"start": format_instant(at - 2 * HOUR), "end": format_instant(at)}],
    }
    return output("incidents", at, data)


def change(action: str, at: int) -> bytes:
    """Return a rule-change record's value."""
    fields = {"change_id": "chg-311", "initiative": "plg-onboarding", "rule_id": "rule-42", "version": 7, "previous_version": 6}
    return orjson.dumps({**fields, "action": action, "occurred_at": format_instant(at), "channels": ["web"], "actor": {"id": "ben"}})


def told() -> Story:
    """Return the story after thirty hours."""
    story = Story(load_config(config_text(scenario("fortnight"))), START)
    story.change(change("deployed", START - HOUR))  # before the story: not told
    for number in range(1, 31):
        end = START + number * HOUR
        busy = 300 + 20 * (number % 12)
        for initiative, channel, ctr, size in (
            ("plg-onboarding", "web", 0.02 if end > BROKEN else 0.2 + 0.004 * (number % 9), busy),
            ("plg-onboarding", "email", 0.16, busy // 2),
            ("renewal-nudge", "web", 0.18, 12 if number % 12 < 3 else busy // 3),
        ):
            if channel != "email" or end <= SILENT:
                story.publish(window(initiative, channel, end, size, round(size * ctr)))
                story.publish(window(initiative, channel, end, size, round(size * ctr), "consent"))
    story.change(change("requested", BROKEN - 9 * HOUR))
    story.change(change("deployed", BROKEN - HOUR))
    story.publish(finding("pending", "ctr", "web", BROKEN + HOUR, 0.0213, 0.05))
    story.publish(finding("confirmed", "ctr", "web", BROKEN + 2 * HOUR, 0.02, 0.05))
    story.publish(step("opened", "threshold:low-ctr", "ctr", "web", BROKEN + 2 * HOUR))
    story.publish(step("escalated", "threshold:low-ctr", "ctr", "web", BROKEN + 2 * HOUR + 15 * MINUTE, level=2))
    story.publish(step("occurrence", "threshold:low-ctr", "ctr", "web", BROKEN + 3 * HOUR, level=2))
    story.publish(step("opened", "threshold:stale-feed", "freshness_s", "email", SILENT + 20 * MINUTE))
    story.publish(step("opened", "threshold:low-ctr", "ctr", "push", SILENT, initiative="renewal-nudge"))
    story.publish(step("resolved", "threshold:low-ctr", "ctr", "push", END, state="resolved", initiative="renewal-nudge"))
    story.change(change("rolled_back", END))
    story.publish(
        output("reports", END, {"request_id": "q-9", "ok": False, "error": {"field": "window", "message": "must be 1 to 400 days"}})
    )
    return story


def halfway() -> Progress:
    """Return the progress that goes with the story."""
    return Progress(
        "a scripted fortnight, everything in this process, nothing to install", 7, "6 h per second", START, START + 60 * HOUR, END, 412_180
    )
