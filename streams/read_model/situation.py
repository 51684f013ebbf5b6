"""What can be read of one initiative, as plain values; times in ms unless they stand inside a published object."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from detectors.cell import REVENUE, Cell, Counts, add
from reporting.issues import ACTIVE

Published = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class HourRow:
    """The closed windows of the hour up to `end`, by cell; money as `revenue_minor.EUR`, verdicts as `consent.valid`."""

    end: int
    cells: Mapping[Cell, Counts]

    def total(self, wanted: Callable[[Cell], bool] = lambda _: True) -> Counts:
        """Return the sum over the cells wanted, all by default."""
        found: Counts = {}
        for cell, counts in self.cells.items():
            if wanted(cell):
                add(found, counts)
        return found


@dataclass(frozen=True, slots=True)
class Story:
    """An incident after its last step, and its timeline: `sequence, step, at, level, state, owner`, oldest first."""

    now: Published
    steps: tuple[Published, ...]

    @property
    def active(self) -> bool:
        """Whether somebody still has to act."""
        return self.now["state"] in ACTIVE


@dataclass(frozen=True, slots=True)
class Overview:
    """Where an initiative stands: what is closed, findings that wait for a second breach, the latest report in brief.

    `retracted` are violations that late evidence took back, by the id of the consent incident they were part of, `taken_back` the
    ends of the windows they were in, as far as they are known. `frozen` are series whose detector raised, a row a detector and figure:
    `check, kpi, series` (how many), `where` (the first of them), `raised`, `since`.
    """

    initiative: str
    closed: int
    active: int
    pending: tuple[Published, ...] = ()
    report: Published | None = None
    retracted: Mapping[str, int] = field(default_factory=dict)
    taken_back: tuple[int, ...] = ()
    frozen: tuple[Published, ...] = ()


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything kept about one initiative; hours oldest first, incidents active before past, higher level first, then the oldest."""

    overview: Overview
    hours: tuple[HourRow, ...]
    incidents: tuple[Story, ...]


def by_urgency(stories: Iterable[Story]) -> tuple[Story, ...]:
    """Return incidents in the order they want to be read in: what is over, the latest first, after what is not; the same whoever tells."""
    found = sorted(stories, key=lambda story: (str(story.now["updated_at"]), str(story.now["incident_id"])), reverse=True)
    found.sort(key=_urgency)
    return tuple(found)


def _urgency(story: Story) -> tuple[object, ...]:
    now = story.now
    return (False, -now["level"], now["opened_at"], str(now["incident_id"])) if story.active else (True,)


def counts_of(published: Published) -> Counts:
    """Return published counts as sparse, additive ones."""
    found: Counts = {}
    for name, value in published.items():
        if isinstance(value, dict):  # as JSON has it; asking for any Mapping costs five times as much
            prefix = REVENUE if name == "revenue_minor" else f"{name}."
            found.update({prefix + part: number for part, number in value.items() if number})
        elif value:
            found[name] = value
    return found
