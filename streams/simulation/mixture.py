"""The mixture: initiatives of ten cells as hourly tallies, volumes of 2 to 20,000 an hour, and a clairvoyant's answer beside the truth.

    volume:  tier × hour of day × weekend × growth × noise (CV 2-8 %)     holiday ×0.5, campaign burst ×4
    clicks:  rate × hour of day × wobble shared by the initiative × noise (CV 2-8 %)     three outliers of one hour
    share of variant a:  one half, moved about as a bandit would

None of these is a fault, and every cell has them all. Of an initiative's cells six carry one fault each, after the first fortnight: a dip
(10, 20 or 40 % for 12 to 48 hours), a drift (the same, reached over a week), a suppressed variant (60 to 90 % of its share), or
silence. The clairvoyant knows span, size, baseline and noise of a fault and asks a matched filter for z of at least 3.5, which is about
what .02 false alarms a series and week cost one who has to look: nobody can be asked to find much more.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from detectors.window import DAY, HOUR, SECOND
from governance.message.instant import format_instant
from streams.simulation.delivery import Sent, encode
from streams.simulation.scenario import START

DAYS = 42
FEWEST_DAYS = 35  # a fortnight to learn, and room for a drift of two weeks
WARM = 14 * 24
TIERS = (2, 20, 200, 2_000, 20_000)
CHANNELS = ("web", "email")
INITIATIVES = 3
STRUCK = 6  # cells of an initiative
SURE = 3.5
DRIFT_HOURS, DRIFT_RISE = 336, 168

Kind = Literal["dip", "drift", "suppression", "stale"]
KINDS: tuple[Kind, ...] = ("dip", "drift", "suppression", "stale")
CHECKS: dict[Kind, str] = {"dip": "dip", "drift": "drift", "suppression": "suppression", "stale": "freshness"}
Array = np.ndarray[Any, np.dtype[np.float64]]
Draw = np.random.Generator


@dataclass(frozen=True, slots=True)
class Ailment:
    """One fault of one cell over hours [start, end); `sure` is the clairvoyant's answer."""

    kind: Kind
    start: int
    end: int
    size: float
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Part:
    """One variant of one cell in one hour."""

    variant: str
    exposures: int
    clicks: int


@dataclass(frozen=True, slots=True)
class CellCounts:
    """One cell of one initiative: exposures, clicks and exposures of variant a by hour, and its fault."""

    profile: str
    channel: str
    exposures: Array
    clicks: Array
    shown: Array
    ailment: Ailment | None

    def split(self, hour: int) -> tuple[Part, Part]:
        """Return an hour by variant; clicks fall to the variants as exposures do."""
        exposures, clicks, shown = int(self.exposures[hour]), int(self.clicks[hour]), int(self.shown[hour])
        first = min(shown, clicks * shown // exposures if exposures else 0)
        first = max(first, clicks - (exposures - shown))
        return Part("a", shown, first), Part("b", exposures - shown, clicks - first)


def season(draw: Draw, hours: int) -> tuple[Array, Array]:
    """Return (volume, rate) factors of every hour."""
    hour, day = np.arange(hours) % 24, np.arange(hours) // 24
    volume = (0.35 + 1.3 * np.exp(-(((hour - 14) / 5) ** 2))) * np.where(day % 7 >= 5, 0.7, 1.0)
    rate = 1 + draw.uniform(0.05, 0.2) * np.sin(2 * np.pi * (hour - draw.integers(24)) / 24)
    return volume / volume.mean(), rate


def wobble(draw: Draw, hours: int, scale: float) -> Array:
    """Return a factor that wanders around 1 with a memory of 0.9 (first-order autoregressive)."""
    found, last = np.empty(hours), 0.0
    for at in range(hours):
        last = 0.9 * last + draw.normal(0, scale * 0.436)
        found[at] = np.exp(last)
    return found


def cell(draw: Draw, tier: int, channel: str, hours: int, shared: Array, kind: Kind | None) -> CellCounts:
    """Return one cell with its hard negatives and, where asked, one fault."""
    volume, appetite = season(draw, hours)
    variation = draw.uniform(0.02, 0.08)
    mean = tier * volume * np.linspace(1, draw.uniform(1, 1.3), hours)
    rate = np.minimum(0.9, draw.uniform(0.03, 0.15) * appetite * shared)
    share = 0.5 + 0.08 * (wobble(draw, hours, 0.5) - 1).clip(-2, 2)
    holiday, burst = int(draw.integers(WARM, hours - 24)), int(draw.integers(WARM, hours - 8))
    mean[holiday : holiday + 24] *= 0.5
    mean[burst : burst + 6] *= 4
    ailment = None if kind is None else struck(draw, kind, hours)
    now, shares = ailing(ailment, rate, share)

    def noise() -> Array:
        return np.asarray(1 + variation * draw.standard_normal(hours))

    exposures = draw.poisson(np.maximum(0, mean * noise())).astype(np.float64)
    chance = now * noise()
    for at in draw.integers(WARM, hours, 3):
        if ailment is None or not ailment.start - 3 <= at <= ailment.end + 3:  # alone, so that nothing else can be made of it
            chance[at] *= draw.choice([0.5, 1.5])
    clicks = draw.binomial(exposures.astype(int), np.clip(chance, 0, 0.95)).astype(np.float64)
    shown = draw.binomial(exposures.astype(int), np.clip(shares * noise(), 0, 1)).astype(np.float64)
    if ailment is not None and ailment.kind == "stale":
        for counts in (exposures, clicks, shown):
            counts[ailment.start : ailment.end] = 0
    elif ailment is not None:
        sure = clairvoyant(ailment, exposures, clicks, shown, rate, share, variation) >= SURE
        ailment = Ailment(ailment.kind, ailment.start, ailment.end, ailment.size, sure)
    return CellCounts(f"volume-{tier}", channel, exposures, clicks, shown, ailment)


def struck(draw: Draw, kind: Kind, hours: int) -> Ailment:
    """Return when a fault strikes and how hard."""
    length = int(draw.choice([12, 24, 48]))
    size = float(draw.choice([0.1, 0.2, 0.4])) + (0.5 if kind == "suppression" else 0.0)
    length = DRIFT_HOURS if kind == "drift" else length
    start = int(draw.integers(WARM + 24, hours - length - (4 if kind == "drift" else 24)))
    return Ailment(kind, start, start + length, 1.0 if kind == "stale" else size)


def loss(ailment: Ailment) -> Array:
    """Return which part of rate or share is lost in each hour of a fault."""
    hours = np.arange(ailment.end - ailment.start)
    return np.asarray(ailment.size * (np.minimum(1, hours / DRIFT_RISE) if ailment.kind == "drift" else np.ones(len(hours))))


def ailing(ailment: Ailment | None, rate: Array, share: Array) -> tuple[Array, Array]:
    """Return rate and share with a fault in them."""
    rate, share = rate.copy(), share.copy()
    if ailment is not None and ailment.kind != "stale":
        hit = share if ailment.kind == "suppression" else rate
        hit[ailment.start : ailment.end] *= 1 - loss(ailment)
    return rate, share


def clairvoyant(ailment: Ailment, exposures: Array, clicks: Array, shown: Array, rate: Array, share: Array, variation: float) -> float:
    """Return the z of a matched filter that knows the fault and everything about the cell but its chance."""
    inside = slice(ailment.start, ailment.end)
    whole = share if ailment.kind == "suppression" else rate
    mu = exposures[inside] * whole[inside]
    counted = (shown if ailment.kind == "suppression" else clicks)[inside]
    bound = 1 - share[inside] if ailment.kind == "suppression" else 1.0
    variance = np.maximum(mu * bound + (variation * mu) ** 2, 1e-9)
    weight = loss(ailment) * mu / variance
    spread = float((weight**2 * variance).sum()) ** 0.5
    return float((weight * (mu - counted)).sum()) / spread if spread > 0 else 0.0


class Mixture:
    """One mixture under a seed; the same arguments give the same records. Raises ValueError for too few days."""

    def __init__(self, seed: int, *, days: int = DAYS, initiatives: int = INITIATIVES, faults: bool = True) -> None:
        if not FEWEST_DAYS <= days <= 400:
            raise ValueError(f"days must be {FEWEST_DAYS} to 400 for a mixture, was {days}")
        self.seed, self.days = seed, days
        self.initiatives = {f"program-{number + 1}": self._cells(number, faults=faults) for number in range(initiatives)}

    def _cells(self, number: int, *, faults: bool) -> list[CellCounts]:
        draw = np.random.default_rng((self.seed, number))
        shared = wobble(draw, self.days * 24, 0.04)
        places = [(tier, channel) for channel in CHANNELS for tier in TIERS]
        chosen = {int(place): KINDS[int(draw.integers(4))] for place in draw.choice(len(places), STRUCK, replace=False)} if faults else {}
        return [cell(draw, *place, self.days * 24, shared, chosen.get(number)) for number, place in enumerate(places)]

    def records(self) -> Iterator[Sent]:
        """Yield every tally by stamp: one for each cell, variant and hour that saw anybody, some minutes after its hour began."""
        for hour in range(self.days * 24):
            for name, cells in self.initiatives.items():
                for place, found in enumerate(cells):
                    yield from tallies(name, place, found, hour)

    def document(self) -> dict[str, object]:
        """Return the truth as JSON-able data, times in RFC 3339."""
        return {
            "scenario": "mixture",
            "seed": self.seed,
            "start": format_instant(START),
            "end": format_instant(START + self.days * DAY),
            "incidents": sorted(
                (incident(name, found, found.ailment) for name, cells in self.initiatives.items() for found in cells if found.ailment),
                key=lambda one: (one["start"], one["initiative"]),
            ),
        }


def tallies(initiative: str, place: int, found: CellCounts, hour: int) -> Iterator[Sent]:
    """Yield the tallies of one hour of one cell."""
    stamp = START + hour * HOUR + (20 + 2 * place) * 60 * SECOND
    for part in found.split(hour):
        if not part.exposures:
            continue
        event: dict[str, object] = {
            "event_id": f"t-{initiative}-{place}-{part.variant}-{hour}",
            "occurred_at": stamp,
            "type": "tally",
            "initiative": initiative,
            "profile": found.profile,
            "channel": found.channel,
            "variant": part.variant,
            "exposures": part.exposures,
            "clicks": part.clicks,
        }
        yield Sent(stamp, "engagement-events", f"{initiative}/{place}".encode(), encode(event))


def incident(initiative: str, found: CellCounts, ailment: Ailment) -> dict[str, Any]:
    """Return one fault as the truth says it."""
    variant = {"variant": "a"} if ailment.kind == "suppression" else {}
    return {
        "kind": ailment.kind,
        "check": CHECKS[ailment.kind],
        "initiative": initiative,
        "key": {"profile": found.profile, "channel": found.channel, **variant},
        "start": format_instant(START + ailment.start * HOUR),
        "end": format_instant(START + ailment.end * HOUR),
        "size": round(ailment.size, 3),
        "clairvoyant": ailment.sure,
    }


def config_text(names: Sequence[str], budget: float = 0.02) -> str:
    """Return the YAML config under which a mixture is watched: every cell by every detector, at the default budget."""
    detectors = (
        "{dip: {group_by: [profile, channel]}, drift: {group_by: [profile, channel]}, "
        "suppression: {group_by: [profile, channel]}, freshness: {window: 1h, group_by: [profile, channel]}}"
    )
    head = (
        "# Watches the tallies of `pmon simulate --scenario mixture`.\nversion: 1\ntiming: {window: 1h, tick: 15m, stalled_after: 1h}\n"
        f"detection: {{alarm_budget_per_series_week: {budget:g}}}\ninitiatives:\n"
    )
    return head + "".join(f"  {name}:\n    detectors: {detectors}\n" for name in names)
