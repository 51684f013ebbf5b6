"""Schemas: the committed files are what the models say, and they take what reading takes."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from governance.message.schema import INPUTS, MODELS, OUTPUTS, schema, schema_text, schemas
from tests.governance.message.examples import COMMAND, CONSENT, EXPOSURE, RECORDS, RULE, TALLY, refused, without

FOLDER = Path(__file__).parents[3] / "schemas"
TOPICS = {
    "engagement-events": "engagement-event",
    "consent-events": "consent-event",
    "rule-changes": "rule-change",
    "monitor-commands": "monitor-command",
    "monitor-config": "monitor-config",
    "ticks": "tick",
}


@pytest.mark.parametrize("name", MODELS)
def test_the_committed_schema_is_the_models(name: str) -> None:
    """Drift fails here; `pmon schema --all --out schemas` writes the files anew."""
    assert (FOLDER / f"{name}.json").read_text(encoding="utf-8") == schema_text(name)


def test_no_schema_is_left_over() -> None:
    """Every committed contract schema has a model; other parts add their own files beside them."""
    assert set(MODELS) <= {path.stem for path in FOLDER.glob("*.json")}
    assert set(INPUTS) | set(OUTPUTS) | {"config", "policy"} == set(schemas())


@pytest.mark.parametrize("name", MODELS)
def test_a_schema_is_a_schema(name: str) -> None:
    """Each is valid JSON Schema 2020-12 under its own id."""
    Draft202012Validator.check_schema(schema(name))
    assert schema(name)["$id"] == f"urn:pmon:schema:{name}:1"


def changes() -> list[tuple[str, dict[str, Any]]]:
    """Return records of each topic, good ones and ones with one fault."""
    found = [(topic, record) for topic, record in RECORDS.items()]
    found += [(topic, without(record, field)) for topic, record in RECORDS.items() for field in record]
    wrong: list[Any] = [None, True, 5, -1, 1.5, "", "a b", "x" * 129, "nul\x00", [], [5], {}, ["x"], 10**17, "2026-11-22T10:00:00Z"]
    wrong += ["*", "_system", "__other__3", "__others"]
    found += [(topic, {**record, field: value}) for topic, record in RECORDS.items() for field in record for value in wrong]
    paid = {**EXPOSURE, "type": "conversion", "value_minor": 5}
    found += [("engagement-events", {**paid, "currency": currency}) for currency in (None, "EUR", "eur")]
    found += [("engagement-events", record) for record in (TALLY, without(TALLY, "currency"), {**TALLY, "clicks": -1})]
    bare = {**CONSENT, "purposes": None}
    found += [("consent-events", {**bare, "state": state, "tcf": tcf}) for state in ("given", "erased") for tcf in (None, "C")]
    found += [("rule-changes", {**RULE, "action": action, "version": None}) for action in ("deployed", "approved")]
    found += [("monitor-commands", {**COMMAND, "command": command}) for command in ("silence", "sign_off", "set_availability")]
    found += [("monitor-commands", {**COMMAND, "command": "silence", "incident_id": "i", "until": 1_795_341_600_000})]
    return found


def test_schema_and_reading_take_the_same() -> None:
    """A producer that tests against the schema is never surprised by a dead letter, and the other way round.

    Left out: what JSON Schema leaves to formats (times written as text) and the two small languages of a report command.
    """
    validators = {topic: Draft202012Validator(schema(name)) for topic, name in TOPICS.items()}
    texts = {"occurred_at", "requested_at", "expires_at", "scheduled_at", "until", "effective_at", "at", "window", "alert_threshold"}
    cases = changes()
    differing = []
    for topic, record in cases:
        path = (refused(topic, record) or ("", None))[1]
        by_schema = validators[topic].is_valid(orjson.loads(orjson.dumps(record)))
        code = refused(topic, record)
        reading = code is None or code[0] == "key_mismatch"
        if reading != by_schema and path not in texts:
            differing.append((topic, path, record.get(path or "")))

    assert len(cases) > 800
    assert differing == []
