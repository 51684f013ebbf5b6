"""What a run came to, as far as live and replay promise the same: window counts, incidents by id with their steps, findings."""

from collections.abc import AsyncGenerator, Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from governance.config import load_config
from streams.cli.policy_files import policies_of
from streams.file_replay import FileReplay
from streams.kernel.record import Outgoing
from streams.transport.bus import Bus

Outcome = dict[str, Any]
COMPARED = ("kpi-windows", "incidents", "findings", "dead-letters", "escalations")


def outcome(events: Iterable[tuple[str, bytes]]) -> Outcome:
    """Return the outcome of what was published, (topic, value); the same id twice counts once and must be the same bytes."""
    seen: dict[tuple[str, str], bytes] = {}
    windows: dict[str, Any] = {}
    incidents: dict[str, dict[int, Any]] = {}
    others: dict[str, Any] = {"findings": {}, "escalations": {}}
    refused: dict[tuple[str, str], int] = {}  # by content: a producer that was cut off may have sent a record twice
    for topic, value in events:
        if topic not in COMPARED:
            continue
        event = orjson.loads(value)
        data = event["data"]
        if (topic, event["id"]) in seen:
            assert seen[topic, event["id"]] == value, f"two contents of {topic} {event['id']}"
            continue
        seen[topic, event["id"]] = value
        if topic == "dead-letters":
            refused[data["reason_code"], data["sha256"]] = data["length"]
        elif data.get("initiative", data.get("incident", {}).get("initiative")) == "_system":
            continue  # operational checks are not promised to be the same
        elif topic == "kpi-windows":
            windows[event["id"]] = data
        elif topic == "incidents":
            shown = {name: data[name] for name in ("step", "state", "level", "check", "key", "windows", "opened_at", "updated_at")}
            incidents.setdefault(data["incident_id"], {})[data["sequence"]] = shown
        elif topic == "findings":
            others[topic][data["finding_id"], event["id"]] = {name: data[name] for name in ("check", "state", "observed", "window")}
        else:
            others[topic][event["id"]] = (data["level"], data["person"], data["kind"])
    return {"windows": windows, "incidents": incidents, "refused": refused, **others}


def replayed(history: Path, config: Path, partitions: int, key: bytes) -> Outcome:
    """Return what a replay of the file comes to."""
    found: list[tuple[str, bytes]] = []

    def publish(message: Outgoing) -> None:
        found.append((message.topic, message.value))

    judged = load_config(config.read_text(), config.name)
    policies = policies_of(judged, str(config))  # a worker publishes them with its config
    FileReplay([str(history)], judged, partitions, publish, subject_key=key, policies=policies).run()
    return outcome(found)


async def published(bus: Bus, prefix: str, partitions: int) -> Outcome:
    """Return what stands on the bus now."""
    return outcome([item async for item in _read(bus, prefix, partitions)])


async def _read(bus: Bus, prefix: str, partitions: int) -> AsyncGenerator[tuple[str, bytes], None]:
    for topic in COMPARED:
        places = [(prefix + topic, number) for number in range(partitions)]
        ends: Mapping[tuple[str, int], int] = await bus.ends(places)
        for place in places:
            async for batch in bus.read(*place, 0, ends[place]):
                for record in batch:
                    yield topic, record.value or b""


def difference(expected: Outcome, found: Outcome) -> list[str]:
    """Return what differs, a few of each kind, named so that one can look for it."""
    told = []
    for kind in expected:
        one, other = expected[kind], found[kind]
        missing, more = [name for name in one if name not in other], [name for name in other if name not in one]
        changed = [name for name in one if name in other and one[name] != other[name]]
        if missing or more or changed:
            shown = [(name, one[name], other[name]) for name in changed[:2]]
            told.append(f"{kind}: {len(missing)} missing {missing[:3]}, {len(more)} more {more[:3]}, {len(changed)} changed {shown}")
    return told
