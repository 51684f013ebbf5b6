"""Conformity: rule changes held to policies, and rule versions that people saw held to the change log, as findings and incidents.

p [initiative]   [when to look again, versions seen {name: end of the first window}, findings that stand {name: what was said}]

Looked at when rule changes act and when a deadline or a grace has passed, never on arrival: what stands is a function of what is due.
A finding that evidence takes back is retracted, and the incident with it when nothing of it is left; an incident resolves when what
is live now passes. One incident per (check, rule).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from detectors.window import end_of
from governance.checklist import checklist
from governance.config import Config, Threshold
from governance.identity import compact, event_id, finding_id, incident_key
from governance.message.instant import format_instant
from governance.policy.in_force import InForce
from governance.policy.row import Row
from governance.rule_book import RELEASING, RuleBook
from governance.shadow import Seen, Shadow, shadow_changes
from streams.kernel.bulletin import Adds
from streams.kernel.checks import acted, book_of
from streams.kernel.place import own_rule
from streams.kernel.publishing import Found, finding
from streams.kernel.rows import Draft, pack, row_key, unpack
from streams.kernel.watch import Breach, Watch

CONFORMITY = b"p"
SHADOW = "shadow_change"
GROUPS_A_PHASE = 20  # (check, rule) pairs moved in one phase: each may publish a finding per change and an incident's step
MOST_SEEN = 1_000  # rule versions remembered of one initiative: far above what one shows, and a hostile feed stops here
LONGEST = 500  # characters of what a check found

Place = tuple[str, str]  # check, rule


@dataclass(frozen=True, slots=True)
class Fault:
    """What a finding says: observed, expected, severity, the policy that judged and the evidence."""

    observed: str
    expected: str
    severity: str
    policy: Mapping[str, str] | None
    evidence: list[dict[str, Any]]

    def plain(self) -> list[Any]:
        """Return the fields in their order."""
        return [self.observed, self.expected, self.severity, self.policy, self.evidence]


@lru_cache(maxsize=64)
def conformity_rules(law: InForce | None, base: int) -> Mapping[str, Threshold]:
    """Return the rules behind these incidents as the watch takes them: every check of every policy there was, and shadow changes."""
    policies = [policy for standing in (law.standings if law else ()) for policy in standing.policies]
    named = {f"policy:{check.id}": check.title or check.id for policy in policies for check in policy.checks}
    named[SHADOW] = "a rule version was shown that the change log does not account for"
    return {check: own_rule(check, base, reason, group_by=("rule_id",)) for check, reason in named.items()}


class Conformity:
    """The rule changes and rule versions of one initiative at one due time, ms."""

    def __init__(self, draft: Draft, initiative: str, now: int, adds: Adds, config: Config, watch: Watch, law: InForce | None) -> None:
        self._draft, self._initiative, self._now, self._adds = draft, initiative, now, adds
        self._config, self._watch, self._law = config, watch, law
        self._base = config.timing.window
        self.rules = conformity_rules(law, self._base)

    def judge(self) -> bool:
        """Say what became of some checks; return whether there is more to say."""
        wake, seen, standing = self._read()
        if not (self._adds.rules or 0 < wake <= self._now or self._notice(seen)):
            return False
        book = book_of(acted(self._draft, self._initiative), self._now)
        faults, live, deadlines = self._faults(book)
        for shadow in self._shadows(book, seen):
            place = (SHADOW, shadow.seen.rule_id)
            faults.setdefault(place, {})[str(shadow.seen.version)] = told(shadow)
        places = {(check, rule) for check, rule, _ in map(orjson.loads, standing)} | faults.keys()
        known: dict[Place, dict[str, list[Any]]] = {place: {} for place in places}
        for name, said in standing.items():
            check, rule, what = orjson.loads(name)
            known[check, rule][what] = said
        moving = [place for place in sorted(places) if self._moves(known[place], faults.get(place, {}))]
        for place in moving[:GROUPS_A_PHASE]:
            self._move(place, known[place], faults.get(place, {}), standing)
        for place in sorted(places - set(moving)):
            if place[0] != SHADOW and not live.get(place[1], set()) & faults[place].keys():
                self._watch.end(self.rules.get(place[0]), place[0], (place[1],), "clear", self._now)
        rest = len(moving) > GROUPS_A_PHASE
        grace = self._config.detection.shadow_grace
        times = [end_of(at, self._base) for at in deadlines] + [end_of(at + grace - 1, self._base) for at in seen.values()]
        wake = self._now if rest else min((at for at in times if at > self._now), default=0)
        self._draft.put(row_key(CONFORMITY, self._initiative), pack(wake, seen, standing))
        return rest

    def wakes(self) -> list[int]:
        """Return when to look again even if nothing arrives, ms."""
        wake, _, _ = self._read()
        return [wake] if wake else []

    def _read(self) -> tuple[int, dict[str, int], dict[str, list[Any]]]:
        value = self._draft.get(row_key(CONFORMITY, self._initiative))
        wake, seen, standing = unpack(value) if value is not None else (0, {}, {})
        return wake, seen, standing

    def _notice(self, seen: dict[str, int]) -> bool:
        """Remember rule versions not seen before; return whether there were any."""
        before = len(seen)
        for (level, end, _), extra in sorted(self._adds.extra.items()):
            for name in sorted(extra) if level == "m" else ():
                if name.startswith('["rule",') and len(seen) < MOST_SEEN:
                    seen.setdefault(name, end)
        return len(seen) > before

    def _faults(self, book: RuleBook) -> tuple[dict[Place, dict[str, Fault]], dict[str, set[str]], list[int]]:
        """Return what fails of what went live, the change that is live of each rule, and the deadlines still to come."""
        faults: dict[Place, dict[str, Fault]] = {}
        live: dict[str, tuple[int, str]] = {}
        deadlines: list[int] = []
        for judged in checklist(book, self._law, self._now).changes if self._law is not None else ():
            change = judged.change
            if not any(step.action in RELEASING for step in change.steps):
                continue
            live[change.rule_id] = max(live.get(change.rule_id, (0, "")), (judged.at, change.change_id))
            for row in judged.rows:
                deadlines += [row.deadline] if row.deadline is not None and row.status in ("pass", "pending") else []
                if row.status == "fail":
                    faults.setdefault((f"policy:{row.check}", change.rule_id), {})[change.change_id] = failed(row, change.change_id)
        return faults, {rule: {name} for rule, (_, name) in live.items()}, deadlines

    def _shadows(self, book: RuleBook, seen: Mapping[str, int]) -> Iterable[Shadow]:
        if not book.rules():  # a program that keeps no change log announces nothing: that is no shadow change
            return ()
        # The end of the window stands for the first time shown: what was announced within the window is never called late.
        shown = [Seen(self._initiative, rule, version, end, 1) for name, end in seen.items() for _, rule, version in [orjson.loads(name)]]
        return shadow_changes(shown, book, self._config.detection.shadow_grace, self._now)

    def _moves(self, known: Mapping[str, list[Any]], faults: Mapping[str, Fault]) -> bool:
        return known.keys() != faults.keys()

    def _move(self, place: Place, known: Mapping[str, list[Any]], faults: Mapping[str, Fault], standing: dict[str, list[Any]]) -> None:
        """Publish what is new or taken back of one check of one rule, then its incident's step."""
        check, rule = place
        for what in sorted(known.keys() - faults.keys()):
            at, *said = known[what]
            self._find(place, what, at, Fault(*said), "retracted")
            del standing[compact([check, rule, what])]
        fresh = sorted(faults.keys() - known.keys())
        for what in fresh:
            self._find(place, what, self._now, faults[what], "confirmed")
            standing[compact([check, rule, what])] = [self._now, *faults[what].plain()]
        threshold = self.rules.get(check)
        if fresh and threshold is not None:
            self._watch.judge(threshold, check, Breach((rule,), self._now, float(len(faults)), breached=True), told=True)
        elif not faults:
            self._watch.end(threshold, check, (rule,), "retract", self._now)

    def _find(self, place: Place, what: str, at: int, fault: Fault, state: str) -> None:
        key = {"rule_id": place[1]}
        identity = finding_id(place[0], compact([incident_key(place[0], self._initiative, key), what]), at)
        found = Found(
            finding_id=identity,
            check=place[0],
            initiative=self._initiative,
            key=key,
            start=at - self._base,
            end=at,
            state=state,
            severity=fault.severity,
            observed=fault.observed,
            expected=fault.expected,
            policy=fault.policy,
            evidence=fault.evidence,
        )
        self._draft.send(finding(found, event_id("finding", identity, state), self._now))


def failed(row: Row, change_id: str) -> Fault:
    """Return what a failing row says of a change: what was found and why, and who can mend it until when."""
    why = f"; {row.reason}" if row.reason else ""
    who = f"; {', '.join(row.who)} can mend it" if row.who else ""
    until = f" until {format_instant(row.deadline)}" if row.who and row.deadline is not None else ""
    policy = {"id": row.policy[0], "sha256": row.policy[1]}
    observed = f"{change_id}: {row.found}{why}"[:LONGEST]
    return Fault(observed, f"{row.expected}{who}{until}"[:LONGEST], row.severity, policy, [step.evident() for step in row.evidence])


def told(shadow: Shadow) -> Fault:
    """Return what a shadow change says."""
    known = ", ".join(map(str, shadow.announced[-10:])) or "none"
    observed = f"version {shadow.seen.version} was shown and never announced; announced: {known}"
    if shadow.deployed is not None:
        observed = f"version {shadow.seen.version} was shown before it went live {format_instant(shadow.deployed.at)}"
    evidence = [] if shadow.deployed is None else [shadow.deployed.evident()]
    return Fault(observed, "announced and live in the change log before anybody sees it", "high", None, evidence)
