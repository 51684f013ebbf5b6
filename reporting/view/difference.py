"""What rule versions changed, in words: one row a value, the same in every view."""

from collections.abc import Iterable, Mapping
from typing import Any

SHOWN = 20


def differences(diffs: Iterable[Mapping[str, Any]]) -> tuple[list[dict[str, str]], int]:
    """Return one row a changed value (`rule, versions, path, what`), the newest release last, and how many more there are."""
    rows, more = [], 0
    for diff in diffs:
        for entry in diff["changes"]:
            versions = f"{diff['from_version']} to {diff['to_version']}"
            rows.append({"rule": str(diff["rule_id"]), "versions": versions, "path": entry["path"] or "the whole", "what": changed(entry)})
        more += diff["left_out"]
    return rows[-SHOWN:], more + max(0, len(rows) - SHOWN)


def changed(entry: Mapping[str, str]) -> str:
    """Return what became of one value.

    >>> changed({"path": "hero.title", "kind": "changed", "before": '"Hi"', "after": '"Hello"'})
    '"Hi" became "Hello"'
    """
    if entry["kind"] == "changed":
        return f"{entry['before']} became {entry['after']}"
    return f"{entry['kind']} {entry['after'] if entry['kind'] == 'added' else entry['before']}"
