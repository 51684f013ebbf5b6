"""The sections of a config that hold for the whole deployment, each with its documented defaults."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from governance.message.duration import Duration, DurationOrZero, parse_duration
from governance.message.field import LARGEST_COUNT, Name, Names, Text

Role = Literal["testing_lead", "personalization_architect", "data_privacy_lead"]
Roles = Annotated[tuple[Role, ...], Field(strict=False)]
Texts = Annotated[tuple[Text, ...], Field(strict=False)]
Fraction = Annotated[float, Field(gt=0.0, le=1.0, allow_inf_nan=False)]
OpenFraction = Annotated[float, Field(gt=0.0, lt=1.0, allow_inf_nan=False)]
Positive = Annotated[int, Field(ge=1, le=LARGEST_COUNT)]
InputTopic = Literal["engagement-events", "consent-events", "rule-changes", "monitor-commands"]


def lasting(text: str) -> Any:
    """Return a field whose default is a duration, shown in the schema as it is written."""
    return Field(default=parse_duration(text), json_schema_extra={"default": text})


class Section(BaseModel):
    """A part of the config: an unknown key is an error, nothing is coerced, nothing changes after reading."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", hide_input_in_errors=True)


class Timing(Section):
    """How long windows are and how long the monitor waits for what is late; milliseconds, as every duration here."""

    window: Duration = lasting("1m")
    tick: Duration = lasting("10s")
    allowed_lateness: DurationOrZero = lasting("30s")
    settle: DurationOrZero = lasting("5m")
    correction_horizon: Duration = lasting("24h")
    dedup_horizon: Duration = lasting("48h")
    max_future_skew: DurationOrZero = lasting("5m")
    stalled_after: Duration = lasting("2m")


class Privacy(Section):
    """Whose silence is a denial, how small a group may be shown, how long subjects are kept."""

    minimum_subjects: Positive = 10
    opt_in_jurisdictions: Names = ("EU", "UK")
    default_jurisdiction: Name = "EU"
    erase_after: Duration = lasting("400d")


class Limits(Section):
    """Caps: what goes beyond is counted under `__other__`, never dropped; `refused_share` is of a topic's messages."""

    refused_share: Fraction = 0.05
    initiatives: Positive = 1_000
    cells: Positive = 20_000
    profiles: Positive = 200
    channels: Positive = 50
    cohorts: Positive = 100
    variants: Positive = 50
    experiments: Positive = 10_000


class Detection(Section):
    """How many false alarms are allowed, and how soon a rule must be announced."""

    alarm_budget_per_series_week: Annotated[float, Field(gt=0.0, le=100.0, allow_inf_nan=False)] = 0.02
    fdr: OpenFraction = 0.01
    shadow_grace: DurationOrZero = lasting("5m")


class Incidents(Section):
    """How long an incident may wait at each step of its life."""

    ack_timeout: Duration = lasting("15m")
    clear_for: DurationOrZero = lasting("10m")
    reopen_window: DurationOrZero = lasting("1h")
    retry_limit: Annotated[int, Field(ge=0, le=10)] = 2
    pages_per_hour: Positive = 20


class ConsentStrings(Section):
    """Which of our purposes a number of a TC string or a field of a GPP string stands for; empty is the documented table."""

    tcf: dict[Name, Name | Names] = Field(default_factory=dict)
    gpp: dict[Name, Name | Names] = Field(default_factory=dict)


class Consent(Section):
    """How consent strings are read."""

    purposes: ConsentStrings = ConsentStrings()


class Person(Section):
    """The other names somebody acts under, and whether they still may act at all."""

    aliases: Names = ()
    active: bool = True


class Playbook(Section):
    """What to do about an incident; its key in `playbooks` is the check it is for (`dip`, `threshold:low-ctr`)."""

    title: Text
    steps: Texts = ()
    recommended_action: Text | None = None
    runbook: Text | None = None
    sop: Text | None = None


class Dashboard(Section):
    """A place where the same numbers can be looked at, linked from reports."""

    title: Name
    url: Text


class Constant(Section):
    """A value that every mapped record gets."""

    const: Any


class Source(Section):
    """A topic that already exists and how its records become ours; a field without a mapping is taken as it stands."""

    topic: Name
    as_: InputTopic = Field(alias="as")
    map: dict[Name, Name | Constant] = Field(default_factory=dict)


def without_secrets(url: str) -> str:
    """Return what is printed and published of an address: its scheme."""
    scheme, separator, _ = url.partition("://")
    return f"{scheme}://***" if separator else "***"


class Sink(Section):
    """Where people are told; `for` are the roles it serves, all where it is empty.

    Addresses hold tokens and people's names: the effective config, which is printed and published, shows the scheme only.
    """

    url: Annotated[Text, Field(repr=False), PlainSerializer(without_secrets, return_type=str)]
    max_age: Duration = lasting("1h")
    for_: Roles = Field(default=(), alias="for")
