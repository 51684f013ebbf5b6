"""Who somebody is under all their names, whether they may still act, and which roles they hold, by one config."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from governance.config import Config, Owner
from governance.substance import seen


class People:
    """The people of a config: one person per set of names that belong together, in any spelling of case and width."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._first: dict[str, str] = {}
        for name, person in sorted(config.people.items()):
            for alias in (name, *person.aliases):
                self._join(name, alias)
        self._names = {self.known_as(name): name for name in sorted(config.people, reverse=True)}
        for one in config.initiatives.values():
            for owner in one.owners.values():
                self._names.update((self.known_as(name), name) for name in (owner.person, *owner.substitutes))
        self._inactive = {self.known_as(name) for name, person in config.people.items() if not person.active}

    def known_as(self, name: str) -> str:
        """Return one name for all names of a person."""
        folded = seen(name)
        while self._first.get(folded, folded) != folded:
            folded = self._first[folded]
        return folded

    def name_of(self, name: str) -> str | None:
        """Return the name that the config uses for somebody, None for who is not in it."""
        return self._names.get(self.known_as(name))

    def active(self, name: str) -> bool:
        """Return whether somebody may act; a person the config does not know may."""
        return self.known_as(name) not in self._inactive

    def holds(self, name: str, role: str, claimed: Collection[str], initiative: str) -> bool:
        """Return whether somebody acted in a role and holds it: where the config names who holds it, the claim alone is not enough."""
        said = {seen(one) for one in claimed}
        return any(seen(one) in said and self._may_claim(name, one, initiative) for one in self._roles(role, initiative))

    def holders(self, role: str, initiative: str) -> list[str]:
        """Return the people who hold a role of an initiative, its owner first, then substitutes, then who covers it."""
        owners = self._config.initiative(initiative).owners
        found = [person for one in self._roles(role, initiative) for person in _named(owners, one) or ()]
        return list(dict.fromkeys(person for person in found if self.active(person)))

    def owners(self, initiative: str) -> list[str]:
        """Return everybody who holds any role of an initiative."""
        found = [person for role in self._config.initiative(initiative).owners for person in self.holders(role, initiative)]
        return list(dict.fromkeys(found))

    def experiments(self, initiative: str) -> Collection[str]:
        """Return the experiments the config has for an initiative."""
        return self._config.initiative(initiative).experiments

    def sop(self, check: str) -> str | None:
        """Return the operating procedure that the playbook of a policy check names."""
        playbook = self._config.playbooks.get(f"policy:{check}")
        return None if playbook is None else playbook.sop

    def _roles(self, role: str, initiative: str) -> Iterator[str]:
        yield role
        covers = {str(one): other for one, other in self._config.initiative(initiative).covers.items()}
        if role in covers:
            yield covers[role]

    def _may_claim(self, name: str, role: str, initiative: str) -> bool:
        named = _named(self._config.initiative(initiative).owners, role)
        return named is None or self.known_as(name) in {self.known_as(person) for person in named}

    def _join(self, name: str, alias: str) -> None:
        one, other = sorted((self.known_as(name), self.known_as(alias)))
        self._first[other] = one


def _named(owners: Mapping[Any, Owner], role: str) -> list[str] | None:
    """Return the person and the substitutes of a role, None where the config does not say who holds it."""
    owner = owners.get(role)
    return None if owner is None else [owner.person, *owner.substitutes]
