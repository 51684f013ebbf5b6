"""A single series under a detector, for timelines that are told of one."""

from typing import Any, NamedTuple

import numpy as np

from detectors.protocol import Detector, Verdicts


class Said(NamedTuple):
    """What was said of one window, as in `Verdicts`."""

    p: float
    score: float
    observed: float
    expected: float
    learning: bool
    detectable: float
    stands: bool


class One:
    """A series that lives: its state moves on with every window it learns."""

    def __init__(self, detector: Detector[Any]) -> None:
        self.detector = detector
        self.states = detector.fresh(1)
        self._scored: tuple[Any, Verdicts] | None = None

    def score(self, seen: Any) -> Said:
        """Return what is said of a window."""
        self._scored = seen, self.detector.score(self.states, seen)
        *columns, _ = self._scored[1]
        said: tuple[Any, ...] = tuple(column.item() for column in columns)
        return Said(*said)

    def learn(self, seen: Any, *, told: bool = False) -> None:
        """Take a window in."""
        scored, verdicts = self._scored or (None, None)
        said = verdicts if verdicts is not None and scored is seen else self.detector.score(self.states, seen)
        self.states, self._scored = self.detector.learn(self.states, seen, said, np.array([told])), None
