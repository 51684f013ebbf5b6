"""The ledger answers as a plain search through all records would; bounded, it says so instead of guessing."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from governance.ledger import (
    ANY,
    GRANTS,
    NEVER,
    ROWS_A_SCOPE,
    SCOPES,
    STATES,
    Judgement,
    Ledger,
    Question,
    Source,
    Statement,
    forgotten,
    judge,
    ledger_of,
    plain,
    recorded,
    scopes_of,
)

HORIZON = 50


@dataclass(frozen=True)
class Said:
    """One record: when, stamped when, what, for which purposes and channels."""

    time: int
    delay: int
    state: str
    purposes: tuple[str, ...] | None
    channels: tuple[str, ...] | None
    lasts: int | None

    @property
    def expires(self) -> int:
        """Return when it ends, ms."""
        return NEVER if self.lasts is None else self.time + self.lasts


some = st.sampled_from((None, ("a",), ("b",), ("a", "b")))
saids = st.builds(Said, st.integers(0, 12), st.integers(0, 9), st.sampled_from(STATES), some, some, st.sampled_from((None, 0, 3)))
histories = st.lists(saids, max_size=12)
questions = st.builds(Question, st.sampled_from("ab"), st.sampled_from("abc"), st.integers(0, 14), st.booleans())


def ledger_from(history: list[Said]) -> Ledger:
    """Return the ledger of a history, read in its order."""
    ledger = Ledger()
    for number, said in enumerate(history):
        whole = said.state == "erased"
        scopes = scopes_of(None if whole else said.purposes, None if whole else said.channels)
        source = Source("consent-events", 0, number, f"c-{number}")
        ledger = recorded(ledger, Statement(said.time, said.time + said.delay, said.expires, source, dict.fromkeys(scopes, said.state)))
    return ledger


def searched(history: list[Said], question: Question, upto: int) -> tuple[str, int | None]:
    """Return verdict and place of the deciding record by looking at every record."""
    best: tuple[tuple[int, int, int, int], int] | None = None
    for number, said in enumerate(history[:upto]):
        fits = said.state == "erased" or (
            (said.purposes is None or question.purpose in said.purposes) and (said.channels is None or question.channel in said.channels)
        )
        order = ("given", "erased", "refused", "expired", "invalidated", "revoked", "withdrawn")
        rank = order.index("given" if said.state in GRANTS else said.state)
        weight = (said.time, rank, -said.expires if said.state in GRANTS else 0, -number)
        if fits and said.time <= question.time and (best is None or weight > best[0]):
            best = (weight, number)
    if best is None or history[best[1]].state == "erased":
        return ("no_record" if question.opt_in else "valid"), None
    said = history[best[1]]
    if said.state in GRANTS:
        return ("valid" if question.time < said.expires else "expired"), best[1]
    return said.state, best[1]


def told(found: Judgement) -> tuple[str, int | None]:
    """Return verdict and place of the deciding record."""
    return found.verdict, None if found.row is None else found.row.entry.source.offset


@given(histories, questions, st.integers(0, 12))
def test_the_verdict_is_that_of_a_search_through_all_records(history: list[Said], question: Question, upto: int) -> None:
    """For every number of records known, long before any erasure takes its rows."""
    found = judge(ledger_from(history), question, upto, cut=0, horizon=10_000)
    assert told(found) == searched(history, question, upto)


@given(histories, questions)
def test_the_order_of_arrival_changes_no_verdict(history: list[Said], question: Question) -> None:
    """Only which of two equal records is named may differ."""
    there, back = (judge(ledger_from(said), question, 99, 0, 10_000).verdict for said in (history, history[::-1]))
    assert there == back


@given(histories)
def test_stamps_never_fall_and_a_row_reads_back(history: list[Said]) -> None:
    """A record stamped before the one read earlier counts as stamped with it."""
    ledger = ledger_from(history)
    stamps = [entry.stamp for _, entry in sorted(ledger.entries().items())]

    assert stamps == sorted(stamps)
    assert ledger_of(plain(ledger)) == ledger


@given(histories, questions, st.integers(0, 100))
def test_deleting_what_an_erasure_covers_changes_no_verdict_from_then_on(history: list[Said], question: Question, watermark: int) -> None:
    """Rows that count no more may go: with them or without, the verdict is the same."""
    ledger = ledger_from(history)
    kept, cut = forgotten(ledger, watermark, HORIZON), max(watermark, 100)

    assert judge(kept, question, 99, cut, HORIZON).verdict == judge(ledger, question, 99, cut, HORIZON).verdict
    assert forgotten(kept, watermark, HORIZON) == kept


def test_what_was_dropped_is_not_guessed() -> None:
    """Before the oldest row that is kept, the answer is that nobody knows; from there on it is exact."""
    history = [Said(n, 0, ("given", "refused")[n % 2], ("a",), None, None) for n in range(3 * ROWS_A_SCOPE)]
    ledger = ledger_from(history)
    oldest = 2 * ROWS_A_SCOPE

    def verdict(time: int) -> str:
        return judge(ledger, Question("a", "web", time, opt_in=True), 9_999, 0, HORIZON).verdict

    assert sum(len(rows) for rows in ledger.rows.values()) == ROWS_A_SCOPE
    assert [verdict(oldest - 1), verdict(oldest), verdict(oldest + 1)] == ["history_truncated", "valid", "refused"]


def test_no_record_names_more_scopes_than_are_kept() -> None:
    """A record for ten thousand channels takes as much room as the cap; nobody knows what was lost, until something newer is said."""
    channels = tuple(f"ch-{n:05}" for n in range(10_000))
    ledger = ledger_from([Said(5, 0, "given", ("a",), channels, None), Said(6, 0, "given", ("a",), channels[:1], None)])

    def verdict(channel: str) -> str:
        return judge(ledger, Question("a", channel, 7, opt_in=True), 9, 0, HORIZON).verdict

    assert len(ledger.rows) == SCOPES
    assert [verdict(channels[0]), verdict(channels[-1])] == ["valid", "history_truncated"]


def test_all_purposes_and_all_channels_are_no_name() -> None:
    """No purpose or channel can be called what stands for all of them."""
    assert ANY == ""
    assert scopes_of(None, ["web"]) == [("", "web")]
    assert scopes_of([], None) == []
