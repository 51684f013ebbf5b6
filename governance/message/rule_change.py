"""One step in the life of a personalization rule: asked for, approved, deployed, rolled back, concluded."""

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from governance.message.field import MOST_ITEMS, Count, Incoming, InitiativeName, MachineId, MachineIds, Name, Names, Text, missing, needs
from governance.message.instant import Instant

RuleAction = Literal[
    "requested",
    "approved",
    "rejected",
    "scheduled",
    "deployed",
    "rolled_back",
    "cancelled",
    "expired",
    "evidence_added",
    "signed_off",
    "concluded",
]
ChangeType = Literal["net-new", "update", "rollback"]
VERSIONED = frozenset({"deployed", "rolled_back"})  # without a version, exposures could not be matched with the change


class Actor(Incoming):
    """Who did it, with the roles they say they acted in."""

    id: Name
    roles: Names = ()


class Evidence(Incoming):
    """Something that shows a claim is true."""

    type: Name
    url: Text | None = None


class RuleChange(Incoming):
    """One record of `rule-changes`; the key is `initiative`. `channels` null means all channels.

    Whatever a policy may ask for is optional here: its absence is a failed check with a name, not a refused message.
    """

    model_config = ConfigDict(json_schema_extra={"allOf": [needs("action", VERSIONED, ["version"])]})

    event_id: MachineId
    occurred_at: Instant
    change_id: MachineId
    initiative: InitiativeName
    rule_id: MachineId
    action: RuleAction
    version: Count | None = None
    previous_version: Count | None = None
    change_type: ChangeType | None = None
    environment: Name = "production"
    channels: Names | None = None
    actor: Actor | None = None
    reason: Text | None = None
    content_sha256: Name | None = None
    content: Any = None
    evidence: Annotated[tuple[Evidence, ...], Field(max_length=MOST_ITEMS, strict=False)] = ()
    rollback_plan: Text | None = None
    experiment_ids: MachineIds = ()
    scheduled_at: Instant | None = None
    emergency: bool = False

    @model_validator(mode="after")
    def _what_runs_has_a_version(self) -> Self:
        if self.action in VERSIONED and self.version is None:
            raise missing("version")
        return self
