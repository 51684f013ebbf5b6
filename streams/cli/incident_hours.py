"""The key figure of an incident by hour, out of a folder's `kpi-windows`: what was seen, and where it was to be expected."""

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

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


def hours_of(folder: Path, story: Story, watermark: str) -> tuple[Hour, ...]:
    """Return the hours of an incident's own place up to the one after its last step, at most two days; none where its figure is no rate.

    Raises UsageProblem for a file that is none of pmon. Lines of other times are passed over unread.
    """
    now, path = story.now, folder / "kpi-windows.jsonl"
    kpi = str(now["key"].get("kpi") or next((finding["key"]["kpi"] for finding in story.findings if "kpi" in finding["key"]), ""))
    if kpi not in BUILT_IN or BUILT_IN[kpi].numerator == "revenue_minor" or not path.is_file():
        return ()
    closed = parse_instant(watermark)
    until = (closed if story.active else min(closed, parse_instant(now["updated_at"]) + HOUR)) // HOUR * HOUR
    counted = _counted(path, now["initiative"], now["key"], until - SHOWN * HOUR, until)
    if not counted:
        return ()
    spans = [Span(end, counted.get(end, {})) for end in range(min(counted), until + HOUR, HOUR)]
    usual = ranges(spans, kpi, BUILT_IN, troubled(spans, [Kept(now, ())]))
    windows = [(parse_instant(window["start"]), parse_instant(window["end"])) for window in now["windows"]]
    return tuple(
        Hour(kpi, span.end, span.value(kpi, BUILT_IN), one, any(start < span.end and end > span.end - HOUR for start, end in windows))
        for span, one in zip(spans, usual, strict=True)
    )


def _counted(path: Path, initiative: str, key: dict[str, str], after: int, until: int) -> dict[int, Counts]:
    """Return the counts of a place by the end of the hour, of windows in (after, until]."""
    found: dict[int, Counts] = defaultdict(dict)
    with path.open("rb") as file:
        for line in file:
            stamp = STAMP.search(line, 0, 1024)
            if (stamp is not None and not after < int(stamp[1]) <= until) or CONSENT in line:
                continue
            try:
                data = orjson.loads(line)["value"]["data"]
                cell = tuple(data["key"][name] for name in DIMENSIONS)
                if data["initiative"] == initiative and data["revision"] == "counts" and matches(cell, key):
                    add(found[end_of(parse_instant(data["window"]["end"]) - 1, HOUR)], counts_of(data["counts"]))
            except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
                raise UsageProblem(f"{path}: holds a line that is no window of pmon") from None
    return {end: counts for end, counts in found.items() if after < end <= until}
