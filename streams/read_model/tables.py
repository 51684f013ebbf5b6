"""A monitor shard's tables said again as records, so that the read model can be rebuilt from what is committed."""

from collections.abc import Collection, Iterator
from typing import Any

from detectors.window import HOUR, end_of
from governance.identity import event_id
from streams.kernel import monitor
from streams.kernel.bulletin import SYSTEM
from streams.kernel.cells import HOURS, KEPT_HOURS, KEPT_MINUTES, MINUTES, SLICE_CELLS, CellRows, Cells
from streams.kernel.distribution import ANSWERS, known_answer
from streams.kernel.publishing import kpi_window, publish
from streams.kernel.record import Outgoing
from streams.kernel.rows import Draft, Rows, key_parts
from streams.kernel.standing import STANDINGS, Standing
from streams.kernel.watch import remembered
from streams.read_model.frozen import frozen_of
from streams.read_model.retraction import retracted_of
from streams.read_model.waiting import waiting_of


def records_of(rows: Rows) -> Iterator[Outgoing]:
    """Yield what the tables of a monitor shard know: closed windows (older ones as hours), incidents by step, more (`said_of`), answers.

    Nothing here is to be sent: ids and stamps are those of what stands for it.
    """
    draft = Draft(rows)
    closed, base = monitor.closed(rows), monitor.base_of(draft)
    if base is not None:
        for key in sorted(draft.keys(STANDINGS)):
            (initiative,) = key_parts(key)
            if initiative != SYSTEM:  # it has no windows, and is there from the start
                yield from _windows(draft, initiative, closed, base)
            yield from _steps(draft, initiative)
        yield from said_of(rows)
    yield from _answers(draft)


def said_of(rows: Rows, keys: Collection[bytes] | None = None) -> Iterator[Outgoing]:
    """Yield what no output tells and a reader wants to know, of the rows of `keys` or of all: what waits, was taken back, is frozen."""
    yield from waiting_of(rows, keys)
    yield from retracted_of(rows, keys)
    yield from frozen_of(rows, keys)


def _windows(draft: Draft, initiative: str, closed: int, base: int) -> Iterator[Outgoing]:
    standing = Standing.read(draft, initiative) or Standing()
    slices = range(-(-standing.cells // SLICE_CELLS))
    rows = CellRows(draft, initiative, base)
    whole = closed - KEPT_MINUTES  # base windows that end later are there one by one
    fine = whole // HOUR * HOUR + HOUR if whole % HOUR else whole  # an hour is read one way only
    for end in range(end_of(max(0, closed - KEPT_HOURS), HOUR), fine + 1, HOUR):
        yield from _said(initiative, end - HOUR, end, rows.read(HOURS, end, slices))
    for end in range(max(fine, 0) + base, closed + 1, base):
        yield from _said(initiative, end - base, end, rows.read(MINUTES, end, slices))


def _said(initiative: str, start: int, end: int, cells: Cells) -> Iterator[Outgoing]:
    for cell, counts in sorted(cells.items()):
        yield kpi_window(initiative, cell, start, end, counts, {}, {}, "consent")  # with the verdicts it has by now


def _steps(draft: Draft, initiative: str) -> Iterator[Outgoing]:
    for now, steps in remembered(draft, initiative):
        for step in steps[:-1]:
            yield _incident({**now, **step})
        yield _incident(now)


def _incident(data: dict[str, Any]) -> Outgoing:
    identity = event_id("incident", data["incident_id"], data["sequence"])
    return publish("incidents", "incident", None, identity, data["incident_id"], 0, data)


def _answers(draft: Draft) -> Iterator[Outgoing]:
    for key in sorted(draft.keys(ANSWERS)):
        (request_id,) = key_parts(key)
        answer = known_answer(draft, request_id)
        assert answer is not None, "its key was just seen"
        yield answer.message(request_id, request_id)
