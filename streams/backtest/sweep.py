"""Candidates: a config with some places set to each of several values, every combination of them.

Candidates that differ only in thresholds become one config in which each variant is a rule of its own (`low-ctr/2`): the kernel folds
windows once and judges all of them.
"""

import copy
import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations, product
from typing import Any

import orjson
import yaml
from pydantic import ValidationError

from governance.config import Config
from governance.config.problem import written
from governance.message.refusal import rule_of

MOST_CANDIDATES = 500
Path = tuple[str | int, ...]


class SweepError(ValueError):
    """A setting that cannot be swept; the message names the path and what would be right."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A place in the config and the values to try there; `text` is the place as it was written."""

    text: str
    path: Path
    values: tuple[Any, ...]

    @property
    def focus(self) -> tuple[str, str] | None:
        """Return (initiative, check) that alone this place concerns, None where it concerns more."""
        if len(self.path) > 4 and self.path[0] == "initiatives" and self.path[2] == "thresholds":
            return str(self.path[1]), f"threshold:{self.path[3]}"
        if len(self.path) > 3 and self.path[0] == "initiatives" and self.path[2] == "detectors":
            return str(self.path[1]), str(self.path[3])
        return None


@dataclass(frozen=True, slots=True)
class Candidate:
    """One combination of values, and under which checks its rules run: {(initiative, check as configured): check in the run}."""

    values: tuple[Any, ...]
    checks: Mapping[tuple[str, str], str]


@dataclass(frozen=True, slots=True)
class Pass:
    """One run of the kernel: its config and the candidates it serves."""

    config: Config
    candidates: tuple[Candidate, ...]


def setting_of(text: str, config: Config) -> Setting:
    """Read `PATH=V1,V2,…`; raises SweepError naming the path where it leads nowhere or has no values."""
    name, equals, values = text.partition("=")
    name = name.strip()
    if not equals or not values.strip():
        raise SweepError(f"--set {shown(name)}: write PATH=V1,V2 such as initiatives.home.thresholds.low-ctr.value=0.02,0.03")
    path = path_of(name, config.effective())
    if path[-1] == "id":
        raise SweepError(f"--set {shown(name)}: an id cannot be swept; name a value, a window, M or N of the rule")
    if rules(value_at(config.effective(), path[:-1])):
        raise SweepError(f"--set {shown(name)}: a rule cannot be swept as a whole; name a part of it such as {shown(name)}.value")
    try:
        found = tuple(plain(yaml.safe_load(value)) for value in split(values))
    except (yaml.YAMLError, TypeError, ValueError, RecursionError):
        raise SweepError(f"--set {shown(name)}: values must be YAML scalars or lists such as 0.02,0.03 or [channel],[profile]") from None
    return Setting(name, path, found)


def plain(value: Any) -> Any:
    orjson.dumps(value)  # a date or a set is no value of the config; raises TypeError
    return value


def value_text(value: Any) -> str:
    """Return a value as it is written in a config.

    >>> [value_text(value) for value in ("1h", 0.02, False, None, ["channel"])]
    ['1h', '0.02', 'false', 'null', '["channel"]']
    """
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def shown(text: str) -> str:
    """Return what was typed, short and harmless."""
    clean = "".join(mark if mark.isprintable() else "?" for mark in text)
    return clean if len(clean) <= 100 else clean[:99] + "…"


def split(text: str) -> list[str]:
    """Split values at commas outside brackets.

    >>> split("0.02,[channel,profile], false")
    ['0.02', '[channel,profile]', ' false']
    """
    found, depth = [""], 0
    for mark in text:
        depth += (mark in "[{") - (mark in "]}")
        if mark == "," and depth == 0:
            found.append("")
        else:
            found[-1] += mark
    return found


def path_of(text: str, document: Any) -> Path:
    """Return the steps of a path such as `initiatives.home.thresholds.low-ctr.value`, rules by id; raises SweepError where it ends."""
    path: list[str | int] = []
    at, rest = document, text
    while rest:
        known = list(at) if isinstance(at, Mapping) else [one["id"] for one in at if "id" in one] if rules(at) else []
        step = max((key for key in known if rest == key or rest.startswith(f"{key}.")), key=len, default=None)
        if step is None:
            close = difflib.get_close_matches(rest.split(".")[0][:64], known, n=1)
            right = (
                f"did you mean {close[0]}?"
                if close
                else f"known there: {', '.join(known[:20])}"
                if known
                else "nothing can be set below it"
            )
            raise SweepError(f"--set {shown(text)}: the config has no {shown(rest)} under {written(tuple(path)) or 'its top'}; {right}")
        path.append(step)
        at = at[step] if isinstance(at, Mapping) else next(one for one in at if one["id"] == step)
        rest = rest[len(step) + 1 :]
    if not path:
        raise SweepError("--set: the path is empty; name a place such as initiatives.home.thresholds.low-ctr.value")
    return tuple(path)


def rules(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)


def passes(config: Config, settings: Sequence[Setting]) -> list[Pass]:
    """Return the runs that serve every combination of the settings' values; raises SweepError naming the value that cannot be."""
    for one, other in permutations(settings, 2):
        if one.path == other.path[: len(one.path)]:
            raise SweepError(f"--set {shown(other.text)}: lies within --set {shown(one.text)}; name each place once")
    combinations = list(product(*(setting.values for setting in settings)))
    if len(combinations) > MOST_CANDIDATES:
        raise SweepError(f"--set: {len(combinations):,} combinations are too many, at most {MOST_CANDIDATES}")
    groups: dict[bytes, list[tuple[tuple[Any, ...], Any]]] = {}
    varied = sorted({setting.focus for setting in settings if setting.focus and setting.path[2] == "thresholds"})
    for values in combinations:
        document = copy.deepcopy(config.effective())
        for setting, value in zip(settings, values, strict=True):
            put(document, setting.path, value)
        checked(document, settings, values)
        rest = copy.deepcopy(document)
        for initiative, check in varied:
            kept = [one for one in rest["initiatives"][initiative]["thresholds"] if f"threshold:{one['id']}" != check]
            rest["initiatives"][initiative]["thresholds"] = kept
        groups.setdefault(orjson.dumps(rest, option=orjson.OPT_SORT_KEYS), []).append((values, document))
    return [merged(orjson.loads(rest), members, varied) for rest, members in groups.items()]


def value_at(document: Any, path: Path) -> Any:
    """Return what stands at a path that exists."""
    for step in path:
        document = document[step] if isinstance(document, dict) else next(one for one in document if one["id"] == step)
    return document


def put(document: Any, path: Path, value: Any) -> None:
    """Set the value at a path that exists."""
    value_at(document, path[:-1])[path[-1]] = value


def checked(document: Any, settings: Sequence[Setting], values: Sequence[Any]) -> Config:
    """Return the config a document is; raises SweepError naming what was set and what is wrong with it."""
    try:
        return Config.model_validate(document)
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        if detail["type"] == "contradiction":
            path, message = detail["ctx"]["found"][0]
        else:
            path, message = tuple(detail["loc"]), rule_of(detail)
        tried = ", ".join(f"{shown(setting.text)}={shown(value_text(value))}" for setting, value in zip(settings, values, strict=True))
        raise SweepError(f"--set {tried}: {written(path)}: {message}") from None


def merged(document: Any, members: Sequence[tuple[tuple[Any, ...], Any]], varied: Iterable[tuple[str, str]]) -> Pass:
    """Return one config in which every variant of the varied rules is a rule of its own."""
    variants: dict[tuple[str, str], dict[bytes, str]] = {focus: {} for focus in varied}
    candidates = []
    for values, own in members:
        checks = {}
        for (initiative, check), known in variants.items():
            rule = next(one for one in own["initiatives"][initiative]["thresholds"] if f"threshold:{one['id']}" == check)
            text = orjson.dumps(rule, option=orjson.OPT_SORT_KEYS)
            if text not in known:
                known[text] = f"{rule['id']}/{len(known) + 1}"
                document["initiatives"][initiative]["thresholds"].append({**rule, "id": known[text]})
            checks[initiative, check] = f"threshold:{known[text]}"
        candidates.append(Candidate(values, checks))
    return Pass(checked(document, (), ()), tuple(candidates))
