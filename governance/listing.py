"""Which breached windows an incident lists: each of up to 500; of one that stays open longer, a list that does not grow any more.

    |1|2|████████████████ stretches, at most 50 ████████████████|n-97|…|n-1|n|

From then on the first two and the last stand by themselves, for who looks at when it began and how it is now. What lies between is joined
where windows touch: who asks whether a time was breached is answered as before, who asks how many windows were is told by `occurrences`.
"""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

WHOLE = 500  # so many are listed one by one
FIRST = 2  # what opens an incident by default
SINGLE = 100  # and of more than that so many
STRETCHES = 50  # between them; of a fault that comes and goes for longer the oldest are no longer listed

Bounds = tuple[int, int]  # start and end, ms


@dataclass(frozen=True, slots=True)
class Listing:
    """Breached windows: the ends of those that stand by themselves, and stretches of joined ones, both ascending, ms."""

    ends: tuple[int, ...] = ()
    stretches: tuple[Bounds, ...] = ()

    def add(self, fresh: Iterable[int], size: int) -> "Listing":
        """Return the listing with windows of `size` ms that end at `fresh`, in any order; one that it holds already changes nothing."""
        known = [end for end in fresh if not any(start < end <= until for start, until in self.stretches)]
        ends = sorted({*self.ends, *known})
        stretches = self.stretches
        while len(ends) > SINGLE and (stretches or len(ends) > WHOLE):
            end = ends.pop(FIRST)
            stretches = joined(stretches, (end - size, end))
        return Listing(tuple(ends), stretches[-STRETCHES:])

    def bounds(self, size: int) -> list[Bounds]:
        """Return (start, end) of all that is listed, in order; windows that stand by themselves are of `size` ms."""
        return sorted([*((end - size, end) for end in self.ends), *self.stretches])


def joined(stretches: tuple[Bounds, ...], one: Bounds) -> tuple[Bounds, ...]:
    """Return stretches with one more, as one with those it touches.

    >>> joined(((0, 2), (5, 6)), (2, 3))
    ((0, 3), (5, 6))
    >>> joined(((0, 2), (5, 6)), (2, 5))
    ((0, 6),)
    """
    first = bisect_left(stretches, one[0], key=lambda bounds: bounds[1])
    after = first
    start, end = one
    while after < len(stretches) and stretches[after][0] <= end:
        start, end = min(start, stretches[after][0]), max(end, stretches[after][1])
        after += 1
    return (*stretches[:first], (start, end), *stretches[after:])
