"""The checklist: every change of a rule book held to the policies in force at its time, itemised.

A change that went live several times (channel by channel, rolled back, live again) is judged once for each time; its row of a
check is the one that needs most attention. Pure: rule book, what was in force when, and now in, rows out.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from governance.message.instant import format_instant
from governance.policy.approval import approvals, emergency_followup
from governance.policy.case import Case, outside
from governance.policy.conduct import change_window, emergency_rate, expiry, version_continuity
from governance.policy.in_force import InForce
from governance.policy.model import AnyCheck, Policy, Waiver
from governance.policy.preparation import evidence, linked_experiment, request, rollback_plan
from governance.policy.row import MOST_EVIDENCE, STATUSES, Result, Row, counts, status_of, waived, worst
from governance.release import History, Release, history
from governance.rule_book import MOST_STEPS, OVER, Change, Key, RuleBook

JUDGES: Mapping[str, Callable[[Any, Case], Result]] = {
    "request": request,
    "approvals": approvals,
    "change_window": change_window,
    "rollback_plan": rollback_plan,
    "evidence": evidence,
    "version_continuity": version_continuity,
    "emergency_followup": emergency_followup,
    "emergency_rate": emergency_rate,
    "linked_experiment": linked_experiment,
    "expiry": expiry,
}


@dataclass(frozen=True, slots=True)
class Judged:
    """One change and its rows; `at` is the time its policies are of, ms: its last release, else when it was called off, else now."""

    change: Change
    at: int
    state: str
    version: int | None
    policies: tuple[Policy, ...]
    rows: tuple[Row, ...]

    def plain(self) -> dict[str, Any]:
        """Return the answer for this change as it is published."""
        return {
            "change_id": self.change.change_id,
            "rule_id": self.change.rule_id,
            "initiative": self.change.initiative,
            "version": self.version,
            "state": self.state,
            "judged_at": format_instant(self.at),
            "policies": [{"id": one.id, "policy_version": one.policy_version, "sha256": one.sha256} for one in self.policies],
            "checks": [row.plain() for row in self.rows],
            "counts": counts(self.rows),
            "error": None,
        }


@dataclass(frozen=True, slots=True)
class Checklist:
    """Every change judged, by initiative, rule and time of its first step."""

    changes: tuple[Judged, ...]

    def rows(self) -> list[Row]:
        """Return one row a check over all changes it asks something of: its worst status, how many have it, and their evidence."""
        found: dict[str, list[tuple[Change, Row]]] = {}
        for judged in self.changes:
            for row in judged.rows:
                if row.applies:
                    found.setdefault(row.check, []).append((judged.change, row))
        return [_summed(rows) for rows in found.values()]

    def counts(self) -> dict[str, int]:
        """Return how many rows of all changes have each status."""
        return counts(row for judged in self.changes for row in judged.rows)

    def failed(self) -> bool:
        """Return whether any row fails."""
        return any(row.status == "fail" for judged in self.changes for row in judged.rows)


def checklist(book: RuleBook, law: InForce, now: int) -> Checklist:
    """Judge every change of a book as the log stood at `now`, ms; the same for every order the log may have arrived in."""
    rules = book.until(now).rules()
    emergencies = _emergencies(rules)
    concluded = {name: _experiments(changes, ended=True) for name, changes in _by_initiative(rules).items()}
    judged = []
    for (initiative, _), changes in rules.items():
        histories = {name: history(changes, name) for name in sorted({step.environment for change in changes for step in change.steps})}
        borne = _experiments(changes, ended=False)
        for change, releases in _released(changes, histories):
            cases = [
                Case(change, release, own, changes, emergencies.get(initiative, ()), borne, concluded[initiative], law, now)
                for release, own in releases
            ]
            judged.append(_judge(change, cases))
    return Checklist(tuple(judged))


def _released(
    changes: tuple[Change, ...], histories: Mapping[str, History]
) -> Iterator[tuple[Change, list[tuple[Release | None, History]]]]:
    """Yield each change with every time it went live; with None once where it waits."""
    found: dict[Key, list[tuple[Release | None, History]]] = {change.key: [] for change in changes}
    for own in histories.values():
        for release in own.releases:
            found[release.change.key].append((release, own))
    for change in changes:
        yield change, found[change.key] or [(None, histories[change.steps[-1].environment])]


def _judge(change: Change, cases: Sequence[Case]) -> Judged:
    rows: list[Row] = []
    last = max(cases, key=lambda case: case.at)
    for case in cases:
        for policy in case.law.policies(case.at):
            rows += _rows(case, policy)
    version = next((step.version for step in reversed(change.steps) if step.version is not None), None)
    return Judged(change, last.at, change.state(), version, last.law.policies(last.at), tuple(worst(rows)))


def _rows(case: Case, policy: Policy) -> Iterator[Row]:
    followed_up = any(check.type == "emergency_followup" for check in policy.checks)
    for check in policy.checks:
        result = _result(check, replace(case, followed_up=followed_up))
        row = Row(
            check=check.id,
            status=status_of(result, check.severity),
            found=result.found,
            expected=result.expected,
            who=result.who,
            since=result.since,
            deadline=result.deadline,
            reason=result.reason,
            evidence=result.evidence[:MOST_EVIDENCE],
            sop=check.sop or case.people.sop(check.id),
            kind=check.type,
            severity=check.severity,
            policy=(policy.id, policy.sha256),
            applies=result.applies,
        )
        yield _perhaps_waived(row, policy.waivers, case)


def _result(check: AnyCheck, case: Case) -> Result:
    expected = check.title or check.id
    why = outside(check, case)
    if why is not None:
        return Result("not_evaluated", "nothing to judge", expected, why, applies=False)
    if case.release is None and case.change.state() in OVER:
        return Result("not_evaluated", case.change.state(), expected, f"was {case.change.state()} and never went live")
    result = JUDGES[check.type](check, case)
    if case.change.truncated and result.status == "pass":
        # What is not kept could be the one step that matters, so nothing is said to be right.
        return replace(result, status="not_evaluated", reason=f"the change has more than {MOST_STEPS} steps of a kind; not all are kept")
    return result


def _perhaps_waived(row: Row, waivers: Iterable[Waiver], case: Case) -> Row:
    """Return the row waived where somebody answers for it: somebody active who did not make the change, and in time."""
    if row.status not in ("fail", "warn", "pending"):
        return row
    people = case.people
    for waiver in waivers:
        if waiver.check != row.check or not _is_about(waiver, case.change):
            continue
        if case.at >= waiver.until:
            why = f"a waiver by {waiver.by} ended {format_instant(waiver.until)}"
        elif people.known_as(waiver.by) in case.authors():
            why = f"a waiver by {waiver.by} does not count: made the change"
        elif not people.active(waiver.by):
            why = f"a waiver by {waiver.by} does not count: not active"
        else:
            return waived(row, waiver.by, waiver.until, waiver.reason)
        row = replace(row, reason=why if row.reason is None else f"{row.reason}; {why}")
    return row


def _is_about(waiver: Waiver, change: Change) -> bool:
    named = ((waiver.changes, change.change_id), (waiver.rules, change.rule_id), (waiver.initiatives, change.initiative))
    return all(not names or name in names for names, name in named)


def _emergencies(rules: Mapping[tuple[str, str], tuple[Change, ...]]) -> dict[str, tuple[Release, ...]]:
    """Return each initiative's emergencies in production, oldest first."""
    found: dict[str, list[Release]] = {}
    for (initiative, _), changes in rules.items():
        for release in history(changes, "production").releases:
            steps = [step for step in release.change.steps if step.at <= release.at]
            if not release.rollback and any(step.emergency for step in steps):
                found.setdefault(initiative, []).append(release)
    return {name: tuple(sorted(releases, key=lambda one: (one.at, one.step.event_id))) for name, releases in found.items()}


def _by_initiative(rules: Mapping[tuple[str, str], tuple[Change, ...]]) -> dict[str, list[Change]]:
    found: dict[str, list[Change]] = {}
    for (initiative, _), changes in rules.items():
        found.setdefault(initiative, []).extend(changes)
    return found


def _experiments(changes: Iterable[Change], *, ended: bool) -> dict[str, int]:
    """Return when each experiment was first concluded, or first named otherwise, ms."""
    found: dict[str, int] = {}
    for change in changes:
        for step in change.steps:
            if (step.action == "concluded") == ended:
                for name in step.experiments:
                    found[name] = min(step.at, found.get(name, step.at))
    return found


def _summed(rows: Sequence[tuple[Change, Row]]) -> Row:
    """Return one row for a check over several changes."""
    status = min((row.status for _, row in rows), key=STATUSES.index)
    same = [(change, row) for change, row in rows if row.status == status]
    first = same[0][1]
    names = ", ".join(change.change_id for change, _ in same[:5]) + (", …" if len(same) > 5 else "")
    since = [row.since for _, row in same if row.since is not None]
    deadlines = [row.deadline for _, row in same if row.deadline is not None]
    return replace(
        first,
        found=f"{len(same)} of {len(rows)} changes: {names}",
        who=tuple(dict.fromkeys(name for _, row in same for name in row.who)),
        since=min(since, default=None),
        deadline=min(deadlines, default=None),
        reason=None if len({row.reason for _, row in same}) > 1 else first.reason,
        evidence=tuple(step for _, row in same for step in row.evidence)[:MOST_EVIDENCE],
    )
