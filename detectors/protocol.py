"""What every detector keeps to, so that one suite can hold them all to the same laws.

`score` never learns and `learn` never scores: a window may be asked about any number of times, and a replay says what the run said. The
state is a list of plain numbers with a version in front; a state of an unknown version is refused, and the caller begins anew.
"""

from typing import Any, NamedTuple, Protocol, Self, TypeVar

Plain = list[Any]  # numbers, and lists and dicts of numbers: what JSON can say


Seen = TypeVar("Seen", contravariant=True)


class StateVersionError(Exception):
    """A detector's state was written by a version this code does not read: warm up anew."""


class Verdict(NamedTuple):
    """What one window of one series says.

    `p` is the chance of something as bad without a fault (1 while `learning`), `score` a standard score with bad upwards, `detectable` the
    smallest relative change a single window can show, 1 or more where it can show none. Where `stands`, what was told before is neither
    over nor told again: a window without breach says nothing.
    """

    p: float = 1.0
    score: float = 0.0
    observed: float = 0.0
    expected: float | None = None
    learning: bool = True
    detectable: float | None = None
    stands: bool = False


class Detector(Protocol[Seen]):
    """A detector of one series; `Seen` is one closed window of it."""

    def score(self, seen: Seen) -> Verdict:
        """Judge a window; the state stays as it is."""
        ...

    def learn(self, seen: Seen) -> None:
        """Take a window in, winsorised: a fault teaches little, a new level is accepted in the end."""
        ...

    def state(self) -> Plain:
        """Return the state as plain numbers."""
        ...

    @classmethod
    def of(cls, state: Plain) -> Self:
        """Return the detector of a state; raises StateVersionError."""
        ...


def versioned(state: Plain, version: int) -> Plain:
    """Return a state without its version; raises StateVersionError where it is another."""
    if not state or state[0] != version:
        raise StateVersionError(f"state of version {state[0] if state else 'none'}, this code reads {version}")
    return state[1:]
