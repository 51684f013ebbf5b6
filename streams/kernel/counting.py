"""Counting engagement events: of one step those of one kind in one row are one lot, added to their cell once.

A feed has few kinds of events (see `governance.message.kind`). So an event costs one look-up, and what it adds to how many counts is worked
out once for all that are like it.
"""

from collections import Counter
from functools import lru_cache
from itertools import pairwise

import orjson

from detectors.cell import LAST_MS, LATENCY, REVENUE, Counts, add
from governance.message.engagement import Engagement
from governance.message.kind import Kind
from streams.kernel.bulletin import Address, Adds
from streams.kernel.fields import Carried, due_of
from streams.kernel.shown import Shape

PATH_NODES = 16
FALLBACKS = {"no_consent": "consent_fallbacks", "technical": "technical_fallbacks", "no_match": "no_match_fallbacks"}
PERSONALISED = "personalised_content"  # what an exposure without a purpose is for


class Lot:
    """The events of one kind that go to one row of their cell, `late` ones to none of a base window.

    `place` is under what a subject is remembered to have been counted on that day in that cell; `shape` is what a personalised exposure
    waits for its verdict as, None for what needs none. `shown` and `seen` are where the step puts by its exposures and its people; None
    where it does not, or, for people where `apart` says so, where each event is looked at by itself.
    """

    __slots__ = ("adds", "apart", "day", "feed", "kind", "last", "late", "latencies", "number", "place", "seen", "shape", "shown", "where")

    def __init__(self, kind: Kind, where: Address, adds: Adds, day: int, feed: str) -> None:
        self.kind, self.where, self.adds, self.day, self.feed, self.late = kind, where, adds, day, feed, where[0] != "m"
        self.place = b"d" + orjson.dumps((kind.initiative, day, kind.cell))
        personalised = kind.type == "exposure" and kind.fallback is None
        waits = Shape(kind.initiative, kind.cell, kind.purpose or PERSONALISED, kind.consent_asserted is True, feed)
        self.shape = waits if personalised else None
        self.number = self.last = 0
        self.latencies: list[int] = []
        self.shown: list[tuple[str, int, int, str, int]] | None = None
        self.seen: list[tuple[str, int, int]] | None = None
        self.apart = True

    def count(self, carried: Carried, base: int) -> None:
        """Add what was counted to the cell, and what the records carried to their feed."""
        kind, number, counts = self.kind, self.number, self.adds.counts(self.where, self.kind.cell)
        add(counts, dict.fromkeys(names(kind, late=self.late), number))
        if kind.type != "tally":
            add(counts, {f"{LATENCY}{bits}": found for bits, found in Counter(map(int.bit_length, self.latencies)).items()})
        if self.late:
            return
        add(counts, {LAST_MS: self.last})
        carried.count(kind.initiative, due_of(self.where[1], base), "engagement-events", self.feed, kind.type, kind.keys, number)
        for name in notes(kind) if kind.type == "exposure" else ():
            self.adds.note(self.where, name, number)


def names(kind: Kind, *, late: bool) -> list[str]:
    """Return the counts an event adds one to, its latency aside."""
    found = ["late"] if late else []
    if kind.type == "tally":
        return found
    found.append(kind.type + "s")
    if kind.fallback is not None:
        found.append(FALLBACKS[kind.fallback])
    return found


def amounts(event: Engagement) -> Counts:
    """Return what an event adds that is not one: money, and what a feed has tallied already."""
    if event.type != "tally":
        return {REVENUE + event.currency: event.value_minor} if event.currency and event.value_minor else {}
    counts = {"exposures": event.exposures, "clicks": event.clicks, "conversions": event.conversions}
    counts |= {"technical_fallbacks": event.technical_fallbacks, "subjects": event.subjects or 0}
    if event.subjects is None:
        counts["tallied"] = 1  # people unknown: a report holds the cell's exposures to its minimum instead
    if event.currency and event.revenue_minor:
        counts[REVENUE + event.currency] = event.revenue_minor
    return counts


def notes(kind: Kind) -> tuple[str, ...]:
    """Return the names an exposure is counted under for the whole initiative: the edges of its decision path, its rule version."""
    found = edges(kind.decision_path or ())
    if kind.rule_id is not None and kind.rule_version is not None:
        found += (rule_name(kind.rule_id, kind.rule_version),)
    return found


@lru_cache(maxsize=1_024)
def edges(path: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of a decision path's edges; the start and the end are the empty node."""
    nodes = ["", *path[:PATH_NODES], ""] if path else []
    return tuple(orjson.dumps(["path", before, after]).decode() for before, after in pairwise(nodes))


@lru_cache(maxsize=1_024)
def rule_name(rule: str, version: int) -> str:
    """Return the name a rule version is counted under."""
    return orjson.dumps(["rule", rule, version]).decode()
