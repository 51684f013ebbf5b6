"""The plan of one initiative as it stands: a row, and an entry of the audit chain at each change.

N [initiative]   {version, config, policies, changes}: the hashes in force, and the last changes, newest last
"""

from collections.abc import Sequence
from typing import Any

from governance.config import Config
from governance.identity import sha256_of
from governance.message.instant import format_instant
from reporting.plan import standing
from streams.kernel.checks import law
from streams.kernel.rows import Draft, pack, row_key, unpack
from streams.kernel.watch import Watch

PLANS = b"N"
KEPT_CHANGES = 100  # the audit log has them all


def plan_row(draft: Draft, initiative: str) -> dict[str, Any] | None:
    """Return the plan's row, None where nothing of the initiative was closed yet."""
    value = draft.get(row_key(PLANS, initiative))
    if value is None:
        return None
    row: dict[str, Any] = unpack(value)[0]
    return row


def policies_sha256(draft: Draft, now: int) -> str | None:
    """Return a hash over the policies in force at `now`, ms, None where there are none."""
    found = law(draft)
    return None if found is None else sha256_of([policy.effective() for policy in found.policies(now)])


def note_plan(draft: Draft, watch: Watch, initiative: str, now: int, config: Config, changes: Sequence[dict[str, Any]]) -> None:
    """Make the next version of the plan, for a config that judges from `now` (ms) on and what it changed; say so in the audit chain."""
    before = plan_row(draft, initiative) or {"version": 0, "config": None, "changes": []}
    version, policies = before["version"] + 1, policies_sha256(draft, now)
    more = [{"version": version, "at": format_instant(now), "from": before["config"], "to": config.sha256, "changes": list(changes)}]
    kept = [*before["changes"], *(more if before["version"] else ())][-KEPT_CHANGES:]
    draft.put(row_key(PLANS, initiative), pack({"version": version, "config": config.sha256, "policies": policies, "changes": kept}))
    plan = sha256_of(standing(config, initiative))
    watch.audit("plan", now, {"version": version, "config": config.sha256, "policies": policies, "plan_sha256": plan})
