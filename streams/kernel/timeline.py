"""The steps of an incident that are kept beside it, for reports and the page; the topic has them all."""

from collections.abc import Mapping, Sequence
from typing import Any

OCCURRENCE = "occurrence"
OCCURRENCES = 20  # the last ones: of a fault that lasts for weeks each says what the one before said
STEPS = 100  # of an incident that comes and goes; how it began stays

Line = Mapping[str, Any]


def continued(steps: Sequence[Line], line: Line) -> list[Line]:
    """Return the steps kept after one more: all that somebody did or was asked for, the last occurrences.

    >>> [step["step"] for step in continued([{"step": "opened"}], {"step": "occurrence"})]
    ['opened', 'occurrence']
    """
    kept = [*steps, line]
    repeats = [index for index, step in enumerate(kept) if step["step"] == OCCURRENCE]
    for index in reversed(repeats[:-OCCURRENCES]):
        del kept[index]
    if len(kept) > STEPS:
        del kept[1 : len(kept) - STEPS + 1]
    return kept
