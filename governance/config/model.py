"""The whole config as one frozen value, its effective form and its hash."""

from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from governance.config.contradiction import contradictions
from governance.config.initiative import Detectors, Freshness, Initiative, InstantText
from governance.config.section import (
    Consent,
    Dashboard,
    Detection,
    Incidents,
    Limits,
    Person,
    Playbook,
    Privacy,
    Section,
    Sink,
    Source,
    Texts,
    Timing,
)
from governance.identity import sha256_of
from governance.message.field import Name, Text


class Config(Section):
    """Everything that may differ between two deployments' judgements; where and how it runs is environment."""

    version: Literal[1] = 1
    effective_at: InstantText | None = None
    timing: Timing = Timing()
    privacy: Privacy = Privacy()
    limits: Limits = Limits()
    detection: Detection = Detection()
    incidents: Incidents = Incidents()
    consent: Consent = Consent()
    people: dict[Name, Person] = Field(default_factory=dict)
    playbooks: dict[Name, Playbook] = Field(default_factory=dict)
    dashboards: Annotated[tuple[Dashboard, ...], Field(strict=False)] = ()
    sources: Annotated[tuple[Source, ...], Field(strict=False)] = ()
    initiatives: dict[Name, Initiative] = Field(default_factory=dict)
    policies: Texts = ()
    sinks: dict[Name, Sink] = Field(default_factory=dict)
    plan_directory: Text = ".claude/plans"

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        found = contradictions(self)
        if found:
            raise PydanticCustomError("contradiction", "the config contradicts itself", {"found": found})
        return self

    def effective(self) -> dict[str, Any]:
        """Return the config with every default filled in, as JSON values; `Config.model_validate` reads it back.

        Sinks show the scheme of their address only, so what is printed and published holds no token.
        """
        return self.model_dump(mode="json", by_alias=True)

    @cached_property
    def sha256(self) -> str:
        """Return the hex SHA-256 of the compact JSON of the effective config."""
        return sha256_of(self.effective())

    def initiative(self, name: str) -> Initiative:
        """Return what is configured for an initiative, the defaults where nothing is."""
        return self.initiatives.get(name, self._unconfigured)

    @cached_property
    def _unconfigured(self) -> Initiative:
        # A base window over 5 min is not held against the default freshness window where nobody wrote one.
        usual = Freshness()
        if usual.window % self.timing.window == 0:
            return Initiative()
        fitting = usual.model_copy(update={"window": self.timing.window})
        return Initiative(detectors=Detectors(freshness=fitting))

    def resolve(self, name_or_title: str) -> str | None:
        """Return the name of the configured initiative that is called so or titled so, None where there is none."""
        if name_or_title in self.initiatives:
            return name_or_title
        return next((name for name, one in self.initiatives.items() if one.title == name_or_title), None)
