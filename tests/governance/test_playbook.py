"""Every check has something to do about it, and a deployment can write its own."""

import pytest

from governance.config import Playbook
from governance.playbook import PLAYBOOKS, playbook

CHECKS = [
    "threshold:low-ctr",
    "request:ctr<0.02",
    "dip",
    "freshness",
    "suppression",
    "drift",
    "srm",
    "contamination",
    "guardrail",
    "consent_violation",
    "consent_assertion",
    "consent_string",
    "late_evidence",
    "shadow_change",
    "schema_change",
    "policy:two-approvals",
    "refused_input",
    "misrouted",
    "cardinality",
    "stalled",
    "job_failed",
    "storm",
    "decision",
]


@pytest.mark.parametrize("check", CHECKS)
def test_every_check_has_its_own_playbook(check: str) -> None:
    """What to look at, in steps, and one recommended action; none falls back to another's."""
    found, action = playbook(check, None, {})

    assert found["id"] == check.split(":")[0]
    assert found["title"]
    assert len(found["steps"]) >= 2
    assert action.endswith(".")
    assert {one.split(":")[0] for one in CHECKS} == set(PLAYBOOKS)


def test_a_config_replaces_by_check_before_kind_and_keeps_the_steps_it_does_not_write() -> None:
    """Runbook and SOP links are the deployment's own."""
    configured = {
        "threshold": Playbook(title="Ours", runbook="https://runbook", sop="SOP-7"),
        "threshold:low-ctr": Playbook(title="This one", steps=("Call the desk.",), recommended_action="Call."),
    }
    kind, kind_action = playbook("threshold:other", "ctr", configured)
    own, action = playbook("threshold:low-ctr", "ctr", configured)

    assert (kind["title"], kind["runbook"], kind["sop"]) == ("Ours", "https://runbook", "SOP-7")
    assert (kind["steps"], kind_action) == (PLAYBOOKS["threshold"]["steps"], PLAYBOOKS["threshold"]["action"])
    assert (own["id"], own["steps"], action) == ("threshold:low-ctr", ["Call the desk."], "Call.")
