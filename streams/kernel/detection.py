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

import numpy as np

from detectors.freshness import Freshness, Silences
from detectors.panel import Votes, breaches, eligible
from detectors.protocol import Places, States, Truth, Verdicts, some
from detectors.window import HOUR, end_of, ends
from streams.kernel.detector_rule import MIXED, DetectorRule
from streams.kernel.faults import DETECTOR
from streams.kernel.place import place_of
from streams.kernel.rows import Draft, pack, row_key, unpack
from streams.kernel.series import KEPT_LOADED, AllSeries, Group, Scene, Seen, Values, together
from streams.kernel.showing import Showing
from streams.kernel.state_rows import last_seen
from streams.kernel.watch import Breach, Place, Watch

DECIDED = b"V"
TOLD_A_PHASE = 200  # as for thresholds: each may publish about 6 KB
SERIES_A_PHASE = 400  # cells whose series learn in one phase: for each up to four rows of 0.2 to 0.9 KB, and as many above them
CLEAR_P = 0.1  # a window that chance makes so seldom is no sign that a fault is over

CHECKS = ("freshness", "dip", "suppression", "drift")

Phase = Callable[[], bool | None]
Scope = tuple[tuple[str, str], ...]  # dimensions and their values
Level = tuple[DetectorRule, Group, Verdicts, Truth]  # of the series of one rule those that matter to a life cycle, and which breach


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
        self._said: dict[str, tuple[Group, Verdicts]] = {}  # by check: who was scored, and how
        self._read: tuple[bytes | None, list[list[Any]], dict[str, list[float]]] = (None, [], {})

    def phases(self) -> Iterator[Phase]:
        """Yield the phases in order; none where no detector's window ends now."""
        if not self._due:
            return
        yield self.decide
        told, _ = self._decided()
        for at in range(0, len(told), TOLD_A_PHASE):
            yield partial(self.tell, at)
        rules = list(self._due.values())
        parts = -(-self._scene.cells // SERIES_A_PHASE) or 1
        if parts > 1:
            yield partial(self.learn, [rule for rule in rules if not self._showing.is_leaf(rule)], 0, 1)
            rules = [rule for rule in rules if self._showing.is_leaf(rule)]
        for part in range(parts):
            yield partial(self.learn, rules, part, parts)

    def next_silence(self, rule: DetectorRule) -> int:
        """Return the next end at which a rule of silences must be asked, ms: none of this hour while nothing comes and nobody misses it.

        Then what is learnt, told and shown would be what it is: a year without events is looked at by the hour.
        """
        now, following = self._scene.now, end_of(self._scene.now, rule.window)
        after = end_of(end_of(now - 1, HOUR), rule.window)
        if rule.name not in self._due or after == following or self._watch.faults.known:
            return following
        group, detector = self._showing.group(rule), self._series.detector(rule)
        if not len(group):
            return after
        rows = [self._series.row(key) for key in group.keys]
        resting = [self._watch.rests(rule.threshold, rule.check, values) for values in group.values]
        if None in rows or not all(resting) or not isinstance(group.seen, Silences) or group.seen.events.any():
            return following
        assert isinstance(detector, Freshness)
        states = self._series.states(Group(group.rules, group.values, group.keys, group.seen))  # as they are by now
        until = group.seen._replace(end=after - rule.window)
        learning = [last_seen(row)[0] for row in rows if row is not None]
        said = detector.score(states, until)
        rests = np.array_equal(said.learning, learning) and detector.rests(states, now, until, said).all()
        return after if rests else following

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
        stale: set[Scope] = set()
        known = self._watch.known()
        for check in CHECKS:
            rules = [rule for rule in self._due.values() if rule.check == check]
            if not rules:
                continue
            levels = self._judged(rules, known)
            if check in MIXED:
                leaves = self._showing.leaves(rules[0])
                votes[leaves.rule.name] = leaves.votes.plain()
            if check == "freshness":
                stale = self._stale(levels)
            self._note(told, levels, stale)
        self._draft.put(row_key(DECIDED, self._scene.initiative), pack(told, votes))

    def _judged(self, rules: Sequence[DetectorRule], followed: Mapping[Place, set[Values]]) -> list[Level]:
        """Return the levels of one check, the whole first: whose window matters there, what is said of them, and who breaches.

        `followed` is what has a life cycle: that matters without a breach, too.
        """
        group, verdicts = self._scored(together([self._showing.beside(rule) for rule in rules]))
        if verdicts is None:
            return []
        if len(group) <= KEPT_LOADED:
            self._said[rules[0].check] = group, verdicts
        judged = eligible(verdicts)
        found = []
        for rule, rows in group.levels():
            can = judged[rows] & rule.judged
            hits = breaches(verdicts.p[rows], can, rule.budget, self._scene.fdr)
            known = followed.get(tuple(place_of(rule.threshold, rule.check, ())))
            if known:
                places = np.flatnonzero(can & (hits | np.array([values in known for values in group.values[rows]])))
            elif hits.any():
                places = np.flatnonzero(hits)
            else:
                continue
            found.append((rule, group.only(rows.start + places), some(verdicts, rows.start + places), hits[places]))
        return found

    def _scored(self, group: Group) -> tuple[Group, Verdicts | None]:
        if not len(group):
            return group, None
        asked, _, verdicts = self._series.ask(group, self._series.detector(group.rules[0]).score)
        return asked, verdicts

    def _note(self, told: list[list[Any]], levels: Sequence[Level], stale: set[Scope]) -> None:
        above: set[Scope] = set()
        for rule, group, verdicts, hits in levels:
            struck = set()
            for at, values in enumerate(group.values):
                named, hit = tuple(zip(rule.group_by, values, strict=True)), bool(hits[at])
                if absorbed(named, above) or (rule.check != "freshness" and absorbed(named, stale)):
                    continue
                alive = self._watch.alive(rule.threshold, rule.check, values)
                if alive or (hit and self._watch.opens(rule.threshold, rule.check, values, self._scene.now)):
                    struck.add(named)
                p, expected = float(verdicts.p[at]), float(verdicts.expected[at])
                doubtful = verdicts.stands[at] or (alive and p < CLEAR_P)  # neither a breach nor over
                if hit or not doubtful:
                    usual = None if expected != expected else expected
                    told.append([rule.name, list(values), float(verdicts.observed[at]), usual, p, hit])
            above |= struck

    def _stale(self, levels: Sequence[Level]) -> set[Scope]:
        now = {
            tuple(zip(rule.group_by, values, strict=True))
            for rule, group, _, hits in levels
            for values, hit in zip(group.values, hits.tolist(), strict=True)
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
        for check in CHECKS:
            chosen = [rule for rule in rules if rule.check == check]
            for rule in chosen:
                if rule.name in votes:
                    self._showing.leaves(rule).recall(Votes.of(votes[rule.name]))
            group, verdicts = self._of_part(chosen, part, parts) if chosen else (None, None)
            if group and verdicts:
                self._learn(group, verdicts, hits)

    def _of_part(self, rules: Sequence[DetectorRule], part: int, parts: int) -> tuple[Group, Verdicts | None]:
        """Return the series of some rules of one check that learn in one part, with what was said of them: kept, or said again."""
        said = self._said.get(rules[0].check)
        if said is None:
            return self._scored(together([self._showing.beside(rule, self._places(rule, part, parts)) for rule in rules]))
        group, verdicts = said
        learns = group.lots(parts) == part
        for rule, rows in group.levels():
            if rule not in rules:
                learns[rows] = False
        places = np.flatnonzero(learns)
        return group.only(places), some(verdicts, places)

    def _places(self, rule: DetectorRule, part: int, parts: int) -> Places | None:
        return None if parts == 1 else np.flatnonzero(self._showing.group(rule).lots(parts) == part)

    def _learn(self, group: Group, verdicts: Verdicts, hits: set[tuple[str, ...]]) -> None:
        """Let series learn their window and write their rows; who raises stays as it was."""
        detector = self._series.detector(group.rules[0])
        named = zip(group.rules, group.values, strict=True)
        told = np.array([(rule.name, *values) in hits for rule, values in named] if hits else [False] * len(group))

        def learn(states: States, seen: Seen, told: Truth, *said: Any) -> States:
            after = np.asarray(detector.learn(states, seen, Verdicts(*said), told), dtype=np.float64)
            if after.shape != states.shape:
                raise ValueError(f"a state has {detector.width} numbers")
            return after

        learnt, who, states = self._series.ask(group, learn, told, *verdicts)
        if states is not None:
            self._series.put_back(learnt, states, some(verdicts, who))

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
