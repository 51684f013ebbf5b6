"""Records that must be refused, each with the code it must be refused with; every one carries a mark that no output may show."""

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import orjson

from tests.simulation.world import CONSENT, ENGAGEMENT, RULES, Arrival

MARK = "planted-mark-7f3a"
MARKED = MARK.encode()
Spoilt = tuple[str, str | None, bytes | None, bytes | None]  # topic, code (None: skipped), key, value


def spoiled(chance: Random, moment: Callable[[], int], wanted: int) -> list[Arrival]:
    """Return some records nobody can use, at moments of the history."""
    out = []
    for number in range(wanted):
        time = moment()
        topic, code, key, value = chance.choice(KINDS)(chance, f"g-{number}", time)
        out.append(Arrival(time, time, topic, key, value, None, code))
    return out


def event(number: str, time: int, **more: Any) -> dict[str, Any]:
    return {
        "event_id": number,
        "occurred_at": time,
        "type": "exposure",
        "initiative": "alpha",
        "subject_id": MARK,
        "channel": "w",
        "note": MARK,
        **more,
    }


def without(body: Mapping[str, Any], name: str) -> bytes:
    return orjson.dumps({key: value for key, value in body.items() if key != name})


def not_json(chance: Random, number: str, time: int) -> Spoilt:
    body = orjson.dumps(event(number, time))
    value = chance.choice([b"", body[:-1], b"\xef\xbb\xbf" + body, b'{"' + MARKED + b'":NaN}', b"\xff\xfe" + MARKED])
    return chance.choice([ENGAGEMENT, CONSENT, RULES]), "not_json", MARKED, value


def too_deep(chance: Random, number: str, time: int) -> Spoilt:
    body = orjson.dumps(event(number, time))
    depth = chance.choice([32, 40, 300])
    return ENGAGEMENT, "too_deep", MARKED, body[:-1] + b',"deep":' + b"[" * depth + b"]" * depth + b"}"


def too_large(chance: Random, number: str, time: int) -> Spoilt:
    return ENGAGEMENT, "too_large", MARKED, orjson.dumps(event(number, time, pad="x" * (256 * 1024)))


def missing_field(chance: Random, number: str, time: int) -> Spoilt:
    name = chance.choice(["event_id", "occurred_at", "type", "initiative", "subject_id"])
    return ENGAGEMENT, "missing_field", MARKED, without(event(number, time), name)


def invalid_value(chance: Random, number: str, time: int) -> Spoilt:
    wrong: dict[str, Any] = chance.choice(
        [
            {"occurred_at": 0},
            {"occurred_at": "2025-11-23T00:00:00"},
            {"occurred_at": time / 1000},
            {"occurred_at": True},
            {"event_id": MARK + " " + MARK},
            {"event_id": "x" * 129},
            {"latency_ms": -1},
            {"fallback": MARK},
            {"profile": 7},
            {"initiative": ""},
        ]
    )
    return ENGAGEMENT, "invalid_value", MARKED, orjson.dumps(event(number, time, **wrong))


def unknown_type(chance: Random, number: str, time: int) -> Spoilt:
    return ENGAGEMENT, "unknown_type", MARKED, orjson.dumps(event(number, time, type=chance.choice(["impression", "Exposure", MARK])))


def key_mismatch(chance: Random, number: str, time: int) -> Spoilt:
    return ENGAGEMENT, "key_mismatch", chance.choice([None, b"", b"somebody", MARKED + b"x"]), orjson.dumps(event(number, time))


def duplicate_key(chance: Random, number: str, time: int) -> Spoilt:
    body = {"event_id": number, "occurred_at": time, "subject_id": MARK, "state": "withdrawn", "purposes": None}
    return CONSENT, "duplicate_key", MARKED, orjson.dumps(body)[:-1] + b',"state":"given"}'


def consent_invalid(chance: Random, number: str, time: int) -> Spoilt:
    body = {"event_id": number, "occurred_at": time, "subject_id": MARK, "state": MARK, "purposes": None}
    return CONSENT, "invalid_value", MARKED, orjson.dumps(body)


def rule_missing(chance: Random, number: str, time: int) -> Spoilt:
    body = {"event_id": number, "occurred_at": time, "change_id": MARK, "initiative": "alpha", "rule_id": "r", "action": "approved"}
    return RULES, "missing_field", b"alpha", without(body, chance.choice(["change_id", "action", "rule_id"]))


def tombstone(chance: Random, number: str, time: int) -> Spoilt:
    return chance.choice([ENGAGEMENT, CONSENT, RULES]), None, MARKED, None


SMALL = (not_json, too_deep, missing_field, invalid_value, unknown_type, key_mismatch)
OTHER_TOPICS = (duplicate_key, consent_invalid, rule_missing, tombstone)
KINDS = (*SMALL * 3, *OTHER_TOPICS * 3, too_large)
