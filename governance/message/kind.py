"""Engagement events by kind: what events that are alike have in common is checked once, by the model, and is one object for all of them.

A feed has few kinds of events: cells, decision paths and rule versions repeat, while ids, times and latencies do not. So a record is cut
in two. What it shares needs no check where an equal one, of equal types, was checked before; of what is its own every field is checked
here, to the limits of the model. Whatever is not as it should be is left to the model, which says why, or takes it all the same. So there
is one definition, and a test holds both ways against each other.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any, TypeAlias

import orjson

from governance.feed import MOST_KEYS, keys_of
from governance.message.engagement import Engagement
from governance.message.field import LARGEST_COUNT, LARGEST_NUMBER, LONGEST_ID, MACHINE_ID_PATTERN, NAME_PATTERN
from governance.message.instant import parse_instant
from governance.message.reading import DEEPEST, ENGAGEMENT, LARGEST_BYTES, decode, understood
from governance.message.refusal import Refusal

REQUIRED = ("event_id", "occurred_at", "subject_id")
OWN = frozenset({*REQUIRED, "latency_ms", "pre_value"})
SHARED = tuple(name for name in Engagement.model_fields if name not in OWN and name != "decision_path")
TALLIED = ("exposures", "clicks", "conversions", "revenue_minor", "technical_fallbacks", "subjects", "converted_subjects")
NUMBERS = frozenset({"rule_version", "value_minor", "consent_asserted", "propensity", *TALLIED})  # True, 1 and 1.0 are equal keys
DOCUMENTED = tuple(sorted(Engagement.model_fields))
LONGEST_PATH = 16  # of a kind that is remembered, so that what is remembered stays small
MOST_FORMS, MOST_KINDS = 256, 8_192  # remembered

required = itemgetter(*REQUIRED)
is_machine_id, is_name = re.compile(MACHINE_ID_PATTERN).fullmatch, re.compile(NAME_PATTERN).fullmatch


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """What some events have in common; `cell` is (profile, channel, cohort, variant), `keys` those their records carried."""

    type: str
    initiative: str
    cell: tuple[str, str, str, str]
    experiment_id: str | None
    rule_id: str | None
    rule_version: int | None
    decision_path: tuple[str, ...] | None
    fallback: str | None
    purpose: str | None
    consent_asserted: bool | None
    propensity: float | None
    keys: tuple[str, ...]


# The kind, event_id, occurred_at (ms), latency_ms, and the event itself where it adds numbers of its own: money, a tally.
Occurrence: TypeAlias = tuple[Kind, str, int, int | None, Engagement | None]


class Form:
    """Records with the same keys: how they are cut in two."""

    __slots__ = ("has_path", "numbers", "plain", "values")

    def __init__(self, names: Collection[str]) -> None:
        shared = [name for name in SHARED if name in names]
        self.plain = Engagement.model_fields.keys() >= set(names)
        self.has_path = "decision_path" in names
        self.values, self.numbers = several(shared), several([name for name in shared if name in NUMBERS])

    def shared(self, content: Mapping[str, Any]) -> Any:
        """Return what tells the kind of a record: equal where and only where the shared fields are equal and of equal types."""
        path = content["decision_path"] if self.has_path else None
        return self, self.values(content), tuple(path) if path.__class__ is list else path, *map(type, self.numbers(content))


def several(names: Sequence[str]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """Return what gets the values of some keys."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda content: tuple(content[name] for name in names)


class Kinds:
    """The forms and kinds of records that were taken before."""

    def __init__(self) -> None:
        self._forms: dict[tuple[str, ...], Form] = {}
        self._kinds: dict[Any, Kind] = {}

    def read(self, key: bytes | None, value: bytes) -> Occurrence | Refusal:
        """Return the event that the bytes of a record are, or why it is refused: what `reading.read` says of them."""
        try:
            found = self._known(key, value)
        except (KeyError, TypeError, ValueError):  # no JSON or no object, something is missing, a list where none belongs, no time
            found = None
        return self._judged(key, value) if found is None else found

    def remembered(self) -> int:
        """Return how many kinds are known."""
        return len(self._kinds)

    def _known(self, key: bytes | None, value: bytes) -> Occurrence | None:
        """Return the event of a record whose shared part was checked before and whose own part is right."""
        content = orjson.loads(value)
        form = self._forms.get(tuple(content))
        if form is None:
            return None
        kind = self._kinds.get(form.shared(content))
        if kind is None or len(value) > LARGEST_BYTES or not (form.plain or value.count(b"[") + value.count(b"{") <= DEEPEST):
            return None
        event_id, at, subject_id = required(content)
        time = parse_instant(at)
        if is_machine_id(event_id) is None or len(event_id) > LONGEST_ID:
            return None
        if is_name(subject_id) is None or not 0 < len(subject_id) <= LONGEST_ID or subject_id.encode() != key:
            return None
        latency = content.get("latency_ms")
        if latency is not None and (latency.__class__ is not int or not 0 <= latency <= LARGEST_COUNT):
            return None
        before = content.get("pre_value")
        if before is not None and (before.__class__ not in (int, float) or not -LARGEST_NUMBER <= before <= LARGEST_NUMBER):
            return None
        return kind, event_id, time, latency, None

    def _judged(self, key: bytes | None, value: bytes) -> Occurrence | Refusal:
        """Return what the model says, and remember the kind."""
        content = decode(ENGAGEMENT, value)
        if isinstance(content, Refusal):
            return content
        event = understood(ENGAGEMENT, key, content)
        if isinstance(event, Refusal):
            return event
        assert isinstance(event, Engagement)
        kind = kind_of(event, keys_of(content, DOCUMENTED))
        if event.value_minor is not None or event.type == "tally":
            return kind, event.event_id, event.occurred_at, event.latency_ms, event
        if len(content) <= MOST_KEYS and len(event.decision_path or ()) <= LONGEST_PATH:
            self._remember(content, kind)
        return kind, event.event_id, event.occurred_at, event.latency_ms, None

    def _remember(self, content: Mapping[str, Any], kind: Kind) -> None:
        if len(self._forms) >= MOST_FORMS or len(self._kinds) >= MOST_KINDS:
            self._forms, self._kinds = {}, {}
        names = tuple(content)
        form = self._forms.get(names)
        if form is None:
            form = self._forms[names] = Form(names)
        self._kinds[form.shared(content)] = kind


def kind_of(event: Engagement, keys: tuple[str, ...]) -> Kind:
    """Return the kind of an event whose record carried these keys."""
    cell = (event.profile, event.channel, event.cohort, event.variant)
    rule = (event.rule_id, event.rule_version)
    consent = (event.fallback, event.purpose, event.consent_asserted)
    return alike(event.type, event.initiative, cell, event.experiment_id, *rule, event.decision_path, *consent, event.propensity, keys)


alike = lru_cache(maxsize=MOST_KINDS)(Kind)
KINDS = Kinds()
