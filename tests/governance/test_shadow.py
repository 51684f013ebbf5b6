"""Shadow changes: what people saw that the change log does not account for."""

import pytest

from governance.shadow import Seen, shadow_changes
from tests.governance.policy.logs import DAY, HOUR, START, book, deployed, event, good

GRACE = 5 * 60_000


def seen(version: int, at: int, rule: str = "rule-1", count: int = 3) -> Seen:
    """Return a version first seen `at` ms after START."""
    return Seen("home", rule, version, START + at, count)


def kinds(*versions: Seen, log: list[dict[str, object]] | None = None, now: int = 30 * DAY) -> list[tuple[int, str]]:
    """Return what is found, by version."""
    found = shadow_changes(versions, book(good() if log is None else log), GRACE, START + now)
    return [(one.seen.version, one.kind) for one in found]


def test_an_announced_version_is_quiet() -> None:
    """From its deployment on; and so is the version it took over from, at any time."""
    assert kinds(seen(7, 2 * HOUR), seen(6, 0)) == []


def test_a_version_never_announced_is_a_shadow_change() -> None:
    """Hostile 34: exposure with a rule version never announced [shadow change]; a rule the log does not know at all, too."""
    assert kinds(seen(8, 3 * HOUR)) == [(8, "unannounced_version")]
    assert kinds(seen(1, 3 * HOUR, rule="rule-9")) == [(1, "unknown_rule")]
    assert kinds(seen(7, 3 * HOUR), log=good()[:2]) == [(7, "unannounced_version")]


@pytest.mark.parametrize(("first", "expected"), [(2 * HOUR - GRACE, []), (2 * HOUR - GRACE - 1, [(7, "before_deployment")])])
def test_a_version_seen_before_its_deployment_is_one(first: int, expected: list[tuple[int, str]]) -> None:
    """Clocks and feeds may differ by the grace, no more."""
    assert kinds(seen(7, first)) == expected


def test_nothing_is_said_before_the_grace_is_over() -> None:
    """An announcement may still come; when it does the finding is gone."""
    early = seen(8, 3 * HOUR)
    announced = [*good(), deployed(3 * HOUR + GRACE, change_id="chg-2", version=8, previous_version=7)]

    assert kinds(early, now=3 * HOUR + GRACE - 1) == []
    assert kinds(early, now=3 * HOUR + GRACE) == [(8, "unannounced_version")]
    assert kinds(early, log=announced) == []


def test_what_is_live_elsewhere_only_is_not_announced() -> None:
    """A deployment to staging announces nothing for production."""
    staged = [*good(), deployed(3 * HOUR, change_id="chg-2", version=8, previous_version=7, environment="staging")]

    assert kinds(seen(8, 4 * HOUR), log=staged) == [(8, "unannounced_version")]


def test_going_back_announces_the_version_gone_back_to() -> None:
    """After a rollback the old version is seen again; a count of nothing is no exposure."""
    back = [*good(), event("rolled_back", 5 * HOUR, change_id="chg-2", version=7, previous_version=6)]

    assert kinds(seen(6, 6 * HOUR), log=back) == []
    assert kinds(seen(9, HOUR, count=0)) == []
