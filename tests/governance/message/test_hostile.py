"""Hostile bytes: each is a refusal with its code, none is an exception, none is slow, none is repeated in a message."""

import gzip
import json
import pickle
import time
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from governance.message.reading import DEEPEST, LARGEST_BYTES, LARGEST_CONFIG_BYTES, MODELS, decode, read
from governance.message.refusal import Refusal
from tests.governance.message.examples import EXPOSURE, KEYS, RECORDS, UNIQUE, refused

GOOD = orjson.dumps(EXPOSURE)


def code(value: bytes, topic: str = "engagement-events") -> str | None:
    result = read(topic, b"u-9", value)
    return result.code if isinstance(result, Refusal) else None


def nested(depth: int, kind: str = "[]") -> bytes:
    """Return an object with `depth` levels in all, the rest of it a good exposure."""
    opening, closing = ("[", "]") if kind == "[]" else ('{"a":', "}")
    inner = opening * (depth - 1) + "1" + closing * (depth - 1)
    return GOOD[:-1] + f',"more":{inner}}}'.encode()


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b" ",
        b"\xef\xbb\xbf" + GOOD,
        GOOD.decode().encode("utf-16"),
        b"\x00\x00\x00\x00\x07" + GOOD,
        GOOD + b"x",
        GOOD + GOOD,
        GOOD[:-1],
        gzip.compress(GOOD * 100, mtime=0),
        pickle.dumps(EXPOSURE),
        b"\xff" + GOOD,
        GOOD.replace(b"web", b"w\xc3b"),
        GOOD.replace(b"web", b"w\\ud800b"),
        GOOD.replace(b"web", b"w\nb"),
        GOOD.replace(b":12,", b":NaN,"),
        GOOD.replace(b":12,", b":Infinity,"),
        GOOD.replace(b":12,", b":-Infinity,"),
        GOOD.replace(b":12,", b":1e400,"),
        GOOD.replace(b":12,", b":" + b"9" * 5000 + b","),
        GOOD.replace(b":12,", b":012,"),
        GOOD.replace(b"null", b"undefined", 1),
        GOOD.replace(b'"', b"'"),
        b"// comment\n" + GOOD,
        b'{"a":1,}',
    ],
    ids=range(24),
)
def test_what_is_no_json_is_refused_as_such(value: bytes) -> None:
    """Byte-order mark, other encodings, trailing bytes, gzip, Avro, pickle, NaN, infinities, endless numbers, lone surrogates."""
    assert code(value) == "not_json"


@pytest.mark.parametrize("topic", MODELS)
@pytest.mark.parametrize("value", [b"null", b"1", b'"text"', b"[]", b"[{}]", b"true"])
def test_json_that_is_no_object_is_an_invalid_value(topic: str, value: bytes) -> None:
    """One object per message; anything else has no field to name."""
    assert read(topic, b"k", value) == Refusal("invalid_value", message="the message must be one JSON object")


@pytest.mark.parametrize("kind", ["[]", "{}"])
def test_depth_is_counted_exactly(kind: str) -> None:
    """32 levels pass, 33 do not, brackets inside texts do not count."""
    assert code(nested(DEEPEST, kind)) is None
    assert code(nested(DEEPEST + 1, kind)) == "too_deep"
    assert code(nested(1000, kind)) == "too_deep"
    assert code(GOOD.replace(b"trial-admin", b"[" * 100 + b'\\"' + b"{" * 20)) is None
    assert code(GOOD[:-1] + b',"flat":[' + b"[],{}," * 500 + b"[]]}") is None


@pytest.mark.parametrize("value", [b"[" * 100_000, b'{"a":' * 40_000, b'[{"":' * 20_000, b"[" * 5_000 + b"]" * 5_000, b"[" * 40])
def test_bottomless_nesting_is_too_deep_or_no_json(value: bytes) -> None:
    """What is nested beyond reading is refused as too deep, finished or not."""
    assert code(value) == "too_deep"


def test_size_is_counted_exactly() -> None:
    """256 KiB pass, a byte more does not; our own config may be as large as its file."""
    room = LARGEST_BYTES - len(GOOD) - len(b',"pad":""')
    fits = GOOD[:-1] + b',"pad":"' + b"x" * room + b'"}'

    assert len(fits) == LARGEST_BYTES
    assert code(fits) is None
    assert code(fits[:-1] + b" }") == "too_large"
    assert code(b"x" * (LARGEST_BYTES + 1)) == "too_large"
    assert code(b" " * (LARGEST_BYTES + 1), "monitor-config") == "not_json"
    assert code(b" " * (LARGEST_CONFIG_BYTES + 1), "monitor-config") == "too_large"


@pytest.mark.parametrize("topic", UNIQUE)
@pytest.mark.parametrize("second", ["{name}", "\\u{code:04x}{rest}"])
def test_a_key_twice_is_refused_where_it_could_smuggle(topic: str, second: str) -> None:
    """`{"state":"withdrawn","state":"given"}` is no consent, however the second key is written; nested keys count too."""
    record = RECORDS[topic]
    field = next(iter(record))
    repeated = second.format(name=field, code=ord(field[0]), rest=field[1:])
    value = orjson.dumps(record)[:-1] + f',"{repeated}":"x"}}'.encode()

    assert read(topic, record[KEYS[topic]].encode(), value) == Refusal("duplicate_key", field)
    inner = orjson.dumps(record)[:-1] + b',"content":{"u-9":[{"secret":1,"secret":1}]}}'
    assert read(topic, record[KEYS[topic]].encode(), inner) == Refusal("duplicate_key")


def test_a_key_twice_in_an_engagement_is_the_last() -> None:
    """On the hot path the second copy wins, as every JSON reader has it."""
    assert code(GOOD[:-1] + b',"type":"page_view"}') == "unknown_type"


@pytest.mark.parametrize(
    "value",
    [
        b'{"' + b'\\"' * 130_000,
        b'"' + b"\\" * 262_000,
        b'{"a":"' * 40_000,
        b'"' * 262_144,
        b"[]" * 131_072,
        b"[" * 262_144,
        b'{"a":[' + b"[],{}," * 40_000 + b"[]]}",
        b"{" + b",".join(b'"%d":1' % number for number in range(25_000)) + b',"0":1}',
        b'{"state":' + b"9" * 300 + b"}",
        b'{"state":"' + "🐢".encode() * 65_000 + b'"}',
    ],
    ids=range(10),
)
@pytest.mark.parametrize("topic", ["engagement-events", "consent-events"])
def test_no_bytes_are_slow_to_refuse(topic: str, value: bytes) -> None:
    """The cost is linear: 256 KiB of the worst shapes in far less than the minutes that a quadratic scan takes."""
    began = time.process_time()
    result = read(topic, b"k", value)

    assert isinstance(result, Refusal)
    assert time.process_time() - began < 3


TREE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["exposure", "given", "report", "u-9"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(MODELS)), st.none() | st.binary(max_size=12), st.binary(max_size=200))
@example("consent-events", None, b'{"\xff": 1}')
def test_no_bytes_make_reading_raise(topic: str, key: bytes | None, value: bytes) -> None:
    """Any bytes are a message or a refusal."""
    assert isinstance(read(topic, key, value), Refusal | MODELS[topic])


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_content_makes_reading_raise_or_speak(data: st.DataObject) -> None:
    """A good record with any value in any field is taken or refused by a known path, and the refusal repeats nothing of it."""
    topic = data.draw(st.sampled_from(sorted(MODELS)))
    field = data.draw(st.sampled_from(sorted(MODELS[topic].model_fields)))
    record: dict[str, Any] = {**RECORDS[topic], field: data.draw(TREE)}
    secret = "Zx9-secret"
    record["unknown"] = secret
    value = json.dumps(record, allow_nan=True).encode("utf-8", "surrogatepass")

    result = read(topic, str(record.get(KEYS.get(topic, ""), "")).encode("utf-8", "replace"), value)

    if isinstance(result, Refusal):
        assert result.code in ("not_json", "missing_field", "invalid_value", "unknown_type", "key_mismatch")
        assert result.code == "not_json" or result.path is not None
        assert secret not in repr(result)


@pytest.mark.parametrize("secret", ["ana@example.org", "u-4711", "\x1b[31mred"])
def test_a_refusal_never_repeats_a_value(secret: str) -> None:
    """Dead letters and logs take refusals as they are: no personal data may be in one."""
    for field in EXPOSURE:
        for value in (secret + "\x00", [secret], {secret: secret}):
            result = read("engagement-events", b"k", orjson.dumps({**EXPOSURE, field: value}))
            assert isinstance(result, Refusal)
            assert secret not in repr(result)
    assert refused("engagement-events", EXPOSURE, secret) == ("key_mismatch", "subject_id")


NAMES = st.sampled_from(["a", "b", ":", "a:", "é", '"', "\\", '":', "{"])
VALUES = st.sampled_from(["1", '"x"', '":"', '":x"', '"a b"', '"\\":"', "[]", '["a",":"]', '{"a":1}', '{"a":1,"a" :2}'])
BLANKS = st.sampled_from(["", "", " ", "\t", "\n"])


@given(st.lists(st.tuples(NAMES, BLANKS, BLANKS, VALUES), max_size=5), st.booleans())
def test_a_name_said_twice_is_seen_however_it_is_written(members: list[tuple[str, str, str, str]], escaped: bool) -> None:
    """Blanks, escapes, colons and quotes in names and values, nested objects: known here from how the text was made."""
    written = [f"{json.dumps(name, ensure_ascii=escaped)}{before}:{after}{value}" for name, before, after, value in members]
    names = [name for name, _, _, _ in members]
    twice = len(set(names)) < len(names) or any(value.count('"a"') == 2 and ":2" in value for *_, value in members)

    found = decode("consent-events", ("{" + ",".join(written) + "}").encode())

    assert (isinstance(found, Refusal) and found.code == "duplicate_key") == twice
