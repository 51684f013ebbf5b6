"""JSON Schema (2020-12) of every message, of the config and of policies, generated from the models; the committed files must equal them."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from governance.config.model import Config
from governance.message.command import Command
from governance.message.config_record import ConfigRecord
from governance.message.consent import ConsentEvent
from governance.message.engagement import Engagement
from governance.message.outputs import (
    Answer,
    AuditEntry,
    CloudEvent,
    DeadLetter,
    Escalation,
    Finding,
    Incident,
    KpiWindow,
    Report,
    VerdictLine,
)
from governance.message.rule_change import RuleChange
from governance.message.tick import Tick
from governance.policy.model import Policy

VERSION = 1
DIALECT = "https://json-schema.org/draft/2020-12/schema"
INPUTS: Mapping[str, type[BaseModel]] = {
    "engagement-event": Engagement,
    "consent-event": ConsentEvent,
    "rule-change": RuleChange,
    "monitor-command": Command,
    "monitor-config": ConfigRecord,
    "tick": Tick,
}
OUTPUTS: Mapping[str, type[BaseModel]] = {
    "answer": Answer,
    "audit-entry": AuditEntry,
    "cloud-event": CloudEvent,
    "dead-letter": DeadLetter,
    "escalation": Escalation,
    "finding": Finding,
    "incident": Incident,
    "kpi-window": KpiWindow,
    "report": Report,
    "verdict": VerdictLine,
}
MODELS: Mapping[str, type[BaseModel]] = {**INPUTS, **OUTPUTS, "config": Config, "policy": Policy}


def schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema of one message, of `config` or of `policy`; raises KeyError for a name that is not in MODELS."""
    generated = MODELS[name].model_json_schema(by_alias=True, mode="validation")
    return {"$schema": DIALECT, "$id": f"urn:pmon:schema:{name}:{VERSION}", **generated}


def schemas() -> dict[str, dict[str, Any]]:
    """Return every schema by its name; the file of each is `schemas/<name>.json`."""
    return {name: schema(name) for name in sorted(MODELS)}


def schema_text(name: str) -> str:
    """Return the text of a schema's file: sorted keys, two spaces, a line end."""
    return json.dumps(schema(name), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
