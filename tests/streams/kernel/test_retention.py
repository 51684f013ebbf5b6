"""What has passed is forgotten, as fast as it came in."""

import pytest

from detectors.window import DAY, HOUR
from governance.message.instant import format_instant
from streams.kernel.cells import EXTRAS
from streams.kernel.checks import RULES
from streams.kernel.marks import MARKS, SWEEP_ROWS, Marks, mark_of, sweep
from streams.kernel.retention import forget_before
from streams.kernel.rows import Draft, Rows, pack, row_key
from streams.kernel.watch import INCIDENTS

START = 1_795_305_600_000  # 2026-11-22T00:00:00Z
COMMITS = 4 * SWEEP_ROWS


def strangers() -> Rows:
    """Build the rows of a shard that saw somebody else in each commit, an hour's horizon ago."""
    rows = Rows()
    for number in range(COMMITS):
        draft = Draft(rows)
        marks = Marks(draft)
        marks.repeated(mark_of(b"u-%d" % number, b"e"), START - HOUR, START - 1)
        marks.flush(number)
        rows.apply(draft.commit(b"{}"))
    return rows


@pytest.mark.parametrize(("commits", "left"), [(0, COMMITS - SWEEP_ROWS), (50, COMMITS - SWEEP_ROWS - 400), (COMMITS, 0)])
def test_marks_are_forgotten_as_fast_as_they_come(commits: int, left: int) -> None:
    """A tick drops several rows per commit since the last one, and some more: however many come, no backlog grows."""
    rows = strangers()
    draft = Draft(rows)
    sweep(draft, START, 0, commits)
    rows.apply(draft.commit(b"{}"))

    assert rows.size(MARKS) == left


def test_what_was_over_long_ago_is_dropped_and_nothing_else() -> None:
    """Closed incidents, rule changes and day counts before the time go; whatever lives or is younger stays."""
    old, young = START - DAY, START + DAY
    rows = Rows()
    draft = Draft(rows)
    for name, state, at in (("gone", "closed", old), ("alive", "open", old), ("young", "closed", young)):
        draft.put(row_key(INCIDENTS, "home", name), pack({"state": state, "updated_at": format_instant(at)}, []))
    for at in (old, young):
        draft.put(row_key(RULES, "home", at, "r-1"), pack({}, {}))
        draft.put(row_key(EXTRAS, "home", at), pack({}))
    rows.apply(draft.commit(b"{}"))

    forgetting = Draft(rows)
    forget_before(forgetting, START)
    dropped = {key for key, value in forgetting.commit(b"{}").rows.items() if value is None}

    assert dropped == {row_key(INCIDENTS, "home", "gone"), row_key(RULES, "home", old, "r-1"), row_key(EXTRAS, "home", old)}
