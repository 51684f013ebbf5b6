"""Ground: what every closing of one initiative under one config stands on."""

from collections.abc import Mapping
from dataclasses import dataclass

from detectors.cell import OTHER
from detectors.kpi import Ratio
from detectors.window import MINUTE
from governance.config import Config, Threshold
from governance.message.duration import format_duration
from governance.paging import STORM
from governance.policy.in_force import InForce
from streams.kernel.bulletin import SYSTEM
from streams.kernel.cells import Admission
from streams.kernel.conformity import conformity_rules
from streams.kernel.detector_rule import DetectorRule, detector_rules
from streams.kernel.faults import JOB_FAILED, fault_rule
from streams.kernel.loads import load_rule
from streams.kernel.looks import trial_rules
from streams.kernel.publishing import definitions_of
from streams.kernel.storm import storm_rule

REFUSED_SHARE, FAILED_SHARE = "refused_share", "failed_share"


@dataclass(frozen=True, slots=True)
class Ground:
    """What every closing of an initiative under one config stands on; a step makes it once. `rules` are all the watch takes."""

    sha256: str
    definitions: Mapping[str, Ratio]
    thresholds: Mapping[str, Threshold]
    admission: Admission
    detectors: Mapping[str, DetectorRule]
    rules: Mapping[str, Threshold]
    law: InForce | None = None


def ground_of(initiative: str, sha256: str, config: Config, admission: Admission, law: InForce | None) -> Ground:
    """Return the ground of an initiative, `admission` being the step's own, `law` the policies there ever were."""
    if initiative == SYSTEM:
        figures = {REFUSED_SHARE: Ratio("refused", "received", "down"), FAILED_SHARE: Ratio("jobs_failed", "jobs", "down")}
        thresholds = {"refused_input": refusals(config), "job_failed": failures(config)}
        others = {STORM: storm_rule(), f"{JOB_FAILED}@feed": load_rule(config.timing.window)}
        return Ground(sha256, figures, thresholds, admission, {}, {**thresholds, **others})
    own, base = config.initiatives.get(initiative), config.timing.window
    thresholds = {f"threshold:{found.id}": found for found in sorted(own.thresholds, key=lambda t: t.id)} if own else {}
    detectors = {} if initiative.startswith(OTHER) else detector_rules(config, initiative)  # parts of many are no series of one
    detecting = {name: rule.threshold for name, rule in detectors.items()}
    rest = {STORM: storm_rule(), **trial_rules(base), **conformity_rules(law, base), **detecting, JOB_FAILED: fault_rule(base)}
    return Ground(sha256, definitions_of(own), thresholds, admission, detectors, {**thresholds, **rest}, law)


def refusals(config: Config) -> Threshold:
    """Return the rule of `_system`: more than the configured share of a feed refused, in five minutes (or a base window), twice."""
    window = max(5 * MINUTE, config.timing.window)
    share = config.limits.refused_share
    found: dict[str, object] = {"id": "refused_input", "kpi": REFUSED_SHARE, "op": ">", "value": share, "window": format_duration(window)}
    return Threshold.model_validate(
        {**found, "group_by": ["channel"], "min_denominator": 20, "reason": f"more than {share:.0%} of a feed is refused"}
    )


def failures(config: Config) -> Threshold:
    """Return the rule of jobs: one that failed after all its retries opens an incident, and each further base window with one climbs."""
    found: dict[str, object] = {"id": "job_failed", "kpi": FAILED_SHARE, "op": ">", "value": 0.0, "group_by": ["channel"]}
    once = {"datapoints_to_alarm": 1, "evaluation_periods": 1, "reason": "a job failed after all its retries"}
    return Threshold.model_validate({**found, **once, "window": format_duration(config.timing.window)})
