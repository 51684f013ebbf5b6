"""A cell and what is counted in it: sparse integer counts whose merge is addition, so neither order nor split matters."""

from collections.abc import Iterable, Mapping

Cell = tuple[str, str, str, str]
Counts = dict[str, int]

DIMENSIONS = ("profile", "channel", "cohort", "variant")
LAST_MS = "last_ms"  # the one entry merged by maximum: event time of the latest event
REVENUE = "revenue_minor."
CONSENT = "consent."
LATENCY = "latency_ms."
OTHER = "__other__"


def add(into: Counts, more: Mapping[str, int]) -> None:
    """Merge `more` into `into`; entries that come to 0 are dropped, so equal totals are equal dicts.

    >>> counts = {"clicks": 1, "last_ms": 5}
    >>> add(counts, {"clicks": 2, "exposures": 3, "last_ms": 4})
    >>> counts
    {'clicks': 3, 'last_ms': 5, 'exposures': 3}
    """
    for name, number in more.items():
        before = into.get(name)
        if before is not None:
            number = number + before if name != LAST_MS else number if number > before else before
        if number:
            into[name] = number
        else:
            into.pop(name, None)


def total(parts: Iterable[Mapping[str, int]]) -> Counts:
    """Return the sum of all parts."""
    out: Counts = {}
    for part in parts:
        add(out, part)
    return out


def project(cell: Cell, dimensions: tuple[int, ...]) -> tuple[str, ...]:
    """Return the values of `cell` at the given positions of DIMENSIONS."""
    return tuple(cell[index] for index in dimensions)
