"""Builders of change logs: one good change, to be spoiled by the tests, and the checklist of it."""

from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import governance.policy as package
from governance.checklist import Checklist, checklist
from governance.config import Config, load_config
from governance.message.instant import parse_instant
from governance.message.rule_change import RuleChange
from governance.policy import InForce, Policy, load_policy
from governance.policy.row import Row
from governance.rule_book import RuleBook

HOUR = 3_600_000
DAY = 24 * HOUR
START = parse_instant("2026-11-16T08:00:00Z")  # a Monday
SHA = "a" * 64
OTHER_SHA = "b" * 64
SHIPPED = (Path(package.__file__).parent / "default.yaml").read_text(encoding="utf-8")

CONFIG = """\
people:
  ana: {aliases: [ana.k]}
  ben: {}
  gone: {active: false}
initiatives:
  home:
    owners:
      testing_lead: {person: ana, substitutes: [ben]}
      personalization_architect: {person: chi, substitutes: []}
      data_privacy_lead: {person: dee, substitutes: [eli]}
    covers: {testing_lead: data_privacy_lead}
"""


def event(action: str, at: int, **more: Any) -> dict[str, Any]:
    """Return one step of chg-1, `at` ms after START; its id is made of what it says, so an equal step is the same event."""
    fields: dict[str, Any] = {
        "event_id": f"{more.get('change_id', 'chg-1')}-{action}-{at}-{more.get('id', '')}",
        "occurred_at": START + at,
        "change_id": "chg-1",
        "initiative": "home",
        "rule_id": "rule-1",
        "action": action,
        "version": 7,
        "previous_version": 6,
        "change_type": "update",
        "actor": {"id": "ana", "roles": ["marketing_ops"]},
        "content_sha256": SHA,
    }
    return {**fields, **{name: value for name, value in more.items() if name != "id"}}


def by(name: str, *roles: str) -> dict[str, Any]:
    """Return an actor."""
    return {"id": name, "roles": list(roles)}


def requested(at: int = 0, **more: Any) -> dict[str, Any]:
    """Return the request of the good change."""
    good = {"rollback_plan": "redeploy version 6", "evidence": [{"type": "qa", "url": "https://qa.example/1"}]}
    return event("requested", at, **{**good, **more})


def approved(at: int = 1 * HOUR, **more: Any) -> dict[str, Any]:
    """Return an approval by the architect."""
    return event("approved", at, **{"actor": by("chi", "personalization_architect"), **more})


def deployed(at: int = 2 * HOUR, **more: Any) -> dict[str, Any]:
    """Return the release of the good change."""
    return event("deployed", at, **more)


def good(**more: Any) -> list[dict[str, Any]]:
    """Return a change that every shipped check is content with; `more` goes into every step."""
    return [requested(**more), approved(**more), deployed(**more)]


def later(change_id: str, at: int, version: int, **more: Any) -> list[dict[str, Any]]:
    """Return another good change of the rule, whose release is at `at`, of the version before it."""
    sha = f"{version:064x}"
    plan = f"redeploy version {version - 1}"
    fields = {"change_id": change_id, "version": version, "previous_version": version - 1, "content_sha256": sha, **more}
    return [requested(at - 2, **{"rollback_plan": plan, **fields}), approved(at - 1, **fields), deployed(at, **fields)]


def book(events: list[dict[str, Any]]) -> RuleBook:
    """Return the rule book of a log; the place in the list is the offset."""
    return RuleBook.of((RuleChange.model_validate(one), 0, offset) for one, offset in zip(events, count(), strict=False))


def policy(checks: str, waivers: str = "[]") -> Policy:
    """Return a policy of checks written as YAML flow."""
    return load_policy(f"policy_version: 1\nchecks: [{checks}]\nwaivers: {waivers}\n")


def judge(events: list[dict[str, Any]], *policies: Policy, config: str = CONFIG, now: int = 30 * DAY) -> Checklist:
    """Return the checklist of a log by some policies, else by the shipped one, `now` ms after START."""
    law = InForce.only(load_config(config) if config else Config(version=1), policies or (load_policy(SHIPPED),))
    return checklist(book(events), law, START + now)


def rows(found: Checklist, change_id: str = "chg-1") -> Mapping[str, Row]:
    """Return the rows of one change by check."""
    (judged,) = [one for one in found.changes if one.change.change_id == change_id]
    return {row.check: row for row in judged.rows}


def row(
    events: list[dict[str, Any]], check: str, *policies: Policy, change_id: str = "chg-1", now: int = 30 * DAY, config: str = CONFIG
) -> Row:
    """Return one row of one change."""
    return rows(judge(events, *policies, now=now, config=config), change_id)[check]


def statuses(events: list[dict[str, Any]], *policies: Policy, change_id: str = "chg-1", now: int = 30 * DAY) -> dict[str, str]:
    """Return the status of each row of one change."""
    return {name: found.status for name, found in rows(judge(events, *policies, now=now), change_id).items()}
