"""The documents of the shards of one worker, made from what they publish. Memory is bounded by initiatives, never by events.

A shard's outbox comes with the number of its commit. An older number loses, the same again changes nothing: every fact overwrites the one
of the same identity (window and cell, incident and sequence, request), so an outbox that is sent twice counts once.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import orjson

from detectors.cell import DIMENSIONS, Cell
from detectors.window import HOUR, end_of
from governance.message.instant import parse_instant
from reporting.issues import ACTIVE
from streams.kernel.record import Outgoing
from streams.kernel.timeline import continued
from streams.read_model.brief import brief_of
from streams.read_model.document import ANSWER, INITIATIVES, Document, Key, digest, hours_of, incidents_of, report_of
from streams.read_model.frozen import FROZEN
from streams.read_model.hour import KEPT, SETTLED_AFTER, Hour
from streams.read_model.retraction import RETRACTED
from streams.read_model.situation import Published, counts_of
from streams.read_model.waiting import WAITING

PAST_INCIDENTS = 100  # of an initiative; more are on the topic
PENDING = 50
SERIES = 200  # whose last findings are kept, for what their incidents' windows showed
SEEN = 60  # windows of one series
REPORTS = 64  # answers kept, of all shards together
PENDING_FOR = 6  # window lengths after which a breach no longer counts (design §12)


@dataclass(slots=True)
class Place:
    """What is kept of one initiative."""

    name: str
    shard: int
    closed: int = 0
    hours: dict[int, Hour] = field(default_factory=dict)
    incidents: dict[str, dict[str, Any]] = field(default_factory=dict)  # {"now": …, "steps": […]}
    pending: dict[bytes, Published] = field(default_factory=dict)
    seen: dict[bytes, dict[str, Published]] = field(default_factory=dict)  # by series and window end: what was observed and expected
    retracted: dict[str, int] = field(default_factory=dict)  # violations taken back, by consent incident
    taken_back: list[int] = field(default_factory=list)  # and the ends of the windows they were in
    frozen: list[Published] = field(default_factory=list)  # series that are neither judged nor taught, by detector
    report: Published | None = None


class Fold:
    """Takes outboxes, keeps documents; `changed` are the keys to write elsewhere since it was last emptied."""

    def __init__(self) -> None:
        self.changed: set[Key] = set()
        self.commits: dict[int, int] = {}
        self.published: Counter[str] = Counter()  # messages by topic
        self.refused: Counter[str] = Counter()  # dead letters by reason code
        self._places: dict[str, Place] = {}  # by digest
        self._answers: dict[str, tuple[int, bytes]] = {}  # CloudEvents by shelf, oldest first; as bytes they are a tenth of the size

    def take(self, shard: int, commit: int, outbox: Iterable[Outgoing]) -> set[str]:
        """Take one commit's outbox; return the digests of the initiatives it changed, none for a commit older than the last."""
        if commit < self.commits.get(shard, -1):
            return set()
        self.commits[shard] = commit
        touched: set[str] = set()
        for message in outbox:
            if not message.topic.startswith("@"):  # said from tables, published by nobody
                self.published[message.topic] += 1
            if message.topic == "dead-letters":
                self.refused[str(_data(message).get("reason_code", "unknown"))] += 1
            else:
                self._hear(shard, message, touched)
        return touched

    def rebuild(self, shard: int, commit: int) -> set[str]:
        """Forget a shard, to be restored from its tables as of that commit."""
        gone = self.forget(shard)
        self.commits[shard] = commit
        return gone

    def restore(self, shard: int, records: Iterable[Outgoing]) -> set[str]:
        """Take part of what a shard's tables hold; it was published long ago and counts as published by nobody."""
        touched: set[str] = set()
        for message in records:
            self._hear(shard, message, touched)
        return touched

    def forget(self, shard: int) -> set[str]:
        """Let go of a shard that has another owner; its documents elsewhere stay."""
        self.commits.pop(shard, None)
        gone = {key for key, place in self._places.items() if place.shard == shard}
        for key in gone:
            del self._places[key]
        self._answers = {shelf: found for shelf, found in self._answers.items() if found[0] != shard}
        return gone

    def place(self, key: str) -> Place | None:
        """Return what is kept of an initiative, by its digest."""
        return self._places.get(key)

    def places(self) -> list[Place]:
        """Return all that is kept, by name."""
        return sorted(self._places.values(), key=lambda place: place.name)

    def answer(self, request_id: str) -> Published | None:
        """Return the answer to a request."""
        found = self._answers.get(report_of(request_id))
        return None if found is None else _loaded(found[1])

    def everything(self) -> set[Key]:
        """Return the keys of all documents."""
        keys: set[Key] = {(shelf, ANSWER) for shelf in self._answers}
        for key, place in self._places.items():
            keys.add((INITIATIVES, key))
            keys |= {(f"hours:{key}", str(end)) for end in place.hours}
            keys |= {(f"incidents:{key}", name) for name in place.incidents}
        return keys

    def document(self, key: Key) -> Document | None:
        """Return a document as it stands; data None where it is gone, None where its shard is no longer ours."""
        shelf, name = key
        kind, _, part = shelf.partition(":")
        if kind == "report":
            found = self._answers.get(shelf)
            return None if found is None else Document(found[0], self.commits[found[0]], _loaded(found[1]))
        place = self._places.get(name if kind == INITIATIVES else part)
        if place is None:
            return None
        data: Any
        if kind == INITIATIVES:
            data = standing(place)
        elif kind == "hours":
            hour = place.hours.get(int(name))
            data = None if hour is None else [[*cell, counts] for cell, counts in hour.cells().items()]
        else:
            data = place.incidents.get(name)
        return Document(place.shard, self.commits[place.shard], data)

    def _hear(self, shard: int, message: Outgoing, touched: set[str]) -> None:
        if message.topic == "reports":
            self._take_answer(shard, message, touched)
        elif message.topic in TAKEN_BY:
            data = _data(message)
            place, name = self._at(shard, data["initiative"]), digest(data["initiative"])
            self.changed.update(TAKEN_BY[message.topic](place, data))
            self.changed.add((INITIATIVES, name))
            touched.add(name)

    def _at(self, shard: int, initiative: str) -> Place:
        key = digest(initiative)
        found = self._places.get(key)
        if found is None:
            found = self._places[key] = Place(initiative, shard)
        return found

    def _take_answer(self, shard: int, message: Outgoing, touched: set[str]) -> None:
        data = _data(message)
        request_id = str((message.key or b"").decode("utf-8", "replace"))
        shelf = report_of(request_id)
        self._answers.pop(shelf, None)
        self._answers[shelf] = (shard, message.value)
        self.changed.add((shelf, ANSWER))
        while len(self._answers) > REPORTS:
            del self._answers[next(iter(self._answers))]
        if "performance" in data:
            place = self._at(shard, data["initiative"])
            place.report = brief_of(request_id, data)
            self.changed.add((INITIATIVES, digest(place.name)))
            touched.add(digest(place.name))


def standing(place: Place) -> dict[str, Any]:
    """Return where an initiative stands."""
    active = sum(incident["now"]["state"] in ACTIVE for incident in place.incidents.values())
    pending = list(place.pending.values())
    return {
        "initiative": place.name,
        "closed": place.closed,
        "active": active,
        "pending": pending,
        "retracted": place.retracted,
        "taken_back": place.taken_back,
        "frozen": place.frozen,
        "report": place.report,
    }


def _take_window(place: Place, data: Published) -> list[Key]:
    end = _time(data["window"]["end"])
    hour_end = end_of(end - 1, HOUR)
    key = data["key"]
    cell: Cell = (key["profile"], key["channel"], key["cohort"], key["variant"])
    assert len(cell) == len(DIMENSIONS)
    shelf = hours_of(place.name)
    if hour_end > place.closed - KEPT:
        hour = place.hours.get(hour_end)
        if hour is None:
            hour = place.hours[hour_end] = Hour(hour_end)
        hour.put(end, cell, counts_of(data["counts"]))
    changed: list[Key] = [(shelf, str(hour_end))]
    if end > place.closed:
        place.closed = end
        for at in [at for at in place.hours if at <= end - KEPT]:
            del place.hours[at]
            changed.append((shelf, str(at)))
        for hour in place.hours.values():
            hour.settle(end, SETTLED_AFTER)
        place.pending = {name: one for name, one in place.pending.items() if _still_counts(one, end)}
    return changed


@lru_cache(maxsize=64)  # all cells of a window end at once
def _time(text: str) -> int:
    return parse_instant(text)


def _still_counts(finding: Published, closed: int) -> bool:
    start, end = parse_instant(finding["window"]["start"]), parse_instant(finding["window"]["end"])
    return closed < end + PENDING_FOR * (end - start)


def _take_finding(place: Place, data: Published) -> list[Key]:
    name = _series(data)
    place.pending.pop(name, None)
    if data["state"] == "pending":
        place.pending[name] = data
        while len(place.pending) > PENDING:
            del place.pending[next(iter(place.pending))]
    return _seen(place, name, data)


def _take_waiting(place: Place, data: Published) -> list[Key]:
    """Keep what waits as its finding told it; what a window without breach has ended is gone."""
    name = _series(data)
    known = place.pending.pop(name, None)
    if data["window"] is not None:
        place.pending[name] = known if known is not None and known["window"] == data["window"] else data
    return []


def _take_retracted(place: Place, data: Published) -> list[Key]:
    place.retracted, place.taken_back = dict(data["retracted"]), list(data["taken_back"])
    return []


def _take_frozen(place: Place, data: Published) -> list[Key]:
    place.frozen = list(data["frozen"])
    return []


def _seen(place: Place, name: bytes, data: Published) -> list[Key]:
    """Keep what a breached window showed; an incident's own windows say when, not how much."""
    if data.get("observed") is None or not data.get("window"):
        return []
    windows = place.seen.pop(name, {})
    windows[data["window"]["end"]] = {"observed": data["observed"], "expected": data.get("expected")}
    place.seen[name] = dict(list(windows.items())[-SEEN:])
    while len(place.seen) > SERIES:
        del place.seen[next(iter(place.seen))]
    changed = []
    for one, incident in place.incidents.items():
        if _series(incident["now"]) == name:
            incident["now"]["windows"] = _with_figures(place, incident["now"])
            changed.append((incidents_of(place.name), one))
    return changed


def _with_figures(place: Place, data: Published) -> list[dict[str, Any]]:
    seen = place.seen.get(_series(data), {})
    return [{**window, **seen.get(window["end"], {})} for window in data["windows"]]


def _take_step(place: Place, data: Published) -> list[Key]:
    name = str(data["incident_id"])
    known = place.incidents.get(name, {"now": {"sequence": 0}, "steps": []})
    if data["sequence"] < known["now"]["sequence"]:
        return []
    step = {field: data[field] for field in ("sequence", "step", "level", "state", "owner")} | {"at": data["updated_at"]}
    steps = continued([one for one in known["steps"] if one["sequence"] != step["sequence"]], step)
    known_windows = {window["end"]: window for window in known["now"].get("windows", ())}
    now = {**data, "windows": [{**known_windows.get(window["end"], {}), **window} for window in data["windows"]]}
    now["windows"] = _with_figures(place, now)
    place.incidents[name] = {"now": now, "steps": steps}
    place.pending.pop(_series(data), None)
    shelf = incidents_of(place.name)
    past = [one for one, incident in place.incidents.items() if incident["now"]["state"] not in ACTIVE]
    gone = past[: max(0, len(past) - PAST_INCIDENTS)]
    for one in gone:
        del place.incidents[one]
    return [(shelf, one) for one in (name, *gone)]


def _series(data: Mapping[str, Any]) -> bytes:
    return orjson.dumps([data["check"], data["key"]], option=orjson.OPT_SORT_KEYS)


def _data(message: Outgoing) -> dict[str, Any]:
    return _loaded(message.value)


def _loaded(value: bytes) -> dict[str, Any]:
    data: dict[str, Any] = orjson.loads(value)["data"]
    return data


TAKEN_BY = {
    "kpi-windows": _take_window,
    "findings": _take_finding,
    "incidents": _take_step,
    WAITING: _take_waiting,
    RETRACTED: _take_retracted,
    FROZEN: _take_frozen,
}
