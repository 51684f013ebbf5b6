"""Which breached windows an incident lists: the same time, in a list that stops growing."""

from hypothesis import given
from hypothesis import strategies as st

from governance.listing import FIRST, SINGLE, STRETCHES, WHOLE, Listing

SIZE = 10
numbers = st.lists(st.integers(1, 300), min_size=1, max_size=200)
begun = Listing(stretches=((-3 * SIZE, -2 * SIZE),))  # it is joined from the start


def listed(windows: list[int]) -> Listing:
    found = Listing()
    for number in windows:
        found = found.add([number * SIZE], SIZE)
    return found


@given(numbers, st.integers(1, 5))
def test_what_is_listed_is_what_was_breached(windows: list[int], together: int) -> None:
    """No window between stretches is claimed and none is missing, in whatever order and however many at a time they come."""
    found = begun
    for at in range(0, len(windows), together):
        found = found.add([number * SIZE for number in windows[at : at + together]], SIZE)
    bounds = found.bounds(SIZE)

    covered = [number for start, end in bounds if end > 0 for number in range(start // SIZE + 1, end // SIZE + 1)]
    assert len(covered) == len(set(covered)), "a window twice"
    if len(found.stretches) < STRETCHES:
        assert sorted(covered) == sorted(set(windows))
    assert set(covered) <= set(windows)
    assert bounds == sorted(bounds)


def test_the_first_two_and_the_last_stand_by_themselves() -> None:
    """A fault of a month is one stretch between them: 101 entries for 8,640 windows."""
    found = listed(list(range(1, 8_641)))

    assert found.ends == (10, 20, *range(SIZE * (8_641 - SINGLE + FIRST), SIZE * 8_641, SIZE))
    assert found.stretches == ((20, SIZE * (8_640 - SINGLE + FIRST)),)
    assert Listing.add(found, [10, 500], SIZE) == found, "what is held already changes nothing"


def test_up_to_five_hundred_windows_are_listed_one_by_one() -> None:
    """As they were breached; with one more the list is short from then on."""
    numbers = range(3, 3 + WHOLE)
    found = listed(list(numbers))

    assert found.bounds(SIZE) == [((number - 1) * SIZE, number * SIZE) for number in numbers]
    assert len(found.add([(3 + WHOLE) * SIZE], SIZE).bounds(SIZE)) == SINGLE + 1


def test_a_fault_that_comes_and_goes_for_weeks_stays_small() -> None:
    """The oldest stretches are no longer listed; the first windows are."""
    found = listed(list(range(1, 2_000, 2)))

    assert len(found.bounds(SIZE)) == SINGLE + STRETCHES
    assert found.bounds(SIZE)[:FIRST] == [(0, 10), (20, 30)]
