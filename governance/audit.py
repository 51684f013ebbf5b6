"""The audit chain of an initiative: every entry names the hash of the one before, so an edit, a gap or a reordering shows."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from governance.identity import compact, event_id

GENESIS = "0" * 64
SOURCE = "/pmon"  # one source for a deployment: its parts and partitions may change, ids must not


@dataclass(frozen=True, slots=True)
class Chain:
    """The head of one initiative's chain: entries so far and the hash of the last."""

    sequence: int = 0
    head: str = GENESIS

    def append(self, initiative: str, kind: str, at: str, body: Mapping[str, Any]) -> tuple["Chain", dict[str, Any]]:
        """Return the chain after one more entry, and the entry with its hashes; `at` is RFC 3339."""
        entry = {
            "initiative": initiative,
            "sequence": self.sequence + 1,
            "kind": kind,
            "at": at,
            "body": dict(body),
            "previous_hash": self.head,
        }
        digest = entry_hash(entry)
        return Chain(self.sequence + 1, digest), {**entry, "hash": digest}


def entry_hash(entry: Mapping[str, Any]) -> str:
    """Return the SHA-256 of an entry's canonical JSON without its own hash, as hex."""
    return sha256(compact({name: value for name, value in entry.items() if name != "hash"}).encode()).hexdigest()


def audit_id(initiative: str, sequence: int, digest: str) -> str:
    """Return the id of the event an entry is published in."""
    return event_id("audit", initiative, sequence, digest)
