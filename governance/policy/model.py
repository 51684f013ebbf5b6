"""A policy file: checks of a closed set of types with plain parameters; no expressions, nothing that is evaluated."""

from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from governance.config.initiative import InstantText
from governance.config.problem import Path
from governance.config.section import Section, lasting
from governance.identity import sha256_of
from governance.message.duration import Duration, DurationOrZero
from governance.message.field import MachineId, MachineIds, Name, Names, Text
from governance.message.outputs import Severity
from governance.policy.wall_clock import CLOCK_TIME, WALL_TIME, beginning, checked_wall_time, checked_zone, end

MOST_CHECKS = 200
MOST_WAIVERS = 1_000

ChangeType = Literal["net-new", "update", "rollback"]
ChangeTypes = Annotated[tuple[ChangeType, ...], Field(strict=False, max_length=3)]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Weekdays = Annotated[tuple[Weekday, ...], Field(strict=False, min_length=1, max_length=7)]
Some = Annotated[int, Field(ge=1, le=20)]
Zone = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_+/-]{1,64}$"), AfterValidator(checked_zone)]
ClockTime = Annotated[str, StringConstraints(pattern=f"^{CLOCK_TIME}$")]
WallTime = Annotated[str, StringConstraints(pattern=f"^{WALL_TIME}$"), AfterValidator(checked_wall_time)]
SomeNames = Annotated[Names, Field(min_length=1)]

NEW: tuple[ChangeType, ...] = ("net-new", "update")
ANY: tuple[ChangeType, ...] = ("net-new", "update", "rollback")


class Scope(Section):
    """Which releases a check is about; an empty list means all. `change_types` null means those its type is usually about."""

    environments: Names = ("production",)
    initiatives: Names = ()
    rules: MachineIds = ()
    channels: Names = ()
    change_types: ChangeTypes | None = None


class Check(Section):
    """What every check has. Not met, it is a fail where severity is high or critical, else a warning."""

    usual: ClassVar[tuple[ChangeType, ...]] = ANY

    id: MachineId
    severity: Severity = "high"
    title: Text | None = None
    sop: Text | None = None
    applies_to: Scope = Scope()


class Request(Check):
    """A change is asked for before it goes live, by somebody named, and does not go live once it was called off."""

    usual = NEW
    type: Literal["request"]


class Approvals(Check):
    """Enough people other than those who made the change approve, before it goes live, the very content that goes live.

    `roles`: each approval counts only in one of them; `required_roles`: each must be among the approvals. `valid_for`: an older
    approval does not count. `decide_within`: the deadline shown while it is pending. `emergency: follow_up` leaves an emergency to
    the check of type emergency_followup.
    """

    usual = NEW
    type: Literal["approvals"]
    count: Some = 1
    roles: Names = ()
    required_roles: Names = ()
    exclude_deployer: bool = False
    bind_content: bool = True
    valid_for: Duration | None = None
    decide_within: Duration | None = None
    emergency: Literal["same", "follow_up"] = "follow_up"


class Freeze(Section):
    """No releases from one wall-clock time or day to another; a day as `to` is frozen whole."""

    from_: WallTime = Field(alias="from")
    to: WallTime
    title: Text | None = None


class ChangeWindow(Check):
    """Releases happen in a weekly window and outside freezes, by the wall clock of a time zone.

    `from` after `to` is a window over midnight, which belongs to the day it starts on. `emergencies: allowed` lets an emergency pass.
    """

    usual = NEW
    type: Literal["change_window"]
    timezone: Zone
    days: Weekdays = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    from_: ClockTime = Field(default="00:00", alias="from")
    to: ClockTime = "24:00"
    freezes: Annotated[tuple[Freeze, ...], Field(strict=False, max_length=500)] = ()
    emergencies: Literal["allowed", "judged"] = "allowed"


class RollbackPlan(Check):
    """A plan says how to go back: not blank, not a placeholder, not pointing at itself, to a version that exists."""

    usual = NEW
    type: Literal["rollback_plan"]
    min_characters: Annotated[int, Field(ge=1, le=4_096)] = 10
    known_target: bool = True


class EvidenceGiven(Check):
    """Each type of evidence is in the log, with a link, before the change goes live."""

    usual = NEW
    type: Literal["evidence"]
    types: SomeNames
    link: bool = True


class VersionContinuity(Check):
    """Versions follow each other: no gap, no version twice with different content, each based on what is live, no way back to nothing."""

    type: Literal["version_continuity"]
    allow_gaps: bool = False


class EmergencyFollowup(Check):
    """What went live as an emergency is approved or signed off by others within a time."""

    usual = NEW
    type: Literal["emergency_followup"]
    within: Duration = lasting("24h")
    count: Some = 1
    roles: Names = ()
    evidence: Names = ()


class EmergencyRate(Check):
    """Emergencies are rare: at most so many of an initiative's releases in any period."""

    usual = NEW
    type: Literal["emergency_rate"]
    at_most: Annotated[int, Field(ge=0, le=1_000)] = 2
    period: Duration = lasting("30d")


class LinkedExperiment(Check):
    """A release of a rule that bears experiments names a running one. A rule bears them once it has named any, or by `bearing`."""

    usual = NEW
    type: Literal["linked_experiment"]
    bearing: MachineIds = ()
    configured: bool = False  # the experiment must stand in the config too


class Expiry(Check):
    """What expired is not live any more after a grace; what is live longer than `review_after` was signed off again."""

    usual = NEW
    type: Literal["expiry"]
    grace: DurationOrZero = lasting("24h")
    review_after: Duration | None = None


AnyCheck = Annotated[
    Request
    | Approvals
    | ChangeWindow
    | RollbackPlan
    | EvidenceGiven
    | VersionContinuity
    | EmergencyFollowup
    | EmergencyRate
    | LinkedExperiment
    | Expiry,
    Field(discriminator="type"),
]


class Waiver(Section):
    """Somebody answers for a check not being met, for named changes, rules or initiatives, until a time."""

    check: MachineId
    by: Name
    until: InstantText
    reason: Annotated[Text, Field(min_length=1)]
    changes: MachineIds = ()
    rules: MachineIds = ()
    initiatives: Names = ()


class Policy(Section):
    """One policy file. Files with one `id` are versions of one policy: of them the one with the latest `effective_at` holds."""

    policy_version: Annotated[int, Field(ge=1, le=1_000_000)]
    id: MachineId = "policy"
    effective_at: InstantText | None = None
    title: Text | None = None
    checks: Annotated[tuple[AnyCheck, ...], Field(strict=False, max_length=MOST_CHECKS)]
    waivers: Annotated[tuple[Waiver, ...], Field(strict=False, max_length=MOST_WAIVERS)] = ()

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        found = [*_contradictions(self)]
        if found:
            raise PydanticCustomError("contradiction", "the policy contradicts itself", {"found": found})
        return self

    def effective(self) -> dict[str, Any]:
        """Return the policy with every default filled in, as JSON values; `Policy.model_validate` reads it back."""
        return self.model_dump(mode="json", by_alias=True)

    @cached_property
    def sha256(self) -> str:
        """Return the hex SHA-256 of the compact JSON of the effective policy."""
        return sha256_of(self.effective())


def _contradictions(policy: Policy) -> Iterator[tuple[Path, str]]:
    times = Counter(check.id for check in policy.checks)
    for index, check in enumerate(policy.checks):
        if times[check.id] > 1:
            yield ("checks", index, "id"), "must be unique in the policy"
        if isinstance(check, Approvals) and len(check.required_roles) > check.count:
            yield ("checks", index, "count"), f"must be at least the number of required_roles ({len(check.required_roles)})"
        if isinstance(check, ChangeWindow):
            yield from (((("checks", index, *path)), message) for path, message in _window(check))
    for index, waiver in enumerate(policy.waivers):
        if waiver.check not in times:
            yield ("waivers", index, "check"), "must be the id of a check of this policy"
        if not (waiver.changes or waiver.rules or waiver.initiatives):
            yield ("waivers", index), "must name changes, rules or initiatives: a check nobody has to meet is better left out"


def _window(check: ChangeWindow) -> Iterator[tuple[Path, str]]:
    if check.from_ == check.to or check.from_ == "24:00":
        yield ("from",), "must be before or after `to`, and at most 23:59; a whole day is 00:00 to 24:00"
    for index, freeze in enumerate(check.freezes):
        if end(freeze.to, check.timezone) <= beginning(freeze.from_, check.timezone):
            yield ("freezes", index, "to"), "must be after `from`"
