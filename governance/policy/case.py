"""What one judgement is about: a change going live once, or not yet, with all a check may ask about its surroundings."""

from collections.abc import Mapping
from dataclasses import dataclass

from governance.policy.in_force import InForce
from governance.policy.model import Check
from governance.policy.people import People
from governance.release import History, Release
from governance.rule_book import OVER, RELEASING, Change, Step

REVIEWS = frozenset({"approved", "rejected", "signed_off"})


@dataclass(frozen=True, slots=True)
class Case:
    """A change and its release under judgement (None: not live yet), as the log stood at `now`, ms."""

    change: Change
    release: Release | None
    history: History  # of the rule in the environment of the release
    siblings: tuple[Change, ...]  # every change of the rule
    emergencies: tuple[Release, ...]  # of the initiative, oldest first
    borne: Mapping[str, int]  # experiments the rule has named and when first, ms
    concluded: Mapping[str, int]  # experiments of the initiative and when they ended, ms
    law: InForce
    now: int
    followed_up: bool = False  # whether the policy that judges asks for a follow-up of emergencies

    @property
    def at(self) -> int:
        """Return the time the case is judged at, ms: when it went live, was called off, else now."""
        if self.release is not None:
            return self.release.at
        return self.change.steps[-1].at if self.change.state() in OVER else self.now

    @property
    def people(self) -> People:
        """Return the people of the config in force when the case is judged."""
        return self.law.people(self.at)

    @property
    def before(self) -> tuple[Step, ...]:
        """Return the steps that count: those up to the release."""
        return tuple(step for step in self.change.steps if step.at <= self.at)

    @property
    def environment(self) -> str:
        """Return where it goes live."""
        return self.change.steps[-1].environment if self.release is None else self.release.step.environment

    @property
    def step(self) -> Step:
        """Return the step that went live, else the last of the change."""
        return self.change.steps[-1] if self.release is None else self.release.step

    @property
    def kind(self) -> str:
        """Return net-new, update or rollback; a change that only claims to be a rollback is an update."""
        if self.release is not None:
            return self.release.kind
        declared = next((step.change_type for step in reversed(self.change.steps) if step.change_type), "update")
        if declared != "rollback":
            return declared
        live = {release.step.content_sha256 for release in self.history.releases}
        return "rollback" if self.sha256 is not None and self.sha256 in live else "update"

    @property
    def sha256(self) -> str | None:
        """Return the hash of the content that went live, or that was last asked for."""
        if self.release is not None:
            return self.release.step.content_sha256
        asked = [step.content_sha256 for step in self.change.steps if step.action not in REVIEWS and step.content_sha256]
        return asked[-1] if asked else None

    @property
    def emergency(self) -> bool:
        """Return whether it went live as an emergency."""
        return any(step.emergency for step in self.before)

    @property
    def asked_at(self) -> int:
        """Return when it was asked for, ms; without a request, when it is first heard of."""
        return next((step.at for step in self.change.of("requested")), self.change.since)

    @property
    def due(self) -> int | None:
        """Return when it is scheduled to go live, ms."""
        return next((step.scheduled_at for step in reversed(self.before) if step.scheduled_at is not None), None)

    def authors(self) -> dict[str, str]:
        """Return everybody who made the change, by one name each, with the name they used.

        That is who requested it, and who first brought in a content: an edit after the request has an author too. Where nobody
        requested it, it is who put it live.
        """
        people = self.people
        requests = [step for step in self.before if step.action == "requested"]
        found = [step for step in requests if step.actor]
        seen: set[str | None] = {None} if any(step.content_sha256 for step in requests) else {step.content_sha256 for step in self.before}
        for step in self.before:
            if step.action not in REVIEWS and step.content_sha256 not in seen:
                seen.add(step.content_sha256)
                found.append(step)
        if not requests and not found:
            found = [step for step in self.before if step.action in RELEASING]
        return {people.known_as(step.actor): step.actor for step in found if step.actor}


def outside(check: Check, case: Case) -> str | None:
    """Return why a check is not about a case, None where it is."""
    scope = check.applies_to
    if case.environment not in scope.environments and scope.environments:
        return f"not asked in environment {case.environment}"
    if case.kind not in (check.usual if scope.change_types is None else scope.change_types):
        return f"not asked of kind {case.kind}"
    if scope.initiatives and case.change.initiative not in scope.initiatives:
        return "not asked of this initiative"
    if scope.rules and case.change.rule_id not in scope.rules:
        return "not asked of this rule"
    channels = case.step.channels
    if scope.channels and channels is not None and not set(scope.channels) & set(channels):
        return "not asked on these channels"
    return None
