"""Scenarios as data: who is shown what, which rules change, and what goes wrong when.

    start                                                            start + days
      |---- normal days ----|change|~1 h~|==== fault ====|---- normal ----|
                                                 rolled back

Faults sit at fixed places of the run's length, so a short run of a scenario tells the same story.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from detectors.window import DAY, HOUR, MINUTE

START = 1_794_182_400_000  # Monday, 2026-11-09T00:00:00Z
LOWEST_RATE = 200  # events an hour; below it not even three hours of the quietest channel can be judged

FaultKind = Literal["ctr_drop", "feed_stop", "technical_fallback", "consent_violation"]


@dataclass(frozen=True, slots=True)
class Channel:
    """A place people are reached at: its share of exposures, clicks per exposure, conversions per click."""

    name: str
    share: float
    ctr: float
    conversion: float


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of person: its share of people and what their CTR is multiplied by."""

    name: str
    share: float
    lift: float


@dataclass(frozen=True, slots=True)
class Program:
    """One initiative: its share of all events, and what it shows by which rule."""

    key: str
    title: str
    share: float
    channels: tuple[Channel, ...]
    variants: tuple[tuple[str, float], ...]  # name, what the CTR is multiplied by; shown in equal shares
    rule_id: str
    version: int
    purpose: str | None
    experiment_id: str | None = None


@dataclass(frozen=True, slots=True)
class Deployment:
    """A rule change from request to deployment, and to its rollback where there is one; `base` is the version it replaces; times in ms."""

    change_id: str
    initiative: str
    rule_id: str
    version: int
    base: int
    channels: tuple[str, ...]
    requested: int
    deployed: int
    rolled_back: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong in [start, end), ms.

    `size` is what the CTR is multiplied by (ctr_drop), the share of exposures that fall back (technical_fallback), the number of
    people (consent_violation), nothing (feed_stop).
    """

    kind: FaultKind
    initiative: str
    channel: str
    start: int
    end: int
    size: float = 0.0
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """Everything that a run follows beside its seed; `rate` is the mean number of engagement events an hour, all programs together."""

    name: str
    days: int
    rate: int
    programs: tuple[Program, ...]
    deployments: tuple[Deployment, ...]
    faults: tuple[Fault, ...]
    start: int = START

    @property
    def end(self) -> int:
        """The first millisecond after the run."""
        return self.start + self.days * DAY


PROFILES = (Profile("trial-admin", 0.5, 1.0), Profile("trial-member", 0.35, 0.9), Profile("champion", 0.15, 1.2))

ONBOARDING = Program(
    key="plg-onboarding",
    title="PLG Onboarding",
    share=0.72,
    channels=(
        Channel("web", 0.34, 0.20, 0.15),
        Channel("in-app", 0.26, 0.24, 0.20),
        Channel("email", 0.20, 0.17, 0.10),
        Channel("push", 0.20, 0.16, 0.08),
    ),
    variants=(("hero-a", 1.0), ("hero-b", 1.06)),
    rule_id="rule-42",
    version=6,
    purpose="personalised_content",
    experiment_id="exp-7",
)
RENEWAL = Program(
    key="renewal-nudge",
    title="Renewal Nudge",
    share=0.28,
    channels=(Channel("web", 0.5, 0.18, 0.12), Channel("email", 0.5, 0.16, 0.09)),
    variants=(("plain", 1.0), ("usage-recap", 1.03)),
    rule_id="rule-9",
    version=2,
    purpose=None,
)


def span(rate: int) -> int:
    """Return the window (ms) that by day holds enough exposures of the quietest channel to judge its CTR: 1, 2 or 3 hours."""
    share = min(channel.share * program.share for program in (ONBOARDING, RENEWAL) for channel in program.channels)
    return next((hours * HOUR for hours in (1, 2) if rate * share * hours >= 80), 3 * HOUR)


def _rollout(
    change_id: str, program: Program, channel: str, deployed: int, rolled_back: int | None, reason: str, *, above: int = 1
) -> Deployment:
    base, requested = program.version, deployed - 19 * HOUR
    return Deployment(change_id, program.key, program.rule_id, base + above, base, (channel,), requested, deployed, rolled_back, reason)


def _ctr_drop(day: int, rate: int) -> tuple[Deployment, Fault]:
    deployed = day + 9 * HOUR + 52 * MINUTE
    start = deployed + HOUR
    end = start + max(6 * HOUR, 4 * span(rate))
    change = _rollout("chg-311", ONBOARDING, "web", deployed, end, "new hero for trial admins")
    return change, Fault("ctr_drop", ONBOARDING.key, "web", start, end, 0.08, change.change_id)


def _feed_stop(day: int) -> Fault:
    return Fault("feed_stop", ONBOARDING.key, "email", day + 14 * HOUR + 7 * MINUTE, day + 18 * HOUR + 21 * MINUTE)


def _fallbacks(day: int, rate: int) -> Fault:
    start = day + 10 * HOUR + 40 * MINUTE
    return Fault("technical_fallback", ONBOARDING.key, "in-app", start, start + max(5 * HOUR, 4 * span(rate)), 0.2)


def _consent(day: int, people: int) -> Fault:
    return Fault("consent_violation", ONBOARDING.key, "push", day + 12 * HOUR + 5 * MINUTE, day + 13 * HOUR + 25 * MINUTE, people)


Story = tuple[tuple[Deployment, ...], tuple[Fault, ...]]


def _day(days: int, part: float) -> int:
    return START + int(days * part) * DAY


def _quiet(days: int, rate: int) -> Story:
    deployed = _day(days, 0.5) + 10 * HOUR
    return (_rollout("chg-305", RENEWAL, "email", deployed, None, "shorter renewal mail"),), ()


def _drop(days: int, rate: int) -> Story:
    change, fault = _ctr_drop(_day(days, 0.5), rate)
    return (change,), (fault,)


def _stop(days: int, rate: int) -> Story:
    return (), (_feed_stop(_day(days, 0.5)),)


def _withdrawal(days: int, rate: int) -> Story:
    return (), (_consent(_day(days, 0.5), people=12),)


def _late_consent(days: int, rate: int) -> Story:
    """One person alone: the renewal that was under way takes back everything the withdrawal had made of it."""
    return (), (_consent(_day(days, 0.5), people=1),)


def _fortnight(days: int, rate: int) -> Story:
    change, drop = _ctr_drop(_day(days, 0.65), rate)
    harmless, _ = _quiet(days, rate)
    faults = (_fallbacks(_day(days, 0.1), rate), _consent(_day(days, 0.45), people=5), drop, _feed_stop(_day(days, 0.8)))
    if days < 7:
        return (*harmless, change), faults
    tile, unsettled = _open_end(START + (days - 1) * DAY)
    return (*harmless, change, tile), (*faults, unsettled)


def _open_end(day: int) -> tuple[Deployment, Fault]:
    """A change of the last afternoon that nobody has rolled back: a run of a week and more ends with something to act on."""
    deployed = day + 15 * HOUR + 52 * MINUTE
    change = _rollout("chg-318", ONBOARDING, "in-app", deployed, None, "shorter checklist tile", above=2)
    return change, Fault("ctr_drop", ONBOARDING.key, "in-app", deployed + HOUR, day + DAY, 0.08, change.change_id)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a named scenario is made, and how long it runs unless told."""

    story: Callable[[int, int], Story]
    about: str
    days: int


RECIPES = {
    "fortnight": Recipe(_fortnight, "a scripted fortnight", 14),
    "quiet": Recipe(_quiet, "nothing goes wrong", 2),
    "ctr-drop": Recipe(_drop, "a rule change breaks a channel", 2),
    "feed-stop": Recipe(_stop, "a channel stops sending", 2),
    "consent": Recipe(_withdrawal, "withdrawals are ignored", 2),
    "late-consent": Recipe(_late_consent, "a withdrawal is ignored, and a consent record that comes hours late takes the incident back", 2),
}
RATE = 600


def scenario(name: str, days: int | None = None, rate: int = RATE) -> Scenario:
    """Return the named scenario; raises ValueError, saying what would be right, for an unknown name, less than a day or too low a rate."""
    recipe = RECIPES.get(name)
    if recipe is None:
        raise ValueError(f"scenario must be one of {', '.join(RECIPES)}, was {name!r}")
    days = recipe.days if days is None else days
    if not 1 <= days <= 400:
        raise ValueError(f"days must be 1 to 400, was {days}")
    if not LOWEST_RATE <= rate <= 1_000_000:
        raise ValueError(f"rate must be {LOWEST_RATE} to 1000000 events an hour, was {rate}")
    deployments, faults = recipe.story(days, rate)
    return Scenario(name, days, rate, (ONBOARDING, RENEWAL), deployments, faults)
