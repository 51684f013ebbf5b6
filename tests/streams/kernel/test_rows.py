"""Rows by the first part of their key, and a step's changes over them."""

from hypothesis import given
from hypothesis import strategies as st

from streams.kernel.rows import Draft, Rows, key_parts, row_key

FIRSTS: tuple[str | int, ...] = (1, 12, "a", 'a",', "")
changes = st.lists(st.tuples(st.sampled_from(FIRSTS), st.integers(0, 2), st.booleans()), max_size=12)


@given(st.lists(changes, min_size=1, max_size=4), st.booleans())
def test_a_group_is_what_a_look_at_every_key_finds(steps: list[list[tuple[str | int, int, bool]]], early: bool) -> None:
    """Whether asked for before the rows came or after, committed or not; 1 is no beginning of 12."""
    rows = Rows()
    if early:
        assert not rows.group(b"o", 1)
    for step in steps:
        draft = Draft(rows)
        for first, second, there in step:
            key = row_key(b"o", first, second)
            draft.put(key, b"{}") if there else draft.drop(key)
        for first in FIRSTS:
            assert sorted(draft.group(b"o", first)) == sorted(key for key in draft.keys(b"o") if key_parts(key)[0] == first)
        rows.apply(draft.commit(b"{}"))
    for first in FIRSTS:
        assert sorted(rows.group(b"o", first)) == sorted(key for key in rows.keys(b"o") if key_parts(key)[0] == first)
    assert set(rows.firsts(b"o")) == {key_parts(key)[0] for key in rows.keys(b"o")}
