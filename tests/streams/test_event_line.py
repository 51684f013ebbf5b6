"""One line of an event file: what is a record, what is broken, and that a payload's bytes pass through untouched."""

import base64

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.event_line import BrokenLineError, read_line, write_line
from streams.kernel.record import Record

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6) | st.just("value"), inner, max_size=3),
    max_leaves=8,
)
HARD = [b"null", b" 1", b"1\n", b"{}", b"\xff", b'{"a":1,"a":2}', b""]
PAYLOADS = st.none() | st.binary(max_size=30) | JSON.map(orjson.dumps) | st.sampled_from(HARD)


RECORDS = st.builds(
    Record,
    topic=st.text(min_size=1, max_size=10),
    partition=st.integers(0, 7),
    offset=st.integers(0, 2**63 - 1),
    timestamp=st.integers(0, 4_000_000_000_000),
    key=st.none() | st.binary(max_size=10) | st.text(max_size=5).map(str.encode),
    value=PAYLOADS,
)


@given(RECORDS)
def test_what_is_written_is_read_back(record: Record) -> None:
    """Any record of the bus survives a line, byte for byte, and stays one line."""
    text = write_line(record)

    line = read_line(text)

    assert text.count(b"\n") == 1
    assert record == Record(line.topic, line.partition or 0, line.offset or 0, line.timestamp or 0, line.key, line.value)


@given(payload=JSON, order=st.permutations(["topic", "key", "value", "timestamp", "headers"]), spaced=st.booleans())
def test_the_order_of_members_does_not_matter(payload: object, order: list[str], spaced: bool) -> None:
    """`value` may stand anywhere, and hold members named like the line's own."""
    members = {"topic": "t", "key": "k", "value": payload, "timestamp": 5, "headers": {"value": "x"}}
    gap = b" " if spaced else b""
    written = [gap + orjson.dumps(name) + gap + b":" + gap + orjson.dumps(members[name]) + gap for name in order]

    line = read_line(gap + b"{" + b",".join(written) + b"}" + gap)

    assert line.value == (None if payload is None else orjson.dumps(payload))
    assert (line.topic, line.key, line.timestamp) == ("t", b"k", 5)


@pytest.mark.parametrize("after", ["", ',"headers":{}'])
def test_a_payload_that_names_a_field_twice_arrives_as_it_is(after: str) -> None:
    """The check that refuses it further on must be able to see it."""
    payload = '{"state": "given", "state":"withdrawn"}'

    line = read_line(f'{{"topic":"consent-events","key":"u","value": {payload} {after}}}'.encode())

    assert line.value == payload.encode()


@pytest.mark.parametrize("depth", [33, 2_000, 200_000])
def test_a_payload_nested_too_deep_arrives_as_it_is(depth: int) -> None:
    """It is refused further on by its own name, not as a broken line."""
    payload = b"[" * depth + b"]" * depth

    assert read_line(b'{"topic":"t","value":' + payload + b"}").value == payload


def test_a_payload_that_is_not_json_stands_as_base64() -> None:
    """`value_base64` holds any bytes, those of no JSON included."""
    text = base64.b64encode(b"\xef\xbb\xbf{}").decode()

    assert read_line(f'{{"topic":"t","value_base64":"{text}"}}'.encode()).value == b"\xef\xbb\xbf{}"


@pytest.mark.parametrize(
    ("topic", "payload", "expected"),
    [
        ("engagement-events", {"occurred_at": "2026-11-22T10:00:00.123Z"}, 1_795_341_600_123),
        ("consent-events", {"occurred_at": 1_763_805_600_123}, 1_763_805_600_123),
        ("monitor-commands", {"requested_at": 1_763_805_600_123, "occurred_at": 1}, 1_763_805_600_123),
        ("ticks", {"at": 1_763_805_600_000}, 1_763_805_600_000),
        ("monitor-config", {"occurred_at": 1_763_805_600_123}, None),
        ("engagement-events", {"occurred_at": "2026-11-22T10:00:00"}, None),
        ("engagement-events", {"occurred_at": True}, None),
        ("engagement-events", [1], None),
    ],
)
def test_the_own_time_of_a_payload(topic: str, payload: object, expected: int | None) -> None:
    """Each topic has its own field for it; without a zone, or of the wrong kind, it is no time."""
    assert read_line(orjson.dumps({"topic": topic, "value": payload})).own_time == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "null",
        "[]",
        "{}",
        '"topic"',
        '{"topic":"t"}',
        '{"topic":"t","value":1',
        '{"topic":"t","value":1}}',
        '{"topic":"t","value":1} {}',
        '{"topic":"t","value":1,}',
        '{"topic":"t","value":1 "}',
        '{,"topic":"t","value":1}',
        '{"topic":"t","value"}',
        '{"topic":"t","value":}',
        '{"topic":"t","value":NaN}',
        '{"topic":"t","value":[1}',
        '{"topic":"t","value":[1,]}',
        '{"topic":"t","value":1,"value":2}',
        '{"topic":"t","value":1,"value_base64":"eA=="}',
        '{"topic":"t","value_base64":"eA="}',
        '{"topic":"t","value_base64":"é"}',
        '{"topic":"t","value_base64":null}',
        '{"topic":"","value":1}',
        '{"topic":null,"value":1}',
        '{"topic":1,"value":1}',
        '{"value":1}',
        '{"topic":"t","key":1,"value":1}',
        '{"topic":"t","key":"\\ud800","value":1}',
        '{"topic":"t","timestamp":1.5,"value":1}',
        '{"topic":"t","timestamp":"2026-11-22T10:00:00Z","value":1}',
        '{"topic":"t","timestamp":true,"value":1}',
        '{"topic":"t","timestamp":-1,"value":1}',
        '{"topic":"t","timestamp":99999999999999999,"value":1}',
        '{"topic":"t","partition":-1,"value":1}',
        '{"topic":"t","offset":9223372036854775808,"value":1}',
        '{"topic":"t","headers":1,"value":1}',
        '\ufeff{"topic":"t","value":1}',
    ],
)
def test_a_broken_line_says_so(text: str) -> None:
    """Whatever is no record is refused as one kind of error, and nothing of it is repeated in the message."""
    with pytest.raises(BrokenLineError) as error:
        read_line(text.encode())

    assert "\n" not in str(error.value)


@given(st.binary(max_size=200) | st.text(alphabet='{}[]",:\\topicvalue01 ', max_size=60).map(str.encode))
def test_no_bytes_do_worse_than_be_broken(text: bytes) -> None:
    """Any bytes are a record or a BrokenLineError; what passes is JSON by another parser's judgement too."""
    try:
        read_line(text)
    except BrokenLineError:
        return
    assert isinstance(orjson.loads(text), dict)
