"""Where a series stands, and the rule that judges what stands there."""

from collections.abc import Mapping, Sequence

from governance.config import Threshold


def place_of(threshold: Threshold, check: str, values: Sequence[str]) -> list[str]:
    """Return what names one series of an initiative: the same values of other dimensions, or of another figure, are another series."""
    return [check, threshold.kpi, ",".join(threshold.group_by), *values]


def ruled_by(thresholds: Mapping[str, Threshold], place: Sequence[str]) -> Threshold | None:
    """Return the rule that still judges a series, None where it left the config or asks something else by now."""
    check, figure, dimensions, *_ = place
    named = (check, asked_name(check, dimensions), f"{check}@{dimensions}")  # a detector has a rule for each level
    threshold = next((thresholds[name] for name in named if name in thresholds), None)
    same = threshold is not None and (threshold.kpi, ",".join(threshold.group_by)) == (figure, dimensions)
    return threshold if same else None


def asked_name(check: str, dimensions: str) -> str:
    """Return what the rule of a report's bound is kept under: the same bound asked for by another dimension is another rule."""
    return f"{check} by {dimensions}"
