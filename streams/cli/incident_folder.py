"""What a folder of outputs (`pmon replay --out DIR`) holds about incidents: each with its steps and findings, and how far time is."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from reporting.issues import ACTIVE
from reporting.wording import title
from streams.cli.problem import UsageProblem
from streams.event_file import BrokenLine, read_events

SHORTEST_ID = 4
EVERY_PARTITION = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Story:
    """One incident: `steps` are its states after each step, the last is how it stands; `findings` are those of its check and key."""

    id: str
    name: str
    steps: tuple[Mapping[str, Any], ...]
    findings: tuple[Mapping[str, Any], ...]

    @property
    def now(self) -> Mapping[str, Any]:
        """The incident as it stands."""
        return self.steps[-1]

    @property
    def active(self) -> bool:
        """Whether somebody still has to act."""
        return self.now["state"] in ACTIVE

    def title(self) -> str:
        """Return what, how much, where; the bound and what was seen come from the findings, the only output that tells them."""
        bounds = [bound for finding in self.findings if (bound := bound_of(finding)) is not None]
        seen = {one["window"]["end"]: {name: one.get(name) for name in ("observed", "expected")} for one in self.findings if one["window"]}
        windows = [{**window, **seen.get(window["end"], {})} for window in self.now["windows"]]
        return title({**self.now, "windows": windows, "threshold": bounds[0] if bounds else None})


@dataclass(frozen=True, slots=True)
class Outputs:
    """All incidents of a folder, active first, higher level first, then the oldest; `watermark` is RFC 3339, None where not told."""

    stories: tuple[Story, ...]
    watermark: str | None

    def find(self, beginning: str) -> Story:
        """Return the incident whose id begins so; raises UsageProblem for none and for several."""
        found = [story for story in self.stories if beginning and story.id.startswith(beginning.lower())]
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageProblem(f"incidents: the id fits {len(found)} incidents, {_some(found)}; write more of it")
        known = f"here are {_some(self.stories)}" if self.stories else "there is no incident here"
        raise UsageProblem(f"incidents: no incident has an id that begins so; {known}")


def read_outputs(folder: Path) -> Outputs:
    """Return the incidents of a folder of outputs; raises UsageProblem where it is none."""
    path = folder / "incidents.jsonl"
    if not path.is_file():
        raise UsageProblem(f"{folder}: holds no incidents.jsonl; name the folder that `pmon replay --out DIR` wrote")
    found = folder / "findings.jsonl"
    findings = _payloads(found, "findings") if found.is_file() else ()
    return outputs_of(_payloads(path, "incidents"), findings, _watermark(folder / "summary.json"))


def outputs_of(steps: Iterable[Mapping[str, Any]], findings: Iterable[Mapping[str, Any]], watermark: str | None) -> Outputs:
    """Return the incidents that steps and findings tell of, in whatever order they come; the watermark is the last step where not known."""
    known: dict[str, dict[int, Mapping[str, Any]]] = {}
    for data in steps:
        known.setdefault(data["incident_id"], {})[data["sequence"]] = data
    series: dict[bytes, list[Mapping[str, Any]]] = {}
    for data in findings:
        series.setdefault(_series(data), []).append(data)
    whole = {id: tuple(found[number] for number in sorted(found)) for id, found in known.items()}
    names = _short(list(whole))
    stories = [Story(id, names[id], found, tuple(series.get(_series(found[-1]), ()))) for id, found in whole.items()]
    stories.sort(key=lambda story: (not story.active, -story.now["level"], story.now["opened_at"], story.id))
    latest = max((story.now["updated_at"] for story in stories), default=None)
    return Outputs(tuple(stories), watermark or latest)


def bound_of(finding: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what was crossed as key figure, direction and value; None where a finding has no such bound."""
    value, observed, kpi = finding.get("threshold"), finding.get("observed"), finding["key"].get("kpi")
    if not isinstance(value, int | float) or not isinstance(observed, int | float) or kpi is None:
        return None
    return {"kpi": kpi, "op": "<" if observed <= value else ">", "value": value}


def _payloads(path: Path, topic: str) -> Iterator[Mapping[str, Any]]:
    for record in read_events([path], EVERY_PARTITION):
        if isinstance(record, BrokenLine):
            raise UsageProblem(f"{path}:{record.line_number}: is no output of pmon: {record.reason}")
        if record.topic == topic and record.value is not None:
            try:
                data = orjson.loads(record.value)["data"]
            except (orjson.JSONDecodeError, KeyError, TypeError):
                raise UsageProblem(f"{path}: holds a record that is no CloudEvent of pmon") from None
            yield data


def _series(data: Mapping[str, Any]) -> bytes:
    key = {name: value for name, value in data["key"].items() if name != "kpi"}
    return orjson.dumps([data["check"], data["initiative"], key], option=orjson.OPT_SORT_KEYS)


def _watermark(path: Path) -> str | None:
    if not path.is_file():
        return None
    try:
        found = [mark for mark in orjson.loads(path.read_bytes())["watermarks"].values() if mark is not None]
    except (orjson.JSONDecodeError, KeyError, AttributeError, TypeError):
        raise UsageProblem(f"{path}: is no summary of pmon replay") from None
    return min(found, default=None)


def _short(ids: list[str]) -> dict[str, str]:
    """Return the shortest beginnings, all of one length, that tell the ids apart."""
    for length in range(SHORTEST_ID, 36):
        if len({id[:length] for id in ids}) == len(ids):
            return {id: id[:length] for id in ids}
    return {id: id for id in ids}


def _some(stories: tuple[Story, ...] | list[Story]) -> str:
    shown = ", ".join(story.name for story in stories[:5])
    return shown if len(stories) <= 5 else f"{shown} and {len(stories) - 5} more"
