"""Are users split as planned? The sequential ratio test of one experiment, over its phases, and where the split is off.

Planned are the shares of the config, else the logged propensities, else equal shares of the arms seen. Each phase has its own shares; the
Bayes factors of phases multiply, for each is a martingale over users of its own.

Where propensities differ from person to person (a bandit that looks at the context), an arm's share is users / sum(1/p): sum(1/p) over the
arm's users estimates all users (Horvitz and Thompson 1952), while the mean of p over them does not, for those with a large p are in it
more often. Its variance exceeds the multinomial's by a factor that is estimated too; users count for so much less.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from detectors import ratio
from detectors.tail import p_of_log_evidence
from governance.decision import SAMPLE_RATIO_P
from governance.metric import Phase

PRIOR_USERS = 1_000.0  # weight of the Dirichlet prior: 0.75 % false alarms in 500 looks, 51/49 found in 99.6 % of 100,000 users
MINIMUM_DEVIATION = 0.001  # of a share: a smaller one, found among millions, harms no readout
SMALLEST_SHARE = 1e-9
MOST_PLACES = 3
MILLION = 1_000_000
MOST_ALIKE = 1.01  # of the variance's factor: below it the rest is the rounding of propensities to millionths


@dataclass(frozen=True, slots=True)
class SampleRatio:
    """The test at one look: p of this look, users and planned shares per arm (of the last phase), the largest deviation of a share."""

    p_value: float
    users: Mapping[str, int]
    shares: Mapping[str, float]
    deviation: float
    planned_by: str

    def fails(self, smallest_p: float) -> bool:
        """Return whether the split is off: p, the smallest so far, and a deviation that matters."""
        return smallest_p < SAMPLE_RATIO_P and self.deviation >= MINIMUM_DEVIATION


def planned(phase: Phase) -> tuple[dict[str, float], str]:
    """Return the shares users of a phase should have, and what says so; an arm at 0 is in it once somebody is in the arm."""
    if phase.shares:
        return normalised({arm: share for arm, share in phase.shares.items() if share or phase.arms.get(arm, {}).get("first")}), "config"
    seen = {arm: sums for arm, sums in sorted(phase.arms.items()) if sums.get("first")}
    if seen and all(sums.get("logged") == sums["first"] for sums in seen.values()):
        return normalised({arm: sums["logged"] * MILLION / sums["inverse"] for arm, sums in seen.items()}), "propensity"
    return normalised(dict.fromkeys(seen, 1.0)), "equal"


def thinning(phase: Phase, planned_by: str) -> float:
    """Return how many users count as one: 1 where everybody of an arm had the same chance of it."""
    if planned_by != "propensity":
        return 1.0
    found = [1.0]
    for sums in phase.arms.values():
        share = sums["logged"] * MILLION / sums["inverse"] if sums.get("inverse") else 1.0
        if share < 1.0:
            found.append((sums["squares"] - sums["inverse"]) / (MILLION * sums["logged"]) / ((1.0 - share) / (share * share)))
    return max(found) if max(found) > MOST_ALIKE else 1.0


def normalised(shares: Mapping[str, float]) -> dict[str, float]:
    """Return shares that sum to 1, none smaller than a test can read."""
    whole = math.fsum(shares.values())
    return {arm: max(share / whole, SMALLEST_SHARE) for arm, share in sorted(shares.items())} if whole > 0 else {}


def sample_ratio(phases: Sequence[Phase]) -> SampleRatio:
    """Return the ratio test over all phases; arms that are not planned are not in it (they are unknown variants)."""
    evidence, deviation, by = 0.0, 0.0, "equal"
    users: dict[str, int] = {}
    shares: dict[str, float] = {}
    for phase in phases:
        shares, by = planned(phase)
        counts = {arm: phase.arms.get(arm, {}).get("first", 0) for arm in shares}
        for arm, number in counts.items():
            users[arm] = users.get(arm, 0) + number
        evidence += log_evidence(counts, shares, thinning(phase, by))
        deviation = max(deviation, largest(counts, shares))
    return SampleRatio(p_of_log_evidence(evidence), users, shares, deviation, by)


def log_evidence(counts: Mapping[str, int], shares: Mapping[str, float], thinned: float = 1.0) -> float:
    """Return ln of the evidence against a split, so many users counted as one; none where there is only one arm."""
    if len(shares) < 2:
        return 0.0
    users = [counts[arm] if thinned == 1.0 else round(counts[arm] / thinned) for arm in shares]
    return ratio.log_bayes_factor(users, list(shares.values()), PRIOR_USERS)


def largest(counts: Mapping[str, int], shares: Mapping[str, float]) -> float:
    """Return the largest deviation of a share from its plan."""
    whole = sum(counts.values())
    return max((abs(counts[arm] / whole - share) for arm, share in shares.items()), default=0.0) if whole and len(shares) > 1 else 0.0


def places(phases: Sequence[Phase]) -> list[dict[str, object]]:
    """Return the channels and profiles whose own split is off, most evident first, p corrected for how many were looked at.

    None where the chance of an arm differs from person to person: it may differ from place to place.
    """
    if any(thinning(phase, planned(phase)[1]) > 1.0 for phase in phases):
        return []
    names = sorted({name for phase in phases for sums in phase.arms.values() for name in sums if name.startswith(("channel.", "profile."))})
    names = [name for name in names if sum(other.split(".", 1)[0] == name.split(".", 1)[0] for other in names) > 1]  # else it is the whole
    found: list[tuple[float, str, dict[str, int]]] = []
    for name in names:
        evidence = math.fsum(log_evidence(counted(phase, name, shares), shares) for phase in phases for shares in (planned(phase)[0],))
        users = summed(counted(phase, name, planned(phase)[0]) for phase in phases)
        found.append((min(1.0, p_of_log_evidence(evidence) * len(names)), name, users))
    off = sorted(one for one in found if one[0] < SAMPLE_RATIO_P)[:MOST_PLACES]
    return [{"where": {name.split(".", 1)[0]: name.split(".", 1)[1]}, "p_value": p, "users": users} for p, name, users in off]


def counted(phase: Phase, name: str, shares: Mapping[str, float]) -> dict[str, int]:
    """Return the users of one place per planned arm."""
    return {arm: phase.arms.get(arm, {}).get(name, 0) for arm in shares}


def summed(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Return users per arm over phases."""
    found: dict[str, int] = {}
    for part in parts:
        for arm, number in part.items():
            found[arm] = found.get(arm, 0) + number
    return found
