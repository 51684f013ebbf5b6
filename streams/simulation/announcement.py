"""Rule changes as records: requested, approved, deployed, rolled back; and what was live before the run."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from detectors.window import DAY, HOUR, MINUTE
from governance.message.instant import format_instant
from streams.simulation.scenario import Deployment, Program, Scenario

ACTORS = {
    "requested": ("ben", "marketing_ops"),
    "approved": ("chi", "personalization_architect"),
    "deployed": ("ben", "marketing_ops"),
    "rolled_back": ("ana", "testing_lead"),
}


@dataclass(frozen=True, slots=True)
class Announcement:
    """One rule-change record; `at` is its own time in ms."""

    at: int
    initiative: str
    fields: dict[str, object]


def announcements(scenario: Scenario) -> Iterator[Announcement]:
    """Yield every rule change of a run by program, those that were deployed before it first."""
    for program in scenario.programs:
        channels = tuple(channel.name for channel in program.channels)
        before = scenario.start - 10 * DAY
        change_id = f"chg-{100 + len(program.key)}"
        version, asked = program.version, before - DAY
        first = Deployment(change_id, program.key, program.rule_id, version, version - 1, channels, asked, before, None, "first rollout")
        for change in (first, *(change for change in scenario.deployments if change.initiative == program.key)):
            yield from _steps(program, change)


def _steps(program: Program, change: Deployment) -> Iterator[Announcement]:
    yield _step(program, change, "requested", change.requested)
    yield _step(program, change, "approved", change.requested + 2 * HOUR)
    yield _step(program, change, "deployed", change.deployed)
    if change.rolled_back is not None:
        yield _step(program, change, "rolled_back", change.rolled_back)


def _step(program: Program, change: Deployment, action: str, at: int) -> Announcement:
    person, role = ACTORS[action]
    content = {"rule": change.rule_id, "version": change.version, "channels": list(change.channels)}
    rolled_back = action == "rolled_back"
    fields: dict[str, object] = {
        "event_id": f"{change.change_id}-{action.replace('_', '-')}",
        "occurred_at": format_instant(at),
        "change_id": change.change_id,
        "initiative": change.initiative,
        "rule_id": change.rule_id,
        "version": change.version,
        "previous_version": change.base,
        "action": action,
        "change_type": "rollback" if rolled_back else "update",
        "environment": "production",
        "channels": list(change.channels),
        "actor": {"id": person, "roles": [role]},
        "reason": "key figures did not hold" if rolled_back else change.reason,
        "content_sha256": sha256(repr(content).encode()).hexdigest(),
        "content": content,
        "evidence": [{"type": "qa", "url": f"https://qa.example/{change.change_id}"}],
        "rollback_plan": f"redeploy version {change.base}",
        "experiment_ids": [program.experiment_id] if program.experiment_id else [],
        "emergency": False,
    }
    return Announcement(at, change.initiative, fields)


def lag(announcement: Announcement) -> int:
    """Return how long (ms) a rule change takes to the bus; without randomness, so that the story keeps its times."""
    return 800 + announcement.at % MINUTE // 60
