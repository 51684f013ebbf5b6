"""Topics that people already have: their records become ours, fields by path, by constant or as they stand."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.config import Source
from governance.config.sources import map_record
from governance.message.engagement import Engagement
from governance.message.reading import read
from governance.message.refusal import Refusal

SHOP = Source.model_validate(
    {
        "topic": "shop.clicks.v2",
        "as": "engagement-events",
        "map": {
            "event_id": "id",
            "occurred_at": "meta.ts",
            "subject_id": "user.id",
            "type": {"const": "click"},
            "channel": "ctx.channel",
            "variant": "items.0.variant",
        },
    }
)
CLICK: dict[str, Any] = {
    "id": "e-1",
    "meta": {"ts": 1_795_341_600_000},
    "user": {"id": "u-9", "email": "ana@example.org"},
    "type": "shop.click",
    "initiative": "plg",
    "items": [{"variant": "hero-b"}],
    "profile": "trial",
}


def mapped(record: Any, source: Source = SHOP) -> Any:
    """Return the mapped record, or the refusal."""
    result = map_record(source, orjson.dumps(record))
    return result if isinstance(result, Refusal) else orjson.loads(result)


def test_a_foreign_record_becomes_an_event() -> None:
    """Mapped fields come from their path or constant, the others under their own name, what we do not know stays behind."""
    assert mapped(CLICK) == {
        "event_id": "e-1",
        "occurred_at": 1_795_341_600_000,
        "type": "click",
        "initiative": "plg",
        "subject_id": "u-9",
        "profile": "trial",
        "variant": "hero-b",
    }
    assert isinstance(read("engagement-events", b"u-9", orjson.dumps(mapped(CLICK))), Engagement)


@pytest.mark.parametrize(
    ("record", "path"),
    [
        ({**CLICK, "meta": None}, "occurred_at"),
        ({**CLICK, "meta": "2026"}, "occurred_at"),
        ({**CLICK, "user": []}, "subject_id"),
        ({**CLICK, "id": "x", "initiative": 5}, "initiative"),
    ],
)
def test_a_path_that_leads_nowhere_is_a_missing_field(record: dict[str, Any], path: str) -> None:
    """Reading then names our field, which is what the mapping is about; nothing is invented."""
    result = read("engagement-events", b"u-9", orjson.dumps(mapped(record)))

    assert isinstance(result, Refusal)
    assert result.path == path


def test_a_mapped_field_is_never_taken_by_its_own_name() -> None:
    """A producer's own `channel` means something else where the config says so."""
    assert "channel" not in mapped({**CLICK, "channel": "theirs"})
    assert mapped({**CLICK, "items": [], "variant": "theirs"}).get("variant") is None


@pytest.mark.parametrize(
    ("value", "code"), [(b"\xff", "not_json"), (b"[]", "invalid_value"), (b"[" * 40, "too_deep"), (b" " * 300_000, "too_large")]
)
def test_a_foreign_record_is_refused_like_ours(value: bytes, code: str) -> None:
    """The limits of the bus hold for every topic."""
    result = map_record(SHOP, value)

    assert isinstance(result, Refusal)
    assert result.code == code


def test_a_key_twice_cannot_smuggle_consent_through_a_mapping() -> None:
    """A source of consent is read like the consent topic."""
    source = Source.model_validate({"topic": "cmp", "as": "consent-events", "map": {"state": "s"}})

    assert map_record(source, b'{"s":"withdrawn","s":"given"}') == Refusal("duplicate_key")


@given(st.dictionaries(st.sampled_from(["id", "meta", "user", "ctx", "items"]), st.recursive(
    st.none() | st.integers(-5, 5) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["ts", "id", "channel", "0"]), inner, max_size=2),
    max_leaves=5,
)))  # fmt: skip
def test_no_shape_breaks_the_mapping(record: dict[str, Any]) -> None:
    """Whatever stands where a path leads, the result is an object of ours."""
    assert mapped(record)["type"] == "click"
