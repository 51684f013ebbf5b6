"""What detectors watch: which series have learnt, which are too small to be judged alone, and the smallest change each can see.

A series too small to show the loss of everything in a day is not judged; it counts in what holds it. Keys of few people are not named.
A frozen series is one whose detector raised an error: it is neither judged nor taught until it is well again, `raised` says of what kind.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from detectors.cell import DIMENSIONS, project
from reporting.coverage import hidden, sizes
from reporting.snapshot import Sight, Snapshot

NAMED = 50  # keys of one level, the most watchful first


@dataclass(frozen=True, slots=True)
class Level:
    """The series of one detector that are named by the same dimensions."""

    check: str
    kpi: str
    group_by: tuple[str, ...]


def detection(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Return the report's `coverage.detection`: a row per detector and level, the whole first."""
    levels: dict[Level, list[Sight]] = {}
    for sight in snapshot.sights:
        levels.setdefault(Level(sight.check, sight.kpi, sight.group_by), []).append(sight)
    order = sorted(levels, key=lambda level: (level.check, level.kpi, len(level.group_by), level.group_by))
    return [_row(snapshot, level, levels[level]) for level in order]


def _row(snapshot: Snapshot, level: Level, found: Sequence[Sight]) -> dict[str, Any]:
    states = [sight.state for sight in found]
    visible = [sight.smallest for sight in found if sight.state == "watched" and sight.smallest is not None]
    return {
        "check": level.check,
        "kpi": level.kpi,
        "group_by": list(level.group_by),
        "series": len(found),
        **{state: states.count(state) for state in ("watched", "learning", "too_small", "frozen")},
        "raised": sorted({sight.raised for sight in found if sight.raised is not None}),
        "smallest_change": {"least": min(visible), "median": median(visible), "most": max(visible)} if visible else None,
        "keys": list(_keys(snapshot, level, found)),
    }


def _keys(snapshot: Snapshot, level: Level, found: Sequence[Sight]) -> Iterator[dict[str, Any]]:
    places = tuple(DIMENSIONS.index(name) for name in level.group_by)
    size_of = sizes(snapshot.rows, lambda cell: project(cell, places)) if places else {}
    small = hidden(size_of, snapshot.config.privacy.minimum_subjects)
    shown = [sight for sight in found if not places or (sight.values in size_of and sight.values not in small)]
    for sight in sorted(shown, key=lambda sight: (sight.smallest is None, sight.smallest, sight.values))[:NAMED]:
        key = dict(zip(level.group_by, sight.values, strict=True))
        yield {"key": key, "state": sight.state, "smallest_change": sight.smallest}
