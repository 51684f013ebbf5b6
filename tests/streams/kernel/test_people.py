"""What a step saw of people, as it stands in its rows."""

from governance.config.section import Timing
from governance.message.kind import Kind
from streams.kernel.people import SEEN, People
from streams.kernel.person import SEEN_MOST
from streams.kernel.rows import Draft, Rows, unpack

CLICK = Kind("click", "home", ("-", "web", "-", "a"), None, None, None, None, None, None, None, None, ())
BUY = Kind("conversion", "home", ("-", "web", "-", "a"), None, None, None, None, None, None, None, None, ())
MACHINE, SOMEBODY = "ab" * 16, "cd" * 16


def seen_in(rows: Rows) -> dict[str, list[list[object]]]:
    """Return what stands in the rows of one window, by person."""
    found: dict[str, list[list[object]]] = {}
    for key in rows.keys(SEEN):
        for name, *one in unpack(rows.get(key) or b"")[0]["home"]:
            found.setdefault(name, []).append(one)
    return found


def test_a_machine_that_does_more_than_is_kept_apart_has_the_rest_merged() -> None:
    """Nothing is lost of its numbers, the earliest time stays, and other people are not touched."""
    rows = Rows()
    draft = Draft(rows)
    people = People(draft, 0, 0, Timing())
    clicks, buys = people.lot(CLICK, 60_000), people.lot(BUY, 60_000)
    assert clicks is not None
    assert buys is not None
    clicks.extend((MACHINE, 1_000 + number, 500) for number in range(SEEN_MOST + 100))
    clicks.append((SOMEBODY, 7, 6))
    buys.append((SOMEBODY, 8, 6))
    people.flush(1)
    rows.apply(draft.commit(b"{}"))

    found = seen_in(rows)

    assert sorted(found[SOMEBODY]) == [[7, 6, "clicks", 1, 0, ""], [8, 6, "conversions", 1, 0, ""]]
    assert len(found[MACHINE]) == SEEN_MOST
    assert sum(one[3] for one in found[MACHINE] if isinstance(one[3], int)) == SEEN_MOST + 100
    assert min(one[0] for one in found[MACHINE] if isinstance(one[0], int)) == 1_000


def test_a_window_that_has_closed_has_no_lot() -> None:
    """What comes for it all the same is looked at one by one."""
    people = People(Draft(Rows()), 60_000, 0, Timing())

    assert people.lot(CLICK, 60_000) is None
    assert people.lot(CLICK, 120_000) == []
