"""Detection: at each window end the series of one initiative are scored, judged together, told and then learnt.

V [initiative]   what was decided at the end being closed, until it is told and learnt

    decide: score all ─► Benjamini-Hochberg, the whole first ─► a stale feed silences its scope ─► the whole absorbs its parts
    tell: life cycles, so many at a time          learn: wholes, then a slice of the leaves at a time, each from its state before

Scores are made once, from states nothing has learnt into; what a later phase needs of them stands in the row `V`.
A series whose detector raises is frozen (`faults`): its state stays, nothing is said of it, and the wholes above it do without it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any
from zlib import crc32

from detectors.drift import Drift
from detectors.freshness import Silence
from detectors.panel import Votes, breaches, eligible
from detectors.protocol import Verdict
from detectors.window import HOUR, end_of, ends
from streams.kernel.cells import slices_of
from streams.kernel.detector_rule import MIXED, DetectorRule
from streams.kernel.faults import DETECTOR
from streams.kernel.rows import Draft, pack, row_key, unpack
from streams.kernel.series import AllSeries, Scene, Values
from streams.kernel.showing import Seen, Showing
from streams.kernel.sight import seen_of
from streams.kernel.watch import Breach, Watch

DECIDED = b"V"
TOLD_A_PHASE = 200  # as for thresholds: each may publish about 6 KB
SERIES_A_PHASE = 500  # states written in one phase: up to 1 KB each
CLEAR_P = 0.1  # a window that chance makes so seldom is no sign that a fault is over

Phase = Callable[[], bool | None]
Levels = list[tuple[DetectorRule, dict[Values, Seen]]]


class Detection:
    """The detectors of one initiative at one closing."""

    def __init__(self, draft: Draft, scene: Scene, rules: Mapping[str, DetectorRule], watch: Watch) -> None:
        self._draft, self._scene, self._watch = draft, scene, watch
        due = {name: rule for name, rule in rules.items() if ends(scene.now, rule.window)}
        self._due = {name: rule for name, rule in due.items() if not (scene.drain and rule.check == "freshness")}
        self._rules = rules
        # What was read once stays: states change only where a series learns, and that comes last, wholes before their leaves.
        self._series = AllSeries(draft, scene, watch.faults)
        self._showing = Showing(scene, self._due, self._series)
        self._said: dict[bytes, Verdict] = {}
        self._read: tuple[bytes | None, list[list[Any]], dict[str, list[float]]] = (None, [], {})

    def phases(self) -> Iterator[Phase]:
        """Yield the phases in order; none where no detector's window ends now."""
        if not self._due:
            return
        yield self.decide
        told, _ = self._decided()
        for at in range(0, len(told), TOLD_A_PHASE):
            yield partial(self.tell, at)
        yield partial(self.learn, [rule for rule in self._due.values() if not self._showing.is_leaf(rule)], 0, 1)
        leaves = [rule for rule in self._due.values() if self._showing.is_leaf(rule)]
        parts = -(-len(slices_of(self._scene.cells)) * 1000 // SERIES_A_PHASE) or 1
        for part in range(parts):
            yield partial(self.learn, leaves, part, parts)

    def next_silence(self, rule: DetectorRule) -> int:
        """Return the next end at which a rule of silences must be asked, ms: none of this hour while nothing comes and nobody misses it.

        Then what is learnt, told and shown would be what it is: a year without events is looked at by the hour.
        """
        now, following = self._scene.now, end_of(self._scene.now, rule.window)
        after = end_of(end_of(now - 1, HOUR), rule.window)
        if rule.name not in self._due or after == following or self._watch.faults.known:
            return following
        for values, seen in self._showing.seen(rule).items():
            row = self._draft.get(self._series.key(rule, values))
            if row is None or not isinstance(seen, Silence) or seen.events or not self._watch.rests(rule.threshold, rule.check, values):
                return following
            detector, until = self._series.load(rule, values), seen._replace(end=after - rule.window)
            if seen_of(detector.score(until)) != unpack(row)[1] or not detector.rests(now, until):
                return following
        return after

    def forget(self) -> None:
        """Drop what was decided: it is told and learnt."""
        self._draft.drop(row_key(DECIDED, self._scene.initiative))

    def _decided(self) -> tuple[list[list[Any]], dict[str, list[float]]]:
        value = self._draft.get(row_key(DECIDED, self._scene.initiative))
        if value is None or value is not self._read[0]:
            told, votes = unpack(value) if value else ([], {})
            self._read = value, told, votes
        return self._read[1:]

    def decide(self) -> None:
        """Score every series and note what is a breach, and what is none where that matters to a life cycle."""
        self._thaw()
        told: list[list[Any]] = []
        votes: dict[str, list[float]] = {}
        stale: set[tuple[tuple[str, str], ...]] = set()
        for check in ("freshness", "dip", "suppression", "drift"):
            levels: Levels = [(rule, self._showing.seen(rule)) for rule in self._due.values() if rule.check == check]
            found: list[dict[Values, Verdict]] = []
            for rule, seen in levels:
                verdicts = self._verdicts(rule, seen)
                if check in MIXED and self._showing.is_leaf(rule):
                    votes[rule.name] = self._showing.siblings.total(rule).plain()
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
            if rule.name in votes:
                self._showing.siblings.recall(rule, Votes.of(votes[rule.name]))
            for values, seen in sorted(self._showing.seen(rule).items()):
                if crc32("\x00".join(values).encode()) % parts == part:
                    row = self._series.ask(rule, values, self._learn, seen, (rule.name, *values) in hits)
                    self._series.put_back(rule, values, row)

    def _learn(self, rule: DetectorRule, values: Values, seen: Seen, hit: bool) -> bytes:
        """Return a series' row after its window."""
        detector = self._series.load(rule, values)
        window = self._showing.beside(rule, values, seen)
        verdict = self._said.get(self._series.key(rule, values)) or detector.score(window)
        detector.learn(window)
        if isinstance(detector, Drift) and hit:
            detector.tell()
        return pack(detector.state(), seen_of(verdict))

    def _verdicts(self, rule: DetectorRule, seen: Mapping[Values, Seen]) -> dict[Values, Verdict]:
        found = {}
        for values in sorted(seen):
            verdict = self._series.ask(rule, values, self._judge, seen[values])
            if verdict is not None:
                found[values] = self._said[self._series.key(rule, values)] = verdict
        return found

    def _judge(self, rule: DetectorRule, values: Values, seen: Seen) -> Verdict:
        verdict: Verdict = self._series.load(rule, values).score(self._showing.beside(rule, values, seen))
        return verdict

    def _thaw(self) -> None:
        """Try again what is frozen and nobody holds open any more: somebody resolved the incident."""
        faults = self._watch.faults
        for check in sorted({rule.check for rule in self._due.values()}):
            job = DETECTOR + check
            frozen = [place for place, fault in faults.among(job) if faults.given_up(fault) and fault.told]
            if frozen and not self._watch.is_failed(job):
                for place in frozen:
                    faults.well(job, place)

    def begin_anew(self, before: Mapping[str, DetectorRule]) -> None:
        """Let what is frozen and was watched otherwise until now begin with nothing learnt; `before` are the rules until now."""
        self._series.begin_anew(before, self._rules)


def absorbed(named: tuple[tuple[str, str], ...], scopes: set[tuple[tuple[str, str], ...]]) -> bool:
    """Return whether a series lies in one of the scopes, or is one of them."""
    return any(set(scope) <= set(named) for scope in scopes)
