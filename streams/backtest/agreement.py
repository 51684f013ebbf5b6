"""How the incidents of a candidate agree with labels: what people know went wrong, by time and place."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, get_args

import orjson

from governance.message.instant import parse_instant
from governance.message.outputs import Key
from streams.backtest.sweep import shown

PLACES = get_args(get_args(Key)[0])  # what the key of a finding may name


class LabelError(ValueError):
    """Labels that cannot be read; the message names the line and what would be right."""


@dataclass(frozen=True, slots=True)
class Label:
    """Something that went wrong in [start, end), ms; what is None or left out of the key is not compared."""

    start: int
    end: int
    key: Mapping[str, str]
    initiative: str | None = None
    check: str | None = None


@dataclass(frozen=True, slots=True)
class Fire:
    """One incident: where, when opened, its breached windows from `start` to `end`, and when it was resolved (None: not yet), ms."""

    initiative: str
    check: str
    key: Mapping[str, str]
    start: int
    end: int
    opened: int
    resolved: int | None


def labels_of(text: bytes) -> list[Label]:
    """Return the labels of a truth file of `simulate`, or of lines of {start, end, key}; raises LabelError."""
    try:
        whole = orjson.loads(text)
    except orjson.JSONDecodeError:
        whole = None
    if isinstance(whole, dict) and isinstance(whole.get("incidents"), list):
        return [label_of(f"incidents[{number}]", one) for number, one in enumerate(whole["incidents"])]
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                found.append(label_of(f"line {number}", orjson.loads(line)))
            except orjson.JSONDecodeError:
                raise LabelError(f"line {number}: must be a JSON object with start, end and key") from None
    return found


def label_of(where: str, value: Any) -> Label:
    if not isinstance(value, dict):
        raise LabelError(f"{where}: must be a JSON object with start, end and key")
    times = []
    for name in ("start", "end"):
        try:
            times.append(parse_instant(value[name]))
        except (KeyError, ValueError, TypeError):
            raise LabelError(f"{where}: {name} must be a time with zone, RFC 3339, or milliseconds") from None
    if times[0] > times[1]:
        raise LabelError(f"{where}: end must not be before start")
    key = value.get("key") or {}
    if not isinstance(key, dict) or not all(isinstance(one, str) for one in key.values()):
        raise LabelError(f'{where}: key must be an object of dimensions and values, such as {{"channel":"web"}}')
    if unknown := [name for name in key if name not in PLACES]:
        raise LabelError(f"{where}: key has no {shown(unknown[0])}; known there: {', '.join(PLACES)}")
    named = [value.get(name) for name in ("initiative", "check")]
    if not all(one is None or isinstance(one, str) for one in named):
        raise LabelError(f"{where}: initiative and check must be text")
    return Label(times[0], times[1], key, *named)


def matches(fire: Fire, label: Label) -> bool:
    """Return whether an incident is about a label: the same place as far as both say, and time in common."""
    if label.initiative not in (None, fire.initiative) or label.check not in (None, fire.check):
        return False
    if any(fire.key.get(name, value) != value for name, value in label.key.items()):
        return False
    return fire.start < max(label.end, label.start + 1) and label.start < fire.end


def within(labels: Iterable[Label], start: int, end: int) -> list[Label]:
    """Return the labels that share time with [start, end): of others nothing could have been found."""
    return [label for label in labels if label.start < end and start < max(label.end, label.start + 1)]


def agreement(fires: Sequence[Fire], labels: Iterable[Label]) -> dict[str, Any]:
    """Return how many labels were found, which share of the incidents was about one, and the median delay from a label's start.

    The delay is 0 where the incident was open before.
    """
    wanted = list(labels)
    first = [min((fire.opened for fire in fires if matches(fire, label)), default=None) for label in wanted]
    delays = [max(0, opened - label.start) for opened, label in zip(first, wanted, strict=True) if opened is not None]
    right = sum(any(matches(fire, label) for label in wanted) for fire in fires)
    recall, precision = len(delays) / len(wanted) if wanted else None, right / len(fires) if fires else None
    both = (recall or 0) + (precision or 0)
    return {
        "labels": len(wanted),
        "found": len(delays),
        "false": len(fires) - right,
        "recall": recall,
        "precision": precision,
        "f1": None if recall is None or precision is None else 2 * recall * precision / both if both else 0.0,
        "delay_s": median(delays) / 1000 if delays else None,
    }
