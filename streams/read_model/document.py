"""The documents of the read model: what is kept about an initiative, under keys that name nobody.

    initiatives       digest of the initiative    where it stands: name, closed time, pending findings, the latest report in brief
    hours:<digest>    end of the hour, ms         counts by cell
    incidents:<d>     incident id                 the incident after its last step, and its timeline
    report:<digest>   "answer"                    the answer to one request

A digest stands for an initiative's name and for a request id: both are written by people, and a key is seen by anyone who may list keys.
"""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any

INITIATIVES = "initiatives"
ANSWER = "answer"
DIGEST_BYTES = 12

Key = tuple[str, str]  # shelf, name


@dataclass(frozen=True, slots=True)
class Document:
    """One document as the shard's commit of that number left it; `data` None: it is gone."""

    shard: int
    commit: int
    data: Any


@lru_cache(maxsize=4_096)  # asked for every message, and there are few initiatives
def digest(text: str) -> str:
    """Return what stands for a text in a key."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).hexdigest()


def hours_of(initiative: str) -> str:
    """Return the shelf of an initiative's hours."""
    return f"hours:{digest(initiative)}"


def incidents_of(initiative: str) -> str:
    """Return the shelf of an initiative's incidents."""
    return f"incidents:{digest(initiative)}"


def report_of(request_id: str) -> str:
    """Return the shelf of the answer to a request."""
    return f"report:{digest(request_id)}"
