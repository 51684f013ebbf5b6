"""The rows of subjects: a commit knows how large it gets before they are written."""

from governance.ledger import Ledger, Source, Statement, recorded
from streams.kernel.rows import Draft, Rows
from streams.kernel.subject import LEDGERS, Subjects, Waits

WAITS = Waits(60_000, 300_000, 86_400_000, 400 * 86_400_000)


def test_what_a_step_holds_of_subjects_counts_towards_its_commit() -> None:
    """A hundred subjects who changed their minds fifty times: the estimate is no less than what is written, and not three times as much."""
    draft = Draft(Rows())
    subjects = Subjects(draft, WAITS)
    ledger = Ledger()
    for number in range(50):
        at = 1_795_305_600_000 + number
        source = Source("consent-events", 0, 1_000_000 + number, f"5c1e46f0-6d0b-5a52-9d5c-{number:012}")
        ledger = recorded(ledger, Statement(at, at, 1 << 53, source, {("personalised_content", ""): "given"}))
    for number in range(100):
        owner = number.to_bytes(16, "big")
        subjects.set_ledger(owner, ledger)
        subjects.look(owner, 60_000, 0)
    estimated = subjects.size
    subjects.flush()

    assert draft.size <= estimated < 3 * draft.size
    assert len(draft.keys(LEDGERS)) == 100
    assert subjects.size == 0
