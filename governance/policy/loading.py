"""From the text of policy files to policies, or every fault with its line. A file with a fault replaces nothing."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from pydantic import ValidationError

from governance.config.document import Document, read_document
from governance.config.problem import ConfigError, Path, Problem, written
from governance.message.field import LONGEST_ID
from governance.message.refusal import rule_of
from governance.policy.model import Policy

MOST_FAULTS = 100
LONGEST_KEY = 64


def load_policy(text: str, source: str = "policies.yaml") -> Policy:
    """Return the policy that a YAML text says; without an `id` it is called after its file.

    Raises ConfigError with every fault found (the first hundred), each with line and path.
    """
    document = read_document(text, source)
    if not isinstance(document.data, dict):
        raise ConfigError(source, [Problem("", document.line_of(()), "must be a mapping with policy_version and checks")])
    content = {"id": _stem(source), **document.data}
    try:
        return Policy.model_validate(content)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        found = [problem for detail in islice(details, MOST_FAULTS) for problem in _problems(detail, document)]
        raise ConfigError(source, list(dict.fromkeys(found))[:MOST_FAULTS]) from None


def load_policies(files: Iterable[tuple[str, str]]) -> tuple[Policy, ...]:
    """Return the policies of files given as (source, text) that hold side by side or one after another.

    Raises ConfigError for a file with a fault, and where two files contradict each other.
    """
    policies: list[tuple[str, Policy]] = []
    for source, text in files:
        policy = load_policy(text, source)
        for other_source, other in policies:
            problem = _conflict(policy, other, other_source)
            if problem is not None:
                raise ConfigError(source, [problem])
        policies.append((source, policy))
    return tuple(policy for _, policy in policies)


def replaced(good: Sequence[Policy], files: Iterable[tuple[str, str]]) -> tuple[tuple[Policy, ...], ConfigError | None]:
    """Return what the files say and None; where any of them is bad, what was good before and why."""
    try:
        return load_policies(files), None
    except ConfigError as error:
        return tuple(good), error


def _conflict(policy: Policy, other: Policy, source: str) -> Problem | None:
    if policy.id == other.id:
        if policy.effective_at == other.effective_at:
            return Problem("effective_at", None, f"must differ from that of {source}: both files are versions of policy {policy.id}")
        return None
    both = {check.id for check in policy.checks} & {check.id for check in other.checks}
    if not both:
        return None
    again = f"the check {min(both)} stands in {source} too"
    return Problem("checks", None, f"{again}; a file that replaces another has the same `id` and a later `effective_at`")


def _problems(detail: Mapping[str, Any], document: Document) -> list[Problem]:
    if detail["type"] == "contradiction":
        return [Problem(written(path), document.line_of(path), message) for path, message in detail["ctx"]["found"]]
    path = _path(detail["loc"], document.data, absent=detail["type"] == "missing")
    return [Problem(written(path), document.line_of(path), _message(detail, path, document.data))]


def _message(detail: Mapping[str, Any], path: Path, data: Any) -> str:
    kind = detail["type"]
    if kind == "missing":
        return "is required"
    if kind == "union_tag_not_found":
        return "must have a `type`; `pmon schema policy` lists them"
    if kind == "union_tag_invalid":
        return f"must have a `type` that is one of {detail['ctx']['expected_tags']}"
    if kind == "extra_forbidden":
        known = sorted(_known(path[:-1], data))
        close = difflib.get_close_matches(str(path[-1])[:LONGEST_KEY], known, n=1)
        return f"is no key of a policy; did you mean {close[0]}?" if close else f"is no key of a policy; known here: {', '.join(known)}"
    return rule_of(detail)


def _path(location: Sequence[str | int], data: Any, absent: bool) -> Path:
    """Return pydantic's location without the type of check it puts in between."""
    path: list[str | int] = []
    for index, part in enumerate(location):
        inside = part in data if isinstance(data, Mapping) else isinstance(data, list) and isinstance(part, int) and part < len(data)
        if inside:
            data = data[part]
        if inside or (absent and index == len(location) - 1):
            path.append(part)
    return tuple(path)


def _known(path: Path, data: Any) -> set[str]:
    """Return the keys that the schema knows at a path."""
    schema = Policy.model_json_schema()
    place: Any = schema
    for part in path:
        data = data[part]
        place = _resolved(_below(place, part), schema["$defs"], data)
    return set(place.get("properties", {}))


def _below(place: Mapping[str, Any], part: str | int) -> Any:
    return place.get("items", {}) if isinstance(part, int) else place.get("properties", {}).get(part, {})


def _resolved(place: Any, definitions: Mapping[str, Any], data: Any) -> Any:
    """Return what a schema stands for, of several kinds of check the one whose type the data names."""
    kinds = place.get("discriminator", {}).get("mapping", {})
    kind = data.get("type") if isinstance(data, Mapping) else None
    found = kinds.get(kind) if isinstance(kind, str) else place.get("$ref")
    return place if found is None else definitions[found.rpartition("/")[2]]


def _stem(source: str) -> str:
    name = re.split(r"[/\\]", source)[-1].rsplit(".", 1)[0]
    return re.sub(r"[^A-Za-z0-9._:/-]+", "-", name)[:LONGEST_ID] or "policy"
