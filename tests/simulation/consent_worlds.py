"""Seeded worlds about consent: every state, purpose and channel, expiry, erasure, every degree of lateness, several jurisdictions."""

from typing import Any

from governance.config import Config
from tests.simulation.rules import config_of, span
from tests.simulation.world import CONSENT, MINUTE, SECOND, Configured, Fact, World
from tests.simulation.worlds import Maker

STATES = ("given", "given", "given", "renewed", "withdrawn", "refused", "revoked", "expired", "invalidated", "requested", "deferred")
PURPOSES = ("personalised_content", "personalised_content", "personalised_advertising")
SETTLES = (0, 61 * SECOND, 2 * MINUTE, 150 * SECOND)
HORIZONS = (150 * SECOND, 4 * MINUTE, 6 * MINUTE, 30 * MINUTE)


class ConsentMaker(Maker):
    """Makes a world of a few people who change their minds all the time."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, "short")
        self.settle, self.horizon = self.chance.choice(SETTLES), self.chance.choice(HORIZONS)
        self.subjects = self.subjects[: self.chance.choice([1, 2, 4])]
        self.erases = self.chance.choice([0.0, 0.0, 0.1])
        self.belated = self.chance.choice([0.0, 0.3, 0.6])

    def _action(self, time: int, initiative: str, event_id: str) -> tuple[Fact, dict[str, Any]]:
        fact, body = super()._action(time, initiative, event_id)
        if body["type"] == "exposure":
            body["purpose"] = self.chance.choice([None, None, *PURPOSES])
            body["consent_asserted"] = self.chance.choice([None, False, True])
        return fact, body

    def _rule(self, number: int) -> None:
        """Say something about consent once more instead: rules have worlds of their own."""
        self._consent(number + 10_000)
        self._consent(number + 20_000)

    def _consent(self, number: int) -> None:
        chance, subject, time = self.chance, self.chance.choice(self.subjects), self._moment()
        if chance.random() < 0.2:
            time = time // SECOND * SECOND
        state = "erased" if chance.random() < self.erases else chance.choice(STATES)
        grants = state in ("given", "renewed")
        fact = Fact(subject, f"c-{number % 9 if chance.random() < 0.1 else number}", time)
        body: dict[str, Any] = {"event_id": fact.event_id, "subject_id": subject, "state": state}
        body["purposes"] = [chance.choice(PURPOSES)] if grants or chance.random() < 0.5 else None
        if chance.random() < 0.3:
            body["purposes"] = ["personalised_content", "personalised_advertising"]
        body["channels"] = chance.choice([None, None, ["w"], ["m"], ["m", "w"]])
        body["expires_at"] = time + chance.choice([0, 1, MINUTE, 5 * MINUTE]) if chance.random() < 0.25 else None
        stamp = time + self._belated()
        self._put(stamp, CONSENT, fact, body)
        if chance.random() < 0.1:
            self._put(stamp + chance.choice([0, 5 * SECOND, 100 * SECOND, 9 * MINUTE]), CONSENT, fact, body)

    def _belated(self) -> int:
        """Return how long after its time a consent record is stamped: at once, while things settle, as a correction, or later still."""
        if self.chance.random() >= self.belated:
            return self._delay()
        return self.chance.choice(
            [self.settle, self.settle + 1, self.settle + MINUTE, self.horizon - 1, self.horizon, self.horizon + 1, 2 * self.horizon]
        )

    def _configs(self, first: int) -> tuple[Configured, ...]:
        chance, out = self.chance, []
        before = config_of(chance, self.kind)
        for index in range(chance.choice([1, 1, 2])):
            ladder = before if index == 0 else config_of(chance, self.kind, before)
            ladder["timing"] |= {"settle": span(self.settle), "correction_horizon": span(self.horizon)}
            ladder["privacy"] = {"default_jurisdiction": chance.choice(["EU", "EU", "US"])}
            ladder["initiatives"]["alpha"]["jurisdiction"] = chance.choice([None, "UK", "US"])
            config = Config.model_validate(ladder)
            stamp = first if index == 0 else self.start + chance.randrange(self.span)
            out.append(Configured(stamp, None, config.effective(), config.sha256))
        return tuple(out)


def consent_world(seed: int) -> World:
    """Return the consent world of a seed."""
    maker = ConsentMaker(seed)
    return maker.world(maker.chance.choice([8, 30, 60, 120]))
