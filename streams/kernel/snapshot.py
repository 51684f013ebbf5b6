"""What a report is made from, read out of a shard's rows: as many as the period has days or hours, whatever the number of events."""

from dataclasses import replace
from typing import Any

import orjson

from detectors.cell import OTHER
from detectors.window import DAY, HOUR, end_of, start_of
from governance.config import Config
from governance.message.command import Command
from governance.message.instant import parse_instant
from reporting.snapshot import Row, Snapshot
from streams.kernel.bulletin import REFUSED, SYSTEM
from streams.kernel.cells import DAYS, EXTRAS, HOURS, LATE, CellRows, Cells, merge, slices_of
from streams.kernel.checks import acted, judged
from streams.kernel.fields import told
from streams.kernel.looks import path_of, trials
from streams.kernel.plan_row import plan_row, policies_sha256
from streams.kernel.rows import Draft, key_parts, row_key, unpack
from streams.kernel.sight import sights
from streams.kernel.standing import Standing
from streams.kernel.watch import remembered

POSITIONS = b"y"


def period(command: Command, to: int) -> tuple[int, int, str]:
    """Return (from, to, unit) of the period asked for that ends at `to`, all times in ms.

    `Nd` is N UTC days of which the last may be partial; `Nh` is N whole hours.
    """
    window = command.report_window
    if window.unit == "day":
        return end_of(to - 1, DAY) - window.count * DAY, to, "day"
    end = start_of(to, HOUR)
    return end - window.count * HOUR, end, "hour"


class RowReader:
    """Reads day and hour rows of one initiative as they stand at the closed time `now`."""

    def __init__(self, draft: Draft, initiative: str, now: int, base: int) -> None:
        standing = Standing.read(draft, initiative) or Standing()
        self._slices = slices_of(standing.cells)
        self._rows = CellRows(draft, initiative, base)
        self._now = now
        self._base = base

    def rows(self, start: int, to: int, unit: str) -> tuple[Row, ...]:
        """Return the rows of [start, to), oldest first; the last day may end at `to`."""
        size = DAY if unit == "day" else HOUR
        found = []
        for end in range(start + size, end_of(to - 1, size) + 1, size):
            cells = self._hour(end, to) if unit == "hour" else self._day(end, to)
            found.append(Row(end - size, min(end, to), cells, partial=end > to))
        return tuple(found)

    def _hour(self, end: int, to: int) -> Cells:
        if end <= min(to, self._now):
            return self._rows.read(HOURS, end, self._slices)
        return self._rows.window(end - HOUR, min(to, self._now), self._now, self._slices)

    def _day(self, end: int, to: int) -> Cells:
        if end <= min(to, self._now):
            return self._rows.read(DAYS, end, self._slices)
        found: Cells = {}
        for hour in range(end - DAY + HOUR, end_of(min(to, self._now) - 1, HOUR) + 1, HOUR):
            merge(found, self._hour(hour, to))
        merge(found, self._rows.read(LATE, end, self._slices))
        return found


def snapshot(draft: Draft, initiative: str, command: Command, to: int, now: int, sha256: str, config: Config) -> Snapshot:
    """Return what a report of the period ending at `to` is made from; `now` is the shard's closed time, both in ms."""
    start, end, unit = period(command, to)
    reader = RowReader(draft, initiative, now, config.timing.window)
    own = config.initiatives.get(initiative)
    before = start - (end_of(end - 1, DAY) - start if unit == "day" else end - start)
    extras = day_extras(draft, initiative, start, end)
    rules = acted(draft, initiative)
    checks = judged(draft, rules, start, to)
    incidents = incidents_of(draft, initiative, start, end)
    return Snapshot(
        initiative=initiative,
        title=own.title if own is not None and own.title else initiative,
        request=command.model_dump(mode="json", include=REQUESTED),
        period_from=start,
        period_to=end,
        watermark=now,
        unit="day" if unit == "day" else "hour",
        rows=reader.rows(start, end, unit),
        previous=reader.rows(before, start, unit),
        config=config,
        config_sha256=sha256,
        incidents=tuple(data for data, _ in incidents),
        timelines=timelines_of(incidents),
        rule_changes=tuple({**change, "evidence_at": where} for due, change, where in rules if start < due <= end_of(end - 1, DAY)),
        decision_paths=paths(extras),
        paths_before=paths(day_extras(draft, initiative, before, start)) if unit == "day" else {},  # paths are kept by day
        refused=refused(day_extras(draft, SYSTEM, start, end)),
        feeds=tuple(feeds(draft)),
        trials={name: replace(trial, path=path_of(draft, initiative, name)) for name, trial in trials(draft, initiative)},
        checklist=checks[0] if checks is not None else None,
        differences=tuple(checks[1]) if checks is not None else (),
        policies_sha256=policies_sha256(draft, now),
        field_changes=tuple((at, what) for name in (initiative, SYSTEM) for at, what in told(draft, name) if start < at <= end),
        plan=plan_row(draft, initiative),
        sights=sights(draft, initiative, config),
    )


REQUESTED = {"request_id", "requested_at", "requested_by", "initiative", "window", "detail", "dimension", "alert_threshold"}


Told = list[tuple[dict[str, Any], list[dict[str, Any]]]]


def incidents_of(draft: Draft, initiative: str, start: int, end: int) -> Told:
    """Return (incident after its last step, its steps) of those alive in [start, end), oldest first."""
    return [(data, steps) for data, steps in remembered(draft, initiative) if data_overlaps(data, start, end)]


def timelines_of(incidents: Told) -> dict[str, tuple[dict[str, Any], ...]]:
    """Return the steps of incidents by id."""
    return {data["incident_id"]: tuple(steps) for data, steps in incidents}


def with_incidents(draft: Draft, found: Snapshot) -> Snapshot:
    """Return a snapshot with the incidents as the draft has them now, all else as it was."""
    incidents = incidents_of(draft, found.initiative, found.period_from, found.period_to)
    return replace(found, incidents=tuple(data for data, _ in incidents), timelines=timelines_of(incidents))


def data_overlaps(data: dict[str, Any], start: int, end: int) -> bool:
    """Return whether an incident was alive in [start, end)."""
    return parse_instant(data["opened_at"]) <= end and (
        data["state"] in ("open", "acknowledged") or parse_instant(data["updated_at"]) > start
    )


def day_extras(draft: Draft, initiative: str, start: int, end: int) -> dict[str, int]:
    """Return the initiative-wide counts of the days that [start, end) touches."""
    found: dict[str, int] = {}
    for day in range(end_of(start, DAY), end_of(end - 1, DAY) + 1, DAY):
        value = draft.get(row_key(EXTRAS, initiative, day))
        for name, number in (unpack(value)[0] if value else {}).items():
            found[name] = found.get(name, 0) + number
    return found


def paths(extras: dict[str, int]) -> dict[tuple[str, str], int]:
    """Return exposures per edge of the decision paths; the start and the end of a path are the empty node."""
    edges = {name: orjson.loads(name) for name in extras}
    return {(edge[1], edge[-1] if len(edge) > 2 else OTHER): extras[name] for name, edge in sorted(edges.items()) if edge[0] == "path"}


def refused(extras: dict[str, int]) -> dict[str, int]:
    """Return refused records by reason code, over all topics."""
    found: dict[str, int] = {}
    for name, number in sorted(extras.items()):
        code = orjson.loads(name)[0].removeprefix(REFUSED)
        found[code] = found.get(code, 0) + number
    return found


def feeds(draft: Draft) -> list[dict[str, Any]]:
    """Return the offset ranges that were read, by topic and partition."""
    found = []
    for key in draft.keys(POSITIONS):
        (source,) = key_parts(key)
        for topic, after in unpack(draft.get(key) or b"")[0].items():
            found.append({"topic": topic, "partition": int(source), "first_offset": 0, "last_offset": after - 1})
    return sorted(found, key=lambda feed: (feed["topic"], feed["partition"]))
