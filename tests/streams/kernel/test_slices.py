"""Many series are scored at once and learn slice by slice; a crash between two commits scores the slice again from its rows."""

from collections.abc import Iterator
from itertools import product
from random import Random

from detectors.kpi import BUILT_IN
from detectors.window import MINUTE
from governance.config import load_config
from streams.kernel.cells import Cells
from streams.kernel.detection import SERIES_A_PHASE, Detection, Phase
from streams.kernel.detector_rule import detector_rules
from streams.kernel.record import Outgoing
from streams.kernel.rows import Draft, Rows
from streams.kernel.series import Scene
from streams.kernel.watch import Watch
from tests.streams.kernel.commits import closed

BOTH = "window: 1m, group_by: [profile, channel]"
CONFIG = load_config(
    "version: 1\ntiming: {window: 1m}\ninitiatives: {home: {owners: {testing_lead: {person: ana}}, "
    f"detectors: {{dip: {{{BOTH}}}, drift: {{{BOTH}}}, freshness: {{{BOTH}}}, suppression: {{{BOTH}}}}}}}}}"
)
NOON = 1_795_348_800_000
ADMITTED = 2 * SERIES_A_PHASE + 1  # cells there once were: three slices


def minutes(number: int) -> Iterator[Cells]:
    """Yield minutes of twelve places in two variants; from the 50th on a profile loses its clicks and one place its second variant."""
    chance = Random(1)
    for minute in range(number):
        cells: Cells = {}
        for profile, channel, variant in product(("p1", "p2", "p3"), ("web", "email", "app", "sms"), ("a", "b")):
            shown = round(400 * chance.uniform(0.9, 1.1)) * (1 + (profile == "p3"))
            lost = minute >= 50 and (profile, channel, variant) == ("p1", "web", "b")
            clicks = round(0.1 * shown * chance.uniform(0.8, 1.2) * (0.3 if minute >= 50 and profile == "p2" else 1.0))
            seen = {"exposures": 1 if lost else shown, "clicks": 0 if lost else clicks, "last_ms": NOON + minute * MINUTE + 30_000}
            cells[profile, channel, "-", variant] = {name: count for name, count in seen.items() if count}
        yield cells


def run(*, commits: bool) -> tuple[Rows, list[Outgoing]]:
    """Return rows and messages after an hour and a quarter; with `commits` every phase is one, taken up by somebody who knows rows only."""
    rows, sent, rules = Rows(), list[Outgoing](), detector_rules(CONFIG, "home")
    for minute, cells in enumerate(minutes(75)):
        now = NOON + (minute + 1) * MINUTE
        scene = Scene("home", now, ADMITTED, BUILT_IN, {}, 0.01, lambda size, cells=cells: cells, drain=False)  # type: ignore[misc]

        def begin(draft: Draft, scene: Scene = scene) -> Iterator[Phase]:
            detection = Detection(draft, scene, rules, Watch(draft, "home", CONFIG, CONFIG.sha256))
            yield from detection.phases()
            yield detection.forget

        sent += closed(rows, begin, cut=commits)
    return rows, sent


def test_slices_learn_what_they_would_have_learnt_together() -> None:
    whole, cut = run(commits=False), run(commits=True)

    assert [one for one in whole[1] if one.topic == "incidents"]
    assert dict(whole[0].items()) == dict(cut[0].items())
    assert whole[1] == cut[1]
