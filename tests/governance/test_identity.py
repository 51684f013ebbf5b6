"""Ids: the same content has the same id in every run and every version; different content never meets."""

import json
from hashlib import blake2b
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance import identity

GOLDEN: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "golden" / "identity.json").read_text(encoding="utf-8"))
TEXTS = st.text(max_size=12)
KEYS = st.dictionaries(st.sampled_from(["profile", "channel", "cohort", "variant", "kpi"]), TEXTS)


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["function"])
def test_published_ids_never_change(case: dict[str, Any]) -> None:
    """These ids are in people's logs: a change here is a new history."""
    arguments = [bytes.fromhex(value["hex"]) if isinstance(value, dict) and "hex" in value else value for value in case["arguments"]]

    assert getattr(identity, case["function"])(*arguments) == case["result"]


def test_an_id_can_be_computed_by_anyone() -> None:
    """UUIDv5 over the compact JSON of a list: the standard library is enough to check one."""
    key = '["dip","plg",[["channel","web"]]]'
    name = json.dumps(["incident", "dip", key, 1_795_341_600_000, 1], separators=(",", ":"))

    assert identity.incident_key("dip", "plg", {"channel": "web"}) == key
    assert identity.incident_id("dip", key, 1_795_341_600_000, 1) == str(uuid5(identity.NAMESPACE, name))
    assert UUID(identity.request_answer_id("q-1")).version == 5


@given(st.lists(st.one_of(TEXTS, st.integers(-(2**53), 2**53)), min_size=1, max_size=6))
def test_the_fast_way_to_an_id_is_the_standard_one(parts: list[str | int]) -> None:
    """`event_id` is UUIDv5 of the canonical JSON, whatever the texts hold."""
    assert identity.event_id("kind", *parts) == str(uuid5(identity.NAMESPACE, identity.compact(["event", "kind", *parts])))


@given(TEXTS, TEXTS, KEYS, TEXTS, TEXTS, KEYS)
def test_different_incidents_have_different_keys(a: str, b: str, c: dict[str, str], d: str, e: str, f: dict[str, str]) -> None:
    """No text in a name can run into its neighbour; the order of the dimensions says nothing."""
    same = (a, b, c) == (d, e, f)

    assert (identity.incident_key(a, b, c) == identity.incident_key(d, e, f)) == same
    assert identity.incident_key(a, b, dict(reversed(c.items()))) == identity.incident_key(a, b, c)


def test_neighbours_have_different_ids() -> None:
    """Another episode, window, step or kind is another id, also where the texts run together the same way."""
    ids = [
        identity.incident_id("dip", "k", 60_000, 1),
        identity.incident_id("dip", "k", 60_000, 2),
        identity.incident_id("dip", "k", 120_000, 1),
        identity.incident_id("di", "pk", 60_000, 1),
        identity.finding_id("dip", "k", 60_000),
        identity.consent_finding_id("dip", "k", "60000"),
        identity.event_id("dip", "k", 60_000),
        identity.event_id("dip", "k", "60000"),
        identity.event_id("dip", "k60000"),
        identity.request_answer_id("dip"),
    ]

    assert len(set(ids)) == len(ids)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=10,
)


@given(JSON)
def test_compact_json_is_canonical(value: Any) -> None:
    """It reads back as the same value, and writing that again gives the same text."""
    text = identity.compact(value)

    assert json.loads(text) == value
    assert identity.compact(json.loads(text)) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")]])
def test_what_json_cannot_say_has_no_hash(value: Any) -> None:
    """NaN would be hashed as something that is not JSON."""
    with pytest.raises(ValueError, match="JSON"):
        identity.sha256_of(value)


def test_a_subject_hash_needs_its_key() -> None:
    """Keyed BLAKE2b of 16 bytes: without the key nobody can try out subjects; a long key is hashed first."""
    assert identity.subject_hash(b"key", "u-9") == blake2b(b"u-9", key=b"key", digest_size=16).hexdigest()
    assert identity.subject_hash(b"key", "u-9") != identity.subject_hash(b"other", "u-9")
    assert identity.subject_hash(b"k" * 65, "u-9") != identity.subject_hash(b"k" * 64, "u-9")
