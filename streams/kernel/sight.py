"""What the detectors of an initiative watch, as their last windows left it: read for reports from the rows of `detection`."""

from detectors.panel import DAY_OF_WINDOWS
from governance.config import Config
from reporting.snapshot import Sight
from streams.kernel.detector_rule import detector_rules
from streams.kernel.faults import DETECTOR, Faults
from streams.kernel.rows import Draft, key_parts
from streams.kernel.state_rows import STATES, last_seen


def sights(draft: Draft, initiative: str, config: Config) -> tuple[Sight, ...]:
    """Return every series that some detector of the config judges, in order; what raised last time is frozen."""
    judged = {
        (rule.check, rule.threshold.kpi, ",".join(rule.group_by)): rule.group_by
        for rule in detector_rules(config, initiative).values()
        if rule.judged
    }
    frozen = {
        (job.removeprefix(DETECTOR), *place): fault.error
        for (job, place), fault in Faults(draft, initiative, config.incidents.retry_limit).known.items()
        if job.startswith(DETECTOR)
    }
    learnt = {tuple(key_parts(key)[1:]): key for key in draft.group(STATES, initiative)}
    found = []
    for place in sorted({*frozen, *learnt}):
        check, kpi, dimensions, *values = place
        if (check, kpi, dimensions) not in judged:
            continue
        group_by = judged[check, kpi, dimensions]
        if place in frozen:
            found.append(Sight(check, kpi, group_by, tuple(values), "frozen", None, frozen[place]))
        else:
            learning, smallest = last_seen(draft.get(learnt[place]) or b"")
            found.append(sight(check, kpi, group_by, tuple(values), smallest, learning=learning))
    return tuple(found)


def sight(check: str, kpi: str, group_by: tuple[str, ...], values: tuple[str, ...], smallest: float | None, *, learning: bool) -> Sight:
    """Return one series; what could not show the loss of everything in a day of windows is too small to be judged alone."""
    if learning:
        return Sight(check, kpi, group_by, values, "learning", None)
    smallest = None if smallest is None else float(f"{smallest:.3g}")
    small = smallest is not None and smallest >= DAY_OF_WINDOWS**0.5
    return Sight(check, kpi, group_by, values, "too_small" if small else "watched", smallest)
