"""Detection: at each window end the series of one initiative are scored, judged together, told and then learnt.

D [initiative, check, kpi, dimensions, values…]   what one detector has learnt of one series, and whether it sees anything (`sight`)
V [initiative]                                    what was decided at the end being closed, until it is told and learnt

    decide: score all ─► Benjamini-Hochberg, the whole first ─► a stale feed silences its scope ─► the whole absorbs its parts
    tell: life cycles, so many at a time          learn: wholes, then a slice of the leaves at a time, each from its state before

Scores are made once, from states nothing has learnt into; what a later phase needs of them stands in the row `V`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from zlib import crc32

from detectors.baseline import Baseline
from detectors.cell import DIMENSIONS, LAST_MS, REVENUE, Counts, add, project
from detectors.dip import Dip, Window
from detectors.drift import Drift
from detectors.freshness import Silence
from detectors.kpi import Ratio, count
from detectors.panel import Sibling, Votes, breaches, eligible, mixed, sibling, with_common
from detectors.protocol import StateVersionError, Verdict
from detectors.suppression import Share
from detectors.window import ends
from streams.kernel.cells import Cells, slices_of
from streams.kernel.detector_rule import MIXED, DetectorRule
from streams.kernel.rows import Draft, key_parts, pack, row_key, unpack
from streams.kernel.sight import STATES, seen_of
from streams.kernel.watch import Breach, Watch

DECIDED = b"V"
TOLD_A_PHASE = 200  # as for thresholds: each may publish about 6 KB
SERIES_A_PHASE = 500  # states written in one phase: up to 1 KB each
CLEAR_P = 0.1  # a window that chance makes so seldom is no sign that a fault is over
KEPT_LOADED = 20_000  # detectors kept from scoring for learning, some 2 KB each

Values = tuple[str, ...]
Phase = Callable[[], bool | None]
Seen = Window | Share | Silence
Levels = list[tuple[DetectorRule, dict[Values, Seen]]]


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


class Detection:
    """The detectors of one initiative at one closing."""

    def __init__(self, draft: Draft, scene: Scene, rules: Mapping[str, DetectorRule], watch: Watch) -> None:
        self._draft, self._scene, self._watch = draft, scene, watch
        due = {name: rule for name, rule in rules.items() if ends(scene.now, rule.window)}
        self._due = {name: rule for name, rule in due.items() if not (scene.drain and rule.check == "freshness")}
        self._rules = rules
        # What was read once stays: states change only where a series learns, and that comes last, wholes before their leaves.
        self._looked: dict[str, dict[Values, Seen]] = {}
        self._loaded: dict[bytes, Any] = {}
        self._votes: dict[bytes, Sibling | None] = {}
        self._said: dict[bytes, Verdict] = {}
        self._learnt: dict[tuple[str, str, str], list[Values]] | None = None

    def phases(self) -> Iterator[Phase]:
        """Yield the phases in order; none where no detector's window ends now."""
        if not self._due:
            return
        yield self.decide
        told, _ = self._decided()
        for at in range(0, len(told), TOLD_A_PHASE):
            yield partial(self.tell, at)
        yield partial(self.learn, [rule for rule in self._due.values() if not self._is_leaf(rule)], 0, 1)
        leaves = [rule for rule in self._due.values() if self._is_leaf(rule)]
        parts = -(-len(slices_of(self._scene.cells)) * 1000 // SERIES_A_PHASE) or 1
        for part in range(parts):
            yield partial(self.learn, leaves, part, parts)

    def forget(self) -> None:
        """Drop what was decided: it is told and learnt."""
        self._draft.drop(row_key(DECIDED, self._scene.initiative))

    def _decided(self) -> tuple[list[list[Any]], dict[str, list[float]]]:
        value = self._draft.get(row_key(DECIDED, self._scene.initiative))
        told, votes = unpack(value) if value else ([], {})
        return told, votes

    def decide(self) -> None:
        """Score every series and note what is a breach, and what is none where that matters to a life cycle."""
        told: list[list[Any]] = []
        votes: dict[str, list[float]] = {}
        stale: set[tuple[tuple[str, str], ...]] = set()
        for check in ("freshness", "dip", "suppression", "drift"):
            levels: Levels = [(rule, self._seen(rule)) for rule in self._due.values() if rule.check == check]
            found: list[dict[Values, Verdict]] = []
            for rule, seen in levels:
                verdicts, total = self._verdicts(rule, seen)
                votes[rule.name] = total
                found.append({values: verdict for values, verdict in verdicts.items() if rule.judged and eligible(verdict)})
            hits = breaches(found, levels[0][0].budget, self._scene.fdr) if levels else []
            if check == "freshness":
                stale = self._stale(hits)
            self._note(told, levels, found, hits, stale)
        self._draft.put(row_key(DECIDED, self._scene.initiative), pack(told, votes))

    def _note(
        self,
        told: list[list[Any]],
        levels: Levels,
        found: list[dict[Values, Verdict]],
        hits: list[dict[Values, bool]],
        stale: set[tuple[tuple[str, str], ...]],
    ) -> None:
        above: set[tuple[tuple[str, str], ...]] = set()
        for (rule, _), verdicts, breached in zip(levels, found, hits, strict=True):
            struck = set()
            for values, hit in sorted(breached.items()):
                named = tuple(zip(rule.group_by, values, strict=True))
                if absorbed(named, above) or (rule.check != "freshness" and absorbed(named, stale)):
                    continue
                alive = self._watch.alive(rule.threshold, rule.check, values)
                if alive or (hit and self._watch.opens(rule.threshold, rule.check, values, self._scene.now)):
                    struck.add(named)
                verdict = verdicts[values]
                doubtful = verdict.stands or (alive and verdict.p < CLEAR_P)  # neither a breach nor over
                if hit or (not doubtful and self._watch.known(rule.threshold, rule.check, values)):
                    told.append([rule.name, list(values), verdict.observed, verdict.expected, verdict.p, hit])
            above |= struck

    def _stale(self, hits: list[dict[Values, bool]]) -> set[tuple[tuple[str, str], ...]]:
        rules = [rule for rule in self._due.values() if rule.check == "freshness"]
        now = {
            tuple(zip(rule.group_by, values, strict=True))
            for rule, breached in zip(rules, hits, strict=True)
            for values, hit in breached.items()
            if hit
        }
        for rule in self._rules.values():
            if rule.check == "freshness":
                for values in self._watch.open_keys(rule.threshold, rule.check):
                    now.add(tuple(zip(rule.group_by, values, strict=True)))
        return now

    def tell(self, at: int) -> None:
        """Take some series through their life cycle."""
        told, _ = self._decided()
        for name, values, observed, expected, p, hit in told[at : at + TOLD_A_PHASE]:
            rule = self._rules[name]
            self._watch.judge(rule.threshold, rule.check, Breach(tuple(values), self._scene.now, observed, hit, expected, 1.0 - p))

    def learn(self, rules: Sequence[DetectorRule], part: int, parts: int) -> None:
        """Let the series of one slice learn their window, each from the state it was scored in; wholes go before their leaves."""
        told, votes = self._decided()
        hits = {(name, *values) for name, values, *_, hit in told if hit}
        for rule in rules:
            total = Votes.of(votes[rule.name])
            for values, seen in sorted(self._seen(rule).items()):
                if crc32("\x00".join(values).encode()) % parts == part:
                    key, detector = self._key(rule, values), self._load(rule, values)
                    window = self._with_siblings(rule, key, detector, seen, total)
                    verdict = self._said.get(key) or detector.score(window)
                    detector.learn(window)
                    if isinstance(detector, Drift) and (rule.name, *values) in hits:
                        detector.tell()
                    self._draft.put(key, pack(detector.state(), seen_of(verdict)))
                    self._loaded.pop(key, None)

    def _verdicts(self, rule: DetectorRule, seen: Mapping[Values, Seen]) -> tuple[dict[Values, Verdict], list[float]]:
        loaded = [(values, self._key(rule, values), self._load(rule, values)) for values in sorted(seen)]
        total = Votes.among(self._vote(key, detector, seen[values]) for values, key, detector in loaded)
        found = {}
        for values, key, detector in loaded:
            found[values] = self._said[key] = detector.score(self._with_siblings(rule, key, detector, seen[values], total))
        return found, total.plain()

    def _vote(self, key: bytes, detector: Any, seen: Seen) -> Sibling | None:
        if not isinstance(seen, Window):
            return None
        if key not in self._votes:
            self._votes[key] = sibling(self._baseline(detector), seen)
        return self._votes[key]

    def _with_siblings(self, rule: DetectorRule, key: bytes, detector: Any, seen: Seen, total: Votes) -> Seen:
        if not isinstance(seen, Window) or not rule.group_by:
            return seen
        return with_common(seen, total.common(self._vote(key, detector, seen)))

    def _load(self, rule: DetectorRule, values: Values) -> Any:
        key = self._key(rule, values)
        found = self._loaded.get(key)
        if found is None:
            value = self._draft.get(key)
            found = rule.fresh() if value is None else state_of(rule, unpack(value)[0])
            if len(self._loaded) < KEPT_LOADED:
                self._loaded[key] = found
        return found

    def _key(self, rule: DetectorRule, values: Values) -> bytes:
        return row_key(STATES, self._scene.initiative, rule.check, rule.threshold.kpi, ",".join(rule.group_by), *values)

    def _past(self, rule: DetectorRule) -> list[Values]:
        """Return the values of every series of a rule that was learnt before."""
        if self._learnt is None:
            self._learnt = {}
            for key in self._draft.group(STATES, self._scene.initiative):
                _, check, figure, dimensions, *values = key_parts(key)
                self._learnt.setdefault((check, figure, dimensions), []).append(tuple(values))
        return sorted(self._learnt.get((rule.check, rule.threshold.kpi, ",".join(rule.group_by)), []))

    def _seen(self, rule: DetectorRule) -> dict[Values, Seen]:
        """Return what every series of a rule shows in the window that ends now."""
        found = self._looked.get(rule.name)
        if found is None:
            found = self._looked[rule.name] = self._look(rule)
        return found

    def _look(self, rule: DetectorRule) -> dict[Values, Seen]:
        """Look at the window for a rule; a rate without exposure shows nothing."""
        cells = self._scene.window(rule.window)
        if rule.check == "freshness":
            return self._silences(rule, grouped(cells, rule.group_by))
        if rule.check == "suppression":
            return self._shares(rule, cells)
        leaf = self._leaf(rule)
        parts = self._rates(leaf)
        if leaf is rule:
            return dict(parts)
        # A level above the leaves is judged by what the leaves' own rates expect of their volumes, so that mix is no dip.
        groups: dict[Values, list[tuple[Any, Window]]] = {}
        places = [leaf.group_by.index(name) for name in rule.group_by]
        for values, seen in parts.items():
            groups.setdefault(tuple(values[place] for place in places), []).append((self._baseline(self._load(leaf, values)), seen))
        found = {values: mixed(self._scene.now, below) for values, below in sorted(groups.items())}
        return {values: seen for values, seen in found.items() if seen.exposure > 0.0}

    def _is_leaf(self, rule: DetectorRule) -> bool:
        return rule.check not in MIXED or self._leaf(rule) is rule

    def _leaf(self, rule: DetectorRule) -> DetectorRule:
        return max((other for other in self._due.values() if other.check == rule.check), key=lambda other: len(other.group_by))

    def _rates(self, rule: DetectorRule) -> dict[Values, Window]:
        definition = self._scene.definitions[rule.kpi]
        money = definition.numerator.startswith(REVENUE.rstrip("."))
        found: dict[Values, Window] = {}
        for values, counts in sorted(grouped(self._scene.window(rule.window), rule.group_by).items()):
            events = count("conversions" if money else definition.numerator, counts)
            exposure = count(definition.denominator, counts)
            if exposure and events is not None:
                worth = (count(definition.numerator, counts) or 0) if money else 0
                found[values] = Window(self._scene.now, float(events), float(exposure), money=float(worth))
        return found

    @staticmethod
    def _baseline(detector: Any) -> Baseline:
        found = detector.baseline if isinstance(detector, Dip) else detector.inner.baseline
        assert isinstance(found, Baseline)
        return found

    def _silences(self, rule: DetectorRule, groups: Mapping[Values, Counts]) -> dict[Values, Seen]:
        found: dict[Values, Seen] = {}
        for values in sorted({*groups, *self._past(rule)}):
            counts = groups.get(values, {})
            arrivals = sum(counts.get(name, 0) for name in ("exposures", "clicks", "conversions"))
            last = counts.get(LAST_MS, 0) or self._load(rule, values).last
            found[values] = Silence(self._scene.now, rule.window, 1 if counts.get("tallied") else arrivals, last, rule.sla)
        return found

    def _shares(self, rule: DetectorRule, cells: Cells) -> dict[Values, Seen]:
        places = rule.group_by[:-1]
        wholes = grouped(cells, places)
        shown = grouped(cells, rule.group_by)
        allocated = sum(self._scene.allocation.values())
        variants: dict[Values, set[str]] = {group: set(self._scene.allocation) for group in wholes}
        for values in {*shown, *self._past(rule)}:
            if values[:-1] in variants:
                variants[values[:-1]].add(values[-1])
        found: dict[Values, Seen] = {}
        for group, whole in wholes.items():
            total = whole.get("exposures", 0)
            for variant in variants[group] if total and len(variants[group]) > 1 else ():
                part = self._scene.allocation.get(variant)
                share = None if part is None or allocated <= 0.0 else part / allocated
                counts = shown.get((*group, variant), {})
                found[(*group, variant)] = Share(self._scene.now, float(counts.get("exposures", 0)), float(total), share)
        return found


def state_of(rule: DetectorRule, state: list[Any]) -> Any:
    """Return the detector of a state; one written by another version warms up anew, and says so by learning."""
    try:
        return rule.of(state)
    except StateVersionError:
        return rule.fresh()


def grouped(cells: Cells, names: Iterable[str]) -> dict[Values, Counts]:
    """Return the counts by the values of some dimensions."""
    places = tuple(DIMENSIONS.index(name) for name in names)
    found: dict[Values, Counts] = {}
    for cell, counts in cells.items():
        add(found.setdefault(project(cell, places), {}), counts)
    return found


def absorbed(named: tuple[tuple[str, str], ...], scopes: set[tuple[tuple[str, str], ...]]) -> bool:
    """Return whether a series lies in one of the scopes, or is one of them."""
    return any(set(scope) <= set(named) for scope in scopes)
