"""Names that are computed: the same content has the same id in every run, so a replay publishes what was published.

Every id is a UUIDv5 over the compact JSON of a list that starts with the kind of thing, so that two kinds cannot meet and
no text can run into its neighbour. Golden ids are pinned by a test: to change a rule here is to rename all history.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson

NAMESPACE = UUID("5c1e46f0-6d0b-5a52-9d5c-0b6f2b4d7a31")
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
VARIANT = "89ab"  # the two highest bits of the ninth byte are 10 (RFC 9562 section 4.1)
LONGEST_KEY_BYTES = 64  # of BLAKE2b (RFC 7693); a longer key is first hashed, as HMAC does


def compact(value: Any) -> str:
    """Return canonical JSON: keys sorted, no spaces, text as it is, floats as the shortest text that reads back the same.

    Raises ValueError for NaN and the infinities, which JSON cannot say.
    """
    return _CANONICAL.encode(value)


def sha256_of(value: Any) -> str:
    """Return the hex SHA-256 of the compact JSON of a value."""
    return hashlib.sha256(compact(value).encode()).hexdigest()


def incident_key(check: str, initiative: str, key: Mapping[str, str]) -> str:
    """Return the compact JSON `[check, initiative, [[dimension, value], …sorted]]` that names what an incident is about."""
    return compact([check, initiative, sorted(key.items())])


def finding_id(check: str, key: str, window_end_ms: int) -> str:
    """Return the id of a finding of a window; `key` is the incident key."""
    return _id("finding", check, key, window_end_ms)


def consent_finding_id(check: str, hashed_subject: str, event: str) -> str:
    """Return the id of a finding about one event of one subject, the same in every step it goes through."""
    return _id("consent-finding", check, hashed_subject, event)


def incident_id(check: str, key: str, window_end_ms: int, episode: int) -> str:
    """Return the id of an incident: the window end that opened it and the episode number tell it from its neighbours."""
    return _id("incident", check, key, window_end_ms, episode)


def event_id(kind: str, *parts: str | int) -> str:
    """Return the id of one published event: the id of what it is about and what tells this step from the others."""
    return _id("event", kind, *parts)


def request_answer_id(request_id: str) -> str:
    """Return the id of the answer to a command: a command that is sent again is answered under the same id."""
    return _id("answer", request_id)


def subject_hash(key: bytes, subject: str) -> str:
    """Return the keyed hash (BLAKE2b, 16 bytes, hex) under which a subject is stored and published."""
    return keyed_hash(key, subject.encode()).hex()


def keyed_hash(key: bytes, text: bytes) -> bytes:
    """Return the keyed hash of a text; without the key nobody gets back from it to the text."""
    secret = key if len(key) <= LONGEST_KEY_BYTES else hashlib.blake2b(key).digest()
    return hashlib.blake2b(text, key=secret, digest_size=16).digest()


def _id(*parts: str | int) -> str:
    # What `str(uuid5(NAMESPACE, compact(parts)))` gives, in a third of the time: every closed cell has one. Of lists of texts and
    # integers both encoders write the same; a test holds the two against each other.
    digest = hashlib.sha1(NAMESPACE.bytes + orjson.dumps(parts), usedforsecurity=False).hexdigest()
    variant = VARIANT[int(digest[16], 16) & 3]
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"
