"""The fields of feeds: intake counts which ones records carry, the monitor says which appeared and which vanished.

F [initiative, feed, kind]   [records, number from which undocumented names are known, fields by name]: one kind of record of a feed
T [initiative]               [[when, what changed]], the last TOLD of them, for reports

Counted are records in time for their window, in buckets of about ten minutes. Consent records belong to no initiative; their fields
are those of `_system`.
"""

from collections.abc import Sequence

from detectors.window import MINUTE, end_of
from governance.feed import Feed, Field, FieldChange, shape_of
from governance.identity import compact, event_id, finding_id, incident_key
from streams.kernel.bulletin import DOCUMENTED, Adds
from streams.kernel.publishing import Found, finding
from streams.kernel.rows import Draft, pack, row_key, unpack

FEEDS, CHANGES = b"F", b"T"
CHECK = "schema_change"
SHORTEST = 10 * MINUTE  # what a feed carries is looked at so often: a field is missed soon, and the row is not written every minute
SHOWN = 10
TOLD = 50
FIELDS_OF = {topic: frozenset(names) for topic, names in DOCUMENTED.items()}


def bucket_of(base: int) -> int:
    """Return the size of a bucket, ms: whole base windows."""
    return -(-SHORTEST // base) * base


class Carried:
    """Counts the fields of the records of one step, by shape: producers write few shapes."""

    def __init__(self) -> None:
        self._records: dict[tuple[str, int, str, str, str, tuple[str, ...]], int] = {}

    def count(self, initiative: str, due: int, topic: str, feed: str, kind: str, keys: tuple[str, ...], records: int = 1) -> None:
        """Count records with the same keys: they are of one `kind`, came by the topic `feed` as ones of `topic`."""
        place = (initiative, due, topic, feed, kind, keys)
        self._records[place] = self._records.get(place, 0) + records

    def into(self, adds: dict[str, Adds]) -> None:
        """Add what was counted to what the step adds to each initiative."""
        for (initiative, due, topic, feed, kind, keys), records in self._records.items():
            adds.setdefault(initiative, Adds()).bucket(due, feed, topic, kind).carried(shape_of(keys, FIELDS_OF[topic]), records)


class Fields:
    """The feeds of one initiative at one due time, ms."""

    def __init__(self, draft: Draft, initiative: str, now: int, base: int, adds: Adds, policy: dict[str, str]) -> None:
        self._draft, self._initiative, self._now, self._base, self._adds, self._policy = draft, initiative, now, base, adds, policy

    def judge(self) -> None:
        """Count the buckets that end now and say what they changed."""
        for (_, feed, _, kind), bucket in sorted(self._adds.fields.items()):
            key = row_key(FEEDS, self._initiative, feed, kind)
            found = read_feed(self._draft.get(key))
            changed = found.take(bucket, self._now)
            for what in ("appeared", "vanished"):
                self._tell(feed, kind, what, [change for change in changed if change.change == what])
            fields = {name: one.plain() for name, one in sorted(found.fields.items())}
            self._draft.put(key, pack(found.records, found.others_from, fields))

    def _tell(self, feed: str, kind: str, what: str, changes: list[FieldChange]) -> None:
        """Publish one finding of all fields that appeared in, or vanished from, one kind of record."""
        if not changes:
            return
        key = {"feed": feed}
        identity = finding_id(CHECK, compact([incident_key(CHECK, self._initiative, key), kind, what]), self._now)
        missed = any(change.documented for change in changes) and what == "vanished"
        found = Found(
            finding_id=identity,
            check=CHECK,
            initiative=self._initiative,
            key=key,
            start=self._now - bucket_of(self._base),
            end=self._now,
            severity="warning" if missed else "info",
            observed=observed(kind, what, changes),
            expected=f"the fields that {kind} records of {feed} carried so far",
            policy=self._policy,
        )
        self._draft.send(finding(found, event_id("finding", identity, "confirmed"), self._now))
        before = told(self._draft, self._initiative)
        self._draft.put(row_key(CHANGES, self._initiative), pack([*before, (self._now, found.observed)][-TOLD:]))


def told(draft: Draft, initiative: str) -> list[tuple[int, str]]:
    """Return (when in ms, what changed) of the last changes of an initiative's feeds, oldest first."""
    value = draft.get(row_key(CHANGES, initiative))
    return [(at, what) for at, what in unpack(value)[0]] if value is not None else []


def observed(kind: str, what: str, changes: Sequence[FieldChange]) -> str:
    """Return in words what became of fields.

    >>> observed("exposure", "vanished", [FieldChange("vanished", "channel", True, 4_000, 4_000, 130)])
    'vanished from exposure records: channel (in 4000 of 4000, then in none of 130)'
    >>> observed("click", "appeared", [FieldChange("appeared", "device", False, 60, 90, 2_000)])
    'appeared in click records: device (in none of 2000, then in 60 of 90)'
    """
    words = []
    for one in changes[:SHOWN]:
        ran = (f"in {one.with_it} of {one.first}", f"in none of {one.other}")
        words.append(f"{one.field} ({', then '.join(ran if what == 'vanished' else ran[::-1])})")
    more = f" and {len(changes) - SHOWN} more" if len(changes) > SHOWN else ""
    return f"{what} {'from' if what == 'vanished' else 'in'} {kind} records: {', '.join(words)}{more}"


def read_feed(value: bytes | None) -> Feed:
    """Return the feed of a row, one never seen for None."""
    if value is None:
        return Feed()
    records, others_from, fields = unpack(value)
    return Feed(records, others_from, {name: Field(*one) for name, one in fields.items()})


def due_of(end: int, base: int) -> int:
    """Return the end of the bucket that the base window ending at `end` is in, ms."""
    return end_of(end - 1, bucket_of(base))
