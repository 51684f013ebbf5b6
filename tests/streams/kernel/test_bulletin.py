"""Where an event goes, and what a bulletin carries."""

import orjson
from hypothesis import given
from hypothesis import strategies as st

from detectors.cell import add
from detectors.window import DAY, HOUR, MINUTE, end_of
from streams.kernel.bulletin import PART_BYTES, Adds, address, day_address, monitor_of, parts

LATENESS = 30_000
times = st.integers(0, 3 * DAY)


@given(times, times)
def test_an_event_goes_to_the_smallest_row_its_stamp_is_in_time_for(time: int, stamp: int) -> None:
    """Minute, else hour, else day; and never to a row that ends before the event."""
    level, end, due = address(time, stamp, LATENESS, MINUTE)
    size = {"m": MINUTE, "h": HOUR, "d": DAY}[level]
    assert end == end_of(time, size)
    smaller = {"m": None, "h": MINUTE, "d": HOUR}[level]
    assert smaller is None or stamp - LATENESS >= end_of(time, smaller)
    assert level == "d" or stamp - LATENESS < end
    assert due % MINUTE == 0


@given(times, times)
def test_what_is_due_was_sent_before_the_watermark_could_pass_it(time: int, stamp: int) -> None:
    """The watermark passes a due time only after every record stamped up to lateness before it was read."""
    _, _, due = address(time, stamp, LATENESS, MINUTE)
    assert stamp - LATENESS < due


@given(times, times)
def test_a_day_in_time_is_due_no_later_than_its_end(day: int, stamp: int) -> None:
    """What is in time for the day is part of it when it closes."""
    end = end_of(day, DAY)
    _, _, due = day_address(end, stamp, LATENESS, MINUTE)
    assert (due <= end) == (stamp - LATENESS < end)


def adds(cells: int) -> Adds:
    """Build adds of many cells."""
    found = Adds()
    for number in range(cells):
        found.counts(("m", MINUTE, MINUTE), (f"profile-{number:05}", "web", "-", "-" * 60))["exposures"] = number + 1
    return found


def test_a_large_bulletin_is_cut_into_parts_that_lose_nothing() -> None:
    """Merged again, the parts are the whole, and none is larger than a part may be."""
    whole = adds(12_000)
    found = list(parts({"plg": whole}, []))
    assert len(found) > 1
    assert all(len(orjson.dumps(body)) <= PART_BYTES * 1.1 for body in found)
    merged = Adds()
    for body in found:
        for piece in body["initiatives"].values():
            merged.merge(piece)
    assert merged.plain() == whole.plain()


@given(st.permutations(range(8)))
def test_order_of_arrival_does_not_show_in_a_bulletin(order: list[int]) -> None:
    """Counts added in any order are written the same."""
    found, expected = Adds(), Adds()
    for into, numbers in ((found, order), (expected, range(8))):
        for number in numbers:
            add(into.counts(("m", MINUTE * (1 + number % 2), MINUTE), ("a", str(number % 3), "-", "-")), {"clicks": 1 + number})
            into.note(("m", MINUTE, MINUTE), f"edge-{number % 3}")
    assert found.plain() == expected.plain()


def test_owners_of_initiatives_are_fixed_for_all_time() -> None:
    """A changed hash would give an initiative's history to a shard that does not have it."""
    assert [monitor_of(name, 8) for name in ("plg-onboarding", "open-bandit", "_system")] == [0, 7, 0]
