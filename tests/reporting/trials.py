"""Trials as a monitor keeps them, built from sums, for memos."""

from typing import Any

from detectors.window import DAY
from governance.decision import Action, Decision, Reason
from governance.trial import Stretch, Trial
from tests.reporting.builders import START


def arm(users: int, converted: int, matured: int | None = None) -> dict[str, int]:
    """Return the sums of one arm; one in fifty of those who have not matured has converted so far."""
    n = users if matured is None else matured
    soon = {"soon.n": users - n, "soon.converted": (users - n) // 50}
    return {"first": users, "n": n, "converted": converted, "channel.web": users, "profile.-": users, **soon}


def trial(arms: dict[str, dict[str, int]], **changes: Any) -> Trial:
    """Return a trial of one phase that has run for ten days."""
    shares = {name: 1 / len(arms) for name in arms}
    values: dict[str, Any] = {
        "started": START,
        "stretches": [Stretch(START + 60_000, [[], "hero-a", ["converted_subjects"], [], DAY], shares, arms)],
        "last": dict.fromkeys(arms, START + 10 * DAY),
        "looks": 14_000,
        "looked_at": START + 10 * DAY,
        "mixed": 12,
        "smallest_p": 0.42,
    }
    return Trial(**{**values, **changes})


def won() -> Trial:
    """Return the trial of the golden report: hero-b has won since the ninth day."""
    arms = {"hero-a": arm(48_310, 2_401, 47_150), "hero-b": arm(48_202, 2_862, 47_080)}
    decision = Decision(Action.SHIP, Reason.WIN, ("hero-b",))
    path = [
        [START + (day + 1) * DAY, [["hero-b", 0.01 - 0.06 / (day + 1), 0.012 - 0.002 / (day + 1), 0.009 + 0.06 / (day + 1)]]]
        for day in range(10)
    ]
    numbers = [["hero-b", 0.0021, 0.0098, 0.0175]]
    return trial(arms, decision=decision, latched=decision, decided_at=START + 9 * DAY, numbers=numbers, path=path)


def off() -> Trial:
    """Return a trial nobody configured whose split is off."""
    arms = {"a": arm(12_000, 0, 0), "b": arm(9_000, 0, 0)}
    arms["a"] |= {"channel.web": 8_000, "channel.app": 4_000}
    arms["b"] |= {"channel.web": 5_000, "channel.app": 4_000}
    phase = Stretch(START + 60_000, ["a", "b"], {}, arms)
    return trial(arms, stretches=[phase], failing_at=START + DAY, smallest_p=1e-9, mixed=0)
