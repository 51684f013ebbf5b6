"""What a report is made from: one initiative's rows, incidents and changes, as they stood at one watermark."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from detectors.cell import Cell
from governance.checklist import Checklist
from governance.config import Config, Initiative
from governance.trial import Trial

Unit = Literal["day", "hour"]


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of one UTC day or hour, `[start_ms, end_ms)`; `partial` while the watermark is inside it."""

    start_ms: int
    end_ms: int
    cells: Mapping[Cell, Mapping[str, int]]
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Sight:
    """One series of a detector: where it is, and the smallest relative change one window of it can show, None where that says nothing.

    `raised` is the kind of the error its detector raised last, where it is frozen.
    """

    check: str
    kpi: str
    group_by: tuple[str, ...]
    values: tuple[str, ...]
    state: Literal["watched", "learning", "too_small", "frozen"]
    smallest: float | None
    raised: str | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a report says is in here or follows from it; times are epoch ms, rows stand oldest first.

    `incidents` holds the `data` of each incident's latest step, `timelines` every step of it, `decision_paths` the exposures
    per edge (from, to), `paths_before` those of the period before, `refused` the dead letters by reason, `feeds` the offset ranges
    that were read, `trials` what is kept of each experiment, `checklist` the changes of the period held to their policies (None: no
    policy), `differences` what their versions changed, `policies_sha256` names those in force, `field_changes` (when, what) what
    became of the fields of its feeds, `sights` what its detectors watch, `plan` is the plan's row (version and changes so far, None:
    from files without one), `to` are the sinks it goes to.
    """

    initiative: str
    title: str
    request: Mapping[str, Any]
    period_from: int
    period_to: int
    watermark: int
    unit: Unit
    rows: tuple[Row, ...]
    previous: tuple[Row, ...]
    config: Config
    config_sha256: str
    incidents: tuple[Mapping[str, Any], ...] = ()
    timelines: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)
    rule_changes: tuple[Mapping[str, Any], ...] = ()
    decision_paths: Mapping[tuple[str, str], int] = field(default_factory=dict)
    paths_before: Mapping[tuple[str, str], int] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)
    late: int = 0
    feeds: tuple[Mapping[str, Any], ...] = ()
    trials: Mapping[str, Trial] = field(default_factory=dict)
    checklist: Checklist | None = None
    differences: tuple[Mapping[str, Any], ...] = ()
    policies_sha256: str | None = None
    field_changes: tuple[tuple[int, str], ...] = ()
    plan: Mapping[str, Any] | None = None
    sights: tuple[Sight, ...] = ()
    to: tuple[str, ...] = ()

    @property
    def settings(self) -> Initiative:
        """The initiative's part of the config, the defaults where it is only watched."""
        return self.config.initiative(self.initiative)
