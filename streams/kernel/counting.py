"""Counting engagement events: of one step those that are alike are one number, added to their cell once.

A feed has few kinds of events: cells, decision paths and rule versions repeat. So an event costs one look-up, and what it adds to how many
counts is worked out once for all that are like it.
"""

from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import orjson

from detectors.cell import LATENCY, REVENUE, Cell, Counts, add
from governance.message.engagement import Engagement
from streams.kernel.bulletin import Address, Adds
from streams.kernel.fields import Carried, due_of

PATH_NODES = 16
FALLBACKS = {"no_consent": "consent_fallbacks", "technical": "technical_fallbacks", "no_match": "no_match_fallbacks"}


class Alike(NamedTuple):
    """What events have in common that are counted as one: what they add depends on nothing else."""

    initiative: str
    where: Address
    cell: Cell
    type: str
    fallback: str | None
    latency_bits: int
    path: tuple[str, ...] | None
    rule_id: str | None
    rule_version: int | None
    feed: str
    keys: tuple[str, ...]


class Counting:
    """The engagement events of one step."""

    def __init__(self, base: int) -> None:
        self._base = base
        self._alike: dict[Alike, list[int]] = {}  # how many, event time of the last
        self._more: list[tuple[Engagement, Address, Cell]] = []  # events that add other numbers than one

    def take(self, event: Engagement, where: Address, cell: Cell, feed: str, keys: tuple[str, ...]) -> None:
        """Count an event; `keys` are those of its record, read from `feed`."""
        latency, time = event.latency_ms, event.occurred_at
        alike = Alike(
            event.initiative,
            where,
            cell,
            event.type,
            event.fallback,
            -1 if latency is None else latency.bit_length(),
            event.decision_path,
            event.rule_id,
            event.rule_version,
            feed,
            keys,
        )
        found = self._alike.get(alike)
        if found is None:
            self._alike[alike] = [1, time]
        else:
            found[0] += 1
            found[1] = max(found[1], time)
        if event.value_minor is not None or event.type == "tally":
            self._more.append((event, where, cell))

    def into(self, adds_of: Callable[[str], Adds], carried: Carried) -> None:
        """Add what was counted."""
        for alike, (number, last) in self._alike.items():
            adds = adds_of(alike.initiative)
            counts = adds.counts(alike.where, alike.cell)
            late = alike.where[0] != "m"
            add(counts, dict.fromkeys(names(alike, late=late), number))
            if not late:
                add(counts, {"last_ms": last})
                due = due_of(alike.where[1], self._base)
                carried.count(alike.initiative, due, "engagement-events", alike.feed, alike.type, alike.keys, number)
                for name in notes(alike) if alike.type == "exposure" else ():
                    adds.note(alike.where, name, number)
        for event, where, cell in self._more:
            add(adds_of(event.initiative).counts(where, cell), amounts(event))


def names(alike: Alike, *, late: bool) -> list[str]:
    """Return the counts an event adds one to."""
    found = ["late"] if late else []
    if alike.type == "tally":
        return found
    found.append(alike.type + "s")
    if alike.fallback is not None:
        found.append(FALLBACKS[alike.fallback])
    if alike.latency_bits >= 0:
        found.append(f"{LATENCY}{alike.latency_bits}")
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


def notes(alike: Alike) -> tuple[str, ...]:
    """Return the names an exposure is counted under for the whole initiative: the edges of its decision path, its rule version."""
    found = edges(alike.path or ())
    if alike.rule_id is not None and alike.rule_version is not None:
        found += (rule_name(alike.rule_id, alike.rule_version),)
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
