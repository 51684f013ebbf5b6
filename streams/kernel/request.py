"""The bounds a report command brings along: breached in the last two eligible sub-windows of its period, they open an incident too.

From then on the bound is judged at every end of its sub-window, for the keys that have such an incident and only while they have:
so it repeats, clears, reopens and closes like any other.

B [initiative]   {name: the bound as a threshold} of those that have an incident
"""

from collections.abc import Mapping

from detectors.cell import DIMENSIONS, Counts, add, project
from detectors.kpi import BUILT_IN, FRESHNESS, VARIANT_SHARE, Ratio, breached, denominator, kpi
from detectors.window import DAY, HOUR
from governance.config import Config, Threshold
from governance.message.alert_threshold import Condition
from governance.message.command import Command
from reporting.snapshot import Row, Snapshot
from streams.kernel.place import asked_name
from streams.kernel.publishing import definitions_of
from streams.kernel.rows import Draft, pack, row_key, unpack
from streams.kernel.watch import Breach, Watch

BOUNDS = b"B"
SUB_WINDOWS = 2


def judge_request(draft: Draft, snapshot: Snapshot, command: Command, sha256: str, config: Config) -> None:
    """Take the last two eligible sub-windows of every key through the life cycle of each bound the command names."""
    watch = Watch(draft, snapshot.initiative, config, sha256)
    definitions = definitions_of(config.initiatives.get(snapshot.initiative))
    for condition in command.conditions:
        if condition.kpi not in (FRESHNESS, VARIANT_SHARE):  # both need more than the counts of one sub-window
            judge_bound(draft, watch, snapshot, command, condition, {**BUILT_IN, **definitions})


def judge_bound(
    draft: Draft, watch: Watch, snapshot: Snapshot, command: Command, bound: Condition, definitions: Mapping[str, Ratio]
) -> None:
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
            keep_bound(draft, snapshot.initiative, bound.check, threshold)


def grouped(row: Row, group_by: tuple[str, ...]) -> dict[tuple[str, ...], Counts]:
    """Return the counts of one row by the given dimensions."""
    places, found = tuple(map(DIMENSIONS.index, group_by)), dict[tuple[str, ...], Counts]()
    for cell, counts in row.cells.items():
        add(found.setdefault(project(cell, places), {}), counts)
    return found


def keep_bound(draft: Draft, initiative: str, check: str, threshold: Threshold) -> None:
    """Judge a bound from now on, while it has an incident."""
    kept = {asked_name(found, ",".join(rule.group_by)): [found, rule.model_dump(mode="json")] for found, rule in bounds(draft, initiative)}
    kept[asked_name(check, ",".join(threshold.group_by))] = [check, threshold.model_dump(mode="json")]
    draft.put(row_key(BOUNDS, initiative), pack(kept))


def bounds(draft: Draft, initiative: str) -> list[tuple[str, Threshold]]:
    """Return (check, rule) of the bounds that are judged, in order."""
    value = draft.get(row_key(BOUNDS, initiative))
    found = unpack(value)[0] if value is not None else {}
    return [(check, Threshold.model_validate(rule)) for _, (check, rule) in sorted(found.items())]


def forget_bounds(draft: Draft, initiative: str, watch: Watch) -> None:
    """Drop the bounds that have no incident any more."""
    found = bounds(draft, initiative)
    if not found:
        return
    living = watch.living()
    kept = {}
    for check, rule in found:
        dimensions = ",".join(rule.group_by)
        if (check, dimensions) in living:
            kept[asked_name(check, dimensions)] = [check, rule.model_dump(mode="json")]
    if not kept:
        draft.drop(row_key(BOUNDS, initiative))
    elif len(kept) < len(found):
        draft.put(row_key(BOUNDS, initiative), pack(kept))
