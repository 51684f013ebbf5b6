"""What a subject saw or did, or the counts of a feed that is already aggregated (`tally`)."""

from typing import Literal, Self

from pydantic import ConfigDict, JsonValue, model_validator

from governance.message.field import (
    Amount,
    Count,
    Currency,
    Incoming,
    InitiativeName,
    MachineId,
    Name,
    Names,
    Number,
    Share,
    invalid,
    missing,
    needs,
    when,
)
from governance.message.instant import Instant

EngagementType = Literal["exposure", "click", "conversion", "tally"]
Fallback = Literal["no_consent", "technical", "no_match"]
MISSING = "-"  # the value of a dimension nobody set


_CURRENCY: JsonValue = {"required": ["currency"], "properties": {"currency": {"type": "string"}}}
_PAID: JsonValue = {"required": ["value_minor"], "properties": {"value_minor": {"type": "integer"}}}
_EARNED: JsonValue = {"required": ["revenue_minor"], "properties": {"revenue_minor": {"minimum": 1}}}
_RULES: list[JsonValue] = [
    needs("type", ("exposure", "click", "conversion"), ["subject_id"]),
    when("type", ["conversion"], {"if": _PAID, "then": _CURRENCY}),
    when("type", ["tally"], {"if": _EARNED, "then": _CURRENCY}),
]


class Engagement(Incoming):
    """One record of `engagement-events`; the key is `subject_id`, free for a tally."""

    model_config = ConfigDict(json_schema_extra={"allOf": _RULES})

    event_id: MachineId
    occurred_at: Instant
    type: EngagementType
    initiative: InitiativeName
    subject_id: Name | None = None
    profile: Name = MISSING
    channel: Name = MISSING
    cohort: Name = MISSING
    variant: Name = MISSING
    experiment_id: MachineId | None = None
    rule_id: MachineId | None = None
    rule_version: Count | None = None
    decision_path: Names | None = None
    fallback: Fallback | None = None
    purpose: Name | None = None
    value_minor: Amount | None = None
    currency: Currency | None = None
    consent_asserted: bool | None = None
    latency_ms: Count | None = None
    propensity: Share | None = None
    pre_value: Number | None = None
    exposures: Count = 0
    clicks: Count = 0
    conversions: Count = 0
    revenue_minor: Count = 0
    technical_fallbacks: Count = 0
    subjects: Count | None = None
    converted_subjects: Count | None = None

    @model_validator(mode="after")
    def _fits_its_type(self) -> Self:
        if self.subject_id is not None and self.value_minor is None and self.type != "tally":
            return self  # nearly every event
        if self.type == "tally":
            if self.revenue_minor and self.currency is None:
                raise invalid("currency", "must be given with revenue_minor")
        elif self.subject_id is None:
            raise missing("subject_id")
        elif self.type == "conversion" and self.value_minor is not None and self.currency is None:
            raise invalid("currency", "must be given with value_minor")
        return self
