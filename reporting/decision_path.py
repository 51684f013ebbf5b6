"""Where decisions go: exposures per edge of the decision paths, where paths end, what nobody takes any more, what is too rare to name."""

from collections.abc import Mapping
from typing import Any

from reporting.interval import newcombe, quantile

START = "exposures"
NOWHERE = ""  # the node before the first step of a path and after its last
DIGITS = 9
Edges = Mapping[tuple[str, str], int]


def decision_paths(edges: Edges, minimum: int, before: Edges | None = None) -> dict[str, Any]:
    """Return edges with exposures and share of all, the nodes where paths end against `before`, and dead branches.

    Edges under `minimum` are counted and not named; a branch is dead that had at least so many exposures before and has none now.
    """
    steps, shown, ends, started = _read(edges, minimum)
    old_steps, _, old_ends, old_started = _read(before or {}, minimum)
    rare = [number for number in steps.values() if number < minimum]
    strict = quantile(1 - 0.05 / max(1, len(ends)))
    return {
        "exposures": started,
        "edges": [
            {"from": source, "to": target, "exposures": number, "share": number / started if started else None}
            for (source, target), number in sorted(shown.items(), key=lambda item: (-item[1], item[0]))
        ],
        "ends": [
            {
                "node": node,
                "exposures": number,
                "share": number / started if started else None,
                "previous_share": old_ends[node] / old_started if node in old_ends else None,
                "change": _change(number, started, old_ends[node], old_started, strict) if node in old_ends else None,
            }
            for node, number in sorted(ends.items(), key=lambda item: (-item[1], item[0]))
        ],
        "dead": [
            {"from": source, "to": target, "previous": number}
            for (source, target), number in sorted(old_steps.items(), key=lambda item: (-item[1], item[0]))
            if started and number >= minimum and not steps.get((source, target))
        ],
        "other": {"edges": len(rare), "exposures": sum(rare), "minimum": minimum},
    }


def _read(edges: Edges, minimum: int) -> tuple[dict[tuple[str, str], int], dict[tuple[str, str], int], dict[str, int], int]:
    """Return all steps, those that may be named, the exposures that end at each node, and how many started."""
    steps = {(source or START, target): number for (source, target), number in edges.items() if number and target != NOWHERE}
    shown = {edge: number for edge, number in steps.items() if number >= minimum}
    arriving: dict[str, int] = {}
    leaving: dict[str, int] = {}
    for (source, target), number in shown.items():
        leaving[source] = leaving.get(source, 0) + number
        arriving[target] = arriving.get(target, 0) + number
    started = sum(number for node, number in leaving.items() if node not in arriving)
    ends = {node: number - leaving.get(node, 0) for node, number in arriving.items() if number - leaving.get(node, 0) >= minimum}
    return steps, shown, ends, started


def _change(number: int, started: int, before: int, started_before: int, strict: float) -> dict[str, Any] | None:
    """Return the change of an end's share, `moved` where it is more than chance over all ends of the table."""
    ends, wide = newcombe(number, started, before, started_before), newcombe(number, started, before, started_before, strict)
    if ends is None or wide is None:
        return None
    return {
        "difference": number / started - before / started_before,
        "interval": [round(end, DIGITS) for end in ends],
        "moved": wide[0] > 0 or wide[1] < 0,
    }
