"""Reading by kind says of every record what the model says, whatever was read before it."""

from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from governance.message.engagement import Engagement
from governance.message.kind import MOST_KINDS, NUMBERS, SHARED, Kinds
from governance.message.reading import DEEPEST, LARGEST_BYTES, read
from governance.message.refusal import Refusal
from tests.governance.message.examples import EXPOSURE, TALLY, without

TOPIC = "engagement-events"
CLICK = without(EXPOSURE, "fallback", "propensity", "pre_value") | {"type": "click"}
PAID = EXPOSURE | {"type": "conversion", "value_minor": 1200, "currency": "EUR"}
SPARSE = {name: EXPOSURE[name] for name in ("event_id", "occurred_at", "type", "initiative", "subject_id")}
ODD: list[Any] = [
    *(None, True, False, 0, 1, 7, -1, 12, 1.0, 7.0, 0.0, -0.0, 0.5, 1e13, 2**53, 2**53 + 1, 1_795_341_600_123, 1_795_341_600_123.0),
    *("", "-", "1", "web", "u-9", "u\n9", "e-1\n", "é", "a b", "\u202e", "\ufeff", "x" * 128, "x" * 129, "ü" * 128, "_system", "*", "EUR"),
    *("exposure", "click", "tally", "view", "technical", "2026-11-22T10:00:00.123Z", "2026-11-22T10:00:00", "2026-02-30T10:00:00Z"),
    *([], ["eligible"], ["eligible", "tier-2", "hero-b"], ["a", 1], ["a", None], [True], [[]], [{}], ["x"] * 17, {}, {"a": 1}, [[[]]]),
]
FIELDS = [*Engagement.model_fields, "device", "ctx"]
CHANGES = st.dictionaries(st.sampled_from(FIELDS), st.sampled_from(ODD), max_size=3)
RECORDS = st.builds(
    lambda record, left_out, changed, backwards: dict(
        [*({**without(record, *left_out), **changed}).items()][:: -1 if backwards else 1],
    ),
    st.sampled_from([EXPOSURE, CLICK, PAID, TALLY, SPARSE]),
    st.sets(st.sampled_from(FIELDS), max_size=1),
    CHANGES,
    st.booleans(),
)
KEYS = st.sampled_from([None, b"u-9", b"u-8", b"\xff", b""])


def expected(key: bytes | None, value: bytes) -> Any:
    """Return what the model says, as what is compared: values with their types."""
    event = read(TOPIC, key, value)
    if isinstance(event, Refusal):
        return event
    assert isinstance(event, Engagement)
    cell = (event.profile, event.channel, event.cohort, event.variant)
    of_kind: list[Any] = [event.type, event.initiative, cell, event.experiment_id, event.rule_id, event.rule_version, event.decision_path]
    of_kind += [event.fallback, event.purpose, event.consent_asserted, event.propensity]
    own = event if event.value_minor is not None or event.type == "tally" else None
    return repr([of_kind, sorted(orjson.loads(value)), event.event_id, event.occurred_at, event.latency_ms, own])


def found(kinds: Kinds, key: bytes | None, value: bytes) -> Any:
    """Return the same of what reading by kind says."""
    one = kinds.read(key, value)
    if isinstance(one, Refusal):
        return one
    kind, *own = one
    of_kind: list[Any] = [kind.type, kind.initiative, kind.cell, kind.experiment_id, kind.rule_id, kind.rule_version, kind.decision_path]
    of_kind += [kind.fallback, kind.purpose, kind.consent_asserted, kind.propensity]
    return repr([of_kind, sorted(kind.keys), *own])


@given(st.lists(st.tuples(KEYS, RECORDS), max_size=6))
@example([(b"u-9", EXPOSURE), (b"u-9", EXPOSURE | {"rule_version": 1}), (b"u-9", EXPOSURE | {"rule_version": True})])
@example([(b"u-9", EXPOSURE | {"propensity": 1.0}), (b"u-9", EXPOSURE | {"propensity": 1}), (b"u-9", EXPOSURE | {"propensity": True})])
@example([(b"u-9", EXPOSURE | {"consent_asserted": True}), (b"u-9", EXPOSURE | {"consent_asserted": 1})])
@example([(b"u-9", EXPOSURE), (b"u-9", EXPOSURE | {"latency_ms": 12.0}), (b"u-9", EXPOSURE | {"occurred_at": 1_795_341_600_123.0})])
@example([(b"u-9", SPARSE | {"exposures": 1}), (b"u-9", SPARSE | {"exposures": True}), (b"u-9", SPARSE | {"exposures": 1.0})])
def test_what_was_read_before_changes_nothing(records: list[tuple[bytes | None, dict[str, Any]]]) -> None:
    """Value for value and refusal for refusal, types included; each kind of record has been read once before."""
    kinds = Kinds()
    for base in (EXPOSURE, CLICK, PAID, TALLY, SPARSE):
        kinds.read(b"u-9", orjson.dumps(base))
    for key, record in records:
        value = orjson.dumps(record)
        assert found(kinds, key, value) == expected(key, value)


@pytest.mark.parametrize(
    "value",
    [
        orjson.dumps(EXPOSURE)[:-1],
        orjson.dumps([*EXPOSURE]),
        b'"text"',
        b"7",
        b"[[]]",
        orjson.dumps(EXPOSURE)[:-1] + b',"event_id":"e-2"}',
        orjson.dumps(EXPOSURE)[:-1] + b',"subject_id":"u-8"}',
        orjson.dumps(EXPOSURE)[:-1] + b" " * LARGEST_BYTES + b"}",
        orjson.dumps(EXPOSURE | {"more": 1})[:-2] + b"[" * DEEPEST + b"]" * DEEPEST + b"}",
        orjson.dumps(EXPOSURE).replace(b":12,", b":NaN,"),
    ],
    ids=range(10),
)
def test_bytes_that_are_no_event_are_refused_as_ever(value: bytes) -> None:
    """Also where records of that form were read before, one with another field among them."""
    kinds = Kinds()
    for known in (EXPOSURE, EXPOSURE | {"more": 1}):
        kinds.read(b"u-9", orjson.dumps(known))

    assert found(kinds, b"u-9", value) == expected(b"u-9", value)


def test_every_shared_field_that_is_no_number_takes_none() -> None:
    """Else True, 1 and 1.0, which are equal keys, would have to be told apart in it, too."""
    for name in SHARED:
        taken = [odd for odd in (1, 1.0, True) if not isinstance(read(TOPIC, b"u-9", orjson.dumps(EXPOSURE | {name: odd})), Refusal)]
        assert (name in NUMBERS) or not taken


def test_events_that_are_alike_share_one_kind_and_what_is_remembered_is_bounded() -> None:
    """Ids, times and latencies are no part of a kind; ever new values of the rest do not fill the memory."""
    kinds = Kinds()
    one, other = (kinds.read(b"u-9", orjson.dumps(EXPOSURE | {"event_id": f"e-{number}", "latency_ms": number})) for number in (1, 2))
    for number in range(MOST_KINDS + 10):
        kinds.read(b"u-9", orjson.dumps(EXPOSURE | {"cohort": f"c-{number}"}))

    assert not isinstance(one, Refusal)
    assert not isinstance(other, Refusal)
    assert one[0] is other[0]
    assert kinds.remembered() <= MOST_KINDS
