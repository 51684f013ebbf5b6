"""The key figure of an incident by hour, out of `kpi-windows`: what was seen, and where it was to be expected."""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from detectors.cell import DIMENSIONS, Counts, add
from detectors.kpi import BUILT_IN
from detectors.window import HOUR, end_of
from governance.message.instant import parse_instant
from reporting.likely import Range
from streams.cli.incident_folder import Story
from streams.cli.problem import UsageProblem
from streams.read_model.situation import Story as Kept
from streams.read_model.situation import counts_of
from streams.web.page.hours import SHOWN, Span, matches, ranges, troubled

STAMP = re.compile(rb'"timestamp": ?(\d+)')  # of a line, before its value
CONSENT = b'"revision":"consent"'  # the same counts again; as pmon writes it, and what is written otherwise is read


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour up to `end`, ms, of a key figure: its value, where 99 of 100 such hours lie (None: not known), whether a window breached."""

    kpi: str
    end: int
    value: float | None
    usual: Range | None
    breached: bool


@dataclass(slots=True)
class Tally:
    """Counts the windows of an incident's own place by the end of their hour: of those that end in (after, until], ms."""

    kpi: str
    initiative: str
    key: Mapping[str, str]
    after: int
    until: int
    hours: dict[int, Counts] = field(default_factory=lambda: defaultdict(dict))

    def take(self, data: Mapping[str, Any]) -> None:
        """Count the data of a `kpi-windows` event where it is one of them; KeyError, TypeError and ValueError for what is none."""
        end = parse_instant(data["window"]["end"])
        if data["initiative"] != self.initiative or data["revision"] != "counts" or not self.after < end <= self.until:
            return
        cell = tuple(data["key"][name] for name in DIMENSIONS)
        if matches(cell, self.key):
            add(self.hours[end_of(end - 1, HOUR)], counts_of(data["counts"]))


def tally_of(story: Story, watermark: str) -> Tally | None:
    """Return what to count for an incident: two days up to the hour after its last step; None where its figure is no rate."""
    now = story.now
    kpi = str(now["key"].get("kpi") or next((finding["key"]["kpi"] for finding in story.findings if "kpi" in finding["key"]), ""))
    if kpi not in BUILT_IN or BUILT_IN[kpi].numerator == "revenue_minor":
        return None
    closed = parse_instant(watermark)
    until = (closed if story.active else min(closed, parse_instant(now["updated_at"]) + HOUR)) // HOUR * HOUR
    return Tally(kpi, now["initiative"], now["key"], until - SHOWN * HOUR, until)


def drawn(story: Story, tally: Tally) -> tuple[Hour, ...]:
    """Return the hours that were counted, each with what was to be expected of it."""
    if not tally.hours:
        return ()
    spans = [Span(end, tally.hours.get(end, {})) for end in range(min(tally.hours), tally.until + HOUR, HOUR)]
    usual = ranges(spans, tally.kpi, BUILT_IN, troubled(spans, [Kept(story.now, ())]))
    windows = [(parse_instant(window["start"]), parse_instant(window["end"])) for window in story.now["windows"]]
    return tuple(
        Hour(tally.kpi, span.end, span.value(tally.kpi, BUILT_IN), one, any(a < span.end and b > span.end - HOUR for a, b in windows))
        for span, one in zip(spans, usual, strict=True)
    )


def hours_of(folder: Path, story: Story, watermark: str) -> tuple[Hour, ...]:
    """Return the hours of an incident's own place, out of a folder's windows; lines of other times are passed over unread.

    Raises UsageProblem for a file that is none of pmon.
    """
    tally, path = tally_of(story, watermark), folder / "kpi-windows.jsonl"
    if tally is None or not path.is_file():
        return ()
    with path.open("rb") as file:
        for line in file:
            stamp = STAMP.search(line, 0, 1024)
            if (stamp is not None and not tally.after < int(stamp[1]) <= tally.until) or CONSENT in line:
                continue
            try:
                tally.take(orjson.loads(line)["value"]["data"])
            except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
                raise UsageProblem(f"{path}: holds a line that is no window of pmon") from None
    return drawn(story, tally)
