"""What differs between two configs for one initiative: its metrics, thresholds, cadences and the rest, field by field."""

from collections.abc import Iterator, Mapping
from typing import Any

from governance.config.model import Config

FOR_ALL = ("timing", "privacy", "limits", "detection", "incidents")
BY_ID = ("thresholds",)


def changes(before: Config, after: Config, initiative: str) -> list[dict[str, Any]]:
    """Return `{field, from, to}` of everything that became different, by the path in the config; null where it was not there."""
    old, new = (config.effective() for config in (before, after))
    found = [one for section in FOR_ALL for one in differing(section, old[section], new[section])]
    own_old, own_new = (side["initiatives"].get(initiative, {}) for side in (old, new))
    for field in sorted({*own_old, *own_new}):
        found += differing(field, keyed(field, own_old.get(field)), keyed(field, own_new.get(field)))
    return found


def differing(path: str, old: Any, new: Any) -> Iterator[dict[str, Any]]:
    """Yield what differs under a path: by key where both are mappings, whole where one is none."""
    if old == new:
        return
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
        yield {"field": path, "from": old, "to": new}
        return
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            yield {"field": f"{path}.{name}", "from": old.get(name), "to": new.get(name)}


def keyed(field: str, value: Any) -> Any:
    """Return a list of things with ids as a mapping by id."""
    return {one["id"]: one for one in value} if field in BY_ID and isinstance(value, list) else value
