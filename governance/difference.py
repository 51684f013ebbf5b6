"""What changed between two contents of a rule: one line a value, by dotted path, bounded.

    audience.countries[2]   added    "AT"
    hero.title              changed  "Welcome" to "Welcome back"

Lists of objects that all have an `id` are matched by it (`variants[hero-b].weight`); other lists by what they begin and end with in
common, so that one inserted item is one line and not a shift of all behind it.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from governance.identity import compact
from governance.release import Release, content_of, history
from governance.rule_book import RuleBook

MOST_ENTRIES = 200
LONGEST_VALUE = 160
LONGEST_PATH = 300
DEEPEST = 32
PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")

Kind = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One difference; values as JSON, shortened, "" where there is none."""

    path: str
    kind: Kind
    before: str
    after: str

    def plain(self) -> dict[str, str]:
        """Return the entry as it is published."""
        return {"path": self.path, "kind": self.kind, "before": self.before, "after": self.after}


@dataclass(frozen=True, slots=True)
class Difference:
    """The differences in the order of the contents, and how many more there are."""

    entries: tuple[Entry, ...]
    left_out: int = 0


def difference(before: Any, after: Any) -> Difference:
    """Return what changed between two JSON values; the first MOST_ENTRIES of it.

    >>> [entry.path for entry in difference({"a": {"b": 1}, "c": [1, 2, 3]}, {"a": {"b": 2}, "c": [1, 3]}).entries]
    ['a.b', 'c[1]']
    """
    entries: list[Entry] = []
    left_out = 0
    for entry in _compared("", before, after, 0):
        if len(entries) < MOST_ENTRIES:
            entries.append(entry)
        else:
            left_out += 1
    return Difference(tuple(entries), left_out)


def version_differences(book: RuleBook, environment: str = "production") -> list[dict[str, Any]]:
    """Return for each release what it changed against what was live before it, where the log gave both contents."""
    found = []
    for changes in book.rules().values():
        releases = history(changes, environment).releases
        for place, release in enumerate(releases):
            earlier = next((one for one in reversed(releases[:place]) if one.version in release.before and one.version), None)
            texts = (None if earlier is None else _text(earlier, releases), _text(release, releases))
            if earlier is not None and texts[0] is not None and texts[1] is not None and texts[0] != texts[1]:
                found.append(_told(earlier, release, difference(json.loads(texts[0]), json.loads(texts[1]))))
    return found


def _told(earlier: Release, release: Release, found: Difference) -> dict[str, Any]:
    return {
        "initiative": release.change.initiative,
        "rule_id": release.change.rule_id,
        "change_id": release.change.change_id,
        "from_version": earlier.version,
        "to_version": release.version,
        "changes": [entry.plain() for entry in found.entries],
        "left_out": found.left_out,
        "evidence": [earlier.step.evident(), release.step.evident()],
    }


def _text(release: Release, releases: Sequence[Release]) -> str | None:
    """Return the content that is live by a release: the record of a rollback may carry the one it takes back."""
    if release.step.action == "rolled_back" and release.step.version != release.version:
        named = (one for one in reversed(releases[: release.number]) if one.version == one.step.version == release.version)
        deployed = next(named, None)
        return None if deployed is None else _text(deployed, releases)
    return release.change.text_of(content_of(release)[1])


def _compared(path: str, before: Any, after: Any, depth: int) -> Iterator[Entry]:
    if isinstance(before, dict) and isinstance(after, dict) and depth < DEEPEST:
        yield from _objects(path, before, after, depth)
    elif isinstance(before, list) and isinstance(after, list) and depth < DEEPEST:
        named = _by_id(before), _by_id(after)
        if named[0] is not None and named[1] is not None:
            yield from _named(path, named[0], named[1], depth)
        else:
            yield from _lists(path, before, after, depth)
    elif compact(before) != compact(after):
        yield Entry(path[:LONGEST_PATH], "changed", _shown(before), _shown(after))


def _objects(path: str, before: Mapping[str, Any], after: Mapping[str, Any], depth: int) -> Iterator[Entry]:
    for key in sorted(before.keys() | after.keys()):
        yield from _one(_member(path, key), before, after, key, depth)


def _named(path: str, before: Mapping[str, Any], after: Mapping[str, Any], depth: int) -> Iterator[Entry]:
    for key in [*before, *(key for key in after if key not in before)]:
        yield from _one(f"{path}[{key if PLAIN_KEY.fullmatch(key) else compact(key)}]", before, after, key, depth)


def _one(path: str, before: Mapping[str, Any], after: Mapping[str, Any], key: str, depth: int) -> Iterator[Entry]:
    if key not in before:
        yield Entry(path[:LONGEST_PATH], "added", "", _shown(after[key]))
    elif key not in after:
        yield Entry(path[:LONGEST_PATH], "removed", _shown(before[key]), "")
    else:
        yield from _compared(path, before[key], after[key], depth + 1)


def _lists(path: str, before: list[Any], after: list[Any], depth: int) -> Iterator[Entry]:
    old, new = [compact(one) for one in before], [compact(one) for one in after]
    shorter = min(len(old), len(new))
    start = next((place for place in range(shorter) if old[place] != new[place]), shorter)
    end = next((place for place in range(shorter - start) if old[-1 - place] != new[-1 - place]), shorter - start)
    left, right = before[start : len(before) - end], after[start : len(after) - end]
    for place in range(max(len(left), len(right))):
        here = f"{path}[{start + place}]"
        if place >= len(left):
            yield Entry(here[:LONGEST_PATH], "added", "", _shown(right[place]))
        elif place >= len(right):
            yield Entry(here[:LONGEST_PATH], "removed", _shown(left[place]), "")
        else:
            yield from _compared(here, left[place], right[place], depth + 1)


def _by_id(items: list[Any]) -> dict[str, Any] | None:
    """Return the items by their `id`, None where one has none or two share one."""
    found = {item["id"]: item for item in items if isinstance(item, dict) and isinstance(item.get("id"), str)}
    return found if items and len(found) == len(items) else None


def _member(path: str, key: str) -> str:
    if PLAIN_KEY.fullmatch(key):
        return f"{path}.{key}" if path else key
    return f"{path}[{compact(key)}]"


def _shown(value: Any) -> str:
    text = compact(value)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"
