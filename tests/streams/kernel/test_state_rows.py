"""What detectors have learnt, as rows and back."""

import struct

import numpy as np
import pytest

from detectors.budget import Budget
from detectors.dip import Dip
from detectors.suppression import Shares, Suppression
from detectors.weighing import Windows
from detectors.window import HOUR
from streams.kernel.rows import pack
from streams.kernel.state_rows import last_seen, rows_of, states_of

DIP = Dip.of(-1, Budget.of(0.02, HOUR))
SEEN = Windows.of(HOUR, [10.0, 20.0], [100.0, 400.0])


def kept() -> list[bytes]:
    """Return the rows of two series after an hour."""
    states = DIP.fresh(2)
    said = DIP.score(states, SEEN)
    return rows_of(DIP, DIP.learn(states, SEEN, said, np.zeros(2, dtype=np.bool_)), said)


def test_rows_are_doubles_behind_version_learning_and_the_smallest_change() -> None:
    """Little endian, 8 bytes a number; windows, events and exposure are the first of a rate's state."""
    row = kept()[1]
    numbers = struct.unpack(f"<{len(row) // 8}d", row)
    assert len(numbers) == 3 + DIP.width
    assert numbers[:2] == (DIP.version, 1.0)
    assert numbers[2] != numbers[2]
    assert numbers[3:6] == (1.0, 20.0, 400.0)


def test_a_state_comes_back_to_the_last_bit() -> None:
    rows = kept()
    assert rows_of(DIP, states_of(DIP, rows), DIP.score(DIP.fresh(2), SEEN)) == rows


def test_new_ones_and_those_of_another_version_in_doubles_or_json_begin_anew_among_those_that_do_not() -> None:
    one, _ = kept()
    later = struct.pack("<d", DIP.version + 1) + one[8:]
    shorter = struct.pack("<d", DIP.version - 1) + one[8:80]
    states = states_of(DIP, [None, one, later, shorter, pack([1, [1, 168.0]], [0, 0.1])])
    fresh = DIP.fresh(1)[0].tolist()
    assert [row == fresh for row in states.tolist()] == [True, False, True, True, True]


@pytest.mark.parametrize("cut", [8, 3, -8])
def test_a_row_of_this_version_that_is_none_is_an_error_and_not_a_state(cut: int) -> None:
    row = kept()[0]
    with pytest.raises(ValueError, match="66 numbers"):
        states_of(DIP, [row, row[:-cut] if cut > 0 else row + b"\0" * 8])


def test_what_was_last_seen_is_read_from_the_row_alone() -> None:
    """A variant with a stated share is judged after a day."""
    detector = Suppression(Budget.of(0.02, HOUR))
    states = detector.fresh(1)
    for hour in range(30):
        seen = Shares.of(hour * HOUR, 500.0, 1_000.0, 0.5)
        said = detector.score(states, seen)
        states = detector.learn(states, seen, said, np.zeros(1, dtype=np.bool_))
    (row,) = rows_of(detector, states, said)
    assert last_seen(row) == (False, said.detectable.item())
    assert last_seen(kept()[0]) == (True, None)


def test_no_series_is_no_row() -> None:
    assert states_of(DIP, []).shape == (0, DIP.width)
    assert rows_of(DIP, DIP.fresh(0), DIP.score(DIP.fresh(0), Windows.of(HOUR, [], []))) == []
