"""What a subject allowed, refused or took back, in the words of W3C DPV and ISO/IEC TS 27560."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, JsonValue, StringConstraints, model_validator

from governance.message.field import Incoming, MachineId, Name, Names, missing, when
from governance.message.instant import Instant

ConsentState = Literal[
    "given", "renewed", "requested", "deferred", "refused", "withdrawn", "revoked", "expired", "invalidated", "erased"
]
GRANTS = frozenset({"given", "renewed"})

# Any characters: a string that does not decode is a finding of its own, not a refusal. The bounds are 30 times what is seen.
TcfString = Annotated[str, StringConstraints(max_length=8_192)]
GppString = Annotated[str, StringConstraints(max_length=16_384)]
_NOT_NULL: JsonValue = {"not": {"type": "null"}}
_SAYS_WHAT: JsonValue = {"anyOf": [{"required": [name], "properties": {name: _NOT_NULL}} for name in ("purposes", "tcf", "gpp")]}


class ConsentEvent(Incoming):
    """One record of `consent-events`; the key is `subject_id`. `channels` null means all channels.

    `purposes` null means all purposes in a state that takes consent away. A grant must say what it grants, by
    `purposes` or by a consent string: silence is not consent.
    """

    model_config = ConfigDict(json_schema_extra={"allOf": [when("state", GRANTS, _SAYS_WHAT)]})

    event_id: MachineId
    occurred_at: Instant
    subject_id: Name
    state: ConsentState
    purposes: Names | None = None
    channels: Names | None = None
    jurisdiction: Name | None = None
    expires_at: Instant | None = None
    source: Name | None = None
    notice_version: Name | None = None
    tcf: TcfString | None = None
    gpp: GppString | None = None

    @model_validator(mode="after")
    def _a_grant_names_its_purposes(self) -> Self:
        if self.state in GRANTS and self.purposes is None and self.tcf is None and self.gpp is None:
            raise missing("purposes")
        return self
