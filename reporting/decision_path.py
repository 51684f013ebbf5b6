"""Where decisions go: exposures per edge of the decision paths, where paths end, and what is too rare to name."""

from collections.abc import Mapping
from typing import Any

START = "exposures"
NOWHERE = ""  # the node before the first step of a path and after its last


def decision_paths(edges: Mapping[tuple[str, str], int], minimum: int) -> dict[str, Any]:
    """Return edges with exposures and share of all, the nodes where paths end, and the edges under `minimum`, counted but not named."""
    steps = {(source or START, target): number for (source, target), number in edges.items() if number and target != NOWHERE}
    shown = {edge: number for edge, number in steps.items() if number >= minimum}
    rare = [number for number in steps.values() if number < minimum]
    arriving: dict[str, int] = {}
    leaving: dict[str, int] = {}
    for (source, target), number in shown.items():
        leaving[source] = leaving.get(source, 0) + number
        arriving[target] = arriving.get(target, 0) + number
    started = sum(number for node, number in leaving.items() if node not in arriving)
    ends = {node: number - leaving.get(node, 0) for node, number in arriving.items() if number - leaving.get(node, 0) >= minimum}
    return {
        "exposures": started,
        "edges": [
            {"from": source, "to": target, "exposures": number, "share": number / started if started else None}
            for (source, target), number in sorted(shown.items(), key=lambda item: (-item[1], item[0]))
        ],
        "ends": [
            {"node": node, "exposures": number, "share": number / started if started else None}
            for node, number in sorted(ends.items(), key=lambda item: (-item[1], item[0]))
        ],
        "other": {"edges": len(rare), "exposures": sum(rare), "minimum": minimum},
    }
