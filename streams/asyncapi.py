"""The AsyncAPI 3 document of the bus: every topic, what it holds and who writes it, generated from the same models as the schemas."""

from collections.abc import Mapping
from typing import Any, Literal

from governance.message.schema import schema

Doc = dict[str, Any]
ASYNCAPI = "3.0.0"

# topic -> (schemas of what it holds, what it is)
INPUTS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "engagement-events": (("engagement-event",), "Exposures, clicks, conversions and tallies; key: subject id."),
    "consent-events": (("consent-event",), "What a subject agreed to or took back; key: subject id."),
    "rule-changes": (("rule-change",), "The life of personalization rules; key: initiative."),
    "monitor-commands": (("monitor-command",), "What people ask the monitor for; key: initiative."),
}
INTERNAL: Mapping[str, tuple[tuple[str, ...], str]] = {
    "monitor-config": (("monitor-config",), "Effective configs, kept so that a replay judges by what was in force; key: sha256."),
    "ticks": (("tick",), "The clock, with the end offsets of the partition's inputs."),
}
OUTPUTS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "incidents": (("incident",), "Every lifecycle step. Drop a `sequence` not above the last seen of that incident; key: incident key."),
    "escalations": (("escalation",), "One record per level reached; key: incident key."),
    "findings": (("finding",), "Breaches, anomalies, consent and rule findings, decisions; key: initiative."),
    "kpi-windows": (("kpi-window",), "Closed windows of full cells. Restricted: small cells are not suppressed; key: initiative."),
    "reports": (("report", "answer"), "The answer to every command; key: request id."),
    "audit-log": (("audit-entry",), "Hash-chained entries per initiative; key: initiative."),
    "dead-letters": (("dead-letter",), "What was refused: reason, place, length and hash; no payload, no person."),
}
ENVELOPE = "cloud-event"


def document(version: str) -> Doc:
    """Return the whole document; `version` is the program's."""
    topics = {**INPUTS, **INTERNAL, **OUTPUTS}
    names = sorted({name for held, _ in topics.values() for name in held} | {ENVELOPE})
    return {
        "asyncapi": ASYNCAPI,
        "info": {
            "title": "Personalization Monitor",
            "version": version,
            "description": "Independent, after-the-fact verification of personalization programs on the event bus.",
        },
        "defaultContentType": "application/json",
        "servers": {"kafka": {"host": "localhost:9092", "protocol": "kafka", "description": "PMON_BROKER names the real one."}},
        "channels": {topic: channel(topic, held, what, outgoing=topic in OUTPUTS) for topic, (held, what) in topics.items()},
        "operations": {
            **{f"read-{topic}": operation(topic, held, "receive") for topic, (held, _) in {**INPUTS, **INTERNAL}.items()},
            **{f"publish-{topic}": operation(topic, held, "send") for topic, (held, _) in OUTPUTS.items()},
        },
        "components": {"schemas": components(names)},
    }


def channel(topic: str, held: tuple[str, ...], what: str, *, outgoing: bool) -> Doc:
    """Return one topic with its messages; outputs are CloudEvents around their data."""
    messages = {}
    for name in held:
        data = {"$ref": f"#/components/schemas/{name}"}
        envelope = {"$ref": f"#/components/schemas/{ENVELOPE}"}
        payload = {"allOf": [envelope, {"type": "object", "properties": {"data": data}}]} if outgoing else data
        content = "application/cloudevents+json" if outgoing else "application/json"
        messages[name] = {"name": name, "contentType": content, "payload": payload}
    return {"address": topic, "description": what, "messages": messages}


def operation(topic: str, held: tuple[str, ...], action: Literal["send", "receive"]) -> Doc:
    """Return what the monitor does with one topic."""
    messages = [{"$ref": f"#/channels/{topic}/messages/{name}"} for name in held]
    return {"action": action, "channel": {"$ref": f"#/channels/{topic}"}, "messages": messages}


def components(names: list[str]) -> Doc:
    """Return the schemas by name, with the definitions of each beside it as `name.Definition`."""
    found: Doc = {}
    for name in names:
        whole = schema(name)
        for place, definition in whole.pop("$defs", {}).items():
            found[f"{name}.{place}"] = moved(definition, name)
        found[name] = moved({key: value for key, value in whole.items() if key not in ("$schema", "$id")}, name)
    return found


def moved(value: Any, name: str) -> Any:
    """Return a schema whose references point to where its definitions stand in the document."""
    if isinstance(value, dict):
        return {
            key: f"#/components/schemas/{name}.{part.rsplit('/', 1)[1]}"
            if key == "$ref" and isinstance(part, str) and part.startswith("#/$defs/")
            else moved(part, name)
            for key, part in value.items()
        }
    if isinstance(value, list):
        return [moved(part, name) for part in value]
    return value
