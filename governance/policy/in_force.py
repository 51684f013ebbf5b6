"""What held when: configs and policies, each from a time on. A change is judged by what was in force at its time, not by today's."""

from collections.abc import Sequence
from dataclasses import dataclass

from governance.config import Config
from governance.policy.model import Policy
from governance.policy.people import People


@dataclass(frozen=True, slots=True)
class Standing:
    """A config's people and the policies read with it, in force from `since`, ms, until the next."""

    since: int
    people: People
    policies: tuple[Policy, ...]

    def at(self, time: int) -> tuple[Policy, ...]:
        """Return of each policy the version in force at a time, ms; none of one that is not in force yet."""
        found: dict[str, Policy] = {}
        for policy in sorted(self.policies, key=_since):
            if _since(policy) <= time:
                found[policy.id] = policy
        return tuple(found[name] for name in sorted(found))


@dataclass(frozen=True, slots=True, eq=False)
class InForce:
    """Everything that was ever in force, oldest first; the first of it holds from the beginning of time. Equal to itself only."""

    standings: tuple[Standing, ...]

    @classmethod
    def only(cls, config: Config, policies: Sequence[Policy]) -> "InForce":
        """Return one config and its policies, in force throughout."""
        return cls((Standing(0, People(config), tuple(policies)),))

    def after(self, since: int, config: Config, policies: Sequence[Policy]) -> "InForce":
        """Return the same with a config and its policies that take over at a time, ms."""
        standings = [*self.standings, Standing(since, People(config), tuple(policies))]
        return InForce(tuple(sorted(standings, key=lambda standing: standing.since)))

    def people(self, time: int) -> People:
        """Return the people of the config in force at a time, ms."""
        return self._at(time).people

    def policies(self, time: int) -> tuple[Policy, ...]:
        """Return the policies in force at a time, ms, by id."""
        return self._at(time).at(time)

    def _at(self, time: int) -> Standing:
        return next((standing for standing in reversed(self.standings) if standing.since <= time), self.standings[0])


def _since(policy: Policy) -> int:
    return 0 if policy.effective_at is None else policy.effective_at
