"""One look at one experiment: sums in, a readout and the evidence for a decision out; pure, at any look, with nothing remembered.

How alpha is spent (so that intervals and verdicts agree):

    treatments     alpha / treatments each (union bound)
    goals          one: all of it; several: half to the first, the rest in equal parts (preferential Bonferroni)
    planned end    half of that on the sequence while live, half on the one test at the end (hybrid)
    guardrails     harm at alpha / (treatments x guardrails), one-sided; the gate "not worse" at alpha, uncorrected (intersection-union)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from detectors import power, sequence
from governance.config import Experiment, Initiative
from governance.config import Guardrail as Rail
from governance.decision import Evidence, Goal, Guardrail, Outcome, Treatment
from governance.metric import NO_USERS, Contrast, Metric, Phase, contrast, currencies, fixed_horizon, metric_of, preview, unreadable

UNKNOWN_USERS, UNKNOWN_PER = 10, 100  # as for contamination: one stray event from a test bench stops nobody's experiment


@dataclass(frozen=True, slots=True)
class Standing:
    """What the readout needs beside sums; times in ms. `last` is the end of the window of each arm's newest first exposure."""

    now: int
    started: int
    last: dict[str, int]
    mixed: int
    ratio_p: float
    ended: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """One metric as it is asked for: its share of alpha per treatment, live and on the last test."""

    name: str
    metric: Metric | None
    role: str
    live: float
    final: float
    rail: Rail | None = None

    @property
    def sign(self) -> float:
        """Return 1 where more is better, -1 where less is."""
        return -1.0 if self.metric is not None and self.metric.better == "down" else 1.0


def arms_of(experiment: Experiment | None, phases: Sequence[Phase]) -> list[str]:
    """Return the arms of an experiment: the planned ones with a share, else those seen; control first."""
    planned = [arm for arm, share in experiment.allocation.items() if share] if experiment is not None else []
    seen = {arm for phase in phases for arm, sums in phase.arms.items() if sums.get("first") or sums.get("n")}
    control = experiment.control if experiment is not None else None
    names = sorted(set(planned) or seen)
    return [name for name in names if name == control] + [name for name in names if name != control]


def asked(experiment: Experiment, own: Initiative | None, treatments: int) -> list[Asked]:
    """Return the goals, the first one first, then the guardrails."""
    per_arm = experiment.alpha / max(1, treatments)
    shares = [1.0] if len(experiment.goals) == 1 else [0.5, *[0.5 / (len(experiment.goals) - 1)] * (len(experiment.goals) - 1)]
    hybrid = 0.5 if experiment.ends_at is not None else 1.0
    found = [
        Asked(name, metric_of(name, own), "primary" if not place else "secondary", per_arm * share * hybrid, per_arm * share * 0.5)
        for place, (name, share) in enumerate(zip(experiment.goals, shares, strict=False))
    ]
    rails = len(experiment.guardrails)
    return found + [
        Asked(rail.kpi, metric_of(rail.kpi, own, rail.better), "guardrail", per_arm / rails, experiment.alpha, rail)
        for rail in experiment.guardrails
    ]


def evidence(experiment: Experiment, own: Initiative | None, phases: Sequence[Phase], standing: Standing) -> Evidence | None:
    """Return what a decision may look at, None where nothing is to be decided: no goal, no control or no treatment."""
    control, *treatments = arms_of(experiment, phases) or [""]
    if not experiment.goals or control != experiment.control or not treatments:
        return None if not experiment.goals else held(experiment, standing)
    questions = asked(experiment, own, len(treatments))
    users = assigned(phases)
    exposed, unknown = sum(users.values()), unplanned(phases)
    newest = max(standing.last.values(), default=standing.now)
    since = phases[-1].start if phases else standing.started  # an arm that joins on the way is waited for from then on
    waits = [newest - max(since, standing.last.get(arm, 0)) for arm in (control, *treatments)]
    return Evidence(
        treatments=tuple(treatment_of(arm, control, questions, experiment, phases, ended=standing.ended) for arm in treatments),
        control_missing=not users.get(control),
        unknown_variant=unknown >= UNKNOWN_USERS and unknown * UNKNOWN_PER >= exposed,
        emptiest_arm_ms=max(waits),
        ratio_p=standing.ratio_p,
        exposed=exposed,
        contaminated=standing.mixed,
        runtime_ms=standing.now - standing.started,
        minimum_runtime_ms=experiment.minimum_runtime,
        ended=standing.ended,
    )


def held(experiment: Experiment, standing: Standing) -> Evidence:
    """Return the evidence of an experiment whose control or treatment nobody has seen."""
    return Evidence((Treatment("-", (Goal(),)),), control_missing=True, runtime_ms=standing.now - standing.started)


def assigned(phases: Sequence[Phase]) -> dict[str, int]:
    """Return how many users were assigned to each arm."""
    found: dict[str, int] = {}
    for phase in phases:
        for arm, sums in phase.arms.items():
            found[arm] = found.get(arm, 0) + sums.get("first", 0)
    return found


def unplanned(phases: Sequence[Phase]) -> int:
    """Return how many users were assigned to arms their phase's plan does not name; a phase without a plan has none."""
    planned = [phase for phase in phases if phase.shares]
    return sum(sums.get("first", 0) for phase in planned for arm, sums in phase.arms.items() if arm not in phase.shares)


def treatment_of(
    arm: str, control: str, questions: Sequence[Asked], experiment: Experiment, phases: Sequence[Phase], *, ended: bool
) -> Treatment:
    """Return one treatment's goals and guardrails, oriented so that more is better."""
    goals, rails, finals = [], [], []
    for question in questions:
        found = NO_USERS if question.metric is None else contrast(question.metric, phases, arm, control)
        if question.rail is not None:
            rails.append(rail_of(question, question.rail, found, experiment))
            continue
        goals.append(goal_of(question, found, experiment))
        finals.append(final_of(question, found, experiment.margin) if ended else None)
    return Treatment(arm, tuple(goals), tuple(rails), outcome(finals) if ended else None)


def goal_of(question: Asked, found: Contrast | str, experiment: Experiment) -> Goal:
    """Return a goal's estimate and interval."""
    if isinstance(found, str):
        return Goal(margin=experiment.margin)
    effect = experiment.minimum_effect * abs(found.control.value) or None
    low, high = live_interval(question, found, experiment) or (None, None)
    return Goal(question.sign * found.difference, low, high, experiment.margin, effect)


def live_interval(question: Asked, found: Contrast, experiment: Experiment) -> sequence.Interval | None:
    """Return the sequence's interval, oriented; None before burn-in or beyond the range of doubles."""
    if found.seen is None:
        return None
    try:
        low, high = sequence.interval(found.seen, question.live, experiment.tuning_n)
    except OverflowError:
        return None
    return (low, high) if question.sign > 0 else (-high, -low)


def rail_of(question: Asked, rail: Rail, found: Contrast | str, experiment: Experiment) -> Guardrail:
    """Return a guardrail's one-sided bounds, oriented."""
    if isinstance(found, str):
        return Guardrail(tolerance=rail.tolerance)
    slack = rail.non_inferiority * abs(found.control.value)
    lower, upper = rail_bounds(question, found, experiment)
    return Guardrail(lower, upper, rail.tolerance, slack)


def rail_bounds(question: Asked, found: Contrast, experiment: Experiment) -> tuple[float | None, float | None]:
    """Return (what the oriented difference exceeds at alpha, what it stays below at the alpha of harm), None before burn-in."""
    if found.seen is None:
        return None, None
    turned = sequence.Comparison(question.sign * found.seen.difference, found.seen.standard_error, found.seen.n)
    try:
        lower = sequence.lower_bound(turned, min(question.final, 0.49), experiment.tuning_n)
        return lower, sequence.upper_bound(turned, min(question.live, 0.49), experiment.tuning_n)
    except OverflowError:
        return None, None


def final_of(question: Asked, found: Contrast | str, margin: float) -> Outcome:
    """Return what the one test at the planned end says of a goal: nothing where a handful of users carry it."""
    if isinstance(found, str) or sum(min(one.evidence, other.evidence) for one, other in found.pairs) < sequence.BURN_IN:
        return Outcome.NEITHER
    test = fixed_horizon(found, question.final)
    if test is None:
        return Outcome.NEITHER
    low, high = test.ci if question.sign > 0 else (-test.ci[1], -test.ci[0])
    return Outcome.WIN if low > margin else Outcome.LOSS if high < 0.0 else Outcome.NEITHER


def outcome(finals: Sequence[Outcome | None]) -> Outcome:
    """Return a treatment's outcome: a win is one goal won and none lost, a loss the reverse."""
    won, lost = Outcome.WIN in finals, Outcome.LOSS in finals
    return Outcome.WIN if won and not lost else Outcome.LOSS if lost and not won else Outcome.NEITHER


def readout(experiment: Experiment, own: Initiative | None, phases: Sequence[Phase]) -> list[dict[str, Any]]:
    """Return every goal and guardrail with what each treatment shows against control, in the metric's own direction, JSON-able."""
    control, *treatments = arms_of(experiment, phases) or [""]
    found = []
    for question in asked(experiment, own, len(treatments)):
        why = unreadable(question.metric, phases)
        shown = {}
        if why is None and question.metric is not None and control == experiment.control:
            shown = {arm: shown_of(question, contrast(question.metric, phases, arm, control), experiment) for arm in treatments}
        rail = question.rail
        found.append(
            {
                "metric": question.name,
                "role": question.role,
                "kind": question.metric.kind if question.metric else None,
                "better": question.metric.better if question.metric else "up",
                "alpha": question.live,
                "tolerance": rail.tolerance if rail else None,
                "non_inferiority": rail.non_inferiority if rail else None,
                "cap_minor": rail.cap_minor if rail else None,
                "currency": next(iter(currencies(question.metric, phases)), None) if question.metric else None,
                "arms": shown,
                "preview": previewed(question.metric, phases, [control, *treatments]) if question.metric else {},
                "why": why,
            }
        )
    return found


def previewed(metric: Metric, phases: Sequence[Phase], arms: Sequence[str]) -> dict[str, Any]:
    """Return the users of each arm who have not matured yet and what they come to so far: in no interval and no verdict."""
    found = {arm: preview(metric, phases, arm) for arm in arms}
    return {arm: {"users": users, "value": value} for arm, (users, value) in found.items() if users}


def shown_of(question: Asked, found: Contrast | str, experiment: Experiment) -> dict[str, Any]:
    """Return one treatment's row; `status` is collecting, undecided, better or worse, for a guardrail also safe or harmed."""
    if isinstance(found, str):
        return {**dict.fromkeys(SHOWN), "status": "collecting", "why": found}
    turned = live_interval(question, found, experiment)
    ci = None if turned is None else [turned[0], turned[1]] if question.sign > 0 else [-turned[1], -turned[0]]
    try:
        lift_ci = sequence.lift_interval(found.treatment, found.control, question.live, experiment.tuning_n) if ci else None
        p = (
            sequence.p_value(found.seen, question.live, experiment.tuning_n, margin=question.sign * experiment.margin)
            if found.seen
            else None
        )
    except OverflowError:
        lift_ci, p = None, None
    fixed = fixed_horizon(found, experiment.alpha)
    effect = experiment.minimum_effect * abs(found.control.value)
    return {
        "users": found.treatment.n,
        "control_users": found.control.n,
        "value": found.treatment.value,
        "control_value": found.control.value,
        "difference": found.difference,
        "ci": ci,
        "p_value": p,
        "lift": sequence.lift(found.treatment, found.control),
        "lift_ci": None if lift_ci is None else list(lift_ci),
        "bounds": list(rail_bounds(question, found, experiment)) if question.rail else None,
        "status": status(question, turned, found, experiment),
        "minimum_effect": effect or None,
        "users_to_go": to_go(question, found, experiment, effect),
        "progress": power.progress((turned[1] - turned[0]) / 2.0, effect) if turned and effect else None,
        "fixed_horizon": {
            "ci": None if fixed is None else list(fixed.ci),
            "p_value": None if fixed is None else fixed.p_value,
            "significant": fixed is not None and fixed.p_value < experiment.alpha,
        },
        "why": None,
    }


SHOWN = (
    *("users", "control_users", "value", "control_value", "difference", "ci", "p_value", "lift", "lift_ci", "bounds", "status"),
    *("minimum_effect", "users_to_go", "progress", "fixed_horizon", "why"),
)


def status(question: Asked, turned: sequence.Interval | None, found: Contrast, experiment: Experiment) -> str:
    """Say what an oriented interval, or a guardrail's bounds, say."""
    if turned is None:
        return "collecting"
    if question.rail is not None:
        rail = rail_of(question, question.rail, found, experiment)
        return "harmed" if rail.harmed() else "safe" if rail.safe() else "undecided"
    return "better" if turned[0] > experiment.margin else "worse" if turned[1] < 0.0 else "undecided"


def to_go(question: Asked, found: Contrast, experiment: Experiment, effect: float) -> int | None:
    """Return how many more users of both arms bring the interval down to the smallest effect worth having, None for no number."""
    if found.seen is None or not effect:
        return None
    return power.users_to_go(found.seen.standard_error, found.seen.n, effect, question.live, experiment.tuning_n)
