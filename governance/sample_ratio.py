"""Are users split as planned? The sequential ratio test of one experiment, over its phases, and where the split is off.

Planned are the shares of the config, else the mean logged propensity of each arm, else equal shares of the arms seen. Each phase has
its own shares; the Bayes factors of phases multiply, for each is a martingale over users of its own.
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
    if seen and all(sums.get("propensities") == sums["first"] and sums.get("propensity", 0) > 0 for sums in seen.values()):
        return normalised({arm: sums["propensity"] / sums["propensities"] for arm, sums in seen.items()}), "propensity"
    return normalised(dict.fromkeys(seen, 1.0)), "equal"


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
        evidence += log_evidence(counts, shares)
        deviation = max(deviation, largest(counts, shares))
    return SampleRatio(p_of_log_evidence(evidence), users, shares, deviation, by)


def log_evidence(counts: Mapping[str, int], shares: Mapping[str, float]) -> float:
    """Return ln of the evidence against a split; none where there is only one arm."""
    if len(shares) < 2:
        return 0.0
    return ratio.log_bayes_factor([counts[arm] for arm in shares], list(shares.values()), PRIOR_USERS)


def largest(counts: Mapping[str, int], shares: Mapping[str, float]) -> float:
    """Return the largest deviation of a share from its plan."""
    whole = sum(counts.values())
    return max((abs(counts[arm] / whole - share) for arm, share in shares.items()), default=0.0) if whole and len(shares) > 1 else 0.0


def places(phases: Sequence[Phase]) -> list[dict[str, object]]:
    """Return the channels and profiles whose own split is off, most evident first, p corrected for how many were looked at."""
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
