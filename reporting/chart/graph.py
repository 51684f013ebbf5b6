"""The plan graph: what waited for what. Two branches run side by side and meet at the merge gate (pattern: diamond)."""

from dataclasses import dataclass

from reporting.chart.mark import box, element, frame, number, wedge, words

BOX_H = 34.0
PLACES = {  # share of the width where a box starts, its share of the width, its line
    "performance": (0.0, 0.155, 1),
    "governance": (0.235, 0.17, 0),
    "experiments": (0.235, 0.17, 2),
    "merge gate": (0.485, 0.16, 1),
    "issues": (0.715, 0.12, 1),
    "report": (0.88, 0.12, 1),
}
EDGES = (
    ("performance", "governance"),
    ("performance", "experiments"),
    ("governance", "merge gate"),
    ("experiments", "merge gate"),
    ("merge gate", "issues"),
    ("issues", "report"),
)


@dataclass(frozen=True, slots=True)
class Node:
    """A box's second line, and whether it stands for work that was not done."""

    note: str
    missing: bool = False


def plan_graph(nodes: dict[str, Node], width: float = 796.0) -> str:
    """Return the graph; a step that was not evaluated is dashed and says so."""
    boxes = {name: _place(name, width) for name in PLACES}
    edges = [_edge(boxes[source], boxes[target]) for source, target in EDGES]
    drawn = []
    for name, (x, y, wide) in boxes.items():
        node = nodes[name]
        drawn.append(box(x, y, wide, BOX_H, "node missing" if node.missing else "node", 4))
        drawn.append(words(name, x + wide / 2, y + 14, "tb", "middle") + words(node.note, x + wide / 2, y + 28, "t3", "middle"))
    waiting = [name for name, node in nodes.items() if node.missing]
    finding = (
        f"The merge gate passed with {' and '.join(waiting)} not evaluated."
        if waiting
        else "Every part was done before the merge gate passed."
    )
    return frame(width, BOX_H * 3, finding, *edges, *drawn)


def _place(name: str, width: float) -> tuple[float, float, float]:
    start, share, level = PLACES[name]
    return (start * width + 0.5, level * (BOX_H - 0.5) + 0.5, share * width - 1)


def _edge(source: tuple[float, float, float], target: tuple[float, float, float]) -> str:
    x1, y1 = source[0] + source[2], source[1] + BOX_H / 2
    x2, y2 = target[0] - 6, target[1] + BOX_H / 2
    middle = (x1 + x2) / 2
    curve = f"M{number(x1)} {number(y1)}C{number(middle)} {number(y1)} {number(middle)} {number(y2)} {number(x2)} {number(y2)}"
    tip = element("g", wedge(0, 6, "edgemark", 3.6), transform=f"translate({number(x2)} {number(y2)}) rotate(-90)")
    return element("path", d=curve, class_="edge") + tip
