"""What a monitor keeps of one experiment between looks: sums per phase and arm, what was decided, and the interval's path.

A look is a closed window with something new in it. Sums arrive by the window of the user's assignment, so each goes to the phase the user
belongs to, whenever it matures. A new phase starts with the first assignment under another split, another way of measuring, or after a
deployment that names the experiment.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from detectors.cell import OTHER, Counts, add
from governance.config import Experiment
from governance.contribution import exact, plain
from governance.decision import EMPTY_ARM_MS, LATCHING, Action, Decision, Reason
from governance.metric import Phase
from governance.sample_ratio import PRIOR_USERS, SampleRatio, sample_ratio

PLACES_MOST = 50  # channels and profiles per arm whose split is looked at apart
PATH_MOST = 120  # points of the interval's path; beyond, every second one goes and looks are kept at twice the distance
PHASES_MOST = 50  # a test whose split changes more often than that goes on in its last phase


@dataclass(slots=True)
class Stretch:
    """One phase as it is kept: first window end, what defines it, planned shares, sums per arm."""

    start: int
    signature: Any
    shares: dict[str, float]
    arms: dict[str, Counts] = field(default_factory=dict)


@dataclass(slots=True)
class Trial:
    """One experiment; times in ms, 0 for not yet. `started` is the start of the window of the first assignment.

    `alarms` are what opened incidents that are not over: [clear since, check, experiment, …], 0 while it holds.
    """

    started: int = 0
    stretches: list[Stretch] = field(default_factory=list)
    mixed: int = 0
    last: dict[str, int] = field(default_factory=dict)
    smallest_p: float = 1.0
    failing_at: int = 0
    contaminated_at: int = 0
    alarms: list[list[Any]] = field(default_factory=list)
    decision: Decision | None = None
    decided_at: int = 0
    latched: Decision | None = None
    numbers: list[Any] = field(default_factory=list)
    looks: int = 0
    looked_at: int = 0
    stride: int = 1
    ended: int = 0
    boundary: int = 0
    path: list[list[Any]] = field(default_factory=list)

    @classmethod
    def read(cls, parts: list[Any], path: list[list[Any]] | None = None) -> "Trial":
        """Return the trial of plain values and of its path, which is kept apart; a look reads it only where it adds a point."""
        found = cls(*parts)
        found.path = path or []
        found.stretches = [
            Stretch(start, signature, shares, {arm: exact(counts) for arm, counts in arms.items()})
            for start, signature, shares, arms in parts[1]
        ]
        found.decision, found.latched = decision_of(parts[8]), decision_of(parts[10])
        return found

    def plain(self) -> list[Any]:
        """Return it as JSON values, without its path."""
        values = {name: getattr(self, name) for name in self.__slots__ if name != "path"}
        values["stretches"] = [
            [one.start, one.signature, one.shares, {arm: plain(counts) for arm, counts in one.arms.items()}] for one in self.stretches
        ]
        values["decision"], values["latched"] = plain_decision(self.decision), plain_decision(self.latched)
        return list(values.values())

    def phases(self) -> list[Phase]:
        """Return the phases as a readout takes them."""
        return [Phase(one.start, one.shares, one.arms) for one in self.stretches]

    def ratio(self) -> SampleRatio:
        """Return the ratio test over everything assigned."""
        return sample_ratio(self.phases())

    def assigned(self) -> int:
        """Return how many users were assigned."""
        return sum(counts.get("first", 0) for one in self.stretches for counts in one.arms.values())

    def repaired(self) -> bool:
        """Return whether a phase that began after the split was found off has users enough to be read, split as planned."""
        last = self.phases()[-1:]
        if not self.failing_at or not last or last[0].start <= self.failing_at:
            return False
        ratio = sample_ratio(last)
        return sum(ratio.users.values()) >= PRIOR_USERS and not ratio.fails(ratio.p_value)

    def over(self, now: int, arm: str | None = None) -> bool:
        """Return whether the experiment has ended, or nobody was assigned to it, or to one of its arms, for a day."""
        newest = max(self.last.values(), default=0) if arm is None else self.last.get(arm, 0)
        return self.ended > 0 or now - newest >= EMPTY_ARM_MS

    def alarm(self, now: int, key: list[str], *, holds: bool) -> bool:
        """Note whether what an incident is about holds at this look; return whether that is new and opens one."""
        known = next((row for row in self.alarms if row[1:] == key), None)
        if known is not None:
            known[0] = 0 if holds else known[0] or now
        elif holds:
            self.alarms.append([0, *key])
        return holds and known is None

    def cleared(self, now: int, wait: int, base: int) -> list[list[str]]:
        """Take out and return the alarms that have not held for `wait` ms of closed windows, each window `base` ms."""
        for row in self.alarms:
            row[0] = row[0] or (now if self.over(now, row[3] if len(row) > 3 else None) else 0)
        gone = [row for row in self.alarms if row[0] and now - row[0] + base >= wait]
        self.alarms = [row for row in self.alarms if row not in gone]
        return [row[1:] for row in gone]

    def wake(self, wait: int, base: int) -> int:
        """Return when an alarm may clear though nothing arrives, ms, 0 for never."""
        times = [row[0] + wait - base for row in self.alarms if row[0]]
        quiet = [self.last.get(row[3], 0) if len(row) > 3 else max(self.last.values(), default=0) for row in self.alarms if not row[0]]
        return min([*times, *(end + EMPTY_ARM_MS for end in quiet)], default=0)

    def take(
        self, now: int, base: int, sums: Mapping[tuple[int, str], Mapping[str, int]], experiment: Experiment | None, most: int
    ) -> None:
        """Fold the sums of the window that ends at `now`: (assignment window, arm) -> counts; `most` arms are kept apart."""
        arriving = {arm for (_, arm), counts in sums.items() if counts.get("first")}
        if arriving:
            self.started = self.started or now - base
            self._phase(now, arriving, experiment)
        for (assigned, arm), counts in sorted(sums.items()):
            if not arm and "mixed" in counts:
                self.mixed += counts["mixed"]
                continue
            if not self.stretches:
                continue  # who was assigned before the experiment was watched is in none of its phases
            stretch = next((one for one in reversed(self.stretches) if one.start <= assigned), self.stretches[0])
            kept = arm if arm in stretch.arms or len(stretch.arms) < most else OTHER
            into = stretch.arms.setdefault(kept, {})
            add(into, narrowed(into, counts))
            if counts.get("first"):
                self.last[kept] = now

    def _phase(self, now: int, arriving: set[str], experiment: Experiment | None) -> None:
        last = self.stretches[-1] if self.stretches else None
        if experiment is not None:
            signature: Any = signature_of(experiment)
        else:
            signature = sorted({*arriving, *(last.signature if last is not None and is_seen(last.signature) else ())})
        renewed = self.boundary and now >= self.boundary
        if last is None or ((renewed or last.signature != signature) and len(self.stretches) < PHASES_MOST):
            self.stretches.append(Stretch(now, signature, dict(experiment.allocation) if experiment is not None else {}))
            self.boundary = 0

    def decide(self, now: int, decision: Decision, numbers: list[Any]) -> bool:
        """Take the decision of a look; return whether it is a new one."""
        if decision.reason in LATCHING:
            self.latched = decision
        if decision == self.decision:
            return False
        self.decision, self.decided_at, self.numbers = decision, now, numbers
        return True

    def traces(self) -> bool:
        """Return whether this look is one whose interval is kept."""
        return self.looks % self.stride == 0

    def trace(self, now: int, point: list[Any]) -> None:
        """Keep a point of the interval's path: [[arm, low, estimate, high], …]."""
        self.path.append([now, point])
        if len(self.path) > PATH_MOST:
            self.path = self.path[::2]
            self.stride *= 2


def signature_of(experiment: Experiment) -> list[Any]:
    """Return what defines a phase: the split and the way of measuring."""
    rails = [[rail.kpi, rail.cap_minor] for rail in experiment.guardrails]
    split = [[arm, share] for arm, share in sorted(experiment.allocation.items())]
    return [split, experiment.control, list(experiment.goals), rails, experiment.attribution]


def is_seen(signature: Any) -> bool:
    """Return whether a signature is that of an experiment nobody configured: the arms seen."""
    return all(isinstance(one, str) for one in signature)


def narrowed(into: Mapping[str, int], counts: Mapping[str, int]) -> Counts:
    """Return counts with channels and profiles beyond the cap merged."""
    if counts.keys() <= into.keys():
        return dict(counts)
    found: Counts = {}
    for name, number in sorted(counts.items()):
        kind = name.split(".", 1)[0]
        if kind in ("channel", "profile") and name not in into and name not in found:
            held = sum(known.startswith(kind + ".") for known in {*into, *found})
            name = name if held < PLACES_MOST else f"{kind}.{OTHER}"
        found[name] = found.get(name, 0) + number
    return found


def plain_decision(decision: Decision | None) -> list[Any] | None:
    """Return a decision as JSON values."""
    return None if decision is None else [decision.action, decision.reason, list(decision.arms), list(decision.ties)]


def decision_of(value: list[Any] | None) -> Decision | None:
    """Return the decision of JSON values."""
    return None if value is None else Decision(Action(value[0]), Reason(value[1]), tuple(value[2]), tuple(value[3]))
