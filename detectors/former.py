"""States from when each series had a detector of its own and a list of JSON numbers: what they had learnt goes on in columns.

baseline      [1, memory, windows, events, exposure, squares, means, [[slot, events, events due], …]]
dip           [2, baseline, accumulation, value]            drift      [3, baseline, accumulation, test, told]
suppression   [3, windows, shown, total, squares, means, before, accumulation]
freshness     [1, hour, counted, since, [[slot, days, mean, squares], …], worst, last]
"""

from collections.abc import Sequence
from typing import Any

from detectors import baseline, freshness, suppression
from detectors.accumulation import WIDTH
from detectors.baseline import SLOTS
from detectors.dip import Dip
from detectors.drift import Drift
from detectors.freshness import DAYS, HOURLY, KNOWN, MEANS, MEMORY, PACKED, VISITS, WORST, Freshness
from detectors.protocol import Detector
from detectors.suppression import Suppression

Numbers = Sequence[Any]


def carried(detector: Detector[Any], state: Numbers) -> list[float] | None:
    """Return the numbers of a state as it was, in the order of today's; None for one of a version before."""
    version, *rest = state
    if isinstance(detector, Dip) and version == 2:
        rates, past, value = rest
        return _rated(rates, past, value)
    if isinstance(detector, Drift) and version == 3:
        rates, past, test, told = rest
        return _rated(rates, past, [*test, told])
    if isinstance(detector, Suppression) and version == 3:
        return _shared(rest)
    if isinstance(detector, Freshness) and version == 1:
        return _quiet(rest)
    return None


def _rated(rates: Numbers, past: Numbers, others: Numbers) -> list[float] | None:
    version, _, *sums, slots = rates
    if version != 1 or len(past) != WIDTH:
        return None
    found = [*sums, *[0.0] * (2 * SLOTS)]
    for slot, seen, due in slots:
        found[baseline.SEEN + slot], found[baseline.DUE + slot] = seen, due
    return [float(number) for number in (*found, *past, *others)]


def _shared(rest: Numbers) -> list[float]:
    *sums, past = rest
    lately = [0.0] * (suppression.PAST.start - len(sums))  # what was shown of late is known again within hours
    return [float(number) for number in (*sums, *lately, *past)]


def _quiet(rest: Numbers) -> list[float]:
    hour, counted, since, slots, worst, last = rest
    found = [0.0] * freshness.WIDTH
    known = sum(days >= VISITS for _, days, _, _ in slots)
    found[HOURLY : WORST + 2] = [float(number) for number in (hour, counted, since, last, known, *worst)]
    assert KNOWN + 1 == WORST
    for slot, days, mean, squares in slots:
        found[DAYS + slot // PACKED] += float(int(min(days, MEMORY)) << 4 * (slot % PACKED))
        found[MEANS + slot], found[freshness.SQUARES + slot] = float(mean), float(squares)
    return found
