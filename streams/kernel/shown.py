"""Personalised exposures, from when they are shown until nothing can correct their verdict any more, and a while longer.

    e [window, commit]         shown in the window of their tau, waiting for their verdict
    w [window, commit, part]   judged; PART of them a row, since a correction writes its row again
    s [hour, commit, part]     subject -> time of its last exposure, of exposures that are gone

tau is an exposure's own time, of a late one its stamp. A row of `e` or `w` holds [shape, exposures …] lists: what the exposures of a
shape have in common is said once. Which rows of `w` and `s` speak of a subject is asked for only where a consent record comes late, so
the index of them is made when the first one does.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from detectors.cell import Cell
from detectors.window import end_of
from streams.kernel.rows import Draft, pack, row_key, unpack

WAITING, JUDGED, GONE = b"e", b"w", b"s"
PART = 64


class Shape(NamedTuple):
    """What many exposures have in common."""

    initiative: str
    cell: Cell
    purpose: str
    asserted: bool
    topic: str


@dataclass(slots=True)
class Exposure:
    """One personalised exposure: what was shown to whom (a keyed hash, hex), where it was read, and its verdict once it is made.

    `applied` is the number of the last consent record it was judged by, `decided` that of the record behind the verdict, 0 for none;
    `since` is [due, stamp, number] of what made it a violation; `steps` counts its findings published so far.
    """

    shape: Shape
    owner: str
    time: int
    tau: int
    event_id: str
    offset: int
    verdict: str = ""
    applied: int = 0
    decided: int = 0
    steps: int = 0
    since: list[Any] = field(default_factory=list)

    @property
    def late(self) -> bool:
        """Return whether it came after its window was closed."""
        return self.tau != self.time

    def plain(self) -> list[Any]:
        """Return it as plain values, its shape left out."""
        found = [self.owner, self.time, self.tau, self.event_id, self.offset, self.verdict, self.applied, self.decided]
        return [*found, self.steps, self.since] if self.steps else found


class Waiting:
    """The exposures a step reads; `flush` writes them."""

    def __init__(self, draft: Draft, base: int) -> None:
        self._draft, self._base = draft, base
        self._seen: dict[int, dict[Shape, list[tuple[str, int, int, str, int]]]] = {}

    def lot(self, shape: Shape, window: int) -> list[tuple[str, int, int, str, int]]:
        """Return where exposures of a shape and a window wait for their verdicts: subject (hex), time, tau, event id, offset."""
        return self._seen.setdefault(window, {}).setdefault(shape, [])

    def add(self, owner: str, shape: Shape, time: int, tau: int, event_id: str, offset: int) -> None:
        """Let an exposure wait for its verdict."""
        self.lot(shape, end_of(tau, self._base)).append((owner, time, tau, event_id, offset))

    def flush(self, sequence: int) -> None:
        """Write what was added, under the commit's number."""
        for window, shapes in self._seen.items():
            self._draft.put(row_key(WAITING, window, sequence), pack(*([tuple(shape), *seen] for shape, seen in shapes.items())))


def shapes(value: bytes | None) -> list[tuple[Shape, list[list[Any]]]]:
    """Return the shapes of a row in order, each with its exposures as they stand there: subject, time, tau, event id, offset, …"""
    found = [
        (Shape(initiative, tuple(cell), *rest), seen) for (initiative, cell, *rest), *seen in (unpack(value) if value is not None else ())
    ]
    return sorted(found, key=itemgetter(0))


def exposures(value: bytes | None) -> Iterator[Exposure]:
    """Yield the exposures of a row."""
    for (initiative, cell, *rest), *found in unpack(value) if value is not None else ():
        shape = Shape(initiative, tuple(cell), *rest)
        for one in found:
            yield Exposure(shape, *one)


def packed(found: Iterable[Exposure]) -> bytes:
    """Return the row of some judged exposures."""
    return pack(*([tuple(shape), *(one.plain() for one in same)] for shape, same in groupby(found, key=lambda one: one.shape)))


class Owners:
    """The index of judged exposures, or of what is left of them: the keys of the rows that speak of a subject."""

    def __init__(self) -> None:
        self._keys: dict[str, list[bytes]] = {}

    def of(self, owner: str) -> list[bytes]:
        """Return the keys of the rows that speak of a subject."""
        return self._keys.get(owner, [])

    def add(self, key: bytes, value: bytes) -> None:
        """Take in a row."""
        for owner in owners(key, value):
            self._keys.setdefault(owner, []).append(key)

    def remove(self, key: bytes, value: bytes) -> None:
        """Forget a row."""
        for owner in owners(key, value):
            kept = [one for one in self._keys.get(owner, ()) if one != key]
            if kept:
                self._keys[owner] = kept
            else:
                self._keys.pop(owner, None)


def owners(key: bytes, value: bytes) -> set[str]:
    """Return the subjects a row speaks of."""
    if key.startswith(GONE):
        return set(unpack(value)[0])
    return {one[0] for _, *found in unpack(value) for one in found}
