"""What a report leaves out, and how much of it: refused input, late events and cells too small to show.

A cell is small when fewer than `minimum` people stood in it on every day. Small cells are merged, never dropped, so totals stay whole;
a single one would follow by subtraction from the totals, so it takes the next smallest with it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from detectors.cell import Cell
from reporting.snapshot import Row, Snapshot

Key = tuple[str, ...]
MERGED: Key = ("other, merged",)


@dataclass(frozen=True, slots=True)
class Split:
    """Which keys may be shown alone and which are merged, together all keys; `small` of the merged are under the minimum.

    `veiled` are cells that are merged whatever key they are part of, `apart` of them counted as cells of the finest table.
    """

    shown: frozenset[Key]
    merged: frozenset[Key]
    small: int
    veiled: frozenset[Cell] = frozenset()
    apart: int = 0


def people(counts: Mapping[str, int]) -> int:
    """Return how many people a cell is taken to hold: its distinct subjects, or, where its source only ever gave counts, its exposures."""
    known = counts.get("subjects", 0)
    return counts.get("exposures", 0) if not known and counts.get("tallied", 0) else known


def sizes(rows: Iterable[Row], key_of: Callable[[Cell], Key]) -> dict[Key, int]:
    """Return the largest number of people each key held in one row."""
    largest: dict[Key, int] = {}
    keys: dict[Cell, Key] = {}  # a cell comes back in every row
    for row in rows:
        held: dict[Key, int] = {}
        for cell, counts in row.cells.items():
            key = keys.get(cell) or keys.setdefault(cell, key_of(cell))
            held[key] = held.get(key, 0) + people(counts)
        for key, number in held.items():
            largest[key] = max(number, largest.get(key, 0))
    return largest


def hidden(size_of: Mapping[Key, int], minimum: int) -> frozenset[Key]:
    """Return the keys that may not stand alone: none, or at least two of them where there are two."""
    small = {key for key, size in size_of.items() if size < minimum}
    if len(small) == 1:
        others = [key for key in size_of if key not in small]
        if others:
            small.add(min(others, key=lambda key: (size_of[key], key)))
    return frozenset(small)


def split(rows: Sequence[Row], key_of: Callable[[Cell], Key], minimum: int, apart: int = 0) -> Split:
    """Return which keys of these rows are shown and which are merged, where `apart` small cells are merged already."""
    size_of = sizes(rows, key_of)
    if apart > 1:  # several together may be shown however small they are
        size_of[MERGED] = max(minimum, size_of[MERGED])
    merged = hidden(size_of, minimum) | ({MERGED} & size_of.keys())
    small = sum(size < minimum for key, size in size_of.items() if key != MERGED)
    return Split(frozenset(size_of) - merged, merged - {MERGED}, small)


def coverage(snapshot: Snapshot, counts: Mapping[str, int], parts: Split) -> dict[str, Any]:
    """Return the report's `coverage`: what was counted, refused (by reason) and late, and the cells that were merged."""
    counted = sum(counts.get(name, 0) for name in ("exposures", "clicks", "conversions"))
    refused = dict(sorted(snapshot.refused.items()))
    lost = sum(refused.values())
    return {
        "events": counted,
        "share": counted / (counted + lost) if counted + lost else None,
        "late": snapshot.late or counts.get("late", 0),
        "refused": refused,
        "refused_total": lost,
        "suppressed": {
            "cells": parts.small + parts.apart,
            "merged": len(parts.merged) + parts.apart,
            "shown": len(parts.shown),
            "minimum_subjects": snapshot.config.privacy.minimum_subjects,
        },
        "partial_rows": sum(row.partial for row in snapshot.rows),
    }
