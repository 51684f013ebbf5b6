"""Reports that are made by themselves: at the ends of their cadence, by ticks like everything else; none while the clock only runs on."""

from functools import partial

from detectors.window import end_of, ends
from governance.config import Config, Initiative
from governance.config.initiative import ScheduledReport
from governance.identity import compact, event_id
from governance.message.command import Command
from streams.kernel.gap import passed_over
from streams.kernel.report_job import ReportJob, Wanted
from streams.kernel.rows import Draft

BY = "schedule"  # who asks for them

Due = partial[None]


def reports_due(draft: Draft, job: ReportJob, initiative: str, now: int, config: Config) -> list[Due]:
    """Return what makes each report that is due at `now`, ms; every row it reads must have been written before.

    Of those that were due while nobody ticked the newest is made only: nobody reads what a night without a monitor would have said hour
    by hour. One is kept, to be signed, until after the next one of its cadence.
    """
    due = [one for one in config.initiative(initiative).reports if ends(now, one.cadence)]
    due = [one for one in due if not passed_over(draft, now, end_of(now, one.cadence))]
    keep = config.timing.dedup_horizon
    return [partial(job.make, Wanted(request(initiative, one, now), now, one.cadence + keep, one.to)) for one in due]


def next_report(own: Initiative, now: int) -> int:
    """Return when the next report is due after `now`, ms, 0 for never."""
    return min((end_of(now, one.cadence) for one in own.reports), default=0)


def request(initiative: str, wanted: ScheduledReport, now: int) -> Command:
    """Return the request that a schedule stands for; its id is of the schedule and the time."""
    identity = event_id("schedule", initiative, compact(wanted.model_dump(mode="json")), now)
    asked = {"window": wanted.window, "detail": wanted.detail, "dimension": wanted.dimension, "initiative": initiative}
    return Command.model_validate({"request_id": identity, "command": "report", "requested_at": now, "requested_by": BY, **asked})
