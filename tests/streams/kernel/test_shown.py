"""Exposures in their rows: what goes in comes out, and the index tells which rows speak of a subject."""

from hypothesis import given
from hypothesis import strategies as st

from streams.kernel.rows import Draft, Rows, pack, row_key
from streams.kernel.shown import GONE, JUDGED, WAITING, Exposure, Owners, Shape, Waiting, exposures, packed

SHAPE = Shape("home", ("-", "web", "-", "a"), "personalised_content", True, "engagement-events")
OTHER = SHAPE._replace(initiative="search")
SUBJECTS = ("aa", "bb", "cc")


def shown(owner: str, time: int, shape: Shape = SHAPE) -> Exposure:
    """Build a judged exposure."""
    return Exposure(shape, owner, time, time, f"e-{time}", 7, "valid", 3, 2)


def test_what_waits_is_written_by_window_and_comes_out_as_it_was() -> None:
    """A late one stands in the window of its stamp; shapes are said once."""
    rows = Rows()
    draft = Draft(rows)
    waiting = Waiting(draft, 60)
    waiting.add("aa", SHAPE, 10, 10, "e-1", 1)
    waiting.add("bb", SHAPE, 20, 70, "e-2", 2)
    waiting.add("cc", OTHER, 30, 30, "e-3", 3)
    waiting.flush(5)
    rows.apply(draft.commit(b"{}"))

    first, second = (list(exposures(rows.get(row_key(WAITING, end, 5)))) for end in (60, 120))

    assert first == [Exposure(SHAPE, "aa", 10, 10, "e-1", 1), Exposure(OTHER, "cc", 30, 30, "e-3", 3)]
    assert (second, second[0].late, first[0].late) == ([Exposure(SHAPE, "bb", 20, 70, "e-2", 2)], True, False)


def test_a_judged_exposure_keeps_its_verdict_and_what_was_told_of_it() -> None:
    """One that nothing was told of is written shorter."""
    told = shown("bb", 2)
    told.verdict, told.steps, told.since = "withdrawn", 1, [60, 0, 2, "bb", 0, 2, "e-2"]

    assert list(exposures(packed([shown("aa", 1), told, shown("cc", 3, OTHER)]))) == [shown("aa", 1), told, shown("cc", 3, OTHER)]


@given(st.lists(st.tuples(st.integers(0, 5), st.sets(st.sampled_from(SUBJECTS))), max_size=30))
def test_the_index_finds_the_rows_of_a_subject_whatever_came_and_went(changes: list[tuple[int, set[str]]]) -> None:
    """Held against looking into every row; an empty set drops the row."""
    rows = Rows()
    for place, subjects in changes:
        draft, key = Draft(rows), row_key(JUDGED, 60, place)
        if subjects:
            draft.put(key, packed([shown(subject, place) for subject in sorted(subjects)]))
        else:
            draft.drop(key)
        rows.apply(draft.commit(b"{}"))
        for subject in SUBJECTS:
            expected = {key for key in rows.keys(JUDGED) if subject in {one.owner for one in exposures(rows.get(key))}}
            assert set(rows.index(JUDGED, Owners).of(subject)) == expected


def test_of_those_whose_exposures_are_gone_the_index_knows_too() -> None:
    """They are the names of a mapping."""
    rows = Rows.load([(row_key(GONE, 3_600_000, 1, 0), pack({"aa": 5, "bb": 6}))])

    assert [rows.index(GONE, Owners).of(subject) for subject in SUBJECTS] == [[row_key(GONE, 3_600_000, 1, 0)]] * 2 + [[]]
