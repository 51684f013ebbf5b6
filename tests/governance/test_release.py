"""Releases: what is live where and when, read off the steps; and what makes a text say something."""

import doctest
from typing import Any

import pytest

from governance import difference, substance
from governance.config import load_config
from governance.policy.people import People
from governance.release import history
from governance.rule_book import RuleBook
from tests.governance.policy.logs import DAY, START, approved, book, by, deployed, event, policy, row


def live(*steps: dict[str, Any], at: int = 30) -> set[int]:
    """Return the versions of the rule live `at` days after START."""
    found: RuleBook = book(list(steps))
    return set(history(found.rules()["home", "rule-1"], "production").live(START + at * DAY))


def put(version: int, day: int, previous: int | None, **more: Any) -> dict[str, Any]:
    return event("deployed", day * DAY, change_id=f"chg-{version}-{day}", version=version, previous_version=previous, **more)


def back(version: int, day: int, previous: int | None, **more: Any) -> dict[str, Any]:
    more = {"content_sha256": None, **more}
    return event("rolled_back", day * DAY, change_id=f"chg-{version}", version=version, previous_version=previous, **more)


def test_the_last_release_on_a_channel_is_live_there() -> None:
    """A release without channels is everywhere; one with channels replaces it there only."""
    log = (put(7, 1, 6), put(8, 2, 7, channels=["web"]), put(9, 3, 8, channels=["email"]))

    assert [live(*log, at=day) for day in (0, 1, 2, 3)] == [set(), {7}, {7, 8}, {7, 8, 9}]
    assert live(*log, put(10, 4, 9)) == {10}
    assert live(put(7, 1, 6, environment="staging")) == set()


@pytest.mark.parametrize(
    ("version", "previous", "then"), [(8, 7, {7}), (7, 8, {7}), (8, None, {7}), (7, None, {7}), (8, 6, {6}), (8, 3, set())]
)
def test_a_rollback_leaves_the_lower_of_the_two_versions_it_names(version: int, previous: int | None, then: set[int]) -> None:
    """Whether it names what it takes back or what it goes to; a version that was never live is not live afterwards either."""
    assert live(put(7, 1, 6), put(8, 2, 7), back(version, 3, previous)) == then


def test_without_a_request_the_author_is_who_put_it_live() -> None:
    """So somebody else's approval still counts, and their own does not."""
    check = policy("{id: a, type: approvals}")

    assert row([approved(), deployed()], "a", check).status == "pass"
    assert row([approved(), deployed(actor=by("chi"))], "a", check).found == "0 of 1; not counted: chi (made the change)"


def test_names_that_belong_together_are_one_person() -> None:
    """Aliases in any case and width; an alias that two people share makes them one, since four eyes must be two people's."""
    people = People(load_config("people: {Ana: {aliases: [ANA.K, ops]}, ben: {aliases: [OPS], active: false}, chi: {}}"))

    assert people.known_as("ana.k") == people.known_as("ＡＮＡ") == people.known_as("ben")
    assert people.known_as("chi") != people.known_as("ana")
    assert (people.active("ana"), people.active("chi"), people.active("nobody known")) == (False, True, True)


@pytest.mark.parametrize("module", [substance, difference])
def test_the_examples_in_docstrings_hold(module: object) -> None:
    """They are what a reader tries first."""
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]
