"""Metrics of an experiment: which sums they read, and what two arms say about them, over phases.

Phases (stretches with one split and one way of measuring) are combined by inverse variance, never by pooling their users: an arm that
got more users in a good week would look better for it (Simpson). A phase enters once each of the two arms is burned in.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from detectors import sequence
from detectors.cell import Counts, total
from detectors.kpi import BUILT_IN, Better, Ratio
from detectors.moments import Estimate, Moments, PairedMoments, mean, proportion
from detectors.moments import ratio as ratio_of
from detectors.tail import student_p, student_quantile
from governance.config import Initiative
from governance.contribution import CLICKED, CONVERTED, REVENUE_PER_SUBJECT, SOON, countable

Kind = Literal["proportion", "mean", "ratio"]
NORMAL = 1e9  # degrees of freedom at which Student's law is the normal one

NO_SUMS = "this figure is not counted per user"
TALLIED = "tallies carry users and converters only"
CURRENCIES = "money in several currencies is never added"
NO_USERS = "no matured user yet in one of the arms"
OUT_OF_RANGE = "the sums leave the range of double precision"


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure per user; `prefix` names its sums, `money` whether they are kept by currency."""

    name: str
    kind: Kind
    better: Better
    prefix: str
    money: bool = False


@dataclass(frozen=True, slots=True)
class Phase:
    """The sums per arm of the users assigned from the window ending at `start` on, ms; `shares` as planned, {} where none are."""

    start: int
    shares: Mapping[str, float]
    arms: Mapping[str, Counts]


@dataclass(frozen=True, slots=True)
class Contrast:
    """A treatment against control: what they show, the sequence's comparison (None before burn-in), the arms of each phase."""

    treatment: Estimate
    control: Estimate
    difference: float
    seen: sequence.Comparison | None
    pairs: tuple[tuple[Estimate, Estimate], ...]


def metric_of(name: str, own: Initiative | None, better: Better | None = None) -> Metric | None:
    """Return the metric of a goal or guardrail, None for one that is not counted per user."""
    if name in (CONVERTED, CLICKED):
        return Metric(name, "proportion", better or "up", "converted" if name == CONVERTED else "clicked")
    if name == REVENUE_PER_SUBJECT:
        return Metric(name, "mean", better or "up", "revenue", money=True)
    found = BUILT_IN.get(name)
    if own is not None and name in own.kpis:
        found = Ratio(own.kpis[name].numerator, own.kpis[name].denominator, own.kpis[name].better)
    if found is None or not countable(found):
        return None
    return Metric(name, "ratio", better or found.better, f"ratio.{name}", money=found.numerator.startswith("revenue_minor"))


def currencies(metric: Metric, phases: Sequence[Phase]) -> list[str]:
    """Return the currencies that occur in a metric's sums."""
    if not metric.money:
        return []
    first, last = f"{metric.prefix}.", ".s" if metric.kind == "mean" else ".m"
    names = {name for phase in phases for sums in phase.arms.values() for name in sums if name.startswith(first) and name.endswith(last)}
    return sorted(name.removeprefix(first).removesuffix(last) for name in names)


def unreadable(metric: Metric | None, phases: Sequence[Phase]) -> str | None:
    """Return why a metric has no readout at all, None where it may have one."""
    if metric is None:
        return NO_SUMS
    if metric.prefix != "converted" and any(sums.get("tallied") for phase in phases for sums in phase.arms.values()):
        return TALLIED
    return CURRENCIES if metric.money and len(currencies(metric, phases)) > 1 else None


def estimate(metric: Metric, sums: Mapping[str, int], currency: str) -> Estimate | None:
    """Return what one arm's sums say of a metric, None without users; OverflowError where a figure leaves the range of a double."""
    n = sums.get("n", 0)
    if n <= 0:
        return None
    if metric.kind == "proportion":
        return proportion(Moments.of_converters(n, sums.get(metric.prefix, 0)))
    above = f"{metric.prefix}.{currency}" if metric.money else metric.prefix
    if metric.kind == "mean":
        return mean(Moments(n, sums.get(f"{above}.s", 0), sums.get(f"{above}.ss", 0)), sums.get(f"{above}.sss", 0))
    m, mm, md, mmm, mmd, mdd = (sums.get(f"{above}.{name}", 0) for name in ("m", "mm", "md", "mmm", "mmd", "mdd"))
    d, dd, ddd = (sums.get(f"{metric.prefix}.{name}", 0) for name in ("d", "dd", "ddd"))
    return ratio_of(PairedMoments(n, m, mm, d, dd, md), (mmm, mmd, mdd, ddd))


def awaited(phases: Sequence[Phase]) -> list[Phase]:
    """Return the phases with the sums of who has not matured yet: a preview, to be shown and never to be tested."""
    return [
        Phase(
            phase.start,
            phase.shares,
            {arm: {name.removeprefix(SOON): sums[name] for name in sums if name.startswith(SOON)} for arm, sums in phase.arms.items()},
        )
        for phase in phases
    ]


def preview(metric: Metric, phases: Sequence[Phase], arm: str) -> tuple[int, float | None]:
    """Return how many users of an arm have not matured yet, over all phases, and what they come to so far."""
    waiting = awaited(phases)
    sums = total(phase.arms.get(arm, {}) for phase in waiting)
    known = currencies(metric, waiting)
    try:
        found = estimate(metric, sums, next(iter(known), "")) if len(known) < 2 else None
    except OverflowError:
        found = None
    return sums.get("n", 0), None if found is None else found.value


def contrast(metric: Metric, phases: Sequence[Phase], arm: str, control: str) -> Contrast | str:
    """Return a treatment against control over all phases both are in, or why there is nothing to compare."""
    why = unreadable(metric, phases)
    if why is not None:
        return why
    currency = next(iter(currencies(metric, phases)), "")
    both = [phase for phase in phases if phase.arms.get(arm, {}).get("n") and phase.arms.get(control, {}).get("n")]
    try:
        pairs = [(estimate(metric, phase.arms[arm], currency), estimate(metric, phase.arms[control], currency)) for phase in both]
        known = [(one, other) for one, other in pairs if one is not None and other is not None]
        if not known:
            return NO_USERS
        seen = combined([sequence.compare(*pair) for pair in known if sequence.burned_in(*pair)])
        if len(known) == 1:
            return Contrast(*known[0], known[0][0].value - known[0][1].value, seen, tuple(known))
        one, other = (estimate(metric, total(phase.arms[name] for phase in both), currency) for name in (arm, control))
        whole = combined([sequence.compare(*pair) for pair in known])
    except OverflowError:
        return OUT_OF_RANGE
    if one is None or other is None:
        return NO_USERS
    return Contrast(one, other, whole.difference if whole is not None else one.value - other.value, seen, tuple(known))


def combined(found: Sequence[sequence.Comparison | None]) -> sequence.Comparison | None:
    """Return the comparisons of phases as one, weighted by inverse variance; None where there is none."""
    known = [one for one in found if one is not None]
    if len(known) < 2:
        return known[0] if known else None
    weights = [1.0 / (one.standard_error * one.standard_error) for one in known]
    whole = math.fsum(weights)
    difference = math.fsum(weight * one.difference for weight, one in zip(weights, known, strict=True)) / whole
    error = 1.0 / math.sqrt(whole)
    if not math.isfinite(difference) or not error > 0.0:
        raise OverflowError("the phases cannot be weighted in double precision")
    return sequence.Comparison(difference, error, sum(one.n for one in known))


def welch_comparison(treatment: Estimate, control: Estimate) -> sequence.Comparison | None:
    """Return the comparison a test for one look reads: by sample variances."""
    if min(treatment.n, control.n) < 2:
        return None
    square = treatment.sample_variance / treatment.n + control.sample_variance / control.n
    difference = treatment.value - control.value
    return sequence.Comparison(difference, math.sqrt(square), treatment.n + control.n) if square > 0.0 else None


def fixed_horizon(found: Contrast, alpha: float) -> sequence.Welch | None:
    """Return what a test for one planned look says: Welch's, over several phases the normal one."""
    try:
        if len(found.pairs) == 1:
            return sequence.welch(*found.pairs[0], alpha)
        seen = combined([welch_comparison(*pair) for pair in found.pairs])
        if seen is None:
            return None
        reach = student_quantile(1.0 - alpha / 2.0, NORMAL) * seen.standard_error
        return sequence.Welch(sequence.around(seen.difference, reach), student_p(seen.difference / seen.standard_error, NORMAL))
    except OverflowError:
        return None
