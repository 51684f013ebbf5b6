"""The phases of one closing, in one commit or each in one of its own."""

from collections.abc import Callable, Iterable

from streams.kernel.detection import Phase
from streams.kernel.record import Outgoing
from streams.kernel.rows import Draft, Rows


def closed(rows: Rows, begin: Callable[[Draft], Iterable[Phase]], *, cut: bool) -> list[Outgoing]:
    """Do the phases that `begin` gives and return what was sent; with `cut` each is a commit, taken up by somebody who knows rows only."""
    sent, done, finished = list[Outgoing](), 0, False
    while not finished:
        draft, finished = Draft(rows), True
        for number, phase in enumerate(begin(draft)):
            if number == done:
                phase()
                done += 1
                if cut:
                    finished = False
                    break
        commit = draft.commit(b"")
        sent += commit.outbox
        rows.apply(commit)
    return sent
