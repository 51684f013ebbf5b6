"""Sums by column are the sums one by one."""

from hypothesis import given
from hypothesis import strategies as st

from detectors.cell import Counts, total
from reporting.rollup import Rollup

COUNTS = st.lists(st.dictionaries(st.sampled_from(["exposures", "clicks", "last_ms", "latency_ms.3"]), st.integers(1, 10**12)), max_size=12)


@given(COUNTS)
def test_a_rollup_is_the_merge_of_its_parts(parts: list[Counts]) -> None:
    rollup = Rollup(parts)
    assert rollup.total([rollup.vector(part) for part in parts]) == total(parts)
