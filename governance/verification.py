"""Whether an audit log is as it was written: every chain link by link, and the incidents it speaks of.

Takes entries in the order of the log, chains of several initiatives mixed. Found are: an edited entry, a gap, a wrong order, a second
entry of one number, a chain that does not begin at its beginning; of incidents given too, a step that was edited or that one of the two
logs lacks. A redelivered copy is no fault. What was cut off the end of a chain shows only where something else still speaks of it:
the incidents, or a head noted elsewhere.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from governance.audit import GENESIS, SOURCE, audit_id, entry_hash
from governance.identity import sha256_of
from governance.message.cloud_event import cloud_event
from governance.message.instant import parse_instant

FIELDS = {"initiative": str, "sequence": int, "kind": str, "at": str, "body": dict, "previous_hash": str, "hash": str}
CHAINED = ("previous_hash", "hash")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong and where: `place` as the reader named it."""

    place: str
    initiative: str | None
    what: str


@dataclass(slots=True)
class Seen:
    """One chain as far as it was read: its last number and hash, and the hash of every number."""

    sequence: int = 0
    head: str = GENESIS
    hashes: dict[int, str] = field(default_factory=dict)


def incident_hash(data: Mapping[str, Any]) -> str:
    """Return the SHA-256 of an incident's step without its place in the chain, as its audit entry holds it."""
    return sha256_of({name: value for name, value in data.items() if name not in CHAINED})


class Verification:
    """Reads logs record by record; each call yields the faults of one record."""

    def __init__(self) -> None:
        self.chains: dict[str, Seen] = {}
        self.copies = 0
        self._steps: dict[str, tuple[str, str]] = {}  # hash of an incident's audit entry -> (what the step must come to, its place)
        self._told: set[str] = set()
        self._incidents: list[tuple[str, str, str, str]] = []  # place, initiative, hash, what it comes to

    def entry(self, place: str, key: str | None, event: Any) -> Iterator[Fault]:
        """Yield what is wrong with one record of `audit-log`, a CloudEvent."""
        data = event.get("data") if isinstance(event, dict) else None
        wrong = misfit(data)
        if wrong is not None or not isinstance(data, dict):
            yield Fault(place, None, wrong or "is no CloudEvent with an audit entry in `data`")
            return
        initiative, number = data["initiative"], data["sequence"]
        seen = self.chains.setdefault(initiative, Seen())
        if entry_hash(data) != data["hash"]:
            yield Fault(place, initiative, f"entry {number} was edited: its hash is not that of what it says")
            data = {**data, "hash": entry_hash(data)} if number <= seen.sequence else data
        elif not enveloped(key, event, data):
            yield Fault(place, initiative, f"entry {number} was edited: its envelope or key is not the one it was published in")
        if number <= seen.sequence:
            yield from self._again(place, seen, data)
            return
        yield from link(place, seen, data)
        seen.sequence, seen.head = number, data["hash"]
        seen.hashes[number] = data["hash"]
        if data["kind"] == "incident" and isinstance(data["body"].get("sha256"), str):
            self._steps[data["hash"]] = (data["body"]["sha256"] + data["previous_hash"], place)

    def _again(self, place: str, seen: Seen, data: Mapping[str, Any]) -> Iterator[Fault]:
        number = data["sequence"]
        known = seen.hashes.get(number)
        if known == data["hash"]:
            self.copies += 1
        elif known is None:
            seen.hashes[number] = data["hash"]
            yield Fault(place, data["initiative"], f"entry {number} is out of order: it comes after entry {seen.sequence}")
        else:
            yield Fault(place, data["initiative"], f"entry {number} is there twice, saying different things")

    def incident(self, place: str, event: Any) -> Iterator[Fault]:
        """Yield what is wrong with one record of `incidents` by itself; `rest` holds it against the chains."""
        data = event.get("data") if isinstance(event, dict) else None
        if not isinstance(data, dict) or not all(isinstance(data.get(name), str) for name in ("initiative", *CHAINED)):
            yield Fault(place, None, "is no CloudEvent with an incident in `data`")
            return
        self._incidents.append((place, data["initiative"], data["hash"], incident_hash(data) + data["previous_hash"]))

    def rest(self) -> Iterator[Fault]:
        """Yield what shows only when everything was read: incidents that were edited, or that one log lacks."""
        for place, initiative, digest, found in self._incidents:
            step = self._steps.get(digest)
            if step is None:
                yield Fault(place, initiative, "an incident's step that no entry of the audit log speaks of: edited here, or cut off there")
            elif step[0] != found:
                yield Fault(place, initiative, "an incident's step was edited: it is not what its audit entry was made of")
            self._told.add(digest)
        if self._incidents:
            for digest, (_, place) in self._steps.items():
                if digest not in self._told:
                    yield Fault(place, None, "speaks of an incident's step that the incidents lack")


def link(place: str, seen: Seen, data: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield whether an entry does not follow the one before it in its chain."""
    initiative, number = data["initiative"], data["sequence"]
    if not seen.sequence and number > 1:
        yield Fault(place, initiative, f"the chain begins at entry {number}: what came before is not here")
    elif number > seen.sequence + 1:
        missing = f"entry {number - 1} is" if number == seen.sequence + 2 else f"entries {seen.sequence + 1} to {number - 1} are"
        yield Fault(place, initiative, f"{missing} missing before entry {number}")
    elif data["previous_hash"] != seen.head:
        yield Fault(place, initiative, f"entry {number} is chained to another entry than the one before it")


def enveloped(key: str | None, event: Mapping[str, Any], data: Mapping[str, Any]) -> bool:
    """Return whether an entry stands in the CloudEvent it was published in."""
    try:
        at = parse_instant(data["at"])
    except ValueError:
        return False
    identity = audit_id(data["initiative"], data["sequence"], data["hash"])
    return key == data["initiative"] and event == cloud_event("audit-entry", identity, SOURCE, data["initiative"], at, dict(data))


def misfit(data: Any) -> str | None:
    """Return why something is no audit entry, None where it is one."""
    if not isinstance(data, dict):
        return "is no CloudEvent with an audit entry in `data`"
    for name, kind in FIELDS.items():
        if not isinstance(data.get(name), kind) or isinstance(data.get(name), bool):
            return f"is no audit entry: {name} must be {'an integer' if kind is int else 'an object' if kind is dict else 'text'}"
    return None
