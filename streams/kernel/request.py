"""The bounds a report command brings along: breached in the last two eligible sub-windows of its period, they open an incident too."""

from collections.abc import Mapping

from detectors.cell import Counts, add, project
from detectors.kpi import BUILT_IN, FRESHNESS, VARIANT_SHARE, Ratio, breached, denominator, kpi
from detectors.window import DAY, HOUR
from governance.config import Config, Threshold
from governance.message.alert_threshold import Condition
from governance.message.command import Command
from reporting.snapshot import Row, Snapshot
from streams.kernel.closing import positions
from streams.kernel.publishing import definitions_of
from streams.kernel.rows import Draft
from streams.kernel.watch import Breach, Watch

SUB_WINDOWS = 2


def judge_request(draft: Draft, snapshot: Snapshot, command: Command, sha256: str, config: Config) -> None:
    """Take the last two eligible sub-windows of every key through the life cycle of each bound the command names."""
    watch = Watch(draft, snapshot.initiative, config, sha256)
    definitions = definitions_of(config.initiatives.get(snapshot.initiative))
    for condition in command.conditions:
        if condition.kpi not in (FRESHNESS, VARIANT_SHARE):  # both need more than the counts of one sub-window
            judge_bound(watch, snapshot, command, condition, {**BUILT_IN, **definitions})


def judge_bound(watch: Watch, snapshot: Snapshot, command: Command, bound: Condition, definitions: Mapping[str, Ratio]) -> None:
    """Judge one bound by the dimension of the command, the whole initiative where it names none."""
    group_by = [command.dimension] if command.dimension else []
    window = DAY if snapshot.unit == "day" else HOUR
    threshold = Threshold.model_validate(
        {
            "id": "request",
            "kpi": bound.kpi,
            "op": bound.op,
            "value": bound.value,
            "window": "1d" if window == DAY else "1h",
            "group_by": group_by,
            "reason": f"asked for in report {command.request_id}",
        }
    )
    seen: dict[tuple[str, ...], list[Breach]] = {}
    for row in snapshot.rows:
        for values, counts in grouped(row, tuple(group_by)).items():
            value = kpi(bound.kpi, counts, definitions)
            if value is not None and denominator(bound.kpi, counts, definitions) >= 1:
                seen.setdefault(values, []).append(Breach(values, row.end_ms, value, breached(value, bound.op, bound.value)))
    for values, found in sorted(seen.items()):
        if len(found) >= SUB_WINDOWS and all(one.breached for one in found[-SUB_WINDOWS:]):
            for breach in found[-SUB_WINDOWS:]:
                if breach.end > watch.last_end(threshold, bound.check, values):
                    watch.judge(threshold, bound.check, breach)


def grouped(row: Row, group_by: tuple[str, ...]) -> dict[tuple[str, ...], Counts]:
    """Return the counts of one row by the given dimensions."""
    places, found = positions(group_by), dict[tuple[str, ...], Counts]()
    for cell, counts in row.cells.items():
        add(found.setdefault(project(cell, places), {}), counts)
    return found
