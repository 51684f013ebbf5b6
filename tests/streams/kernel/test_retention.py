"""What has passed is forgotten, as fast as it came in."""

import pytest

from detectors.window import DAY, HOUR
from governance.message.instant import format_instant
from streams.kernel.cells import EXTRAS
from streams.kernel.checks import RULES
from streams.kernel.marks import MARKS, Marks, digest, mark_of, sweep_row
from streams.kernel.retention import forget_before
from streams.kernel.rows import Draft, Rows, pack, row_key
from streams.kernel.stamp import IntakeStamp
from streams.kernel.ticking import SWEEP_ROWS, sweep
from streams.kernel.watch import INCIDENTS

START = 1_795_305_600_000  # 2026-11-22T00:00:00Z
ROWS = 4 * SWEEP_ROWS


def strangers() -> Rows:
    """Build the rows of a shard that saw each of 8,000 subjects once, an hour's horizon ago."""
    rows = Rows()
    draft = Draft(rows)
    marks = Marks(draft, START - HOUR)
    for number in range(ROWS):
        marks.repeated(digest(b"key", b"e", b"u-%d" % number), mark_of(b"e-%d" % number), START - HOUR, START - 1)
    for hour, keys in marks.flush().items():
        draft.put(sweep_row(hour, 0), pack(keys))
    rows.apply(draft.commit(b"{}"))
    return rows


@pytest.mark.parametrize(("records", "left"), [(0, ROWS - SWEEP_ROWS), (SWEEP_ROWS, ROWS - 3 * SWEEP_ROWS), (ROWS, 0)])
def test_subjects_are_forgotten_as_fast_as_they_come(records: int, left: int) -> None:
    """A tick looks at two rows per record read since the last one, and some more: however many come, no backlog grows."""
    rows = strangers()
    draft = Draft(rows)
    sweep(draft, IntakeStamp(offsets={"engagement-events": 70_000 + records}, watermark=START, counted=70_000), {})
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
