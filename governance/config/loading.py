"""From the text of a config file to a `Config`, or every fault with its line."""

import difflib
import json
from collections.abc import Mapping
from functools import cache
from itertools import chain, islice
from typing import Any

from pydantic import ValidationError

from governance.config.document import Document, read_document
from governance.config.model import Config
from governance.config.problem import ConfigError, Path, Problem, written
from governance.message.refusal import rule_of

MOST_FAULTS = 100  # told at once; a file with more is no config
LONGEST_KEY = 64  # that is compared with the known ones
SHOWN = 40  # the longest wrong value that is repeated in a message
SECRET = "sinks"  # the section whose values may hold credentials


def load_config(text: str, source: str = "config.yaml") -> Config:
    """Return the config that a YAML text says; an empty text is all defaults.

    Raises ConfigError with every fault found (the first hundred); its text has one line each: `config.yaml:12: initiatives.x.owners: …`.
    """
    document = read_document(text, source)
    content = {} if document.data is None else document.data
    if not isinstance(content, dict):
        raise ConfigError(source, [Problem("", document.line_of(()), "must be a mapping of sections such as timing and initiatives")])
    try:
        return Config.model_validate(content)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        found = chain.from_iterable(_problems(detail, document) for detail in details)
        raise ConfigError(source, list(dict.fromkeys(islice(found, MOST_FAULTS)))) from None


def _problems(detail: Mapping[str, Any], document: Document) -> list[Problem]:
    if detail["type"] == "contradiction":
        return [Problem(written(path), document.line_of(path), message) for path, message in detail["ctx"]["found"]]
    path = _present(detail, document.data)
    return [Problem(written(path), document.line_of(path), _message(detail, path, document.data))]


def _present(detail: Mapping[str, Any], data: Any) -> Path:
    """Return the location without the steps pydantic adds for members of a union and for keys of a mapping."""
    path: list[str | int] = []
    location = [part for part in detail["loc"] if part != "[key]"]
    for index, part in enumerate(location):
        absent = detail["type"] == "missing" and index == len(location) - 1
        inside = _at(data, (*path, part)) is not _ABSENT
        if inside or absent:
            path.append(part)
    return tuple(path)


def _message(detail: Mapping[str, Any], path: Path, data: Any) -> str:
    if detail["type"] == "missing":
        return "is required"
    if detail["type"] == "extra_forbidden":
        return _unknown_key(path)
    value = _at(data, path)
    if path[:1] == (SECRET,) or not isinstance(value, str | int | float | bool):
        return rule_of(detail)
    shown = json.dumps(value, ensure_ascii=False)
    return f"{rule_of(detail)}, was {shown}" if len(shown) <= SHOWN else rule_of(detail)


def _unknown_key(path: Path) -> str:
    known = sorted(_keys_at(path[:-1]))
    close = difflib.get_close_matches(str(path[-1])[:LONGEST_KEY], known, n=1)
    return f"is no key of the config; did you mean {close[0]}?" if close else f"is no key of the config; known here: {', '.join(known)}"


_ABSENT = object()


def _at(data: Any, path: Path) -> Any:
    for part in path:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return _ABSENT
    return data


def _keys_at(path: Path) -> set[str]:
    """Return the keys that the config's schema knows at a path."""
    schema = _schema()
    definitions = schema["$defs"]
    places = [schema]
    for part in path:
        places = [found for place in places for found in _resolved(_below(place, part), definitions)]
    return {key for place in places for key in place.get("properties", {})}


@cache
def _schema() -> dict[str, Any]:
    return Config.model_json_schema()


def _below(place: Mapping[str, Any], part: str | int) -> Any:
    if isinstance(part, int):
        return place.get("items", {})
    if part in place.get("properties", {}):
        return place["properties"][part]
    return next(iter(place.get("patternProperties", {}).values()), place.get("additionalProperties", {}))


def _resolved(place: Any, definitions: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the objects a schema stands for: the target of a reference, the members of a union."""
    if not isinstance(place, dict):
        return []
    if "$ref" in place:
        return _resolved(definitions[place["$ref"].rpartition("/")[2]], definitions)
    return [place] + [found for option in place.get("anyOf", []) for found in _resolved(option, definitions)]
