"""The rows of what detectors have learnt: numbers, eight bytes each, so that those of a rule become one matrix and back.

D [initiative, check, kpi, dimensions, values…]   version of the state, whether the series is learning (0 or 1), the smallest change one
                                                  window can show (nan for no such thing), then the state of one series

A row of the JSON these rows once were is carried over (`detectors.former`); one of another version is read as nothing learnt: its series
warms up anew.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from detectors.former import carried
from detectors.protocol import Detector, States, Verdicts
from streams.kernel.rows import unpack

STATES = b"D"
NUMBER = np.dtype("<f8")
VERSION, LEARNING, SMALLEST = range(3)
HEADER = 3
JSON = b"["


def states_of(detector: Detector[Any], rows: Sequence[bytes | None]) -> States:
    """Return the states of rows, fresh ones for none; raises ValueError where a row of this version is none."""
    size, version = NUMBER.itemsize * (HEADER + detector.width), np.array(float(detector.version), NUMBER).tobytes()
    if all(row is not None and len(row) == size and row.startswith(version) for row in rows):
        return matrix(detector, [row for row in rows if row is not None])
    rows = [of_former(detector, row) if row is not None and row.startswith(JSON) else row for row in rows]
    known = [row if row is not None and row.startswith(version) else None for row in rows]
    if any(row is not None and len(row) != size for row in known):
        raise ValueError(f"a state of version {detector.version} has {detector.width} numbers")
    blank = bytes(size)
    found = matrix(detector, [row or blank for row in known]).copy()
    new = [place for place, row in enumerate(known) if row is None]
    found[new] = detector.fresh(len(new))
    return found


def rows_of(detector: Detector[Any], states: States, verdicts: Verdicts) -> list[bytes]:
    """Return the rows of states, each after the window its verdict is of."""
    found = np.empty((len(states), HEADER + detector.width), NUMBER)
    found[:, VERSION], found[:, LEARNING], found[:, SMALLEST] = detector.version, verdicts.learning, verdicts.detectable
    found[:, HEADER:] = states
    data, size = found.tobytes(), found.shape[1] * NUMBER.itemsize
    return [data[at : at + size] for at in range(0, len(data), size)]


def matrix(detector: Detector[Any], rows: Sequence[bytes]) -> States:
    """Return the states in rows of the right length."""
    return np.frombuffer(b"".join(rows), NUMBER).reshape(len(rows), HEADER + detector.width)[:, HEADER:]


def of_former(detector: Detector[Any], row: bytes) -> bytes | None:
    """Return the row that a row of JSON is today, None where what it had learnt cannot be carried over."""
    state = carried(detector, unpack(row)[0])
    return None if state is None else np.array([detector.version, 1.0, np.nan, *state], NUMBER).tobytes()


def last_seen(row: bytes) -> tuple[bool, float | None]:
    """Return what a row keeps of its last verdict: whether its series is learning, and the smallest change one window can show."""
    if row.startswith(JSON):
        learning, smallest = unpack(row)[1]
        return bool(learning), smallest
    _, learning, smallest = np.frombuffer(row, NUMBER, HEADER).tolist()
    return bool(learning), None if smallest != smallest else smallest
