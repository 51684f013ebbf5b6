"""What no single field can know: whether the parts of a config fit each other."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from detectors.kpi import BUILT_IN, FRESHNESS, VARIANT_SHARE, VIOLATIONS
from detectors.window import DAY, HOUR
from governance.config.initiative import Experiment, Initiative, Threshold
from governance.config.problem import Path
from governance.config.section import Role, Source, Timing
from governance.message.duration import format_duration
from governance.message.reading import MODELS

if TYPE_CHECKING:
    from governance.config.model import Config

Found = tuple[Path, str]

SRM_SHARE = "srm_failure_share"
RESERVED = frozenset({"_system", "*"})
COUNTS = frozenset(
    {
        "exposures",
        "clicks",
        "conversions",
        "technical_fallbacks",
        "consent_fallbacks",
        "no_match_fallbacks",
        "late",
        "subjects",
        "revenue_minor",
        "consent_violations",
        "consent_judged",
    }
    | {f"consent.{verdict}" for verdict in (*VIOLATIONS, "valid", "history_truncated", "undetermined", "not_applicable")}
)
GOALS = frozenset({"converted_subjects", "clicked_subjects", "revenue_per_subject"})
BASE_KEPT = 3 * HOUR  # base windows are kept this long, hour rows 48 h: a longer window is summed from larger rows
HOURS_KEPT = 48 * HOUR
LONGEST = 400 * DAY
BREACH_MEMORY = 6  # window lengths after which a breach no longer counts
ROUNDING = 0.02  # shares written as 0.33 three times are meant to be a whole


def contradictions(config: "Config") -> list[Found]:
    """Return every fault between fields, each with the path of the field to mend."""
    found = [*_timing(config.timing), *_privacy(config), *_people(config), *_sources(config.sources), *_titles(config)]
    for name, initiative in config.initiatives.items():
        found += [((*_place(name), *path), message) for path, message in _initiative(initiative, config)]
    return found


def _place(name: str) -> Path:
    return ("initiatives", name)


def _timing(timing: Timing) -> Iterator[Found]:
    if HOUR % timing.window or timing.window % 1000:
        yield ("timing", "window"), "must be whole seconds and divide an hour, such as 10s, 1m, 5m or 1h"
    if timing.tick > timing.window:
        yield ("timing", "tick"), f"must be at most the window ({format_duration(timing.window)})"
    if timing.correction_horizon < timing.settle:
        yield ("timing", "correction_horizon"), f"must be at least settle ({format_duration(timing.settle)})"
    if timing.dedup_horizon < timing.allowed_lateness:
        yield ("timing", "dedup_horizon"), f"must be at least allowed_lateness ({format_duration(timing.allowed_lateness)})"
    if timing.stalled_after <= timing.tick:
        yield ("timing", "stalled_after"), f"must be longer than a tick ({format_duration(timing.tick)})"
    if timing.settle > LONGEST or timing.correction_horizon > LONGEST or timing.dedup_horizon > LONGEST:
        yield ("timing",), "must stay within 400d, as long as anything is kept"


def _privacy(config: "Config") -> Iterator[Found]:
    if config.privacy.erase_after < config.timing.correction_horizon:
        yield ("privacy", "erase_after"), "must be at least timing.correction_horizon: a correction needs the record it corrects"


def _people(config: "Config") -> Iterator[Found]:
    owner: dict[str, str] = {name: name for name in config.people}
    for name, person in config.people.items():
        for index, alias in enumerate(person.aliases):
            if owner.setdefault(alias, name) != name:
                yield ("people", name, "aliases", index), "must not be a name of somebody else"


def _titles(config: "Config") -> Iterator[Found]:
    titles = Counter(one.title for one in config.initiatives.values())
    for name, one in config.initiatives.items():
        if name in RESERVED:
            yield _place(name), "must not be a reserved name (_system, *)"
        if one.title is None:
            continue
        if titles[one.title] > 1 or (one.title != name and one.title in config.initiatives):
            yield (*_place(name), "title"), "must be of one initiative only: requests may use it instead of the name"


def _sources(sources: Iterable[Source]) -> Iterator[Found]:
    seen: set[str] = set()
    for index, source in enumerate(sources):
        if source.topic in seen:
            yield ("sources", index, "topic"), "must be mapped once"
        seen.add(source.topic)
        fields = MODELS[source.as_].model_fields
        for name in source.map:
            if name not in fields:
                yield ("sources", index, "map", name), f"must be a field of {source.as_}: {', '.join(sorted(fields))}"


def _initiative(one: Initiative, config: "Config") -> Iterator[Found]:
    yield from _covers(one)
    yield from _whole(one.allocation, ("allocation",))
    yield from _kpis(one)
    yield from _thresholds(one, config.timing)
    yield from _detectors(one, config.timing)
    for name, experiment in one.experiments.items():
        yield from ((("experiments", name, *path), message) for path, message in _experiment(experiment, one))
    for index, report in enumerate(one.reports):
        if report.cadence < HOUR or report.cadence % config.timing.window:
            yield ("reports", index, "cadence"), f"must be at least 1h, in whole windows of {format_duration(config.timing.window)}"
        for place, sink in enumerate(report.to):
            if sink not in config.sinks:
                yield ("reports", index, "to", place), f"must be one of sinks: {', '.join(sorted(config.sinks)) or 'there are none'}"


def _covers(one: Initiative) -> Iterator[Found]:
    for role, covering in one.covers.items():
        if role == covering:
            yield ("covers", role), "must be another role"
        elif role in chain(covering, one.covers):
            yield ("covers", role), "must not lead back to the same role: nobody would be left to ask"


def chain(role: str, covers: Mapping[Role, Role]) -> list[str]:
    """Return a role and what covers it, one after the other, each once."""
    plain = {str(one): str(other) for one, other in covers.items()}
    found = [role]
    while (following := plain.get(found[-1])) is not None and following not in found:
        found.append(following)
    return found


def _whole(allocation: dict[str, float], path: Path) -> Iterator[Found]:
    if allocation and abs(sum(allocation.values()) - 1.0) > ROUNDING:
        yield path, f"must sum to 1, sums to {sum(allocation.values()):g}"


def _kpis(one: Initiative) -> Iterator[Found]:
    for name, kpi in one.kpis.items():
        if name in BUILT_IN or name in (FRESHNESS, VARIANT_SHARE, SRM_SHARE):
            yield ("kpis", name), "must not be the name of a built-in key figure"
        for side, count in (("numerator", kpi.numerator), ("denominator", kpi.denominator)):
            if count not in COUNTS and not _is_money(count):
                yield ("kpis", name, side), f"must be a count: {', '.join(sorted(COUNTS))} or revenue_minor.EUR"


def _is_money(count: str) -> bool:
    currency = count.removeprefix("revenue_minor.")
    return currency != count and len(currency) == 3 and currency.isascii() and currency.isupper() and currency.isalpha()


def _thresholds(one: Initiative, timing: Timing) -> Iterator[Found]:
    known = {*BUILT_IN, FRESHNESS, VARIANT_SHARE, SRM_SHARE, *one.kpis}
    seen: set[str] = set()
    for index, threshold in enumerate(one.thresholds):
        place: Path = ("thresholds", index)
        if threshold.id in seen:
            yield (*place, "id"), "must be unique in its initiative"
        seen.add(threshold.id)
        if threshold.kpi not in known:
            yield (*place, "kpi"), f"must be a key figure: {', '.join(sorted(known))}"
        if threshold.kpi == SRM_SHARE and threshold.group_by:
            yield (*place, "group_by"), "must be empty: experiments belong to the whole initiative"
        yield from (((*place, *path), message) for path, message in _periods(threshold))
        yield from (((*place, *path), message) for path, message in _rows(threshold.window, threshold.group_by, timing))


def _periods(threshold: Threshold) -> Iterator[Found]:
    if threshold.datapoints_to_alarm > threshold.evaluation_periods:
        yield ("datapoints_to_alarm",), f"must be at most evaluation_periods ({threshold.evaluation_periods})"
    if threshold.datapoints_to_alarm > BREACH_MEMORY + 1:
        yield ("datapoints_to_alarm",), f"must be at most {BREACH_MEMORY + 1}: a breach counts for {BREACH_MEMORY} windows"


def _detectors(one: Initiative, timing: Timing) -> Iterator[Found]:
    known = {*BUILT_IN, *one.kpis}
    for name in ("dip", "freshness", "suppression", "drift"):
        detector = getattr(one.detectors, name)
        if detector is None:
            continue
        place: Path = ("detectors", name)
        yield from (((*place, *path), message) for path, message in _rows(detector.window, detector.group_by, timing))
        if getattr(detector, "kpi", "ctr") not in known:
            yield (*place, "kpi"), f"must be a ratio: {', '.join(sorted(known))}"


def _rows(window: int, group_by: tuple[str, ...], timing: Timing) -> Iterator[Found]:
    """Yield what keeps a window from being summed from whole rows."""
    if len(set(group_by)) < len(group_by):
        yield ("group_by",), "must name each dimension once"
    if window % timing.window:
        yield ("window",), f"must be a multiple of timing.window ({format_duration(timing.window)})"
    elif window > LONGEST:
        yield ("window",), "must be at most 400d"
    elif window > HOURS_KEPT and window % DAY:
        yield ("window",), "must be whole days where it is over 48h"
    elif window > BASE_KEPT and window % HOUR:
        yield ("window",), "must be whole hours where it is over 3h"


def _experiment(experiment: Experiment, one: Initiative) -> Iterator[Found]:
    yield from _whole(experiment.allocation, ("allocation",))
    if experiment.allocation and experiment.control is not None and experiment.control not in experiment.allocation:
        yield ("control",), f"must be an arm of allocation: {', '.join(sorted(experiment.allocation))}"
    elif experiment.control is not None and experiment.allocation.get(experiment.control) == 0.0:
        yield ("allocation", experiment.control), "must be above 0: it is control, with which the other arms are compared"
    if experiment.goals and experiment.control is None:
        yield ("control",), "must be given where there are goals: a readout compares with it"
    metrics = GOALS | set(BUILT_IN) | set(one.kpis)
    named: list[tuple[Path, str]] = [(("goals", index), goal) for index, goal in enumerate(experiment.goals)]
    named += [(("guardrails", index, "kpi"), guardrail.kpi) for index, guardrail in enumerate(experiment.guardrails)]
    for path, metric in named:
        if metric not in metrics:
            yield path, f"must be a metric: {', '.join(sorted(metrics))}"
