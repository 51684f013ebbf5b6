"""The fields of a feed: which its records carry, which appeared and which vanished.

A feed is one kind of record of one topic (the exposures of engagement-events); its counts come in buckets of time, oldest first. If
nothing has changed, every order of the records is as likely as any other. So where `seen` of the `first` records carried a field and
none of the `after` behind them does, the chance of that is C(first, seen) / C(first + after, seen), hypergeometric; a field that
appeared is the same thing looked at from the other end. What is less likely than CHANCE is a change.

Records are not quite that alike: the half of a feed that carries a field may sleep at night. So a field that not every record carried
has vanished only after SILENCE. A name beside the documented ones is told of only after ENOUGH records had it: what one record calls
its fields may be about one person.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import exp, lgamma
from typing import Any, Literal

from detectors.window import DAY

CHANCE = 1e-9  # 1,000 initiatives with 100 fields, judged every ten minutes: one false alarm in 200 days
ENOUGH = 20  # records without a field before it can have vanished, with it before it can have appeared
LEARNT = 100  # records of a feed before a field can be new to it
ALWAYS = 0.99  # share of records from which on a field counts as one that every record carries
SILENCE = 7 * DAY  # one of every working pattern: a field of some records is missed after as long as this, ms
MOST_OTHERS = 100  # names beside the documented ones; a feed with more has no fixed fields, and nothing is said of them
MOST_KEYS = 200  # keys looked at in one record
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")  # what a field is called; other keys are data
MANY = "\x00"  # stands in a shape for more keys than are looked at

Change = Literal["appeared", "vanished"]


@dataclass(slots=True)
class Bucket:
    """What some records of one feed carried: how many there were, how many with each documented field and with each other one.

    `many`: there were more other names than are kept, and none is.
    """

    records: int = 0
    fields: dict[str, int] = field(default_factory=dict)
    others: dict[str, int] = field(default_factory=dict)
    many: bool = False

    def add(self, records: int, fields: Mapping[str, int], others: Mapping[str, int], many: bool) -> None:
        """Add what other records carried; the same in any order."""
        self.records += records
        for mine, theirs in ((self.fields, fields), (self.others, others)):
            for name, number in theirs.items():
                mine[name] = mine.get(name, 0) + number
        self.many = self.many or many or len(self.others) > MOST_OTHERS
        if self.many:
            self.others.clear()

    def plain(self, documented: Sequence[str]) -> dict[str, Any]:
        """Return it as plain JSON values in one order, the numbers of documented fields without their names."""
        numbers = [self.fields.get(name, 0) for name in documented]
        return {"records": self.records, "fields": numbers, "others": dict(sorted(self.others.items())), "many": self.many}

    def merge(self, value: Mapping[str, Any], documented: Sequence[str]) -> None:
        """Add what `plain` gave; of a version of ours that documents other fields nothing, since its numbers have no names here."""
        if len(value["fields"]) == len(documented):
            fields = {name: number for name, number in zip(documented, value["fields"], strict=True) if number}
            self.add(value["records"], fields, value["others"], value["many"])

    def carried(self, shape: "Shape", records: int) -> None:
        """Add records of one shape."""
        self.add(records, dict.fromkeys(shape.fields, records), dict.fromkeys(shape.others, records), shape.many)


@dataclass(frozen=True, slots=True)
class Shape:
    """The fields of one record."""

    fields: tuple[str, ...]
    others: tuple[str, ...]
    many: bool


def keys_of(content: Mapping[str, Any], documented: Iterable[str]) -> tuple[str, ...]:
    """Return the keys of a record as they came; of one with too many the documented ones and MANY."""
    if len(content) <= MOST_KEYS:
        return tuple(content)
    return (*(name for name in documented if name in content), MANY)


@lru_cache(maxsize=1_024)
def shape_of(keys: tuple[str, ...], documented: frozenset[str]) -> Shape:
    """Return the fields that the keys of a record are."""
    others = tuple(sorted(key for key in keys if key not in documented and PLAIN.fullmatch(key)))
    return Shape(tuple(sorted(documented.intersection(keys))), others, MANY in keys or len(others) > MOST_OTHERS)


@dataclass(slots=True)
class Field:
    """One field of a feed, in numbers of the feed's records: `before` it was first seen, `seen` with it, up to the `last` with it.

    `at` is the end of the bucket of that last one, ms; `always` whether every record carried it before that bucket, in which it may
    have changed; `known`: it belongs to the feed, no news any more.
    """

    before: int
    seen: int
    last: int
    always: bool
    at: int
    documented: bool
    known: bool

    def plain(self) -> list[int | bool]:
        """Return the fields in their order."""
        return [self.before, self.seen, self.last, self.always, self.at, self.documented, self.known]


@dataclass(frozen=True, slots=True)
class FieldChange:
    """What became of a field: `with_it` of `first` records carried it, none of the `other` records before (appeared) or after them."""

    change: Change
    field: str
    documented: bool
    with_it: int
    first: int
    other: int


@dataclass(slots=True)
class Feed:
    """All that is remembered of a feed: how many records, and at how many of them what is known of undocumented names begins."""

    records: int = 0
    others_from: int = 0
    fields: dict[str, Field] = field(default_factory=dict)

    def take(self, bucket: Bucket, at: int) -> list[FieldChange]:
        """Count the bucket that ends at `at` (ms) and return what it changed, by name. A feed tells its first fields to nobody."""
        before = self.records
        self.records += bucket.records
        self._count(bucket.fields, before, at, documented=True)
        fresh = bucket.others.keys() - self.fields.keys()
        if bucket.many or len(fresh) + sum(not one.documented for one in self.fields.values()) > MOST_OTHERS:
            self.fields = {name: one for name, one in self.fields.items() if one.documented}
            self.others_from = self.records
        else:
            self._count(bucket.others, before, at, documented=False)
        found = [self._judged(name, at) for name in sorted(self.fields)]
        return [change for change in found if change is not None]

    def _count(self, fields: Mapping[str, int], before: int, at: int, *, documented: bool) -> None:
        for name, number in fields.items():
            one = self.fields.get(name)
            if one is None:
                one = self.fields[name] = Field(before, 0, 0, False, at, documented, known=False)
            one.always = one.seen >= ALWAYS * (before - one.before) if one.seen else number >= ALWAYS * (self.records - before)
            one.seen, one.last, one.at = one.seen + number, self.records, at

    def _judged(self, name: str, at: int) -> FieldChange | None:
        one = self.fields[name]
        absent, lasted = self.records - one.last, one.last - one.before
        if not absent:
            return self._appeared(name, one)
        silent = at - one.at >= SILENCE
        if absent < ENOUGH or not (one.always or silent):
            return None
        gone = chance(lasted, absent, one.seen) < CHANCE
        if gone or silent:
            del self.fields[name]
        return FieldChange("vanished", name, one.documented, one.seen, lasted, absent) if gone else None

    def _appeared(self, name: str, one: Field) -> FieldChange | None:
        if one.known:
            return None
        earlier = one.before - (0 if one.documented else min(one.before, self.others_from))
        since = self.records - one.before
        new = one.seen >= ENOUGH and earlier >= LEARNT and chance(since, earlier, one.seen) < CHANCE
        one.known = new or since >= earlier
        return FieldChange("appeared", name, one.documented, one.seen, since, earlier) if new else None


def chance(first: int, after: int, seen: int) -> float:
    """Return the chance that all `seen` of `first` + `after` records in a random order are among the `first`.

    >>> round(1 / chance(2, 2, 2), 9)
    6.0
    """
    return exp(_log_choices(first, seen) - _log_choices(first + after, seen))


def _log_choices(of: int, some: int) -> float:
    return lgamma(of + 1) - lgamma(some + 1) - lgamma(of - some + 1)
