"""What is remembered of a key: never more and never less than a plain dict would, in rows that stay small."""

from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.window import HOUR
from streams.kernel.marks import CHUNK_MARKS, MARKS, SWEEPS, Marks, address, digest, mark_of, sweep_row
from streams.kernel.rows import Draft, Rows, key_parts, pack, unpack

OWNER = digest(b"key", b"e", b"u-1")
DAY_H = 24 * HOUR


def step(rows: Rows, watermark: int, number: int, ids: list[tuple[int, int]]) -> tuple[list[bool], Rows]:
    """Run one step that asks about (mark, stamp) pairs; sweep what is due; return the answers."""
    draft = Draft(rows)
    marks = Marks(draft, watermark)
    answers = [marks.repeated(OWNER, mark, stamp, stamp + DAY_H) for mark, stamp in ids]
    for hour, keys in marks.flush().items():
        draft.put(sweep_row(hour, number), pack(keys))
    rows.apply(draft.commit(b"{}"))
    sweeping = Draft(rows)
    swept = Marks(sweeping, watermark)
    for key in list(sweeping.keys(SWEEPS)):
        if key_parts(key)[0] <= watermark // HOUR:
            swept.sweep(unpack(sweeping.get(key) or b"")[0])
            sweeping.drop(key)
    for hour, keys in swept.flush().items():
        sweeping.put(sweep_row(hour, 1_000_000 + number), pack(keys))
    rows.apply(sweeping.commit(b"{}"))
    return answers, rows


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 120), max_size=40), max_size=12), st.integers(1, 40))
def test_marks_answer_as_a_dict_would(batches: list[list[int]], hours: int) -> None:
    """Repeated exactly where the first copy still stands at the stamp, whatever was split or swept in between."""
    rows, model = Rows(), dict[int, int]()
    for number, batch in enumerate(batches):
        now = (number + 1) * hours * HOUR
        asked = [(mark_of(b"%d" % one), now + place) for place, one in enumerate(batch)]
        expected = []
        for mark, stamp in asked:
            expected.append(stamp <= model.get(mark, -1))
            if not expected[-1]:
                model[mark] = stamp + DAY_H
        answers, rows = step(rows, now, number, asked)
        assert answers == expected


def test_a_million_events_of_one_subject_never_make_a_large_row() -> None:
    """Ten thousand here: the longest row stays as small as one of a few dozen marks, and all are found again."""
    rows = Rows()
    asked = [(mark_of(b"e-%d" % number), number) for number in range(10_000)]
    for at in range(0, len(asked), 500):
        _, rows = step(rows, 0, at, asked[at : at + 500])
    sizes = [len(rows.get(key) or b"") for key in rows.keys(MARKS)]
    assert max(sizes) < 100 * CHUNK_MARKS
    answers, _ = step(rows, 0, 10_001, asked)
    assert all(answers)


def test_a_quiet_subject_is_forgotten_whole() -> None:
    """Once the horizon has passed, no row and no sweep list is left."""
    rows = Rows()
    for at in range(0, 300, 60):
        _, rows = step(rows, 0, at, [(mark_of(b"e-%d" % number), 0) for number in range(at, at + 60)])
    for number in range(3):
        _, rows = step(rows, 10 * DAY_H + number * 2 * HOUR, 1_000 + number, [])
    assert [key for key, _ in rows.items() if key[:1] in (MARKS, SWEEPS)] == []


@given(st.integers(0, 2**63 - 1), st.integers(1, 500))
def test_adding_a_chunk_moves_marks_only_into_it(mark: int, chunks: int) -> None:
    """Linear hashing: a mark stays where it is or goes to the chunk that is new."""
    assert address(mark, chunks + 1) in (address(mark, chunks), chunks)
    assert 0 <= address(mark, chunks) < chunks


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_no_two_kinds_of_keys_share_rows(one: bytes, other: bytes) -> None:
    """The tag is part of what is hashed."""
    assert digest(b"key", b"e", one) != digest(b"key", b"c", other)
