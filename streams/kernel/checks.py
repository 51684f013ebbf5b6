"""The policy checks of one initiative's rule changes, out of the rows the shard keeps: what a report says of them.

l [initiative, due, event id]   rule changes as they acted
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson

from governance.checklist import Checklist, checklist
from governance.difference import version_differences
from governance.message.rule_change import RuleChange
from governance.policy import Policy
from governance.policy.in_force import InForce
from governance.rule_book import RuleBook
from streams.kernel.closing import RULES
from streams.kernel.configs import BLOBS, config_entries
from streams.kernel.pending import config_of
from streams.kernel.rows import Draft, key_parts, row_key, unpack


@lru_cache(maxsize=16)
def policies_of(value: bytes) -> tuple[Policy, ...]:
    """Return the policies a row holds."""
    return tuple(Policy.model_validate(found) for found in orjson.loads(value))


def law(draft: Draft) -> InForce | None:
    """Return what was in force when; None where no config brought a policy."""
    found: InForce | None = None
    brought = False
    for effective_at, sha256 in config_entries(draft):
        config = config_of(draft.get(row_key(BLOBS, sha256)) or b"")
        policies = policies_of(draft.get(row_key(BLOBS, sha256, effective_at)) or b"[]")
        brought = brought or bool(policies)
        found = InForce.only(config, policies) if found is None else found.after(effective_at, config, policies)
    return found if brought else None


def judged(draft: Draft, initiative: str, start: int, now: int) -> tuple[Checklist, list[dict[str, Any]]] | None:
    """Return the checklist of the rules that changed in [start, now) and what their versions changed; None where no policy holds.

    Only those rules are judged, so the cost follows the changes of the period and not the length of the log.
    """
    standing = law(draft)
    if standing is None:
        return None
    acted = [(key_parts(key), *unpack(draft.get(key) or b"")) for key in draft.keys(RULES)]
    own = [(parts[1], change, evidence) for parts, change, evidence in acted if parts[0] == initiative and parts[1] <= now]
    touched = {change["rule_id"] for due, change, _ in own if due > start}
    book = RuleBook.of(events(found for found in own if found[1]["rule_id"] in touched))
    return checklist(book, standing, now), version_differences(book)


def events(rows: Any) -> list[tuple[RuleChange, int, int]]:
    """Return rule changes with where they were read, as a rule book takes them."""
    return [(read_change(change), evidence["partition"], evidence["offset"]) for _, change, evidence in rows]


def read_change(change: Mapping[str, Any]) -> RuleChange:
    """Return a rule change out of its row."""
    return RuleChange.model_validate_json(orjson.dumps(change))
