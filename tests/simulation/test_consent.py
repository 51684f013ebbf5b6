"""Consent in made-up histories: verdicts, counts, findings and incidents equal the batch oracle, whatever was late, crashed or read how."""

import pytest

from tests.simulation.consent import answer
from tests.simulation.consent_gate import run_histories
from tests.simulation.consent_worlds import consent_world
from tests.simulation.gate import compared, ways


@pytest.mark.parametrize("seed", [9, 17, 35, 57, 180, 215, 704760])
def test_consent_histories_equal_the_oracle_and_each_other(seed: int) -> None:
    """All once differed: an id that came again, a correction looked at too late, evidence of what was erased, rows gone too soon."""
    assert [str(mismatch) for mismatch in compared(consent_world(seed), ways(seed)[:3], seed)] == []


@pytest.mark.soak
def test_ten_thousand_consent_histories() -> None:
    """The long form, also as a command: python -m tests.simulation.consent_gate 10000."""
    assert [str(mismatch) for mismatch in run_histories(10_000, seed=1_000)[2]] == []


def test_the_worlds_hold_what_they_are_for() -> None:
    """Every verdict, every step of an incident's life, corrections and late evidence occur."""
    found = [answer(consent_world(seed)) for seed in range(120)]
    verdicts = {verdict for one in found for verdict, _ in one["verdicts"].values()}
    steps = {
        step for one in found for each in one["incidents"].values() if each["check"] == "consent_violation" for _, step, *_ in each["steps"]
    }

    assert verdicts == {"valid", "withdrawn", "refused", "revoked", "expired", "invalidated", "no_record", "not_applicable"}
    assert steps == {"opened", "occurrence", "resolved", "reopened", "closed", "retracted"}
    assert sum(len(one["evidence"]) for one in found) > 20
