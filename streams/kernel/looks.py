"""Looks: at each closed window with something new in it, every experiment concerned is read, tested and decided.

    s [initiative]               how many experiments are kept, and when those with an open incident are looked at though nothing arrives
    s [initiative, experiment]   the trial (governance/trial)
    P [initiative, experiment]   the path of its intervals, apart from it: most looks add nothing to it

A decision is published once per change, as a finding; a split that is off, people in several arms and a harmed guardrail open an
incident at once (1 of 1), through the same machinery as any other breach. An experiment nobody configured gets the first two only.

Such an incident is resolved once what it says has not held for `clear_for`, and at least a window: the experiment has ended, nobody was
assigned (for a guardrail: to the harmed arm) for a day, a later phase is split as planned, fewer than one in a hundred are in several
arms, or the bound of the harm no longer holds. The decision it led to is another matter: that is latched.

Sums are always taken in. A ratio test, readout or decision that raises is not made at this look, and tried with the next (`faults`).
"""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from typing import Any, TypeVar

from detectors.cell import Counts, add
from detectors.kpi import breached
from governance.config import Config, Experiment, Threshold
from governance.decision import CONTAMINATED_PER, CONTAMINATED_USERS, SAMPLE_RATIO_P, Decision, Evidence, decide
from governance.experiment import Standing, evidence
from governance.identity import event_id, finding_id, incident_key
from governance.sample_ratio import places
from governance.trial import Trial
from streams.kernel.bulletin import Adds
from streams.kernel.faults import TRIAL, tried
from streams.kernel.place import own_rule
from streams.kernel.publishing import Found, finding
from streams.kernel.rows import Draft, key_parts, pack, row_key, unpack
from streams.kernel.watch import Breach, Watch

TRIALS, PATHS = b"s", b"P"
SRM_SHARE = "srm_failure_share"
EXPERIMENT = ("experiment_id",)

Said = TypeVar("Said")
Phase = Callable[[], bool | None]
Sums = dict[tuple[int, str], Counts]


@lru_cache(maxsize=8)
def trial_rules(base: int) -> dict[str, Threshold]:
    """Return the rules behind incidents of experiments, as the watch takes them: one breach opens."""
    found = {
        "srm": ("<", SAMPLE_RATIO_P, EXPERIMENT, "the ratio test says that users are not split as planned"),
        "contamination": (">=", 1 / CONTAMINATED_PER, EXPERIMENT, "one user in a hundred was seen in several arms"),
        "guardrail": ("<", 0.0, (*EXPERIMENT, "variant", "kpi"), "the bound of the harm holds at every look"),
    }
    return {check: own_rule(check, base, reason, op=op, value=value, group_by=keys) for check, (op, value, keys, reason) in found.items()}


def trials(draft: Draft, initiative: str) -> Iterator[tuple[str, Trial]]:
    """Yield (experiment, trial without its path) of an initiative, by name."""
    keys = [(parts[1], key) for key in draft.group(TRIALS, initiative) if len(parts := key_parts(key)) == 2]
    for name, key in sorted(keys):
        yield name, Trial.read(unpack(draft.get(key) or b"")[0])


def path_of(draft: Draft, initiative: str, name: str) -> list[list[Any]]:
    """Return the path of an experiment's intervals as it is kept."""
    value = draft.get(row_key(PATHS, initiative, name))
    found: list[list[Any]] = unpack(value)[0] if value is not None else []
    return found


class Looks:
    """The looks of one initiative at one window end."""

    def __init__(
        self, draft: Draft, initiative: str, now: int, adds: Adds, config: Config, watch: Watch, policy: Mapping[str, str]
    ) -> None:
        self._draft, self._initiative, self._now, self._watch = draft, initiative, now, watch
        self._config, self._policy = config, policy
        self._base = config.timing.window
        self._own = config.initiatives.get(initiative)
        self._rules = trial_rules(self._base)
        self._sums: dict[str, Sums] = {}
        for (_, assigned, name, arm), counts in adds.sums.items():
            add(self._sums.setdefault(name, {}).setdefault((assigned, arm), {}), counts)
        self._changes: dict[str, list[str]] = {}
        for rule in adds.rules:
            for name in rule["change"].get("experiment_ids") or ():
                self._changes.setdefault(name, []).append(rule["change"]["action"])

    def phases(self) -> Iterator[Phase]:
        """Yield a phase per experiment with something new: sums, a change that names it, or its planned end."""
        ending = {name for name, end in self._ends() if end == self._now}
        woken = {name for name, times in self._waking()[1].items() if self._now in times}
        for name in sorted({*self._sums, *self._changes, *ending}):
            yield partial(self._look, name)
        for name in sorted(woken):
            yield partial(self._let_clear, name)

    def _ends(self) -> Iterator[tuple[str, int]]:
        for name, experiment in self._own.experiments.items() if self._own is not None else ():
            if experiment.ends_at is not None:
                yield name, self._closed(experiment.ends_at)

    def _closed(self, time: int) -> int:
        """Return the first base window end that is not before `time`."""
        return -(-time // self._base) * self._base

    def wakes(self) -> list[int]:
        """Return the window ends at which an experiment ends as planned or an incident of one may be over, ms; the past is forgotten."""
        number, waking = self._waking()
        ahead = {name: later for name, times in waking.items() if (later := [at for at in times if at > self._now])}
        if ahead != waking:
            self._draft.put(row_key(TRIALS, self._initiative), pack(number, ahead))
        return [*(end for _, end in self._ends()), *(at for times in ahead.values() for at in times)]

    def _waking(self) -> tuple[int, dict[str, list[int]]]:
        """Return how many experiments are kept, and by name when to wake; no phase takes out a time, for phases are counted by them."""
        value = self._draft.get(row_key(TRIALS, self._initiative))
        number, waking = unpack(value) if value is not None else (0, {})
        return number, waking

    def _load(self, name: str) -> Trial | None:
        """Return the trial of an experiment, a new one for its first sums; None where there is none and none may be, as after its end."""
        value = self._draft.get(row_key(TRIALS, self._initiative, name))
        if value is not None:
            return Trial.read(unpack(value)[0])
        if name not in self._sums or self._past(name):
            return None
        number, waking = self._waking()
        most = self._config.limits.experiments
        if number <= most:
            self._draft.put(row_key(TRIALS, self._initiative), pack(number + 1, waking))
        if number == most:  # said once: the count stands above the cap from now on
            self._watch.notice("cardinality", {"feed": "experiment"}, self._now, self._base, None, None)
        return Trial() if number < most else None

    def _past(self, name: str) -> bool:
        """Return whether the planned end of an experiment is behind."""
        return any(name == known and end < self._now for known, end in self._ends())

    def _look(self, name: str) -> None:
        trial = self._load(name)
        if trial is None or trial.ended:
            return
        experiment = self._own.experiments.get(name) if self._own is not None else None
        trial.take(self._now, self._base, self._sums.get(name, {}), experiment, self._config.limits.variants)
        changes = self._changes.get(name, ())
        if "deployed" in changes or "rolled_back" in changes:
            trial.boundary = self._now + self._base
        planned = experiment is not None and experiment.ends_at is not None and self._closed(experiment.ends_at) <= self._now
        trial.looks, trial.looked_at = trial.looks + 1, self._now
        self._test(name, trial, assigned=any("first" in counts for counts in self._sums.get(name, {}).values()))
        if experiment is not None:
            self._decide(name, trial, experiment, ended=planned)
        if planned or "concluded" in changes:
            trial.ended = self._now
        fault = self._watch.faults.of(TRIAL, (name,))
        if fault is not None and fault.last != self._now:
            self._watch.faults.well(TRIAL, (name,))
        self._settle(name, trial)

    def _asked(self, name: str, question: Callable[..., Said], *given: Any) -> Said | None:
        """Return what is made of an experiment's sums, None where it raises: that is noted."""
        found, error = tried(question, *given)
        if error:
            self._watch.faults.raised(TRIAL, (name,), error, self._now)
        return found

    def _let_clear(self, name: str) -> None:
        """Look at the open incidents of an experiment of which nothing new arrived."""
        trial = self._load(name)
        if trial is not None:
            self._settle(name, trial)

    def _settle(self, name: str, trial: Trial) -> None:
        """Resolve the incidents that are over, say when to look at the others again, and keep the trial."""
        wait = max(self._config.incidents.clear_for, self._base)
        for check, *values in trial.cleared(self._now, wait, self._base):
            self._watch.end(self._rules[check], check, tuple(values), "clear", self._now)
        wake = self._closed(trial.wake(wait, self._base))
        if wake > self._now:
            number, waking = self._waking()
            if not any(self._now < at <= wake for at in waking.get(name, ())):
                self._draft.put(row_key(TRIALS, self._initiative), pack(number, {**waking, name: [*waking.get(name, ()), wake]}))
        self._draft.put(row_key(TRIALS, self._initiative, name), pack(trial.plain()))

    def _test(self, name: str, trial: Trial, *, assigned: bool) -> None:
        """Hold the split against the plan where somebody was assigned, and look for people in several arms; each is found once."""
        if assigned and not trial.failing_at:
            ratio = self._asked(name, trial.ratio)
            if ratio is not None:
                trial.smallest_p = min(trial.smallest_p, ratio.p_value)
                trial.failing_at = self._now if ratio.fails(trial.smallest_p) else 0
        off = trial.failing_at > 0 and not trial.over(self._now) and not self._asked(name, trial.repaired)
        if trial.alarm(self._now, ["srm", name], holds=off):
            self._breach("srm", (name,), trial.smallest_p, self._asked(name, split, trial))
        mixed = trial.mixed >= CONTAMINATED_USERS and trial.mixed * CONTAMINATED_PER >= trial.assigned()
        trial.contaminated_at = (trial.contaminated_at or self._now) if mixed else 0
        if trial.alarm(self._now, ["contamination", name], holds=mixed and not trial.over(self._now)):
            self._breach("contamination", (name,), trial.mixed / max(1, trial.assigned()))

    def _breach(self, check: str, values: tuple[str, ...], observed: float, expected: Any = None) -> None:
        self._watch.judge(self._rules[check], check, Breach(values, self._now, observed, True, expected))

    def _decide(self, name: str, trial: Trial, experiment: Experiment, *, ended: bool) -> None:
        ratio_p = trial.smallest_p if trial.failing_at else 1.0
        standing = Standing(self._now, trial.started, trial.last, trial.mixed, ratio_p, ended)
        found = self._asked(name, evidence, experiment, self._own, trial.phases(), standing)
        decision = None if found is None else self._asked(name, decide, found, trial.latched)
        if found is None or decision is None:
            return
        for treatment in found.treatments:
            for rail, guardrail in zip(experiment.guardrails, treatment.guardrails, strict=False):
                harmed = guardrail.harmed() and not trial.over(self._now, treatment.name)
                if trial.alarm(self._now, ["guardrail", name, treatment.name, rail.kpi], holds=harmed):
                    self._breach("guardrail", (name, treatment.name, rail.kpi), guardrail.upper or 0.0)
        points = points_of(found)
        if points and trial.traces():
            trial.path = path_of(self._draft, self._initiative, name)
            trial.trace(self._now, points)
            self._draft.put(row_key(PATHS, self._initiative, name), pack(trial.path))
        before = trial.decision
        if trial.decide(self._now, decision, points):
            self._tell(name, trial, experiment, decision, before)

    def _tell(self, name: str, trial: Trial, experiment: Experiment, decision: Decision, before: Decision | None) -> None:
        """Publish a decision that is new: the action and its reason are what was observed, the decision before is what was expected."""
        key = {"experiment_id": name, "kpi": experiment.goals[0]}
        if len(decision.arms) == 1:
            key["variant"] = decision.arms[0]
        identity = finding_id("decision", incident_key("decision", self._initiative, {"experiment_id": name}), self._now)
        found = Found(
            finding_id=identity,
            check="decision",
            initiative=self._initiative,
            key=key,
            start=self._now - self._base,
            end=self._now,
            severity="info",
            observed={**decided(decision), "look": trial.looks, "users": trial.assigned(), "intervals": trial.numbers},
            expected=None if before is None else decided(before),
            policy=self._policy,
        )
        self._draft.send(finding(found, event_id("finding", identity, "confirmed"), self._now))

    def failing(self, threshold: Threshold) -> list[Breach]:
        """Return the share of experiments that fail the ratio test, of those with two arms and traffic in the window that ends now."""
        start = self._now - threshold.window
        seen = [trial for _, trial in trials(self._draft, self._initiative) if len(trial.last) > 1 and max(trial.last.values()) > start]
        if len(seen) < max(1, threshold.min_denominator):
            return []
        share = sum(1 for trial in seen if trial.failing_at) / len(seen)
        return [Breach((), self._now, share, breached(share, threshold.op, threshold.value))]


def split(trial: Trial) -> dict[str, Any]:
    """Return what a split should have been, what it is, and the channels and profiles in which it is off."""
    found = trial.ratio()
    return {"shares": dict(found.shares), "users": dict(found.users), "where": places(trial.phases())}


def decided(decision: Decision) -> dict[str, Any]:
    """Return a decision as it is written."""
    return {"action": decision.action, "reason": decision.reason, "arms": list(decision.arms), "ties": list(decision.ties)}


def points_of(found: Evidence) -> list[list[Any]]:
    """Return [arm, low, estimate, high] of each treatment's primary goal, where it has an interval; more is better."""
    return [
        [one.name, one.goals[0].low, one.goals[0].estimate, one.goals[0].high] for one in found.treatments if one.goals[0].low is not None
    ]
