"""The life of an incident as one table: what every event makes of every state, what is said of it, and what is refused.

Observations (`met`, `breach`, `repeat`, `clear`), time (`timeout`, `expire`) and late evidence (`retract`) move an incident or leave it.
What people ask (`acknowledge`, `resolve`, `log`, `silence`) moves it or is refused with the reason the table gives. `reassign` is
said when the person asked is no longer there. The table is total: a pair that is not in it is a mistake of ours.

`python -m tests.governance.drawing` draws it into docs/lifecycle.md.
"""

from dataclasses import dataclass
from typing import Literal, get_args

State = Literal["none", "open", "acknowledged", "resolved", "closed", "retracted"]
Event = Literal["met", "breach", "repeat", "timeout", "clear", "expire", "retract", "reassign", "acknowledge", "resolve", "log", "silence"]
Step = Literal[
    "opened",
    "occurrence",
    "acknowledged",
    "escalated",
    "reassigned",
    "remediation_logged",
    "silenced",
    "resolved",
    "reopened",
    "closed",
    "retracted",
]
STATES: tuple[State, ...] = get_args(State)
EVENTS: tuple[Event, ...] = get_args(Event)
ASKED = frozenset({"acknowledge", "resolve", "log", "silence"})  # events that are a person's wish, so each is done or refused
LIVING = frozenset({"open", "acknowledged", "resolved"})
ESCALATING = frozenset({"opened", "escalated", "reopened", "reassigned"})  # steps of which somebody is asked to act


@dataclass(frozen=True, slots=True)
class Next:
    """What an event makes of a state: the state after it, the step said of it (None: nothing), levels up, or why it is refused."""

    state: State
    step: Step | None = None
    up: int = 0
    refused: str | None = None


def stays(state: State, *events: Event) -> dict[Event, Next]:
    """Return that these events change nothing and say nothing."""
    return dict.fromkeys(events, Next(state))


def refuses(state: State, reason: str, *events: Event) -> dict[Event, Next]:
    """Return that these wishes are refused for one reason."""
    return dict.fromkeys(events, Next(state, refused=reason))


UNKNOWN = "names no incident that was opened"
OVER = "is over: a new breach opens a new incident"
TAKEN_BACK = "was retracted: late evidence took back all it was about"

NEXT: dict[State, dict[Event, Next]] = {
    "none": {
        "met": Next("open", "opened", up=1),
        **stays("none", "breach", "repeat", "timeout", "clear", "expire", "retract", "reassign"),
        **refuses("none", UNKNOWN, "acknowledge", "resolve", "log", "silence"),
    },
    "open": {
        "breach": Next("open", "occurrence"),
        "repeat": Next("open", "escalated", up=1),
        "timeout": Next("open", "escalated", up=1),
        "clear": Next("resolved", "resolved"),
        "retract": Next("retracted", "retracted"),
        "reassign": Next("open", "reassigned"),
        "acknowledge": Next("acknowledged", "acknowledged"),
        "resolve": Next("resolved", "resolved"),
        "log": Next("open", "remediation_logged"),
        "silence": Next("open", "silenced"),
        **stays("open", "met", "expire"),
    },
    "acknowledged": {
        "breach": Next("acknowledged", "occurrence"),
        "repeat": Next("open", "escalated", up=1),  # what was acknowledged got worse: somebody has to look again
        "clear": Next("resolved", "resolved"),
        "retract": Next("retracted", "retracted"),
        "reassign": Next("open", "reassigned"),  # who said they had it is gone
        "resolve": Next("resolved", "resolved"),
        "log": Next("acknowledged", "remediation_logged"),
        "silence": Next("acknowledged", "silenced"),
        **stays("acknowledged", "met", "timeout", "expire"),
        **refuses("acknowledged", "is acknowledged already", "acknowledge"),
    },
    "resolved": {
        "breach": Next("open", "reopened", up=1),
        "repeat": Next("open", "reopened", up=1),
        "expire": Next("closed", "closed"),
        "retract": Next("retracted", "retracted"),
        "log": Next("resolved", "remediation_logged"),
        "silence": Next("resolved", "silenced"),
        **stays("resolved", "met", "timeout", "clear", "reassign"),
        **refuses("resolved", "is resolved: nobody has to act unless it reopens", "acknowledge"),
        **refuses("resolved", "is resolved already", "resolve"),
    },
    "closed": {
        "retract": Next("retracted", "retracted"),
        **stays("closed", "met", "breach", "repeat", "timeout", "clear", "expire", "reassign"),
        **refuses("closed", OVER, "acknowledge", "resolve", "log", "silence"),
    },
    "retracted": {
        **stays("retracted", "met", "breach", "repeat", "timeout", "clear", "expire", "retract", "reassign"),
        **refuses("retracted", TAKEN_BACK, "acknowledge", "resolve", "log", "silence"),
    },
}


def following(state: State, event: Event) -> Next:
    """Return what the table says of an event in a state; raises KeyError only for what is no state or no event."""
    return NEXT[state][event]


def drawing() -> str:
    """Return the table as Markdown: a diagram of what moves (Mermaid), then every pair of state and event."""
    arrows: dict[tuple[State, State], list[str]] = {}
    for state, events in NEXT.items():
        for event in EVENTS:
            found = events[event]
            if found.step is not None and found.state != state:
                arrows.setdefault((state, found.state), []).append(f"{event}{' (level up)' if found.up else ''}")
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [f"    {named(one)} --> {named(other)}: {', '.join(events)}" for (one, other), events in arrows.items()]
    lines += ["```", "", "| event | " + " | ".join(STATES) + " |", "|---" * (len(STATES) + 1) + "|"]
    lines += [f"| `{event}` | " + " | ".join(cell(state, NEXT[state][event]) for state in STATES) + " |" for event in EVENTS]
    reasons = dict.fromkeys(found.refused for events in NEXT.values() for found in events.values() if found.refused)
    lines += [
        "",
        "`·` changes nothing. A refused wish is answered with its reason: " + "; ".join(f"it {reason}" for reason in reasons) + ".",
    ]
    return "\n".join(lines) + "\n"


def named(state: State) -> str:
    """Return a state as the diagram writes it: what was before the first breach has no name of its own."""
    return "[*]" if state == "none" else state


def cell(state: State, found: Next) -> str:
    """Return one pair's entry of the table."""
    if found.refused is not None:
        return "refused"
    if found.step is None:
        return "·"
    return f"**{found.step}**" + (f" → {found.state}" if found.state != state else "") + (", level up" if found.up else "")
