"""Cubes of counts: what they add up to, what they refuse, and how a change splits into rate and mix."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.cube import InvalidCubeError, Row, Side, cube_of, effects
from detectors.lattice import lattice_of

cells = st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"))
rows = st.lists(
    st.tuples(cells, st.integers(0, 50), st.integers(0, 50)).map(lambda row: (row[0], min(row[1:]), max(row[1:]))), min_size=1, max_size=12
)


@given(rows, rows)
def test_rate_and_mix_add_up_to_the_change(before: list[Row], after: list[Row]) -> None:
    """Whatever cells come, go or are empty, the two effects are the whole change and nothing else."""
    cube = cube_of(["p", "q"], before, after)
    found = effects(cube)

    if cube.before.rate is None or cube.after.rate is None:
        assert found is None
    else:
        assert found is not None
        assert found.rate + found.mix == pytest.approx(cube.after.rate - cube.before.rate, abs=1e-12)


def test_a_shift_of_traffic_is_mix_and_nothing_else() -> None:
    """Cells keep their rates, more traffic goes to the poorer one: the whole dip is mix."""
    cube = cube_of(["c"], [(["web"], 100, 1000), (["app"], 10, 1000)], [(["web"], 50, 500), (["app"], 15, 1500)])

    found = effects(cube)

    assert found is not None
    assert (found.rate, found.mix) == pytest.approx((0.0, 65 / 2000 - 110 / 2000))


def test_what_a_new_cell_brings_is_mix() -> None:
    """A cell that was not there before has no rate of its own to change."""
    found = effects(cube_of(["c"], [(["web"], 100, 1000)], [(["web"], 100, 1000), (["tv"], 0, 1000)]))

    assert found is not None
    assert (found.rate, found.mix) == pytest.approx((0.0, -0.05))


def test_rows_of_one_cell_add_up_and_values_keep_their_type() -> None:
    """1, True and "1" are three values; the same value twice is one cell."""
    cube = cube_of(["v"], [([1], 1, 2), ([True], 1, 2), (["1"], 1, 2), ([None], 1, 2), ([1], 2, 3)], [])

    assert {(type(value), value) for value in cube.values[0]} == {(int, 1), (bool, True), (str, "1"), (type(None), None)}
    assert sorted(cube.counts[:, 1].tolist()) == [2, 2, 2, 5]
    assert (cube.before, cube.after, cube.after.rate) == (Side(6, 11), Side(0, 0), None)


@pytest.mark.parametrize(
    ("field", "names", "before"),
    [
        ("before[1][0]", ["a"], [(["x"], 1, 2), (["x", "y"], 1, 2)]),
        ("before[0][1]", ["a"], [(["x"], 3, 2)]),
        ("before[0][1]", ["a"], [(["x"], -1, 2)]),
        ("before[0][2]", ["a"], [(["x"], 0, -2)]),
        ("before", ["a"], [(["x"], 1, 10**15), (["x"], 0, 1)]),
        ("dimensions", ["a", "a"], []),
    ],
)
def test_counts_that_cannot_be_are_refused_by_field(field: str, names: list[str], before: list[Row]) -> None:
    """The error says where, and not what was written there."""
    with pytest.raises(InvalidCubeError) as raised:
        cube_of(names, before, [])

    assert raised.value.field == field


def test_segments_are_the_combinations_that_occur() -> None:
    """Up to three values, only those seen together, none of a dimension that never differs; sums go to the right ones."""
    names = ["one", "a", "b", "c", "d"]
    keys = [["-", "x", "x", "x", "x"], ["-", "y", "y", "y", "y"]]
    cube = cube_of(names, [(keys[0], 1, 10)], [(keys[1], 2, 20)])

    lattice = lattice_of(cube)

    assert lattice.sizes == {1: 8, 2: 12, 3: 8}
    assert all(name != "one" for s in range(28) for name, _ in lattice.where(cube, s))
    for s in range(28):
        values = {value for _, value in lattice.where(cube, s)}
        assert len(values) == 1
        assert lattice.totals(cube.counts, np.arange(2))[s].tolist() == ([1, 10, 0, 0] if values == {"x"} else [0, 0, 2, 20])


def test_more_combinations_than_can_be_counted_are_sorted_instead() -> None:
    """Dimensions of hundreds of values each make the same segments."""
    rows: list[Row] = [([f"a{i}", f"b{i}", f"c{i % 2}"], 1, 2) for i in range(300)]

    lattice = lattice_of(cube_of(["a", "b", "c"], rows, rows))

    assert lattice.sizes == {1: 602, 2: 900, 3: 300}
