"""People in experiments: what an intake shard remembers of one subject in one initiative, and what it adds when its time comes.

    j [end, bucket, commit]   what one commit saw of people in the window ending at `end`: initiative -> [digest, event …]
    u + digest                [initiative, listed, seats], of those who have a seat

seats   per experiment: the arm of the earliest exposure, the earliest exposure of any other arm, and what counts towards the readout

Nothing is decided on arrival. When the watermark passes the end of an event's window, every exposure that could come before it is
known: exposures take seats in order of event time, goals go to the seats they follow. A user adds

    at the end of the window of the first exposure          `first`: the ratio test
    at its maturity (first exposure + attribution)          n, sums (governance/contribution)
    at the end of the window of a second arm's exposure     `mixed`; what was added before is taken back
    until then, at the end of each goal's window            the same sums under `soon.`: a preview, which enters no verdict

by the config in force before the end of the window of the first exposure: a cap or a metric is fixed before a user is seen. So what a
user adds is a function of event times, stamps and configs, and never of the tick at which it is sent. An exposure that comes late
takes no seat; a goal counts if its stamp - allowed lateness precedes maturity, and is in the preview if it came in time. A seat goes
when its experiment has ended by `ends_at`, else `erase_after` after its last exposure. Neither consent nor erasure is looked at: that
would select after treatment.
"""

from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Any

from detectors.window import end_of
from governance.config.section import Timing
from governance.message.engagement import Engagement
from streams.kernel.agenda import Agenda
from streams.kernel.bulletin import Adds
from streams.kernel.person import FIRST, Person, Seen, keep, seen_again, seen_of
from streams.kernel.rows import Draft, key_parts, pack, row_key, unpack
from streams.kernel.settling import ConfigAt, Settling

PEOPLE = b"u"
SEEN = b"j"
BUCKETS = 64  # of one window, by digest: people of one bucket are settled in one commit, however many a window has


class People:
    """The people a step touches; `flush` writes what was seen of them into its draft and says when the next is due."""

    def __init__(self, draft: Draft, watermark: int, agenda: int, timing: Timing | None) -> None:
        self._draft = draft
        self._watermark = watermark
        self._window = timing.window if timing is not None else 1
        self._lateness = timing.allowed_lateness if timing is not None else 0
        self._agenda = Agenda(draft, watermark, agenda)
        self._digests: dict[tuple[bytes, str], bytes] = {}
        self._seen: dict[tuple[int, str, bytes], list[Seen]] = {}

    def take(self, owner: bytes, event: Engagement, stamp: int, adds: Adds) -> None:
        """Remember an event of a subject; a tally adds its people to its own window at once."""
        if event.type == "tally":
            tallied(event, stamp - self._lateness, self._window, adds)
            return
        end = end_of(event.occurred_at, self._window)
        closed = end <= self._watermark  # by a clock's error: it is late whatever its stamp says
        one = seen_of(event, max(stamp - self._lateness, end) if closed else stamp - self._lateness)
        if one is None:
            return
        digest = self._digest(owner, event.initiative)
        if closed and self._draft.get(PEOPLE + digest) is None:
            return  # no exposure before it can still come in time
        keep(self._seen.setdefault((end, event.initiative, digest), []), one)

    def _digest(self, owner: bytes, initiative: str) -> bytes:
        found = self._digests.get((owner, initiative))
        if found is None:
            found = self._digests[owner, initiative] = blake2b(initiative.encode(), key=owner, digest_size=16).digest()
        return found

    def settle(self, until: int, config_at: ConfigAt, adds_of: Callable[[str], Adds], budget: int) -> bool:
        """Let everybody due by the watermark `until` add what is theirs, so many bytes of rows at most; return whether all are done."""
        most = self._draft.size + budget
        settling = Settling(until, self._window, config_at)
        for _, keys in sorted(self._closed(until).items()):
            if self._draft.size > most:
                return False
            for (initiative, digest), seen in self._gather(keys).items():
                self._move_on(PEOPLE + bytes.fromhex(digest), initiative, seen, settling, adds_of)
        for key in self._agenda.due(until, lambda: self._draft.size > most):
            value = self._draft.get(key)
            person = None if value is None else Person.read(value)
            if person is not None and person.listed <= until:
                self._move_on(key, person.initiative, [], settling, adds_of)
        return not self._agenda.next or self._agenda.next > until

    def _closed(self, until: int) -> dict[int, list[bytes]]:
        """Return the rows of events whose windows have closed, by bucket."""
        found: dict[int, list[bytes]] = {}
        for end in sorted(self._draft.rows.firsts(SEEN)):
            if int(end) > until:
                break
            for key in self._draft.group(SEEN, end):
                found.setdefault(key_parts(key)[1], []).append(key)
        return found

    def _gather(self, keys: Iterable[bytes]) -> dict[tuple[str, str], list[Seen]]:
        """Take some rows' events, by initiative and digest."""
        found: dict[tuple[str, str], list[Seen]] = {}
        for key in keys:
            (seen,) = unpack(self._draft.get(key) or b"")
            for initiative, events in seen.items():
                for one in events:
                    found.setdefault((initiative, one[0]), []).append(seen_again(one))
            self._draft.drop(key)
        return found

    def _move_on(self, key: bytes, initiative: str, seen: list[Seen], settling: Settling, adds_of: Callable[[str], Adds]) -> None:
        """Let one person take in what was seen and add what is due; one without a seat is forgotten."""
        value = self._draft.get(key)
        person = Person(initiative) if value is None else Person.read(value)
        following = settling.settle(person, seen, adds_of(initiative))
        if following:
            if person.listed <= settling.until or following < person.listed:
                person.listed = following
                self._agenda.add(following, key)
            self._draft.put(key, person.pack())
        elif value is not None:
            self._draft.drop(key)

    def flush(self, sequence: int) -> int:
        """Write what was seen; return when the next person is due, ms, 0 for never."""
        rows: dict[tuple[int, int], dict[str, list[tuple[Any, ...]]]] = {}
        for (end, initiative, digest), seen in self._seen.items():
            events = rows.setdefault((end, digest[0] % BUCKETS), {}).setdefault(initiative, [])
            name = digest.hex()
            events.extend(one.plain(name) for one in seen)
        for (end, bucket), found in rows.items():
            self._draft.put(row_key(SEEN, end, bucket, sequence), pack(found))
        self._agenda.flush(sequence)
        return self._agenda.next


def tallied(event: Engagement, limit: int, window: int, adds: Adds) -> None:
    """Add the people of a tally to its own window; one that comes late, or knows no people, enters no readout."""
    end = end_of(event.occurred_at, window)
    if event.experiment_id is None or not event.subjects or limit >= end:
        return
    counts = {FIRST: event.subjects, f"channel.{event.channel}": event.subjects, f"profile.{event.profile}": event.subjects}
    if event.converted_subjects is not None:
        counts |= {"n": event.subjects, "converted": event.converted_subjects, "tallied": event.subjects}
    adds.experiment(end, end, event.experiment_id, event.variant, {name: number for name, number in counts.items() if number})
