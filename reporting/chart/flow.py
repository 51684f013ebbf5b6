"""The decision flow: where do exposures go? Ribbons in shares of exposures; faults stand out, a correct fallback is grey."""

from collections.abc import Sequence
from dataclasses import dataclass

from reporting.chart.mark import box, element, frame, number, words
from reporting.figure import rate, short

NODE_W, GAP = 8.0, 24.0
FAULTS = ("technical", "fallback:technical")
CORRECT = ("no_consent", "no_match", "no consent", "no match", "fallback:no_consent", "fallback:no_match")
LEAST = 1.5  # px: a thinner ribbon cannot be seen


@dataclass(slots=True)
class _Node:
    name: str
    column: int
    size: int = 0
    y: float = 0.0
    height: float = 0.0
    left: float = 0.0  # how far down the arriving ribbons are stacked
    right: float = 0.0


def decision_flow(edges: Sequence[tuple[str, str, int]], started: int, width: float = 796.0, height: float = 270.0) -> str:
    """Return the flow of (from, to, exposures) edges, largest first; an edge that leads back is left to the table."""
    nodes = _columns(edges)
    forward = [(a, b, n) for a, b, n in edges if nodes[a].column < nodes[b].column]
    last = max(node.column for node in nodes.values())
    _size(nodes, forward)
    scale = _stack(nodes, last, height - 8)
    left = 116.0 if width > 500 else 84.0
    step = (width - left - (150.0 if width > 500 else 84.0)) / max(1, last)
    ribbons = [
        _ribbon(nodes[a], nodes[b], n * scale, left, step) for a, b, n in sorted(forward, key=lambda e: (nodes[e[0]].y, nodes[e[1]].y))
    ]
    drawn = []
    for node in nodes.values():
        x = left + node.column * step
        drawn.append(box(x, node.y, NODE_W, max(node.height, LEAST), _class(node.name, "mark")))
        drawn.append(_label(node, x, started, first=node.column == 0))
    ends = [node for node in nodes.values() if node.column == last]
    finding = f"Of {started:,} exposures most end at {max(ends, key=lambda node: node.size).name}."
    return frame(width, height, finding, *ribbons, *drawn)


def _columns(edges: Sequence[tuple[str, str, int]]) -> dict[str, _Node]:
    """Place each node one column after the first that leads to it; a node seen twice keeps its place, so a circle ends."""
    targets = {target for _, target, _ in edges}
    starts = [source for source, _, _ in edges if source not in targets] or [edges[0][0]]
    nodes = {name: _Node(name, 0) for name in starts}
    pending = list(dict.fromkeys(starts))
    while pending:
        name = pending.pop(0)
        for source, target, _ in edges:
            if source == name and target not in nodes:
                nodes[target] = _Node(target, nodes[name].column + 1)
                pending.append(target)
    for source, target, _ in edges:  # what only a circle leads to
        nodes.setdefault(source, _Node(source, 0))
        nodes.setdefault(target, _Node(target, 1))
    return nodes


def _size(nodes: dict[str, _Node], edges: Sequence[tuple[str, str, int]]) -> None:
    for node in nodes.values():
        arriving = sum(number for _, target, number in edges if target == node.name)
        leaving = sum(number for source, _, number in edges if source == node.name)
        node.size = max(arriving, leaving)


def _stack(nodes: dict[str, _Node], last: int, height: float) -> float:
    """Stack each column, the plain paths by size and fallbacks under them; return pixels per exposure."""
    columns = [[node for node in nodes.values() if node.column == index] for index in range(last + 1)]
    scale = min((height - GAP * len(column)) / max(1, sum(node.size for node in column)) for column in columns if column)
    for column in columns:
        y = 4.0
        for node in sorted(column, key=lambda node: (_class(node.name, "") != "obs", node.name in FAULTS, -node.size, node.name)):
            node.y, node.height = y, node.size * scale
            node.left = node.right = y
            y += max(node.height, 12.0) + GAP
    return scale


def _ribbon(source: _Node, target: _Node, thick: float, left: float, step: float) -> str:
    x1, x2 = left + source.column * step + NODE_W, left + target.column * step
    y1, y2 = source.right, target.left
    source.right += thick
    target.left += thick
    thick = max(thick, LEAST)
    middle = (x1 + x2) / 2
    top = f"M{number(x1)} {number(y1)}C{number(middle)} {number(y1)} {number(middle)} {number(y2)} {number(x2)} {number(y2)}"
    back = f"C{number(middle)} {number(y2 + thick)} {number(middle)} {number(y1 + thick)} {number(x1)} {number(y1 + thick)}Z"
    return element("path", d=f"{top}L{number(x2)} {number(y2 + thick)}{back}", class_=_class(target.name, "flow"))


def _label(node: _Node, x: float, started: int, first: bool) -> str:
    middle = node.y + max(node.height, 12.0) / 2
    shown = short(node.size) if first else rate(node.size / started if started else None)
    name = node.name if len(node.name) <= 18 else node.name[:17] + "…"
    at, anchor = (x - 8, "end") if first else (x + NODE_W + 7, "start")
    style = "tbad" if node.name in FAULTS else "tb halo"
    return words(name.replace("_", " "), at, middle - 1, style, anchor) + words(shown, at, middle + 14, "t3 halo", anchor)


def _class(name: str, suffix: str) -> str:
    kind = "bad" if name in FAULTS else "rest" if name in CORRECT else "obs"
    return kind + suffix
