"""A YAML text as plain data with the line of every value; only what a config needs of YAML, and nothing that can hurt.

Read from the parser's events, never by constructing objects. Refused: aliases (an alias bomb is a kilobyte that becomes a
gigabyte), tags, a key twice in one mapping, nesting over 32, files over 1 MiB. Words are typed by the YAML 1.2 core
schema: `no` is a country, `12:30` a text, a date stays a text for whoever knows it is a time.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml

from governance.config.problem import ConfigError, Path, Problem, written

LARGEST_BYTES = 1024 * 1024
DEEPEST = 32
STRING_TAG = "tag:yaml.org,2002:str"
NULL = re.compile(r"|~|null|Null|NULL")
TRUE = re.compile(r"true|True|TRUE")
FALSE = re.compile(r"false|False|FALSE")
INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
FLOAT = re.compile(r"[-+]?(?:\.[0-9]{1,32}|[0-9]{1,32}(?:\.[0-9]{0,32})?)(?:[eE][-+]?[0-9]{1,3})?")
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")  # YAML 1.1 section 5.1
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml where there is one: a large file in milliseconds


@dataclass(slots=True)
class Document:
    """Plain data and, for every path in it, the line (from 1) where it is written."""

    data: Any = None
    lines: dict[Path, int] = field(default_factory=dict)

    def line_of(self, path: Path) -> int | None:
        """Return the line of the path, or of the nearest thing around it that is written down."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return None


def read_document(text: str, source: str) -> Document:
    """Return the one document of a YAML text; raises ConfigError with the line of each fault."""
    return _Reader(source).read(text)


class _Reader:
    """One pass over the events of one text."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._document = Document()
        self._repeated: list[Problem] = []
        self._events: Iterator[yaml.Event] = iter(())

    def read(self, text: str) -> Document:
        self._check_text(text)
        self._events = iter(yaml.parse(text, Loader=LOADER))
        try:
            self._read_stream()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            self._refuse((), mark.line + 1 if mark else None, f"is not YAML: {error.problem}")
        if self._repeated:
            raise ConfigError(self._source, self._repeated)
        return self._document

    def _check_text(self, text: str) -> None:
        forbidden = FORBIDDEN.search(text)
        if forbidden is not None:
            self._refuse((), text.count("\n", 0, forbidden.start()) + 1, "must not hold control characters or lone surrogates")
        if len(text.encode()) > LARGEST_BYTES:
            self._refuse((), None, f"must be at most {LARGEST_BYTES} bytes")

    def _read_stream(self) -> None:
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if self._document.lines:
                    self._refuse((), _line(event), "must be one YAML document, was several")
                self._document.data = self._value(next(self._events), ())

    def _value(self, event: yaml.Event, path: Path) -> Any:
        self._document.lines.setdefault(path, _line(event))
        if isinstance(event, yaml.AliasEvent):
            self._refuse(path, _line(event), "must be written out: YAML aliases are not read")
        if getattr(event, "tag", None) not in (None, STRING_TAG, "!"):
            self._refuse(path, _line(event), "must not have a YAML tag")
        if len(path) > DEEPEST:
            self._refuse(path[:3], _line(event), f"must not be nested deeper than {DEEPEST}")
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        assert isinstance(event, yaml.ScalarEvent)
        return _typed(event.value) if event.implicit[0] else event.value

    def _mapping(self, path: Path) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                self._refuse(path, _line(event), "must have texts as keys")
            here = (*path, event.value)
            if event.value in mapping:
                self._repeated.append(Problem(written(here), _line(event), "must stand only once in its mapping"))
            self._document.lines[here] = _line(event)
            mapping[event.value] = self._value(next(self._events), here)
        return mapping

    def _sequence(self, path: Path) -> list[Any]:
        sequence: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            sequence.append(self._value(event, (*path, len(sequence))))
        return sequence

    def _refuse(self, path: Path, line: int | None, message: str) -> NoReturn:
        raise ConfigError(self._source, [*self._repeated, Problem(written(path), line, message)])


def _line(event: yaml.Event) -> int:
    assert event.start_mark is not None
    return int(event.start_mark.line) + 1


def _typed(word: str) -> Any:
    """Return what an unquoted word means in the YAML 1.2 core schema, infinities and NaN left as texts."""
    if NULL.fullmatch(word):
        return None
    if TRUE.fullmatch(word):
        return True
    if FALSE.fullmatch(word):
        return False
    if INTEGER.fullmatch(word):
        return int(word)
    if FLOAT.fullmatch(word):
        return float(word)
    return word
