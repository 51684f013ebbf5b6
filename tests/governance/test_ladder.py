"""Who is asked: role, substitutes, the role that covers, the next level; and who says when they are there."""

import pytest

from governance.config import Config, ConfigError, load_config
from governance.ladder import covering, first_of, responsible, snapshot
from governance.policy.people import People
from governance.presence import Presence, Statement

OWNERS = """
version: 1
people: {dee: {aliases: [d.k], active: false}}
initiatives:
  plg:
    owners:
      testing_lead: {person: ana, substitutes: [ben]}
      personalization_architect: {person: d.k, substitutes: []}
      data_privacy_lead: {person: eli, substitutes: [ana]}
    covers: {testing_lead: data_privacy_lead}
"""


def ladder_of(config: Config) -> dict[str, list[list[str]]]:
    found = config.initiatives["plg"]
    return snapshot(found.owners, found.covers, People(config).active)


def test_a_role_is_held_by_its_owner_then_substitutes_then_who_covers_it() -> None:
    """Each once: ana stands in for eli too, and is not asked a second time for one level."""
    steps = ladder_of(load_config(OWNERS))["testing_lead"]

    assert [person for person, _, _ in steps] == ["ana", "ben", "eli"]
    assert [instead_of for _, instead_of, _ in steps] == ["", "ana", ""]
    assert steps[2][2] == "data_privacy_lead covers testing_lead"


@pytest.mark.parametrize(
    ("absent", "level", "person"),
    [
        ((), 1, "ana"),
        (("ana",), 1, "ben"),
        (("ana", "ben"), 1, "eli"),
        (("ana", "ben", "eli"), 3, None),
    ],
)
def test_who_is_away_is_passed_over_and_nobody_left_is_unowned(absent: tuple[str, ...], level: int, person: str | None) -> None:
    """All owners unavailable (reference §6, case 40): no name is made up, and the search ends."""
    reached, owner = responsible(ladder_of(load_config(OWNERS)), 1, absent)

    assert (reached, owner.person if owner else None) == (level, person)


def test_an_empty_level_is_skipped_at_once() -> None:
    """The architect's role is held by somebody who left, under another of their names: level 2 is nobody's, level 3 is asked."""
    ladder = ladder_of(load_config(OWNERS))

    assert first_of(ladder, 2) is None
    reached, owner = responsible(ladder, 2, ())
    assert (reached, owner.person if owner else None) == (3, "eli")


def test_people_who_stand_in_for_each_other_are_no_circle() -> None:
    """Circular substitutes (reference §6, case 40): both away, the next level is asked."""
    both = OWNERS.replace("data_privacy_lead: {person: eli, substitutes: [ana]}", "data_privacy_lead: {person: ben, substitutes: [ana]}")
    ladder = ladder_of(load_config(both.replace("covers: {testing_lead: data_privacy_lead}", "")))

    assert responsible(ladder, 1, ("ana", "ben")) == (3, None)
    reached, owner = responsible(ladder, 1, ("ana",))
    assert (reached, owner.person if owner else None) == (1, "ben")


def test_covering_ends_where_it_began() -> None:
    """A config with a circle is refused, and a ladder made of one would end all the same."""
    circle = {"testing_lead": "data_privacy_lead", "data_privacy_lead": "testing_lead"}
    assert covering("testing_lead", circle) == ["testing_lead", "data_privacy_lead"]

    text = OWNERS.replace("covers: {", "covers: {data_privacy_lead: testing_lead, ")
    with pytest.raises(ConfigError, match="must not lead back to the same role"):
        load_config(text)


def test_a_statement_ends_in_its_opposite() -> None:
    """Away until noon is there at noon; there until noon is away at noon; without an end it holds until something else is said."""
    said = Presence({}).with_statement("ana", Statement(available=False, since=10, until=20))
    said = said.with_statement("ben", Statement(available=True, since=10, until=20))
    said = said.with_statement("chi", Statement(available=False, since=10))

    assert [said.away(name, 19) for name in ("ana", "ben", "chi", "dee")] == [True, False, True, False]
    assert [said.away(name, 20) for name in ("ana", "ben", "chi", "dee")] == [False, True, True, False]
    assert (said.said_at(), said.ends()) == ({10}, {20})
    assert Presence.of(said.plain()) == said


def test_what_has_run_out_into_being_there_is_forgotten() -> None:
    """So that a year of holidays is no year of rows."""
    said = Presence({}).with_statement("ana", Statement(available=False, since=10, until=20))

    assert set(said.with_statement("ben", Statement(available=False, since=20)).said) == {"ben"}
