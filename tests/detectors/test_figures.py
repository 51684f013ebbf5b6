"""What was said of fixed series when every series was judged by itself, number by number: columns say the same."""

from collections.abc import Callable
from math import nan
from typing import Any

import numpy as np
import pytest

from detectors.budget import Budget
from detectors.dip import Dip
from detectors.drift import Drift
from detectors.freshness import Freshness, Silences
from detectors.protocol import Detector
from detectors.suppression import Shares, Suppression
from detectors.weighing import Windows
from detectors.window import DAY, HOUR

TWICE, ONCE = Budget.of(0.02, HOUR), Budget.of(0.02, HOUR, 1, 1)
MONDAY = 20_402 * DAY
# (detector, hour, series): score and expected; made by detectors of one series each, as they stood here before. What is a breach is no part
# of it: that depends on how a budget is spent.
SAID = {
    ("dip", 60, 0): (0.8772260928, 0.1022846624),
    ("dip", 60, 1): (0.8207610256, 0.09888881328),
    ("dip", 60, 2): (-0.9073312647, 0.0893824005),
    ("dip", 200, 0): (-1.375484217, 0.09960715976),
    ("dip", 200, 1): (-0.5916407012, 0.100764144),
    ("dip", 200, 2): (-0.517139122, 0.08984176609),
    ("dip", 301, 0): (-0.9695388985, 0.09581323002),
    ("dip", 301, 1): (0.1140432375, 0.09836012659),
    ("dip", 301, 2): (5.199316811, 0.08960535421),
    ("dip", 310, 0): (-0.2288310348, 0.1020440516),
    ("dip", 310, 1): (0.6018226871, 0.09275931511),
    ("dip", 310, 2): (4.890980035, 0.08832563595),
    ("dip", 340, 0): (-0.6322701758, 0.08952808413),
    ("dip", 340, 1): (0.2777486856, 0.09724346618),
    ("dip", 340, 2): (3.261680109, 0.08717606576),
    ("drift", 60, 0): (0.8307686162, 0.1022846624),
    ("drift", 60, 1): (0.9811106228, 0.09888881328),
    ("drift", 60, 2): (0, 0.0893824005),
    ("drift", 200, 0): (0, 0.09961397543),
    ("drift", 200, 1): (0.9628202458, 0.1007681639),
    ("drift", 200, 2): (0, 0.08984171464),
    ("drift", 301, 0): (0, 0.09584170071),
    ("drift", 301, 1): (1.51384977, 0.0983935912),
    ("drift", 301, 2): (5.675223985, 0.08961209661),
    ("drift", 310, 0): (0.2473844624, 0.1021199926),
    ("drift", 310, 1): (8.072223562, 0.09289643968),
    ("drift", 310, 2): (30.63212884, 0.08946952896),
    ("drift", 340, 0): (0.03489061656, 0.08971318131),
    ("drift", 340, 1): (18.03587038, 0.09844473653),
    ("drift", 340, 2): (96.00273366, 0.08990969362),
    ("suppression", 60, 0): (-1.673537819, 0.3967113415),
    ("suppression", 60, 1): (-4.498935832, 0.3959813041),
    ("suppression", 60, 2): (-0.9625332081, 0.4),
    ("suppression", 200, 0): (-1.226909937, 0.4),
    ("suppression", 200, 1): (-3.913095894, 0.3983711886),
    ("suppression", 200, 2): (-0.451925184, 0.3999566891),
    ("suppression", 301, 0): (0.3621964332, 0.4),
    ("suppression", 301, 1): (0.2712307874, 0.3772079076),
    ("suppression", 301, 2): (44.7591881, 0.3999354896),
    ("suppression", 310, 0): (1.34435303, 0.3893399502),
    ("suppression", 310, 1): (-1.484473771, 0.3029916861),
    ("suppression", 310, 2): (39.08192824, 0.399456964),
    ("suppression", 340, 0): (0.0163662111, 0.3559034314),
    ("suppression", 340, 1): (-3.073816428, 0.2784805357),
    ("suppression", 340, 2): (14.96586602, 0.3964234803),
    ("freshness", 60, 0): (0, nan),
    ("freshness", 60, 1): (0, nan),
    ("freshness", 60, 2): (0, nan),
    ("freshness", 200, 0): (0, nan),
    ("freshness", 200, 1): (0, nan),
    ("freshness", 200, 2): (0, nan),
    ("freshness", 301, 0): (7.914027512, 3183.157895),
    ("freshness", 301, 1): (63.15647901, 114.3801001),
    ("freshness", 301, 2): (4.517993492, 7.178898186),
    ("freshness", 310, 0): (41.9129569, 5227.046263),
    ("freshness", 310, 1): (43.81283124, 154.4015624),
    ("freshness", 310, 2): (66.26319769, 9.441871692),
    ("freshness", 340, 0): (0.04696147455, 90514.28571),
    ("freshness", 340, 1): (0.5200279929, 47579.93552),
    ("freshness", 340, 2): (0.5356968654, 45721.7731),
}


def wobble(hour: int, of: int) -> float:
    """Return a number from -1 to 1 that looks like chance and is none."""
    return ((hour * 7919 + of * 104729) % 101 - 50) / 50


def rates(hour: int) -> Windows:
    """Return an hour of three rates, small, with money, and large with siblings; from the 300th on 15 % less."""
    rows = []
    for series, volume in enumerate((20.0, 400.0, 30_000.0)):
        exposure = round(volume * (1.5 if 8 <= hour % 24 < 20 else 1.0) * (1 + 0.1 * wobble(hour, series)))
        mu = 0.1 * exposure * (0.85 if hour >= 300 else 1.0) * (0.9 if series == 2 else 1.0)
        events = max(0, round(mu + 1.2 * mu**0.5 * wobble(hour, series + 3)))
        common, doubt = (0.9, 0.0004) if series == 2 else (1.0, 0.0)
        rows.append((events, exposure, common, doubt, events * 20.0 * (1 + 0.2 * wobble(hour, 7)) if series == 1 else 0.0))
    return Windows.of(MONDAY + (hour + 1) * HOUR, *zip(*rows, strict=True))


def shares(hour: int) -> Shares:
    """Return an hour of three variants, the second without a stated share; from the 300th on three tenths less."""
    rows = []
    for series, volume in enumerate((30.0, 500.0, 40_000.0)):
        total = round(volume * (1 + 0.2 * wobble(hour, series)))
        mu = total * 0.4 * (0.7 if hour >= 300 else 1.0)
        rows.append((min(total, max(0, round(mu + 1.2 * mu**0.5 * wobble(hour, series + 5)))), total, nan if series == 1 else 0.4))
    return Shares.of(MONDAY + (hour + 1) * HOUR, *zip(*rows, strict=True))


def silences() -> Callable[[int], Silences]:
    """Return the hours of three sources that sleep at night; from the 300th on they are quiet for half a day."""
    last = [0, 0, 0]

    def of(hour: int) -> Silences:
        end, rows = MONDAY + (hour + 1) * HOUR, []
        for series, volume in enumerate((2, 60, 1000)):
            awake = 7 <= hour % 24 < 22 and not 300 <= hour < 312
            events = round((volume if awake else 0) * (1 + 0.3 * wobble(hour, series)))
            last[series] = end - HOUR // (events + 1) if events else last[series]
            rows.append(events)
        return Silences.of(end, HOUR, rows, last)

    return of


@pytest.mark.parametrize(
    ("name", "detector", "seen"),
    [
        ("dip", Dip.of(-1, TWICE), rates),
        ("drift", Drift.of(-1, ONCE), rates),
        ("suppression", Suppression(TWICE), shares),
        ("freshness", Freshness(ONCE), silences()),
    ],
)
def test_columns_say_what_one_by_one_said(name: str, detector: Detector[Any], seen: Callable[[int], Any]) -> None:
    states, found = detector.fresh(3), {}
    for hour in range(341):
        window = seen(hour)
        said = detector.score(states, window)
        for series in range(3):
            if (name, hour, series) in SAID:
                found[name, hour, series] = said.score[series].item(), said.expected[series].item()
        states = detector.learn(states, window, said, np.zeros(3, dtype=np.bool_))
    expected = {key: figures for key, figures in SAID.items() if key[0] == name}
    assert len(expected) == 15
    for key, figures in expected.items():
        assert found[key] == pytest.approx(figures, rel=1e-8, nan_ok=True), key
