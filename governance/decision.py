"""What to do with a running experiment: a table of rules, first match wins, and a latch over time.

    no_data, srm, contaminated     is the data fit to be read?
    guardrail_harm, goal_loss      may act before the minimum run time: waiting costs users
    collecting                     too early for anything else
    win, waiting_guardrail, futile what the sequences say
    final_*                        what the planned last look says
    undecided                      otherwise

All figures are oriented by the caller so that larger is better, and their intervals are already at the alpha that is
spent on them (split over treatments and guardrails, halved where a final test is planned). Pure: what was decided
before comes in as `latched`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

SAMPLE_RATIO_P = 0.01  # sequential ratio test: 0.75 % false alarms in 500 looks
CONTAMINATED_USERS = 10
CONTAMINATED_PER = 100  # one user in so many saw several arms
EMPTY_ARM_MS = 24 * 60 * 60 * 1000


class Action(StrEnum):
    """What a flag system is told."""

    SHIP = "ship"
    CONTINUE = "continue"
    STOP = "stop"
    ROLLBACK = "rollback"


class Reason(StrEnum):
    """Why; one code per row of the table."""

    NO_DATA = "no_data"
    SRM = "srm"
    CONTAMINATED = "contaminated"
    GUARDRAIL_HARM = "guardrail_harm"
    GOAL_LOSS = "goal_loss"
    COLLECTING = "collecting"
    WIN = "win"
    WAITING_GUARDRAIL = "waiting_guardrail"
    FUTILE = "futile"
    FINAL_WIN = "final_win"
    FINAL_LOSS = "final_loss"
    FINAL_NEITHER = "final_neither"
    UNDECIDED = "undecided"


class Outcome(StrEnum):
    """What one arm's final test says about its goals."""

    WIN = "win"
    LOSS = "loss"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal of one arm: the estimated difference and its interval; `low` and `high` are None before burn-in.

    It is won above `margin`, lost below 0, and futile inside (-minimum_effect, +minimum_effect); all in units of the metric.
    """

    estimate: float = 0.0
    low: float | None = None
    high: float | None = None
    margin: float = 0.0
    minimum_effect: float | None = None

    def won(self) -> bool:
        return self.low is not None and self.low > self.margin

    def lost(self) -> bool:
        return self.high is not None and self.high < 0.0

    def futile(self) -> bool:
        if self.low is None or self.high is None or self.minimum_effect is None:
            return False
        return -self.minimum_effect < self.low and self.high < self.minimum_effect


@dataclass(frozen=True, slots=True)
class Guardrail:
    """One guardrail of one arm: one-sided bounds of the difference, None before burn-in.

    Harm where `upper` is below -tolerance, safe where `lower` is above -non_inferiority; both at least 0, in units of the metric.
    """

    lower: float | None = None
    upper: float | None = None
    tolerance: float = 0.0
    non_inferiority: float = 0.0

    def harmed(self) -> bool:
        return self.upper is not None and self.upper < -self.tolerance

    def safe(self) -> bool:
        return self.lower is not None and self.lower > -self.non_inferiority


@dataclass(frozen=True, slots=True)
class Treatment:
    """One treatment against control; the first goal is the primary one, `final` its last test where that was made."""

    name: str
    goals: tuple[Goal, ...]
    guardrails: tuple[Guardrail, ...] = ()
    final: Outcome | None = None

    def collecting(self) -> bool:
        """The primary goal says nothing yet; a secondary one of which nothing is known is neither won nor lost."""
        return self.goals[0].low is None or self.goals[0].high is None

    def won(self) -> bool:
        """At least one goal won and none lost."""
        return any(goal.won() for goal in self.goals) and not self.lost_any()

    def lost(self) -> bool:
        """At least one goal lost and none won."""
        return self.lost_any() and not any(goal.won() for goal in self.goals)

    def lost_any(self) -> bool:
        return any(goal.lost() for goal in self.goals)

    def futile(self) -> bool:
        return all(goal.futile() for goal in self.goals)

    def harmed(self) -> bool:
        return any(guardrail.harmed() for guardrail in self.guardrails)

    def safe(self) -> bool:
        return all(guardrail.safe() for guardrail in self.guardrails)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything a decision may look at, at one look; `ratio_p` is the always-valid (smallest so far) p of the ratio test.

    `emptiest_arm_ms`: how long the arm that waits longest has had no user. `exposed` counts users, `contaminated` those
    of them seen in several arms. ValueError without a treatment or with one that has no goal.
    """

    treatments: tuple[Treatment, ...]
    control_missing: bool = False
    unknown_variant: bool = False
    emptiest_arm_ms: int = 0
    ratio_p: float = 1.0
    exposed: int = 0
    contaminated: int = 0
    runtime_ms: int = 0
    minimum_runtime_ms: int = 0
    ended: bool = False

    def __post_init__(self) -> None:
        if not self.treatments or not all(treatment.goals for treatment in self.treatments):
            raise ValueError("treatments: at least one, each with at least one goal")


@dataclass(frozen=True, slots=True)
class Decision:
    """An action, its reason, the treatments it is about, and on a win the treatments that may be as good."""

    action: Action
    reason: Reason
    arms: tuple[str, ...] = ()
    ties: tuple[str, ...] = ()


Arms = tuple[Treatment, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: the treatments the row is about, or None where it does not match."""

    reason: Reason
    action: Action
    matches: Callable[[Evidence], Arms | None]


def decide(evidence: Evidence, latched: Decision | None = None) -> Decision:
    """Return the decision of the first row that matches, or the latched one where that stands.

    A latched rollback is final. A latched ship falls only to data found unfit or to harm; it never fades because an
    interval widened. Anything else is decided anew at every look.
    """
    now = first_match(evidence)
    if latched is None or latched.reason not in LATCHING:
        return now
    return now if latched.action is Action.SHIP and now.reason in UNLATCHING else latched


def first_match(evidence: Evidence) -> Decision:
    """Return the decision of the first row that matches; the last one matches everything."""
    for rule in TABLE:
        found = rule.matches(evidence)
        if found is not None:
            return decided(rule, found)
    raise AssertionError("the last row of the table matches everything")


def decided(rule: Rule, found: Arms) -> Decision:
    """Return a row's decision about the treatments it matches."""
    if rule.action is not Action.SHIP:
        return Decision(rule.action, rule.reason, names(found))
    best = best_of(found)
    ties = tuple(arm for arm in found if arm is not best and reaches(arm, best))
    return Decision(rule.action, rule.reason, (best.name,), names(ties))


def best_of(arms: Arms) -> Treatment:
    """The best primary goal by point estimate; of equals the first named, so that order of arrival does not decide."""
    return min(arms, key=lambda arm: (-arm.goals[0].estimate, arm.name))


def reaches(arm: Treatment, best: Treatment) -> bool:
    """Say whether the arm's interval still holds the best arm's estimate or more."""
    high = arm.goals[0].high
    return high is None or high >= best.goals[0].estimate


def names(arms: Arms) -> tuple[str, ...]:
    return tuple(arm.name for arm in arms)


def chosen(evidence: Evidence, holds: Callable[[Treatment], bool]) -> Arms | None:
    """The treatments for which it holds, None if for none."""
    return tuple(arm for arm in evidence.treatments if holds(arm)) or None


def everyone(evidence: Evidence, condition: bool) -> Arms | None:
    return evidence.treatments if condition else None


def no_data(evidence: Evidence) -> Arms | None:
    return everyone(evidence, evidence.control_missing or evidence.unknown_variant or evidence.emptiest_arm_ms > EMPTY_ARM_MS)


def contaminated(evidence: Evidence) -> Arms | None:
    seen_twice = evidence.contaminated
    return everyone(evidence, seen_twice >= CONTAMINATED_USERS and seen_twice * CONTAMINATED_PER >= evidence.exposed)


def collecting(evidence: Evidence) -> Arms | None:
    """Too early to say anything; at the planned end nothing more is to come, and the last test says what it can."""
    if evidence.ended:
        return None
    early = evidence.runtime_ms < evidence.minimum_runtime_ms
    return everyone(evidence, True) if early else chosen(evidence, Treatment.collecting)


def win(evidence: Evidence) -> Arms | None:
    """Winners whose guardrails are safe; before the planned end only where no undecided arm may yet prove better."""
    winners = chosen(evidence, lambda arm: arm.won() and arm.safe())
    if winners is None:
        return None
    best = best_of(winners)
    rivals = (arm for arm in evidence.treatments if arm not in winners and not arm.lost_any())
    return None if not evidence.ended and any(reaches(arm, best) for arm in rivals) else winners


def waiting_guardrail(evidence: Evidence) -> Arms | None:
    """Winners, by the sequence or by the final test, that a guardrail still holds back."""
    return chosen(evidence, lambda arm: (arm.won() or (evidence.ended and arm.final is Outcome.WIN)) and not arm.safe())


def futile(evidence: Evidence) -> Arms | None:
    return everyone(evidence, all(arm.futile() or arm.lost() for arm in evidence.treatments))


def final_win(evidence: Evidence) -> Arms | None:
    return chosen(evidence, lambda arm: evidence.ended and arm.final is Outcome.WIN and arm.safe())


def final_loss(evidence: Evidence) -> Arms | None:
    return everyone(evidence, evidence.ended and all(arm.final is Outcome.LOSS for arm in evidence.treatments))


TABLE = (
    Rule(Reason.NO_DATA, Action.CONTINUE, no_data),
    Rule(Reason.SRM, Action.STOP, lambda evidence: everyone(evidence, evidence.ratio_p < SAMPLE_RATIO_P)),
    Rule(Reason.CONTAMINATED, Action.STOP, contaminated),
    Rule(Reason.GUARDRAIL_HARM, Action.ROLLBACK, lambda evidence: chosen(evidence, Treatment.harmed)),
    Rule(Reason.GOAL_LOSS, Action.ROLLBACK, lambda evidence: everyone(evidence, all(arm.lost() for arm in evidence.treatments))),
    Rule(Reason.COLLECTING, Action.CONTINUE, collecting),
    Rule(Reason.WIN, Action.SHIP, win),
    Rule(Reason.WAITING_GUARDRAIL, Action.CONTINUE, waiting_guardrail),
    Rule(Reason.FUTILE, Action.STOP, futile),
    Rule(Reason.FINAL_WIN, Action.SHIP, final_win),
    Rule(Reason.FINAL_LOSS, Action.ROLLBACK, final_loss),
    Rule(Reason.FINAL_NEITHER, Action.STOP, lambda evidence: everyone(evidence, evidence.ended)),
    Rule(Reason.UNDECIDED, Action.CONTINUE, lambda evidence: evidence.treatments),
)

LATCHING = frozenset({Reason.GUARDRAIL_HARM, Reason.GOAL_LOSS, Reason.WIN})
UNLATCHING = frozenset({Reason.SRM, Reason.CONTAMINATED, Reason.GUARDRAIL_HARM, Reason.GOAL_LOSS})
