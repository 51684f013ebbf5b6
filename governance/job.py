"""Work beside the fold that may fail: sending to a sink, building a report, loading a policy. Tried again so often, then somebody is asked.

    try ──ok──► done            a round is one try and its retries; a round that fails is a breach, one that ends well clears
     │ ▲
    fails, retries left         each failed round climbs: testing lead, personalization architect, data privacy lead
     ▼ │
    retry ──none left──► `job_failed`, and the next try begins a new round
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from governance.breach import Observed, Series, Terms, observe
from governance.config.section import Incidents
from governance.identity import incident_id, incident_key

CHECK = "job_failed"


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work by its name (no address, no person), the failed tries of this round, and its incident's series."""

    initiative: str
    name: str
    failures: int = 0
    series: Series = field(default_factory=Series)

    @property
    def key(self) -> dict[str, str]:
        """What its incident is about."""
        return {"feed": self.name}


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of one try: the job after it, whether to try again at once, and the incident's step if there is one."""

    job: Job
    again: bool
    observed: Observed


def job_terms(window: int, waits: Incidents) -> Terms:
    """Return the terms of a job's incident: one failed round opens, every further one climbs; `window` is the base window, ms."""
    return Terms(window, 1, 1, waits.clear_for, waits.reopen_window, waits.ack_timeout)


def tried(job: Job, at: int, terms: Terms, retry_limit: int, *, ok: bool) -> Tried:
    """Return what a try that ended at `at` (ms) makes of a job: at most `retry_limit` retries, then its incident."""
    if ok:
        observed = observe(job.series, terms, at, False, identifier(job, at))
        return Tried(replace(job, failures=0, series=observed.series), again=False, observed=observed)
    if job.failures < retry_limit:
        return Tried(replace(job, failures=job.failures + 1), again=True, observed=Observed(job.series))
    observed = observe(job.series, terms, at, True, identifier(job, at))
    return Tried(replace(job, failures=0, series=observed.series), again=False, observed=observed)


def identifier(job: Job, at: int) -> Callable[[int], str]:
    """Return what names the job's incidents by episode number."""
    named = incident_key(CHECK, job.initiative, job.key)
    return lambda episode: incident_id(CHECK, named, at, episode)
