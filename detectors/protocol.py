"""What every detector keeps to, so that one suite can hold them all to the same laws: it judges many series at once, a row each.

`score` and `learn` are functions of the states and of what the series show: asking changes nothing, a window may be asked about any number
of times, and a replay says what the run said. A state is so many plain numbers under a version; one of another version is not read, and
its series begins anew.

What a series says and learns depends on neither its neighbours in the batch nor its place in it. So no row meets another, and what rounds
differently here and there in an array (`np.exp`, `np.log`, powers: the last of an array are computed otherwise than the rest) is left to
`scipy.special`, one number at a time; sums, products, quotients and square roots are exact to the last bit everywhere.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

Column = NDArray[np.float64]  # a number a series
Truth = NDArray[np.bool_]  # a yes or no a series
Places = NDArray[np.intp]
States = NDArray[np.float64]  # a row of plain numbers a series

Seen = TypeVar("Seen", contravariant=True)
Columns = TypeVar("Columns", bound=Any)


class Verdicts(NamedTuple):
    """What one window of each of some series says.

    `p` is the chance of something as bad without a fault (1 while `learning`), `score` a standard score with bad upwards, `expected` nan
    where nothing is, `detectable` the smallest relative change a single window can show, 1 or more where it can show none, nan where there
    is no such thing. Where `stands`, what was told before is neither over nor told again: a window without breach says nothing. `notes` are
    so many numbers a series that learning this window takes over from judging it.
    """

    p: Column
    score: Column
    observed: Column
    expected: Column
    learning: Truth
    detectable: Column
    stands: Truth
    notes: States

    @classmethod
    def among(
        cls,
        judged: Truth,
        p: Column,
        score: Column,
        observed: Column,
        expected: Column,
        detectable: Column,
        stands: Truth | bool = False,
        notes: Sequence[Column] = (),
    ) -> Self:
        """Return what is said of series of which only some are judged; the others are learning, but their `observed` is shown."""
        return cls(
            np.where(judged, p, 1.0),
            np.where(judged, score, 0.0),
            observed,
            np.where(judged, expected, np.nan),
            ~judged,
            np.where(judged, detectable, np.nan),
            judged & stands,
            np.stack(notes, axis=1) if notes else np.empty((len(p), 0)),
        )


class Detector(Protocol[Seen]):
    """A detector of any number of series; `Seen` is one closed window of each, in columns."""

    @property
    def version(self) -> int:
        """What its states mean; another number for another meaning."""
        ...

    @property
    def width(self) -> int:
        """How many numbers a state has."""
        ...

    def fresh(self, series: int) -> States:
        """Return the states of so many series that have learnt nothing."""
        ...

    def score(self, states: States, seen: Seen) -> Verdicts:
        """Judge a window of each series."""
        ...

    def learn(self, states: States, seen: Seen, said: Verdicts, told: Truth) -> States:
        """Return the states after a window, winsorised: a fault teaches little, a new level is accepted in the end.

        `said` is what `score` says of it, `told` which of the windows were told as a breach.
        """
        ...


def columns_of(*given: ArrayLike) -> list[Column]:
    """Return such numbers as columns, one number for all series where one is given."""
    return [np.array(one) for one in np.broadcast_arrays(*[np.atleast_1d(np.asarray(one, dtype=np.float64)) for one in given])]


def some(columns: Columns, places: Places | Truth | slice) -> Columns:
    """Return the columns of some series only; what is no column is the same for all."""
    found: Columns = type(columns)(*[part[places] if isinstance(part, np.ndarray) else part for part in columns])
    return found


def joined(parts: Sequence[Columns]) -> Columns:
    """Return columns, or matrices, one behind the other; what is no column is that of the first."""
    first, *others = parts
    if not others:
        return first
    if isinstance(first, np.ndarray):
        return np.concatenate(parts)  # type: ignore[return-value]
    together = [np.concatenate(one) if isinstance(one[0], np.ndarray) else one[0] for one in zip(*parts, strict=True)]
    found: Columns = type(first)(*together)
    return found
