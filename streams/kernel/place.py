"""Where a series stands, and the rule that judges what stands there."""

from collections.abc import Mapping, Sequence
from typing import Any

from governance.config import Threshold
from governance.incident import Subject
from governance.message.instant import parse_instant


def place_of(threshold: Threshold, check: str, values: Sequence[str]) -> list[str]:
    """Return what names one series of an initiative: the same values of other dimensions, or of another figure, are another series."""
    return [check, threshold.kpi, ",".join(threshold.group_by), *values]


def own_rule(
    check: str,
    window: int,
    reason: str,
    *,
    kpi: str = "",
    op: str = ">",
    value: float = 0.0,
    group_by: Sequence[str] = (),
    points: int = 1,
) -> Threshold:
    """Return the rule behind a check of ours as the watch takes it: any evidence counts, `points` breaches in as many windows (ms) open.

    The figure is called as the check where no other is named. What config may not say (names of dimensions, windows) a check of ours may.
    """
    return Threshold.model_construct(
        id=check,
        kpi=kpi or check,
        op=op,  # type: ignore[arg-type]
        value=value,
        window=window,
        group_by=tuple(group_by),  # type: ignore[arg-type]
        min_denominator=1,
        datapoints_to_alarm=points,
        evaluation_periods=points,
        reason=reason,
    )


def ruled_by(thresholds: Mapping[str, Threshold], place: Sequence[str]) -> Threshold | None:
    """Return the rule that still judges a series, None where it left the config or asks something else by now."""
    check, figure, dimensions, *_ = place
    named = (check, asked_name(check, dimensions), f"{check}@{dimensions}")  # a detector has a rule for each level
    found = (thresholds[name] for name in named if name in thresholds)
    return next((one for one in found if (one.kpi, ",".join(one.group_by)) == (figure, dimensions)), None)


def asked_name(check: str, dimensions: str) -> str:
    """Return what the rule of a report's bound is kept under: the same bound asked for by another dimension is another rule."""
    return f"{check} by {dimensions}"


def subject_of(data: Mapping[str, Any]) -> Subject:
    """Return what a published incident is about."""
    window = data["windows"][0]
    return Subject(data["check"], data["initiative"], data["key"], parse_instant(window["end"]) - parse_instant(window["start"]))


def bygone(place: Sequence[str], data: Mapping[str, Any]) -> Threshold:
    """Return a rule as far as an incident's further life needs it, whether or not the config still has it."""
    check, figure, dimensions, *_ = place
    group_by: Any = tuple(dimensions.split(",")) if dimensions else ()
    window = subject_of(data).window
    return Threshold.model_construct(id=check, kpi=figure, op=">", value=0.0, window=window, group_by=group_by, reason=None)
