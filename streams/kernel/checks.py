"""The policy checks of one initiative's rule changes, out of the rows the shard keeps: what a report says of them.

l [initiative, due, event id]   rule changes as they acted; those counted in `__other__` with the initiative they name at the end
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson

from governance.checklist import Checklist, checklist
from governance.difference import version_differences
from governance.message.rule_change import RuleChange
from governance.policy import Policy
from governance.policy.in_force import InForce
from governance.rule_book import RuleBook
from streams.kernel.configs import BLOBS, config_entries
from streams.kernel.pending import config_of
from streams.kernel.rows import Draft, key_parts, row_key, unpack

RULES = b"l"


@lru_cache(maxsize=16)
def policies_of(value: bytes) -> tuple[Policy, ...]:
    """Return the policies a row holds."""
    return tuple(Policy.model_validate(found) for found in orjson.loads(value))


def law(draft: Draft) -> InForce | None:
    """Return what was in force when; None where no config brought a policy."""
    return in_force(
        tuple(
            (at, draft.get(row_key(BLOBS, sha256)) or b"", draft.get(row_key(BLOBS, sha256, at)) or b"[]")
            for at, sha256 in config_entries(draft)
        )
    )


@lru_cache(maxsize=16)
def in_force(entries: tuple[tuple[int, bytes, bytes], ...]) -> InForce | None:
    """Return the same of (effective at, config, policies) as their rows hold them: asked at every closing, changed rarely."""
    found: InForce | None = None
    for effective_at, blob, policies in entries:
        config, brought = config_of(blob), policies_of(policies)
        found = InForce.only(config, brought) if found is None else found.after(effective_at, config, brought)
    return found if any(policies_of(policies) for _, _, policies in entries) else None


Acted = tuple[int, dict[str, Any], dict[str, Any]]


def acted(draft: Draft, initiative: str) -> list[Acted]:
    """Return (due, change, where it was read) of every rule change kept of an initiative, in the order they acted."""
    found = [(key_parts(key)[1], *unpack(draft.get(key) or b"")) for key in draft.group(RULES, initiative)]
    return sorted(((due, change, evidence) for due, change, evidence in found), key=lambda one: (one[0], one[1]["event_id"]))


def judged(draft: Draft, rules: Sequence[Acted], start: int, now: int) -> tuple[Checklist, list[dict[str, Any]]] | None:
    """Return the checklist of the rules that changed in [start, now) and what their versions changed; None where no policy holds.

    Only those rules are judged, so the cost follows the changes of the period and not the length of the log.
    """
    standing = law(draft)
    if standing is None:
        return None
    own = [one for one in rules if one[0] <= now]
    touched = {change["rule_id"] for due, change, _ in own if due > start}
    book = RuleBook.of(
        (read_change(change), evidence["partition"], evidence["offset"]) for _, change, evidence in own if change["rule_id"] in touched
    )
    return checklist(book, standing, now), version_differences(book)


def book_of(rules: Sequence[Acted], now: int) -> RuleBook:
    """Return the rule book of the changes that acted by `now`, ms."""
    return RuleBook.of((read_change(change), where["partition"], where["offset"]) for due, change, where in rules if due <= now)


def read_change(change: Mapping[str, Any]) -> RuleChange:
    """Return a rule change out of its row."""
    return RuleChange.model_validate_json(orjson.dumps(change))
