"""What is configured per initiative: who owns it, what is measured, where the bounds are, which experiments run."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, StringConstraints

from detectors.kpi import Better
from governance.config.section import OpenFraction, Positive, Role, Section, lasting
from governance.message.alert_threshold import KPI_NAME
from governance.message.command import Detail, ReportDimension
from governance.message.duration import Duration
from governance.message.field import LARGEST_AMOUNT, MachineId, Name, Names, Number, Text
from governance.message.instant import Instant, format_instant
from governance.message.report_window import WindowText

Dimension = Literal["profile", "channel", "cohort", "variant"]
Dimensions = Annotated[tuple[Dimension, ...], Field(strict=False, max_length=4)]
Operator = Literal["<", "<=", ">", ">="]
KpiName = Annotated[str, StringConstraints(pattern=f"^{KPI_NAME}$")]
Weight = Annotated[float, Field(gt=0.0, le=1.0, allow_inf_nan=False)]
Allocation = dict[Name, Weight]
Split = dict[Name, Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]]  # an arm at 0 is one nobody should get any more
InstantText = Annotated[Instant, PlainSerializer(format_instant, return_type=str)]
Periods = Annotated[int, Field(ge=1, le=100)]


class Owner(Section):
    """Who holds a role, and who stands in, in this order."""

    person: Name
    substitutes: Names = ()


class Kpi(Section):
    """A key figure of one's own: one count over another."""

    numerator: Name
    denominator: Name
    better: Better = "up"


class Threshold(Section):
    """A bound on a key figure: breached in M (`datapoints_to_alarm`) of the last N eligible windows, it is an incident."""

    id: MachineId
    kpi: KpiName
    op: Operator
    value: Number
    window: Duration
    group_by: Dimensions = ()
    min_denominator: Positive = 1
    datapoints_to_alarm: Periods = 2
    evaluation_periods: Periods = 2
    reason: Text | None = None


class Dip(Section):
    """A key figure below what its own past makes likely."""

    kpi: KpiName = "ctr"
    window: Duration = lasting("1h")
    group_by: Dimensions = ("profile", "channel")


class Freshness(Section):
    """A key that has gone quiet; `sla` is the longest silence allowed, null leaves it to the expected rate."""

    window: Duration = lasting("5m")
    group_by: Dimensions = ()
    sla: Duration | None = None


class Suppression(Section):
    """A variant that is shown less than its share."""

    window: Duration = lasting("1h")
    group_by: Dimensions = ()


class Drift(Section):
    """A key figure that has settled at another level."""

    kpi: KpiName = "ctr"
    window: Duration = lasting("1h")
    group_by: Dimensions = ()


def _switch(value: Any) -> Any:
    """Read `false` as off; a bare key with nothing behind it is more likely a slip than a wish."""
    if value is False:
        return None
    if value is None or value is True:
        raise ValueError("must be a mapping, or false to turn the detector off")
    return value


def _off(schema: dict[str, Any]) -> None:
    schema["anyOf"] = [{"const": False} if option == {"type": "null"} else option for option in schema["anyOf"]]


_SWITCH = BeforeValidator(_switch)
_WRITTEN = PlainSerializer(lambda detector: False if detector is None else detector.model_dump(mode="json", by_alias=True))


class Detectors(Section):
    """The four signal families; None is a detector turned off, written `false`."""

    dip: Annotated[Dip | None, _SWITCH, _WRITTEN] = Field(default=Dip(), json_schema_extra=_off)
    freshness: Annotated[Freshness | None, _SWITCH, _WRITTEN] = Field(default=Freshness(), json_schema_extra=_off)
    suppression: Annotated[Suppression | None, _SWITCH, _WRITTEN] = Field(default=Suppression(), json_schema_extra=_off)
    drift: Annotated[Drift | None, _SWITCH, _WRITTEN] = Field(default=Drift(), json_schema_extra=_off)


class Guardrail(Section):
    """A metric that must not get worse; `tolerance` in its units, `non_inferiority` relative to control."""

    kpi: Name
    better: Better = "up"
    tolerance: Annotated[Number, Field(ge=0.0)] = 0.0
    non_inferiority: Annotated[Number, Field(ge=0.0)] = 0.0
    cap_minor: Annotated[int, Field(ge=1, le=LARGEST_AMOUNT)] | None = None


class Experiment(Section):
    """How a test is read out; `minimum_effect` is relative to control, `margin` in units of the metric."""

    control: Name | None = None
    allocation: Split = Field(default_factory=dict)
    goals: Names = ()
    attribution: Duration = lasting("24h")
    guardrails: Annotated[tuple[Guardrail, ...], Field(strict=False)] = ()
    planned_subjects: Positive | None = None
    alpha: OpenFraction = 0.05
    tuning_n: Positive = 20_000
    margin: Number = 0.0
    minimum_runtime: Duration = lasting("7d")
    minimum_effect: Annotated[Number, Field(gt=0.0)] = 0.10
    ends_at: InstantText | None = None
    hypothesis: Text | None = None


class ScheduledReport(Section):
    """A report that is made by itself and sent to sinks."""

    cadence: Duration
    window: WindowText
    detail: Detail = "full"
    dimension: ReportDimension | None = None
    to: Names = ()


class Initiative(Section):
    """One personalization program."""

    title: Name | None = None
    jurisdiction: Name | None = None
    owners: dict[Role, Owner] = Field(default_factory=dict)
    covers: dict[Role, Role] = Field(default_factory=dict)
    allocation: Allocation = Field(default_factory=dict)
    kpis: dict[KpiName, Kpi] = Field(default_factory=dict)
    thresholds: Annotated[tuple[Threshold, ...], Field(strict=False, max_length=1_000)] = ()
    detectors: Detectors = Detectors()
    experiments: dict[MachineId, Experiment] = Field(default_factory=dict)
    reports: Annotated[tuple[ScheduledReport, ...], Field(strict=False, max_length=100)] = ()
