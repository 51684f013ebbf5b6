"""One row of the checklist: what a check found, what it expected, who can mend it since when until when, and what shows it."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from governance.message.instant import format_instant
from governance.rule_book import Step

Status = Literal["pass", "fail", "warn", "pending", "not_evaluated", "waived"]
STATUSES: tuple[Status, ...] = ("fail", "warn", "pending", "waived", "pass", "not_evaluated")  # what needs most attention first
MOST_EVIDENCE = 20
FAILING = frozenset({"high", "critical"})


@dataclass(frozen=True, slots=True)
class Result:
    """What a check comes to before severity and waivers; times in ms, people by name."""

    status: Literal["pass", "unmet", "warn", "pending", "not_evaluated"]
    found: str
    expected: str
    reason: str | None = None
    who: tuple[str, ...] = ()
    since: int | None = None
    deadline: int | None = None
    evidence: tuple[Step, ...] = ()
    applies: bool = True  # False: the check asks nothing of this change, so nothing is left to evaluate


@dataclass(frozen=True, slots=True)
class Row:
    """A check's result for one change, with what is not published: the check's type and severity, the policy that judged, whether it
    asks anything of the change at all.
    """

    check: str
    status: Status
    found: str
    expected: str
    who: tuple[str, ...] = ()
    since: int | None = None
    deadline: int | None = None
    reason: str | None = None
    evidence: tuple[Step, ...] = ()
    sop: str | None = None
    kind: str = ""  # the type of the check
    severity: str = "high"
    policy: tuple[str, str] = field(default=("", ""))  # id and sha256
    applies: bool = True

    def plain(self) -> dict[str, Any]:
        """Return the row as it is published."""
        return {
            "check": self.check,
            "status": self.status,
            "found": self.found,
            "expected": self.expected,
            "who": list(self.who),
            "since": None if self.since is None else format_instant(self.since),
            "deadline": None if self.deadline is None else format_instant(self.deadline),
            "reason": self.reason,
            "evidence": [step.evident() for step in self.evidence[:MOST_EVIDENCE]],
            "sop": self.sop,
        }


def status_of(result: Result, severity: str) -> Status:
    """Return the status a result has under a severity: what is not met fails where it is high or critical, else warns."""
    if result.status == "unmet":
        return "fail" if severity in FAILING else "warn"
    return result.status


def worst(rows: Iterable[Row]) -> list[Row]:
    """Return one row a check, in the order the checks first come: of several the one that needs most attention."""
    found: dict[str, Row] = {}
    for row in rows:
        known = found.get(row.check)
        if known is None or (STATUSES.index(row.status), not row.applies) < (STATUSES.index(known.status), not known.applies):
            found[row.check] = row
    return list(found.values())


def counts(rows: Iterable[Row]) -> dict[str, int]:
    """Return how many rows have each status, every status named; what asks nothing of a change is not counted."""
    found = dict.fromkeys(("pass", "fail", "warn", "pending", "not_evaluated", "waived"), 0)
    for row in rows:
        found[row.status] += row.applies
    return found


def waived(row: Row, by: str, until: int, reason: str) -> Row:
    """Return an unmet row as one that somebody answers for until a time, ms."""
    return replace(row, status="waived", who=(by,), deadline=until, reason=f"waived by {by}: {reason}")
