"""The experiments part: one entry per configured experiment; without a readout it says so and decides nothing."""

from typing import Any

from reporting.snapshot import Snapshot

WHY = "experiment readouts are not part of this build, so nothing is decided"


def experiments(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Return the report's `experiments`, by id."""
    configured = snapshot.settings.experiments
    return [
        {
            "id": name,
            "control": configured[name].control,
            "hypothesis": configured[name].hypothesis,
            "status": "not_evaluated",
            "why": WHY,
            "readout": None,
            "decision": None,
            "next_steps": [],
            "rollout_guidance": None,
        }
        for name in sorted(configured)
    ]
