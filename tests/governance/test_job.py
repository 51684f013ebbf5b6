"""Jobs: retried so often and no more, then somebody is asked, each round of failures one level higher."""

import pytest

from governance.breach import Episode
from governance.config.section import Incidents
from governance.job import Job, Tried, job_terms, tried

MINUTE = 60_000
TERMS = job_terms(MINUTE, Incidents())


def run(outcomes: list[bool], retry_limit: int = 2) -> list[Tried]:
    """Return what came of each try, one a minute."""
    job, found = Job("home", "sink:team"), []
    for number, ok in enumerate(outcomes, 1):
        found.append(tried(job, number * MINUTE, TERMS, retry_limit, ok=ok))
        job = found[-1].job
    return found


def episode(one: Tried) -> Episode:
    assert one.observed.series.episode is not None
    return one.observed.series.episode


@pytest.mark.parametrize("retry_limit", [0, 1, 2, 10])
def test_a_job_is_tried_once_and_its_retries_and_no_more(retry_limit: int) -> None:
    """Then its incident opens with level 1."""
    found = run([False] * (retry_limit + 1), retry_limit)

    assert [one.again for one in found] == [True] * retry_limit + [False]
    assert [one.observed.step for one in found] == [None] * retry_limit + ["opened"]
    assert episode(found[-1]).level == 1


def test_every_further_round_of_failures_climbs() -> None:
    """And at the top it goes on being said."""
    found = [one for one in run([False] * 12) if not one.again]

    assert [(one.observed.step, episode(one).level) for one in found] == [
        ("opened", 1),
        ("escalated", 2),
        ("escalated", 3),
        ("occurrence", 3),
    ]


def test_a_retry_that_ends_well_asks_nobody() -> None:
    """Two failures and a success are one delivery."""
    assert [one.observed.step for one in run([False, False, True] * 3)] == [None] * 9


def test_it_resolves_when_it_works_again_for_long_enough() -> None:
    """As any incident: ten clear windows by default."""
    found = run([False] * 3 + [True] * 10)

    assert found[-1].observed.step == "resolved"
    assert len({episode(one).incident_id for one in found[2:]}) == 1
