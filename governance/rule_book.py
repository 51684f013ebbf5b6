"""The rule book: what the change log says about every rule, whatever order it arrived in.

A change is the set of its steps, kept sorted by (time, event id), so folding the same events in any order and any number of
times gives the same value. Nothing is decided while folding: state, releases and checks are read off the steps later, as of
a time. A change is bounded: of each action the earliest steps are kept, and `truncated` says that there were more.
"""

from bisect import insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from hashlib import sha256
from itertools import groupby
from typing import Any

from governance.identity import compact
from governance.message.rule_change import RuleChange

MOST_STEPS = 50  # of one action in one change: far above any process, far below what could hurt
MOST_VALUES = 200  # channels, roles, experiments, pieces of evidence of one step
MOST_CONTENTS = 4  # of one change: enough for what was asked for, edited and deployed
LONGEST_CONTENT = 64 * 1024  # characters of compact JSON that are kept for a difference
LONGEST_LINK = 300

STATES: Mapping[tuple[str, str], str] = {  # (state, action) -> state; what is not here changes nothing
    **{(state, "requested"): "requested" for state in ("named", "requested", "approved", "rejected", "scheduled", "cancelled", "expired")},
    **{(state, "approved"): "approved" for state in ("named", "requested", "rejected")},
    **{(state, "rejected"): "rejected" for state in ("named", "requested", "approved", "scheduled")},
    **{(state, "scheduled"): "scheduled" for state in ("named", "requested", "approved")},
    **{(state, "cancelled"): "cancelled" for state in ("named", "requested", "approved", "rejected", "scheduled")},
    **{
        (state, action): action
        for state in ("named", "requested", "approved", "rejected", "scheduled", "cancelled", "deployed", "rolled_back", "expired")
        for action in ("deployed", "rolled_back", "expired")
    },
}
OVER = frozenset({"cancelled", "rejected", "expired"})  # a change in one of these is not waiting for anything
RELEASING = frozenset({"deployed", "rolled_back"})

Key = tuple[str, str, str]  # initiative, rule, change


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """One event of a change, ms; its first two fields are its place in time. Text is kept as it came, lists sorted."""

    at: int
    event_id: str
    action: str
    partition: int
    offset: int
    version: int | None = None
    previous_version: int | None = None
    change_type: str | None = None
    environment: str = "production"
    channels: tuple[str, ...] | None = None
    actor: str | None = None
    roles: tuple[str, ...] = ()
    content_sha256: str | None = None
    content: str | None = None  # SHA-256 of the compact JSON of the content itself
    evidence: tuple[tuple[str, str], ...] = ()  # (type, link or "")
    rollback_plan: str | None = None
    experiments: tuple[str, ...] = ()
    scheduled_at: int | None = None
    emergency: bool = False

    def plain(self) -> list[Any]:
        """Return the fields in their order as JSON values."""
        found = [getattr(self, name) for name in _FIELDS]
        return [_listed(value) for value in found]

    @classmethod
    def of(cls, plain: Iterable[Any]) -> "Step":
        """Return the step that `plain` wrote."""
        return cls(*(_tupled(value) for value in plain))

    def said(self) -> str:
        """Return what the event says, without where it was read."""
        return compact(replace(self, partition=0, offset=0).plain())

    def evident(self) -> dict[str, Any]:
        """Return the step as evidence: where it stands in the log."""
        return {"topic": "rule-changes", "partition": self.partition, "offset": self.offset, "event_id": self.event_id}


@dataclass(frozen=True, slots=True)
class Content:
    """A content a change carried: the rank, time and id of the first step with it, its hash and its compact JSON."""

    rank: int
    at: int
    event_id: str
    digest: str
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """All that is known of one change of one rule; the unit a store keeps."""

    initiative: str
    rule_id: str
    change_id: str
    steps: tuple[Step, ...] = ()
    contents: tuple[Content, ...] = ()
    truncated: bool = False

    @property
    def key(self) -> Key:
        """Return what tells this change from every other."""
        return self.initiative, self.rule_id, self.change_id

    @property
    def since(self) -> int:
        """Return when the change is first heard of, ms."""
        return self.steps[0].at

    def of(self, *actions: str) -> tuple[Step, ...]:
        """Return the steps of some actions, oldest first."""
        return tuple(step for step in self.steps if step.action in actions)

    def until(self, now: int) -> "Change":
        """Return the change as it stood at a time, ms: without what came later."""
        return replace(self, steps=tuple(step for step in self.steps if step.at <= now))

    def state(self) -> str:
        """Return where the change stands: `named` (nothing but remarks), requested, approved, … by STATES."""
        state = "named"
        for step in self.steps:
            state = STATES.get((state, step.action), state)
        return state

    def text_of(self, digest: str | None) -> str | None:
        """Return a content's compact JSON by its hash, None where it is not kept."""
        return next((content.text for content in self.contents if content.digest == digest), None)

    def add(self, event: RuleChange, partition: int, offset: int) -> "Change":
        """Return the change with one more event of it, which must be of this change; one already known alters nothing."""
        step, cut = _step(event, partition, offset)
        contents = _contents(self.contents, event, step)
        known = next((old for old in self.steps if old.event_id == step.event_id), None)
        if known is not None and known.said() == step.said():
            step = min(known, step)  # the same event read twice stands where it stood first
        elif known is not None:
            step = min(known, step, key=lambda one: (one.at, one.said()))  # one id for two events: the earlier is the event
        others = [old for old in self.steps if old.event_id != step.event_id]
        insort(others, step)
        steps, over = _earliest(others)
        return replace(self, steps=steps, contents=contents, truncated=self.truncated or cut or over)

    def plain(self) -> list[Any]:
        """Return the change as JSON values; `Change.of_plain` reads it back."""
        contents = [[content.rank, content.at, content.event_id, content.digest, content.text] for content in self.contents]
        return [*self.key, [step.plain() for step in self.steps], contents, int(self.truncated)]

    @classmethod
    def of_plain(cls, plain: list[Any]) -> "Change":
        """Return the change that `plain` wrote."""
        initiative, rule_id, change_id, steps, contents, truncated = plain
        kept = tuple(Content(*content) for content in contents)
        return cls(initiative, rule_id, change_id, tuple(Step.of(step) for step in steps), kept, bool(truncated))


@dataclass(frozen=True, slots=True)
class RuleBook:
    """Every change that was read; a value, so that adding to it gives a new one."""

    changes: Mapping[Key, Change] = field(default_factory=dict)

    def add(self, event: RuleChange, partition: int = 0, offset: int = 0) -> "RuleBook":
        """Return the book with one more event, read at a place of `rule-changes`."""
        key = (event.initiative, event.rule_id, event.change_id)
        return RuleBook({**self.changes, key: self.changes.get(key, Change(*key)).add(event, partition, offset)})

    def until(self, now: int) -> "RuleBook":
        """Return the book as it stood at a time, ms; a change nothing was known of is not in it."""
        known = {key: change.until(now) for key, change in self.changes.items()}
        return RuleBook({key: change for key, change in known.items() if change.steps})

    def rules(self) -> dict[tuple[str, str], tuple[Change, ...]]:
        """Return the changes of each (initiative, rule), by the time of their first step."""
        ordered = sorted(self.changes.values(), key=lambda change: (*change.key[:2], change.since, change.change_id))
        return {rule: tuple(found) for rule, found in groupby(ordered, key=lambda change: (change.initiative, change.rule_id))}

    def plain(self) -> list[Any]:
        """Return the book as JSON values, the same for the same book."""
        return [change.plain() for _, change in sorted(self.changes.items())]

    @classmethod
    def of_plain(cls, plain: Iterable[list[Any]]) -> "RuleBook":
        """Return the book that `plain` wrote."""
        return cls({change.key: change for change in map(Change.of_plain, plain)})

    @classmethod
    def of(cls, events: Iterable[tuple[RuleChange, int, int]]) -> "RuleBook":
        """Return the book of many events, each with its partition and offset."""
        changes: dict[Key, Change] = {}
        for event, partition, offset in events:
            key = (event.initiative, event.rule_id, event.change_id)
            changes[key] = changes.get(key, Change(*key)).add(event, partition, offset)
        return cls(changes)


_FIELDS = tuple(one.name for one in fields(Step))


def _step(event: RuleChange, partition: int, offset: int) -> tuple[Step, bool]:
    """Return the event as a step, and whether something of it had to be left out."""
    roles = event.actor.roles if event.actor else ()
    links = {(one.type, (one.url or "")[:LONGEST_LINK]) for one in event.evidence}
    lists = (roles, event.experiment_ids, event.channels or (), links)
    step = Step(
        at=event.occurred_at,
        event_id=event.event_id,
        action=event.action,
        partition=partition,
        offset=offset,
        version=event.version,
        previous_version=event.previous_version,
        change_type=event.change_type,
        environment=event.environment,
        channels=None if event.channels is None else _few(event.channels),
        actor=event.actor.id if event.actor else None,
        roles=_few(roles),
        content_sha256=event.content_sha256,
        content=None if event.content is None else _digest(compact(event.content)),
        evidence=tuple(sorted(links)[:MOST_VALUES]),
        rollback_plan=event.rollback_plan,
        experiments=_few(event.experiment_ids),
        scheduled_at=event.scheduled_at,
        emergency=event.emergency,
    )
    return step, any(len(set(values)) > MOST_VALUES for values in lists)


def _few(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(values))[:MOST_VALUES])


def _earliest(steps: list[Step]) -> tuple[tuple[Step, ...], bool]:
    """Return of each action the earliest steps, and whether that left any out.

    The smallest of all ever seen are the same however they came, and what was left out can never have to come back.
    """
    kept: list[Step] = []
    counts: dict[str, int] = {}
    for step in steps:
        counts[step.action] = counts.get(step.action, 0) + 1
        if counts[step.action] <= MOST_STEPS:
            kept.append(step)
    return tuple(kept), len(kept) < len(steps)


def _contents(known: tuple[Content, ...], event: RuleChange, step: Step) -> tuple[Content, ...]:
    """Return the few contents to keep: those that went live before those that were asked for, then the earliest."""
    if event.content is None or step.content is None:
        return known
    text = compact(event.content)
    if len(text) > LONGEST_CONTENT:
        return known
    rank = 0 if event.action in RELEASING else 1
    new = Content(rank, event.occurred_at, event.event_id, _digest(text), text)
    order = sorted([*known, new], key=lambda one: (one.rank, one.at, one.event_id, one.digest))
    first: dict[str, Content] = {}
    for content in order:
        first.setdefault(content.digest, content)
    return tuple(list(first.values())[:MOST_CONTENTS])


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _listed(value: Any) -> Any:
    return [_listed(one) for one in value] if isinstance(value, tuple) else value


def _tupled(value: Any) -> Any:
    return tuple(_tupled(one) for one in value) if isinstance(value, list) else value
