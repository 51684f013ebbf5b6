"""Who approved what: each person once, for the content that goes live, in a role held at that time, and never their own work."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from governance.message.duration import format_duration
from governance.policy.case import Case
from governance.policy.model import Approvals, EmergencyFollowup
from governance.policy.row import Result
from governance.rule_book import RELEASING, Step

SHOWN = 5


@dataclass(slots=True)
class Ballot:
    """The approvals that count, by person, and of the others why not."""

    counted: dict[str, Step] = field(default_factory=dict)
    refused: list[tuple[Step, str]] = field(default_factory=list)
    objections: dict[str, Step] = field(default_factory=dict)

    def shown(self, needed: int) -> str:
        """Return the count in words."""
        text = f"{len(self.counted)} of {needed}" + (f": {_names(self.counted.values())}" if self.counted else "")
        left_out = [f"{step.actor or 'nobody'} ({why})" for step, why in self.refused if step not in self.counted.values()]
        if left_out:
            more = f" and {len(left_out) - SHOWN} more" if len(left_out) > SHOWN else ""
            text += f"; not counted: {', '.join(left_out[:SHOWN])}{more}"
        return text

    def steps(self) -> tuple[Step, ...]:
        """Return every step looked at, oldest first."""
        found = {*self.counted.values(), *self.objections.values(), *(step for step, _ in self.refused)}
        return tuple(sorted(found, key=lambda step: (step.at, step.event_id)))


def approvals(check: Approvals, case: Case) -> Result:
    """Judge approvals before the release."""
    ballot = votes(case, ("approved",), case.at, check.roles, bind=check.bind_content, valid_for=check.valid_for)
    _refuse_late(ballot, case)
    if check.exclude_deployer:
        _exclude_deployer(ballot, case)
    lacking = [role for role in check.required_roles if not _has_role(ballot, role, case)]
    expected = _expected(check)
    found = ballot.shown(check.count)
    if ballot.objections:
        found += f"; rejected by {_names(ballot.objections.values())}"
    unnamed = _no_author(case)
    since = case.asked_at
    if len(ballot.counted) >= check.count and not lacking and not ballot.objections and unnamed is None:
        return Result("pass", found, expected, since=since, evidence=ballot.steps())
    reason = unnamed or _why(ballot, lacking, case, check.bind_content)
    who = tuple(able(case, (*check.roles, *lacking), ballot))
    if case.release is None and not ballot.objections:
        deadline = case.due if case.due is not None or check.decide_within is None else since + check.decide_within
        return Result("pending", found, expected, reason, who, since, deadline, ballot.steps())
    evidence = (*ballot.steps(), case.step)
    if case.release is not None and case.emergency and check.emergency == "follow_up" and case.followed_up:
        return Result("warn", found, expected, "went live as an emergency, to be followed up", who, case.at, None, evidence)
    return Result("unmet", found, expected, reason, who, case.at, None, evidence)


def emergency_followup(check: EmergencyFollowup, case: Case) -> Result:
    """Judge whether an emergency was looked at afterwards, in time."""
    roles = f" as {' or '.join(check.roles)}" if check.roles else ""
    also = f" and evidence of {', '.join(check.evidence)}" if check.evidence else ""
    expected = f"{check.count} approval or sign-off by others{roles}{also} within {format_duration(check.within)} of an emergency"
    if case.release is None or not case.emergency:
        return Result("not_evaluated", "no emergency", expected, "did not go live as an emergency", applies=False)
    deadline = case.at + check.within
    ballot = votes(case, ("approved", "signed_off"), min(deadline, case.now), check.roles, bind=True, valid_for=None)
    given = {kind.casefold() for step in case.change.steps if step.at <= deadline for kind, _ in step.evidence}
    lacking = [kind for kind in check.evidence if kind.casefold() not in given]
    found = ballot.shown(check.count) + (f"; no evidence of {', '.join(lacking)}" if lacking else "")
    evidence = (case.step, *ballot.steps())
    if len(ballot.counted) >= check.count and not lacking and not ballot.objections:
        return Result("pass", found, expected, since=case.at, evidence=evidence)
    who = tuple(able(case, check.roles, ballot))
    if case.now < deadline:
        return Result("pending", found, expected, "an emergency waits for its follow-up", who, case.at, deadline, evidence)
    return Result("unmet", found, expected, "the follow-up of an emergency is overdue", who, case.at, deadline, evidence)


def votes(case: Case, actions: Sequence[str], until: int, roles: Sequence[str], *, bind: bool, valid_for: int | None) -> Ballot:
    """Return who approved the content of a case by a time, ms; each person's last word on it holds."""
    ballot, authors, people = Ballot(), case.authors(), case.people
    for step in case.change.of(*actions, "rejected"):
        if step.at > until:
            continue
        person = None if step.actor is None else people.known_as(step.actor)
        if step.action == "rejected":
            if person is not None and step.content_sha256 in (None, case.sha256):
                ballot.counted.pop(person, None)
                ballot.objections[person] = step
            continue
        why = _unfit(step, case, authors, roles, bind=bind)
        if why is None and valid_for is not None and case.at - step.at > valid_for:
            why = f"older than {format_duration(valid_for)}"
        if why is not None or person is None:
            ballot.refused.append((step, why or "nobody named"))
            continue
        ballot.objections.pop(person, None)
        ballot.counted.setdefault(person, step)
    return ballot


def able(case: Case, roles: Sequence[str], ballot: Ballot) -> list[str]:
    """Return who can still approve: people where the config names them, else roles."""
    people, authors = case.people, case.authors()
    found: list[str] = []
    for role in dict.fromkeys(roles):
        found += people.holders(role, case.change.initiative) or [role]
    found = found if roles else people.owners(case.change.initiative)
    fit = [name for name in dict.fromkeys(found) if people.known_as(name) not in authors and people.known_as(name) not in ballot.counted]
    return fit or ["anybody who did not make the change"]


def _unfit(step: Step, case: Case, authors: dict[str, str], roles: Sequence[str], *, bind: bool) -> str | None:
    """Return why an approval does not count, None where it does."""
    people = case.law.people(step.at)
    if step.actor is None:
        return "nobody named"
    if case.people.known_as(step.actor) in authors:
        return "made the change"
    if not people.active(step.actor) or not case.people.active(step.actor):
        return "not active"
    # A sign-off afterwards is of what is live, so it need not name the content; where it names one it must be this.
    free = not bind or (step.action == "signed_off" and step.content_sha256 is None)
    if not free and step.content_sha256 is None:
        return "names no content"
    if not free and step.content_sha256 != case.sha256:
        return "for another content"
    if roles and not any(people.holds(step.actor, role, step.roles, case.change.initiative) for role in roles):
        return "not in a role that counts"
    return None


def _refuse_late(ballot: Ballot, case: Case) -> None:
    if case.release is not None:
        ballot.refused += [(step, "after it went live") for step in case.change.of("approved") if step.at > case.at]


def _exclude_deployer(ballot: Ballot, case: Case) -> None:
    names = {case.people.known_as(step.actor) for step in case.before if step.action in RELEASING and step.actor}
    for person in sorted(names & set(ballot.counted)):
        ballot.refused.append((ballot.counted.pop(person), "put it live"))


def _has_role(ballot: Ballot, role: str, case: Case) -> bool:
    initiative = case.change.initiative
    return any(case.law.people(step.at).holds(step.actor or "", role, step.roles, initiative) for step in ballot.counted.values())


def _no_author(case: Case) -> str | None:
    return None if case.authors() else "nobody is named as its author, so nobody can be told apart from them"


def _why(ballot: Ballot, lacking: list[str], case: Case, bind: bool) -> str:
    if ballot.objections:
        return "a rejection of this content stands"
    if bind and case.sha256 is None:
        return "no content hash says what goes live, so no approval can be for it"
    if lacking:
        return f"no approval as {', '.join(lacking)}"
    if ballot.refused and case.release is not None:
        return "approvals are there, but not enough that count"
    return "waits for approval" if case.release is None else "went live without enough approvals"


def _expected(check: Approvals) -> str:
    plural = "s" if check.count > 1 else ""
    roles = f" as {' or '.join(check.roles)}" if check.roles else ""
    each = f", one each as {', '.join(check.required_roles)}" if check.required_roles else ""
    bound = " of the content that goes live" if check.bind_content else ""
    return f"{check.count} approval{plural}{bound}{roles}{each}, before it goes live, by others than those who made it"


def _names(steps: Iterable[Step]) -> str:
    found = sorted({step.actor or "nobody" for step in steps})
    return ", ".join(found[:SHOWN])
