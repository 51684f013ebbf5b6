"""What is remembered: never more and never less than a plain dict would, in rows that are written once."""

from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.window import HOUR
from streams.kernel.marks import MARKS, SWEEP_ROWS, Marks, mark_of, sweep
from streams.kernel.rows import Draft, Rows, unpack

OWNER = b"a keyed hash of u-1"
DAY_H = 24 * HOUR


def step(rows: Rows, number: int, ids: list[tuple[int, int]]) -> list[bool]:
    """Run one step that asks about (mark, stamp) pairs; return the answers."""
    draft = Draft(rows)
    marks = Marks(draft)
    answers = [marks.repeated(mark, stamp, stamp + DAY_H) for mark, stamp in ids]
    marks.flush(number)
    rows.apply(draft.commit(b"{}"))
    return answers


def swept(rows: Rows, watermark: int, before: int = 0) -> int:
    """Run one sweep; return what it returned."""
    draft = Draft(rows)
    after = sweep(draft, watermark, before, commits=1)
    rows.apply(draft.commit(b"{}"))
    return after


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 120), max_size=40), max_size=12), st.integers(1, 40))
def test_marks_answer_as_a_dict_would(batches: list[list[int]], hours: int) -> None:
    """Repeated exactly where the first copy still stands at the stamp, whatever was swept or loaded in between."""
    rows, model = Rows(), dict[int, int]()
    for number, batch in enumerate(batches):
        now = (number + 1) * hours * HOUR
        asked = [(mark_of(OWNER, b"%d" % one), now + place) for place, one in enumerate(batch)]
        expected = []
        for mark, stamp in asked:
            expected.append(stamp <= model.get(mark, -1))
            if not expected[-1]:
                model[mark] = stamp + DAY_H
        assert step(rows, number, asked) == expected
        swept(rows, now)
        rows = Rows.load(reversed(list(rows.items())))


def test_of_several_places_of_one_mark_the_earliest_holds_in_whatever_order_the_rows_are_read() -> None:
    """A later event counts nobody again; the day alone (0) is later than every window."""
    rows = Rows()
    for number, place in enumerate((0, 120, 60)):
        draft = Draft(rows)
        marks = Marks(draft)
        marks.set_place(7, place, DAY_H)
        assert marks.place(7) == place
        marks.flush(number)
        rows.apply(draft.commit(b"{}"))
    for again in (rows, Rows.load(list(rows.items())), Rows.load(reversed(list(rows.items())))):
        assert Marks(Draft(again)).place(7) == 60


def test_a_row_is_as_large_as_what_one_step_added() -> None:
    """Ten thousand events of one subject: no row grows with them, and all are found again."""
    rows = Rows()
    asked = [(mark_of(OWNER, b"e-%d" % number), number) for number in range(10_000)]
    for at in range(0, len(asked), 500):
        step(rows, at, asked[at : at + 500])
    assert max(len(rows.get(key) or b"") for key in rows.keys(MARKS)) < 500 * 40
    assert all(step(rows, 10_001, asked))


def test_what_has_passed_is_forgotten_whole_some_rows_a_tick() -> None:
    """Rows, and the index that answers from them."""
    rows = Rows()
    for number in range(SWEEP_ROWS + 100):
        step(rows, number, [(mark_of(OWNER, b"e-%d" % number), 0)])
    before = swept(rows, 10 * DAY_H)
    assert (before, rows.size(MARKS)) == (0, 100 - 8)
    assert swept(rows, 10 * DAY_H, before) == 240
    assert (rows.size(MARKS), Marks(Draft(rows)).repeated(mark_of(OWNER, b"e-1"), 0, 1)) == (0, False)


def test_a_mark_counted_again_outlives_the_row_of_its_first_time() -> None:
    """The hour of the first copy goes; the later one still stands."""
    rows = Rows()
    for number, stamp in enumerate((0, 30 * HOUR)):
        assert step(rows, number, [(7, stamp)]) == [False]
    swept(rows, 31 * HOUR)
    assert [len(unpack(value)[0]) for key, value in rows.items() if key[:1] == MARKS] == [2]
    assert step(rows, 3, [(7, 40 * HOUR)]) == [True]


@given(st.binary(min_size=1, max_size=20), st.binary(min_size=1, max_size=20), st.binary(max_size=20))
def test_two_owners_share_no_marks(one: bytes, other: bytes, text: bytes) -> None:
    """The owner is the key of the hash; trailing zeros are the one thing it does not tell apart, and owners have one length."""
    if one.rstrip(b"\0") != other.rstrip(b"\0"):
        assert mark_of(one, text) != mark_of(other, text)
