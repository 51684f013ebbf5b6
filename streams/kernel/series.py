"""The series of one initiative at one closing: their states as the rows keep them, and asked so that one that raises stops itself only.

All series of a rule are asked at once. Where that raises their halves are, and so on, until each that raises was alone.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Any, TypeVar
from zlib import crc32

import numpy as np

from detectors.freshness import Silences
from detectors.kpi import Ratio
from detectors.protocol import Column, Detector, Places, States, Truth, Verdicts, joined, some
from detectors.suppression import Shares
from detectors.weighing import Windows
from streams.kernel.cells import Cells
from streams.kernel.detector_rule import DetectorRule
from streams.kernel.faults import DETECTOR, Fault, Faults, tried
from streams.kernel.rows import Draft, key_parts, row_key
from streams.kernel.state_rows import STATES, rows_of, states_of

KEPT_LOADED = 50_000  # series of a check whose states stay from scoring to learning, 0.6 KB each
TOGETHER = 2_048  # series asked at once: their columns stay in the processor's cache

EVERY = slice(None)

Values = tuple[str, ...]
Seen = Windows | Shares | Silences
Found = TypeVar("Found")
Answer = tuple["Group", Places | slice, Found | None]


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


@dataclass(slots=True)
class Group:
    """Some series of one check and what they show, a row each; `states` are those before this window, once they were read.

    Rules of one check share their detector.
    """

    rules: list[DetectorRule]
    values: list[Values]
    keys: list[bytes]
    seen: Seen
    states: States | None = None
    _hashes: Places | None = None

    def __len__(self) -> int:
        return len(self.values)

    def only(self, places: Places) -> "Group":
        """Return some of them, in the order given."""
        at = places.tolist()
        states = None if self.states is None else self.states[places]
        rules, values, keys = self.rules, self.values, self.keys
        chosen = [rules[one] for one in at], [values[one] for one in at], [keys[one] for one in at]
        return Group(*chosen, some(self.seen, places), states)

    def lots(self, parts: int) -> Places:
        """Return which of so many parts each is in, by its values alone."""
        if self._hashes is None:
            self._hashes = np.array([crc32("\x00".join(values).encode()) for values in self.values], dtype=np.intp)
        return self._hashes % parts

    def levels(self) -> Iterator[tuple[DetectorRule, slice]]:
        """Yield each rule and where its series are."""
        begun = 0
        for _, run in groupby(self.rules, key=id):
            rules = list(run)
            yield rules[0], slice(begun, begun + len(rules))
            begun += len(rules)


def together(groups: Sequence[Group]) -> Group:
    """Return the series of several rules of one check, in that order."""
    first, *others = [group for group in groups if len(group)] or groups[:1]
    if not others:
        return first
    every = [first, *others]
    states = [group.states for group in every if group.states is not None]
    return Group(
        [rule for group in every for rule in group.rules],
        [values for group in every for values in group.values],
        [key for group in every for key in group.keys],
        joined([group.seen for group in every]),
        np.concatenate(states) if len(states) == len(every) else None,
    )


class AllSeries:
    """The states of every series; they are read once, before anything is learnt into them."""

    def __init__(self, draft: Draft, scene: Scene, faults: Faults) -> None:
        self._draft, self._scene, self._faults = draft, scene, faults
        self._learnt: dict[tuple[str, str, str], list[Values]] | None = None
        self._detectors: dict[str, Detector[Any]] = {}

    def detector(self, rule: DetectorRule) -> Detector[Any]:
        """Return the detector of a rule, one for all of its check."""
        found = self._detectors.get(rule.check)
        if found is None:
            found = self._detectors[rule.check] = rule.detector()
        return found

    def group(self, rule: DetectorRule, values: list[Values], seen: Seen) -> Group:
        """Return series of one rule with what they show."""
        named = (self._scene.initiative, rule.check, rule.threshold.kpi, ",".join(rule.group_by))
        keys = [row_key(STATES, *named, *one) for one in values]
        return Group([rule] * len(values), values, keys, seen)

    def row(self, key: bytes) -> bytes | None:
        """Return the row of a series as this step has it."""
        return self._draft.get(key)

    def states(self, group: Group) -> States:
        """Return the states of some series, of those that have learnt nothing where they are new."""
        if group.states is not None:
            return group.states
        found = states_of(self.detector(group.rules[0]), [self._draft.get(key) for key in group.keys])
        if len(group) <= KEPT_LOADED:
            group.states = found
        return found

    def past(self, rule: DetectorRule) -> list[Values]:
        """Return the values of every series of a rule that was learnt before."""
        if self._learnt is None:
            self._learnt = {}
            for key in self._draft.group(STATES, self._scene.initiative):
                named, values = named_by(key)
                self._learnt.setdefault(named, []).append(values)
        return sorted(self._learnt.get((rule.check, rule.threshold.kpi, ",".join(rule.group_by)), []))

    def ask(self, group: Group, question: Callable[..., Found], *columns: Column | Truth) -> Answer[Found]:
        """Return (the series that answer, their places in the group, what they say together to `question(states, seen, *columns)`).

        Who raised at this end, or is frozen, is not asked; where nobody is left, None is said.
        """
        return self._ask(group, lambda fault: fault.last == self._scene.now or self._faults.given_up(fault), question, columns)

    def ask_as_parts(self, group: Group, question: Callable[..., Found], *columns: Column | Truth) -> Answer[Found]:
        """Return the same of what series say to the whole above them; without those that raise or were frozen before this closing.

        Whether one raises at this very end when it is asked for itself plays no part: that may be before or after the whole asks.
        """
        return self._ask(group, lambda fault: fault.since != self._scene.now, question, columns)

    def _ask(self, group: Group, frozen: Callable[[Fault], bool], question: Callable[..., Found], columns: Sequence[Any]) -> Answer[Found]:
        if not self._faults.known and 0 < len(group) <= TOGETHER:
            found, error = tried(self._answer, group, question, columns)
            if not error:
                return group, EVERY, found
        who: Places = np.arange(len(group))
        if self._faults.known:
            faults = [self._faults.of(*place_of(rule, values)) for rule, values in zip(group.rules, group.values, strict=True)]
            who = np.array([at for at, fault in enumerate(faults) if fault is None or not frozen(fault)], dtype=np.intp)
        if 0 < len(group) <= KEPT_LOADED:
            tried(self.states, group)  # all at once; where one cannot be read its place is found below
        blocks = [who[at : at + TOGETHER] for at in range(0, len(who), TOGETHER)]
        answers = [answer for block in blocks for answer in self._answers(group, block, question, columns)]
        if not answers:
            return group.only(who[:0]), who[:0], None
        answered = np.concatenate([one for one, _ in answers])
        return group if len(answered) == len(group) else group.only(answered), answered, joined([found for _, found in answers])

    def _answers(self, group: Group, who: Places, question: Callable[..., Found], columns: Sequence[Any]) -> list[tuple[Places, Found]]:
        """Return who answers together, and what; where some raise the halves are asked, until each that raises was alone."""
        whole = len(who) == len(group)
        asked = group if whole else group.only(who)
        found, error = tried(self._answer, asked, question, columns if whole else [column[who] for column in columns])
        if not error:
            assert found is not None
            return [(who, found)]
        if len(who) == 1:
            (at,) = who.tolist()
            self._faults.raised(*place_of(group.rules[at], group.values[at]), error, self._scene.now)
            return []
        half = len(who) // 2
        return [*self._answers(group, who[:half], question, columns), *self._answers(group, who[half:], question, columns)]

    def _answer(self, asked: Group, question: Callable[..., Found], columns: Sequence[Any]) -> Found:
        found = question(self.states(asked), asked.seen, *columns)
        answers: tuple[Any, ...] = found if isinstance(found, tuple) else (found,)
        if any(len(column) != len(asked) for column in answers):
            raise ValueError(f"{len(asked)} series were asked and another number answers")
        return found

    def put_back(self, group: Group, states: States, verdicts: Verdicts) -> None:
        """Write the rows of series after their window."""
        for key, row in zip(group.keys, rows_of(self.detector(group.rules[0]), states, verdicts), strict=True):
            if row != self._draft.get(key):  # an hour of silence moves nothing
                self._draft.put(key, row)
        if self._faults.known:
            for rule, values in zip(group.rules, group.values, strict=True):
                self._faults.well(*place_of(rule, values))

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
