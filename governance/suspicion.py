"""Rule changes that went out shortly before something moved, the likeliest first: a reason to look, never a verdict.

A change is ranked by closeness x (overlap + effect) / 2. Closeness halves with every window (an hour at least) between the change
and the first breached window; overlap is the part of the segment's traffic the change reaches; effect the part of the moved events
that lies where it reaches. Only the order is meant: the product has no unit.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from detectors.window import DAY, HOUR
from governance.message.instant import format_instant, parse_instant

LEAD = DAY  # a change older than this is not "shortly before"
MOST_SUSPECTS = 3
RELEASING = frozenset({"deployed", "rolled_back"})


@dataclass(frozen=True, slots=True)
class Audience:
    """Traffic and moved events by channel: of the segment (else of the incident's place) and of the incident's place.

    `traffic` is the denominator in the breached windows, `moved` numerator events beyond those due at the rate before.
    """

    traffic: Mapping[str, int]
    moved: Mapping[str, float]

    def overlap(self, channels: Iterable[str] | None) -> float:
        """Return the part of the traffic on some channels (None: all), 0 where there is none."""
        whole = sum(self.traffic.values())
        return 1.0 if channels is None else sum(self.traffic.get(one, 0) for one in set(channels)) / whole if whole else 0.0

    def effect(self, channels: Iterable[str] | None) -> float:
        """Return the part of the moved events on some channels, between 0 and 1; 0 where the whole did not move."""
        whole = sum(self.moved.values())
        if not whole:
            return 0.0
        part = whole if channels is None else sum(self.moved.get(one, 0.0) for one in sorted(set(channels)))
        return min(1.0, max(0.0, part / whole))


def suspects(
    changes: Iterable[Mapping[str, Any]],
    first: tuple[int, int],
    audience: Audience,
    seen: Mapping[tuple[str, int], int],
) -> list[dict[str, Any]]:
    """Return the changes released in the day before the first breached window [start, end) ended, that reach its people.

    `seen` counts the exposures that carried a (rule, version) on the days of the windows. Times in ms.
    """
    start, end = first
    found = []
    for change in changes:
        at = parse_instant(change["occurred_at"])
        if change["action"] not in RELEASING or not start - LEAD <= at < end:
            continue
        channels = change.get("channels") or None
        overlap, effect = audience.overlap(channels), audience.effect(channels)
        if not overlap:
            continue
        closeness = 0.5 ** (max(0, start - at) / max(HOUR, end - start))
        score = round(closeness * (overlap + effect) / 2, 6)
        found.append((-score, abs(start - at), str(change["event_id"]), change, at, overlap, effect))
    return [
        {
            "change_id": change["change_id"],
            "rule_id": change["rule_id"],
            "version": change.get("version"),
            "previous_version": change.get("previous_version"),
            "action": change["action"],
            "channels": change.get("channels"),
            "at": format_instant(at),
            "before_s": (start - at) // 1000,
            "overlap": round(overlap, 4),
            "effect": round(effect, 4),
            "seen": seen.get((change["rule_id"], change.get("version") or 0), 0),
            "score": -score,
        }
        for score, _, _, change, at, overlap, effect in sorted(found, key=lambda item: item[:3])[:MOST_SUSPECTS]
    ]
