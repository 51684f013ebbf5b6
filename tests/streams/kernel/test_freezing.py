"""A detector plug-in that raises, wherever it is asked: frozen as it was, and the same however the work is cut into commits."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, fields
from functools import partial

import numpy as np
import orjson
import pytest

from detectors.dip import Dip
from detectors.kpi import BUILT_IN
from detectors.protocol import States, Truth, Verdicts, some
from detectors.weighing import Windows
from detectors.window import MINUTE
from governance.config import load_config
from streams.kernel.cells import Cells
from streams.kernel.detection import Detection, Phase
from streams.kernel.detector_rule import DetectorRule, detector_rules
from streams.kernel.faults import FAULTS, tried
from streams.kernel.record import Outgoing
from streams.kernel.rows import Draft, Rows, RowVersionError, key_parts
from streams.kernel.series import Scene
from streams.kernel.state_rows import STATES
from streams.kernel.watch import Watch
from tests.streams.kernel.commits import closed

CONFIG = load_config(
    "version: 1\ntiming: {window: 1m}\ninitiatives: {home: {owners: {testing_lead: {person: ana}}, "
    "detectors: {dip: {window: 1m, group_by: [profile]}, drift: false, freshness: false, suppression: false}}}"
)
NOON = 1_795_348_800_000
ODD = 170  # exposures of the one series that the plug-in cannot take
WHERE = ("width", "score", "learn", "state", "number")


class WorthlessError(Exception):
    """What the plug-in raises."""


@dataclass(frozen=True, slots=True)
class Plugin(Dip):
    """A dip detector that raises at one place where a window of ODD exposures is among what it is asked about."""

    where: str = ""

    def score(self, states: States, seen: Windows) -> Verdicts:
        """Judge windows, or raise, or say nothing of one."""
        self._raise_on("score", seen)
        verdicts = Dip.score(self, states, seen)
        return some(verdicts, seen.exposure != ODD) if self.where == "number" else verdicts

    def learn(self, states: States, seen: Windows, said: Verdicts, told: Truth) -> States:
        """Take windows in, or raise, or return what no row can hold."""
        self._raise_on("learn", seen)
        found = Dip.learn(self, states, seen, said, told)
        odd = bool((seen.exposure == ODD).any())
        if odd and self.where == "state":
            return np.array([[object()] * self.width] * len(found))
        return found[:, 1:] if odd and self.where == "width" else found

    def _raise_on(self, where: str, seen: Windows) -> None:
        if self.where == where and (seen.exposure == ODD).any():
            raise WorthlessError(f"{ODD} people")


@dataclass(frozen=True, slots=True)
class PluginRule(DetectorRule):
    """The rule of the plug-in at one level."""

    where: str = ""

    def detector(self) -> Plugin:
        """Return the plug-in."""
        dip = DetectorRule.detector(self)
        assert isinstance(dip, Dip)
        return Plugin(dip.weighing, dip.budget, where=self.where)


def rules(where: str) -> dict[str, DetectorRule]:
    """Return the config's rules with the plug-in as their detector."""
    found = detector_rules(CONFIG, "home")
    return {name: PluginRule(**{one.name: getattr(rule, one.name) for one in fields(rule)}, where=where) for name, rule in found.items()}


def cells(minute: int) -> Cells:
    """Return what three profiles saw in a minute; p2 is the odd one."""
    shown = {"p1": 300, "p2": ODD, "p3": 280}
    return {(name, "-", "-", "-"): {"exposures": number, "clicks": number // 10 + minute % 3} for name, number in shown.items()}


class Run:
    """Minutes of one initiative under the plug-in, which raises in the `bad` ones; with `cut` every phase is a commit of its own."""

    def __init__(self, where: str, bad: Collection[int], minutes: int = 36, *, cut: bool = False) -> None:
        self.rows, self.sent = Rows(), list[Outgoing]()
        self.history: list[dict[str, bytes | None]] = []
        for minute in range(minutes):
            self._close(minute, rules(where if minute in bad else ""), cut=cut)
            self.history.append({key_parts(key)[-1]: self.rows.get(key) for key in self.rows.keys(STATES)})

    def _close(self, minute: int, rules: dict[str, DetectorRule], *, cut: bool) -> None:
        now = NOON + (minute + 1) * MINUTE
        scene = Scene("home", now, 3, BUILT_IN, {}, 0.01, lambda size: cells(minute), drain=False)

        def begin(draft: Draft) -> Iterator[Phase]:
            watch = Watch(draft, "home", CONFIG, CONFIG.sha256)
            detection = Detection(draft, scene, rules, watch)
            yield from detection.phases()
            yield partial(watch.tell_faults, now)
            yield detection.forget

        self.sent += closed(self.rows, begin, cut=cut)

    def steps(self) -> list[tuple[str, int]]:
        """Return (step, minute) of every incident's steps."""
        found = [orjson.loads(one.value)["data"] for one in self.sent if one.topic == "incidents"]
        return [(one["step"], int(one["updated_at"][14:16])) for one in found]


@pytest.mark.parametrize("where", WHERE)
def test_one_that_raises_once_keeps_its_state_and_goes_on_with_the_next_window(where: str) -> None:
    found = Run(where, bad={30})

    assert found.history[30]["p2"] == found.history[29]["p2"]
    assert found.history[31]["p2"] != found.history[30]["p2"]
    assert found.steps() == []
    assert not [*found.rows.keys(FAULTS)]


@pytest.mark.parametrize("where", WHERE)
def test_one_that_raises_at_every_retry_stays_as_it_was_and_is_told_of(where: str) -> None:
    """Bad at three ends in a row; well from then on, but nobody asks it any more."""
    found = Run(where, bad={30, 31, 32})
    (told,) = [orjson.loads(one.value)["data"] for one in found.sent if one.topic == "incidents"]

    assert {one["p2"] for one in found.history[29:]} == {found.history[29]["p2"]}
    assert (told["check"], told["key"], told["owner"]["person"]) == ("job_failed", {"feed": "detector:dip"}, "ana")
    assert found.steps() == [("opened", 33)]
    assert found.history[35]["p1"] != found.history[34]["p1"]
    assert found.history[35][""] != found.history[34][""]


@pytest.mark.parametrize("where", WHERE)
def test_it_is_the_same_wherever_it_is_cut_into_commits(where: str) -> None:
    whole, cut = (Run(where, bad={28, 30, 31, 32}, cut=cut) for cut in (False, True))

    assert dict(whole.rows.items()) == dict(cut.rows.items())
    assert whole.sent == cut.sent


def test_what_it_says_in_its_error_is_published_and_kept_nowhere() -> None:
    found = Run("score", bad={30, 31, 32})

    assert not [value for _, value in found.rows.items() if f"{ODD} people".encode() in value]
    assert not [one for one in found.sent if b"people" in one.value]
    assert [value for key, value in found.rows.items() if key[:1] == FAULTS and b"WorthlessError" in value]


@pytest.mark.parametrize("error", [MemoryError, RowVersionError, KeyboardInterrupt])
def test_what_may_go_well_elsewhere_is_no_fault_of_a_series(error: type[BaseException]) -> None:
    """No memory, rows of a newer program, a worker that is stopped: freezing a series for these would differ from worker to worker."""

    def ask() -> None:
        raise error

    with pytest.raises(error):
        tried(ask)
