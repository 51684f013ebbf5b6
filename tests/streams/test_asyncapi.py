"""The AsyncAPI document: complete, without a dangling reference, valid by the official schema."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from governance.message.reading import MODELS
from streams.asyncapi import OUTPUTS, document
from streams.file_replay import OUTPUTS as WRITTEN

SPECS = "@asyncapi/specs@6.11.1"


def references(value: Any) -> set[str]:
    """Return every reference in a document."""
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*(references(part) for part in value.values()))
    return set().union(*(references(part) for part in value)) if isinstance(value, list) else set()


def published(folder: Path) -> str:
    """Install what AsyncAPI publishes of its schemas; return what this machine lacks for it, nothing where it has all."""
    if shutil.which("npm") is None:
        return "npm is not here"
    try:
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), SPECS], check=True, timeout=60)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return "the registry of npm is not reached"
    return ""


def test_every_topic_we_read_or_write_is_described() -> None:
    """Inputs as they are read, outputs as they are written."""
    found = set(document("1")["channels"])
    assert found == {*MODELS, *WRITTEN}
    assert set(OUTPUTS) == set(WRITTEN)


def test_no_reference_leads_nowhere() -> None:
    """Every reference is found in the document itself."""
    found = document("1")
    for reference in references(found):
        place: Any = found
        for part in reference.removeprefix("#/").split("/"):
            assert part in place, reference
            place = place[part]


def test_the_document_is_valid_by_the_official_schema(tmp_path: Path) -> None:
    """The published AsyncAPI 3.0.0 schema accepts it, and refuses it with an operation of an unknown action."""
    lacking = published(tmp_path)
    if lacking:
        assert os.environ.get("PMON_TESTS_COMPLETE") != "1", f"{lacking}, and nothing may be left out"
        pytest.skip(f"{lacking}: the official AsyncAPI schema comes from its registry package")
    folder = tmp_path / "node_modules/@asyncapi/specs/schemas"
    validator = Draft7Validator(json.loads((folder / "3.0.0.json").read_text()))
    found = document("1")
    assert [error.message for error in validator.iter_errors(found)] == []
    found["operations"]["publish-incidents"]["action"] = "shout"
    assert not validator.is_valid(found)
