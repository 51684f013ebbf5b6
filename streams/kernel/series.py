"""The series of one initiative at one closing: their detectors as the rows keep them, and asked so that one that raises stops itself only.

D [initiative, check, kpi, dimensions, values…]   what one detector has learnt of one series, and whether it sees anything (`sight`)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from detectors.dip import Dip
from detectors.kpi import Ratio
from detectors.protocol import StateVersionError
from streams.kernel.cells import Cells
from streams.kernel.detector_rule import DetectorRule
from streams.kernel.faults import DETECTOR, Faults, tried
from streams.kernel.rows import Draft, key_parts, row_key, unpack
from streams.kernel.sight import STATES

KEPT_LOADED = 20_000  # detectors kept from scoring for learning, some 2 KB each

Values = tuple[str, ...]
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Scene:
    """What detection stands on at one closing: `window` gives the cells of the window of a length that ends now."""

    initiative: str
    now: int
    cells: int
    definitions: Mapping[str, Ratio]
    allocation: Mapping[str, float]
    fdr: float
    window: Callable[[int], Cells]
    drain: bool


class AllSeries:
    """The detectors of every series; what was read once stays until it is put back, so it is asked in the state it had before."""

    def __init__(self, draft: Draft, scene: Scene, faults: Faults) -> None:
        self._draft, self._scene, self._faults = draft, scene, faults
        self._loaded: dict[bytes, Any] = {}
        self._keys: dict[tuple[str, Values], bytes] = {}
        self._learnt: dict[tuple[str, str, str], list[Values]] | None = None

    def key(self, rule: DetectorRule, values: Values) -> bytes:
        """Return the key of a series' row; written once for all who ask at this closing."""
        found = self._keys.get((rule.name, values))
        if found is None:
            found = self._key(rule, values)
            if len(self._keys) < KEPT_LOADED:
                self._keys[rule.name, values] = found
        return found

    def _key(self, rule: DetectorRule, values: Values) -> bytes:
        return row_key(STATES, self._scene.initiative, rule.check, rule.threshold.kpi, ",".join(rule.group_by), *values)

    def load(self, rule: DetectorRule, values: Values) -> Any:
        """Return the detector of a series, one that has learnt nothing where it is new."""
        key = self.key(rule, values)
        found = self._loaded.get(key)
        if found is None:
            value = self._draft.get(key)
            found = rule.fresh() if value is None else state_of(rule, unpack(value)[0])
            if len(self._loaded) < KEPT_LOADED:
                self._loaded[key] = found
        return found

    def dip(self, rule: DetectorRule, values: Values) -> Dip:
        """Return what weighs the windows of a series of a rate."""
        return dip_of(self.load(rule, values))

    def last(self, rule: DetectorRule, values: Values) -> int:
        """Return the time of the last event a series of silences has learnt, ms."""
        return int(self.load(rule, values).last)

    def put_back(self, rule: DetectorRule, values: Values, row: bytes | None) -> None:
        """Write a series' row after its window; None: it raised and stays as it was."""
        if row is not None:
            if row != self._draft.get(self.key(rule, values)):  # an hour of silence moves nothing
                self._draft.put(self.key(rule, values), row)
            if self._faults.known:
                self._faults.well(*place_of(rule, values))
        self._loaded.pop(self.key(rule, values), None)

    def past(self, rule: DetectorRule) -> list[Values]:
        """Return the values of every series of a rule that was learnt before."""
        if self._learnt is None:
            self._learnt = {}
            for key in self._draft.group(STATES, self._scene.initiative):
                named, values = named_by(key)
                self._learnt.setdefault(named, []).append(values)
        return sorted(self._learnt.get((rule.check, rule.threshold.kpi, ",".join(rule.group_by)), []))

    def ask(self, rule: DetectorRule, values: Values, question: Callable[..., Found], *given: Any) -> Found | None:
        """Return what a series says to `question(rule, values, *given)`; None where it raised, or did before and is frozen."""
        fault = self._faults.of(*place_of(rule, values)) if self._faults.known else None
        if fault is not None and (fault.last == self._scene.now or self._faults.given_up(fault)):
            return None
        return self._try(rule, values, question, *given)

    def ask_as_part(self, rule: DetectorRule, values: Values, question: Callable[..., Found], *given: Any) -> Found | None:
        """Return what a series says to the whole above it; None where it raises or was frozen before this closing.

        Whether it raises at this very end when it is asked for itself plays no part: that may be before or after the whole asks.
        """
        fault = self._faults.of(*place_of(rule, values)) if self._faults.known else None
        if fault is not None and fault.since != self._scene.now:
            return None
        return self._try(rule, values, question, *given)

    def _try(self, rule: DetectorRule, values: Values, question: Callable[..., Found], *given: Any) -> Found | None:
        found, error = tried(question, rule, values, *given)
        if error:
            self._faults.raised(*place_of(rule, values), error, self._scene.now)
        return found

    def begin_anew(self, before: Mapping[str, DetectorRule], rules: Mapping[str, DetectorRule]) -> None:
        """Let what is frozen and was watched by another rule until now begin with nothing learnt."""
        for (job, place), _ in sorted(self._faults.known.items()):
            if job.startswith(DETECTOR):
                check, (figure, dimensions, *values) = job.removeprefix(DETECTOR), place
                name = f"{check}@{dimensions}"
                if before.get(name) != rules.get(name):
                    self._faults.well(job, place)
                    self._draft.drop(row_key(STATES, self._scene.initiative, check, figure, dimensions, *values))


@lru_cache(maxsize=16_384)
def named_by(key: bytes) -> tuple[tuple[str, str, str], Values]:
    """Return (check, key figure, dimensions) and values of a series' row, by its key."""
    _, check, figure, dimensions, *values = key_parts(key)
    return (check, figure, dimensions), tuple(values)


def place_of(rule: DetectorRule, values: Values) -> tuple[str, Values]:
    """Return what names a series among what raised: its detector as a job, and its place."""
    return DETECTOR + rule.check, (rule.threshold.kpi, ",".join(rule.group_by), *values)


def state_of(rule: DetectorRule, state: list[Any]) -> Any:
    """Return the detector of a state; one written by another version warms up anew, and says so by learning."""
    try:
        return rule.of(state)
    except StateVersionError:
        return rule.fresh()


def dip_of(detector: Any) -> Dip:
    """Return what weighs the windows of a rate's detector: a dip's itself, or the one inside a drift's."""
    found = detector if isinstance(detector, Dip) else detector.inner
    assert isinstance(found, Dip)
    return found
