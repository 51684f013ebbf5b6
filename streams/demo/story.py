"""What a viewer has been told so far: events worth a line, key figures by channel and hour, incidents as they stand.

A fold over what is published, and over the rule changes as they are fed; it keeps hours, so its size does not grow with events.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from detectors.kpi import BUILT_IN, ratio
from detectors.window import DAY, HOUR, end_of
from governance.config import Config
from governance.message.instant import parse_instant
from reporting.issues import threshold_of
from reporting.wording import DETECTED, amount, count_of, label, off, title, where
from streams.kernel.record import Outgoing

KEPT_HOURS = 48
TOO_FEW = 20  # exposures; an hour with fewer says nothing about its CTR
COUNTED = ("exposures", "clicks", "technical_fallbacks")
ACTIVE = ("open", "acknowledged", "reopened")
UNTOLD = ("occurrence", "closed")
ASKING = ("opened", "escalated", "reopened")

Place = tuple[str, str]  # initiative, channel


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the story: event time in ms, a kind that gives its mark and colour, what happened and the detail."""

    at: int
    kind: str
    what: str
    detail: str


@dataclass(frozen=True, slots=True)
class Hour:
    """The counts of one channel in the hour up to `end` (ms), None where there was no event."""

    end: int
    counts: dict[str, int] | None

    @property
    def ctr(self) -> float | None:
        """Clicks per exposure, None where there were too few to say."""
        return ratio(BUILT_IN["ctr"], self.counts) if self.counts and self.counts["exposures"] >= TOO_FEW else None


@dataclass(slots=True)
class Story:
    """Hears everything that is published; `entries` is what there is to tell, in the order it was said."""

    config: Config
    start: int
    entries: list[Entry] = field(default_factory=list)
    hours: dict[Place, dict[int, dict[str, int]]] = field(default_factory=dict)
    last_seen: dict[Place, int] = field(default_factory=dict)
    incidents: dict[str, dict[str, Any]] = field(default_factory=dict)
    reports: dict[str, dict[str, Any]] = field(default_factory=dict)
    closed: int = 0

    def publish(self, message: Outgoing) -> None:
        """Take one output."""
        if message.topic == "kpi-windows":
            self._count(_data(message))
        elif message.topic == "findings":
            self._find(message.timestamp, _data(message))
        elif message.topic == "incidents":
            self._step(message.timestamp, _data(message))
        elif message.topic == "reports":
            self._answer(message.timestamp, _data(message))

    def change(self, value: bytes) -> None:
        """Take one rule-change record as it is fed."""
        change = orjson.loads(value)
        at = parse_instant(change["occurred_at"])
        if change["action"] not in ("deployed", "rolled_back") or at < self.start:
            return
        back = change["action"] == "rolled_back"
        rule = f"{change['rule_id']} back to v{change['previous_version']}" if back else f"{change['rule_id']} v{change['version']}"
        places = ", ".join(change["channels"])
        detail = f"{change['change_id']}, {rule}, on {places}, by {change['actor']['id'].title()}"
        self._tell(at, "change", "rolled back" if back else "rule change", change["initiative"], detail)

    def series(self) -> Iterator[tuple[Place, list[Hour]]]:
        """Yield the last hours of each channel, oldest first; initiatives in the order of the config, channels by name."""
        last = end_of(self.closed - 1, HOUR)
        ranks = {name: rank for rank, name in enumerate(self.config.initiatives)}
        for place in sorted(self.hours, key=lambda place: (ranks.get(place[0], len(ranks)), place)):
            found = self.hours[place]
            yield place, [Hour(end, found.get(end)) for end in range(last - (KEPT_HOURS - 1) * HOUR, last + 1, HOUR)]

    def open_at(self, place: Place) -> list[dict[str, Any]]:
        """Return the incidents of a channel that are not over."""
        return [incident for incident in self.open if (incident["initiative"], incident["key"].get("channel")) == place]

    @property
    def open(self) -> list[dict[str, Any]]:
        """The incidents that are not over."""
        return [incident for incident in self.incidents.values() if incident["state"] in ACTIVE]

    def _count(self, data: Mapping[str, Any]) -> None:
        end = parse_instant(data["window"]["end"])
        self.closed = max(self.closed, end)
        if data["revision"] != "counts" or not any(data["counts"][name] for name in COUNTED):
            return
        place = (data["initiative"], data["key"]["channel"])
        hours = self.hours.setdefault(place, {})
        hour = hours.setdefault(end_of(end - 1, HOUR), dict.fromkeys(COUNTED, 0))
        for name in COUNTED:
            hour[name] += data["counts"][name]
        self.last_seen[place] = max(end, self.last_seen.get(place, 0))
        for old in [at for at in hours if at <= end - (KEPT_HOURS + 1) * HOUR]:
            del hours[old]

    def _find(self, at: int, data: Mapping[str, Any]) -> None:
        kpi = data["key"].get("kpi")
        if data["state"] != "pending" or kpi is None or data["observed"] is None or data["threshold"] is None:
            return
        detail = f"{label(kpi)} {amount(kpi, data['observed'])}, {where(data['key'])}; the bound is {amount(kpi, data['threshold'])}"
        if data["check"] in DETECTED:
            detail = f"{label(kpi)} {off(data['observed'], data['expected'])}, {where(data['key'])}" if data["expected"] else ""
        if detail:
            self._tell(at, "breach", "breach 1", data["initiative"], detail)

    def _step(self, at: int, data: dict[str, Any]) -> None:
        self.incidents[data["incident_id"]] = data
        step = data["step"]
        if step in UNTOLD:
            return
        name = title({**data, "threshold": threshold_of(self.config.initiative(data["initiative"]), data["check"])})
        if step in ASKING:
            self._tell(at, step, f"{step} L{data['level']}", data["initiative"], f"{name}; to {_person(data['owner'])}")
        else:
            self._tell(at, step, step.replace("_", " "), data["initiative"], name)

    def _answer(self, at: int, data: dict[str, Any]) -> None:
        if "performance" not in data:
            error = data.get("error") or {}
            self._tell(at, "refused", "refused", "", f"a command: {error.get('field')} {error.get('message')}")
            return
        self.reports[data["initiative"]] = data
        found = count_of(len(data["issues"]), "incident")
        request = data["request"]
        cut = f"by {request['dimension']}" if request.get("dimension") else f"in {request.get('detail') or 'full'}"
        self._tell(at, "report", "report", data["initiative"], f"{request['window']} {cut}, {found}")

    def _tell(self, at: int, kind: str, what: str, initiative: str, detail: str) -> None:
        first = next(iter(self.config.initiatives), initiative)
        self.entries.append(Entry(at, kind, what, detail if initiative in ("", first) else f"{initiative}: {detail}"))


def day_totals(hours: Sequence[Hour]) -> dict[str, int]:
    """Return the sums of the last 24 hours of a series."""
    last = [hour.counts for hour in hours[-(DAY // HOUR) :] if hour.counts]
    return {name: sum(counts[name] for counts in last) for name in COUNTED}


def _person(owner: Mapping[str, Any] | None) -> str:
    """Return who is asked, and for whom."""
    if owner is None:
        return "nobody: unowned"
    substituted = owner.get("substitute_for")
    return f"{owner['person'].title()}, for {substituted.title()}" if substituted else str(owner["person"]).title()


def _data(message: Outgoing) -> dict[str, Any]:
    data: dict[str, Any] = orjson.loads(message.value)["data"]
    return data
