"""Reports that are made by themselves: at the ends of their cadence, by ticks like everything else; none while the clock only runs on."""

from dataclasses import replace
from functools import partial

from detectors.window import end_of, ends
from governance.config import Config, Initiative
from governance.config.initiative import ScheduledReport
from governance.identity import compact, event_id
from governance.message.command import Command
from reporting.report import build
from streams.kernel.distribution import keep_answer, new_answer, reviewed
from streams.kernel.rows import Draft
from streams.kernel.snapshot import snapshot
from streams.kernel.watch import Watch

BY = "schedule"  # who asks for them

Due = partial[None]


def reports_due(draft: Draft, watch: Watch, initiative: str, now: int, config: Config) -> list[Due]:
    """Return what makes each report that is due at `now`, ms; every row it reads must have been written before."""
    due = (one for one in config.initiative(initiative).reports if ends(now, one.cadence))
    return [partial(make, draft, watch, initiative, one, now, config) for one in due]


def next_report(own: Initiative, now: int) -> int:
    """Return when the next report is due after `now`, ms, 0 for never."""
    return min((end_of(now, one.cadence) for one in own.reports), default=0)


def make(draft: Draft, watch: Watch, initiative: str, wanted: ScheduledReport, now: int, config: Config) -> None:
    """Make one report of the period that ends at `now`, ms, publish it, and note what its review came to.

    It is kept, to be signed, until after the next one of its cadence.
    """
    command = request(initiative, wanted, now)
    found = replace(snapshot(draft, initiative, command, now, now, config.sha256, config), to=wanted.to)
    report = build(found)
    answer = new_answer(command.request_id, "report", report, now, wanted.cadence + config.timing.dedup_horizon)
    keep_answer(draft, command.request_id, answer)
    draft.send(answer.message(command.request_id, initiative))
    reviewed(draft, watch, initiative, command.request_id, report, now)


def request(initiative: str, wanted: ScheduledReport, now: int) -> Command:
    """Return the request that a schedule stands for; its id is of the schedule and the time."""
    identity = event_id("schedule", initiative, compact(wanted.model_dump(mode="json")), now)
    asked = {"window": wanted.window, "detail": wanted.detail, "dimension": wanted.dimension, "initiative": initiative}
    return Command.model_validate({"request_id": identity, "command": "report", "requested_at": now, "requested_by": BY, **asked})
