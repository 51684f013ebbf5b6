"""What people do: they come, are shown something by the rules in force, click and convert, and change their minds about consent."""

import math
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from random import Random

from detectors.window import HOUR, MINUTE, SECOND
from governance.message.instant import format_instant
from streams.simulation.delivery import DUPLICATES, Delivery, Sent, delay, encode
from streams.simulation.faults import Faults, Versions
from streams.simulation.population import Person, Population, Statement, reconsider, welcome
from streams.simulation.scenario import Channel, Program, Scenario
from streams.simulation.season import VOLUME, appetite, hour_of_week
from streams.simulation.truth import Truth

VISITS = 12  # events a week per person, on average
EVENTS_PER_VISIT = 1.22  # an exposure with the clicks and conversions that follow, at the rates of the scenarios
TECHNICAL = 0.004
NO_MATCH = 0.01
DEFAULT_CONTENT = 0.6  # what the CTR is multiplied by where a fallback was shown
WOBBLE = 0.03  # standard deviation of the hourly CTR around its season, with a memory of 0.8


class Traffic:
    """The events of a run, put on their way in the order of their arrivals."""

    def __init__(self, scenario: Scenario, rng: Random, truth: Truth, delivery: Delivery) -> None:
        self._scenario, self._rng, self._truth, self._delivery = scenario, rng, truth, delivery
        self._lanes = [(program, channel) for program in scenario.programs for channel in program.channels]
        self._shares = list(accumulate(program.share * channel.share for program, channel in self._lanes))
        self._population = Population(max(50, scenario.rate * 168 // VISITS), rng)
        self._faults, self._versions = Faults(scenario), Versions(scenario)
        self._wobble = {(program.key, channel.name): 0.0 for program, channel in self._lanes}
        self._number = 0

    def run(self) -> Iterator[Sent]:
        """Yield every record of the run by stamp, what others have put on their way included."""
        start, end, random = self._scenario.start, self._scenario.end, self._rng.random
        a_minute = self._scenario.rate / EVENTS_PER_VISIT / 60
        for minute in range(start, end, MINUTE):
            if minute % HOUR == 0:
                self._wander()
            for at in sorted(minute + int(random() * MINUTE) for _ in range(_poisson(a_minute * VOLUME[hour_of_week(minute)], self._rng))):
                self._visit(at)
            yield from self._delivery.arrived(minute)
        yield from self._delivery.rest()

    def _wander(self) -> None:
        for lane, value in self._wobble.items():
            self._wobble[lane] = 0.8 * value + 0.6 * self._rng.gauss(0, WOBBLE)

    def _visit(self, at: int) -> None:
        program, channel = self._lanes[min(bisect_right(self._shares, self._rng.random()), len(self._lanes) - 1)]
        if self._faults.at("feed_stop", program.key, channel.name, at):
            return
        person, is_new = self._population.meet(at)
        if is_new:
            statements, at = welcome(person, at, self._rng)
            for statement in statements:
                self.say(person, statement)
            if at >= self._scenario.end:
                return
        allowed = person.allows(channel.name, at)
        fallback = self._fallback(program, channel, at) if allowed else "no_consent"
        self.expose(program, channel, person, at, fallback)
        statement_after = reconsider(person, at, allowed, self._rng)
        if statement_after is not None:
            self.say(person, statement_after)

    def _fallback(self, program: Program, channel: Channel, at: int) -> str | None:
        draw, fault = self._rng.random(), self._faults.at("technical_fallback", program.key, channel.name, at)
        technical = fault.size if fault else TECHNICAL
        if draw < technical:
            return "technical"
        return "no_match" if draw < technical + NO_MATCH else None

    def say(self, person: Person, statement: Statement, under_way: int | None = None) -> str:
        """Publish a consent record, `under_way` ms after its time, and return its event id."""
        self._number += 1
        event_id = f"c-{self._number}"
        fields: dict[str, object] = {
            "event_id": event_id,
            "occurred_at": format_instant(statement.at),
            "subject_id": person.id,
            "state": statement.state,
            "purposes": ["personalised_content"],
            "channels": statement.channels,
            "jurisdiction": "EU",
            "expires_at": None if statement.expires_at is None else format_instant(statement.expires_at),
            "source": statement.source,
            "notice_version": "2026-10",
        }
        stamp = statement.at + (20 + int(self._rng.expovariate(1 / 600)) if under_way is None else under_way)
        self._send("consent-events", stamp, person.id, encode(fields))
        return event_id

    def expose(self, program: Program, channel: Channel, person: Person, at: int, fallback: str | None) -> str:
        """Publish an exposure and what follows from it; return the exposure's event id."""
        self._number += 1
        name, lift = program.variants[int(person.arm * len(program.variants))]
        dimensions: dict[str, object] = {
            "initiative": program.key,
            "subject_id": person.id,
            "profile": person.profile.name,
            "channel": channel.name,
            "cohort": person.cohort,
            "variant": name,
            "experiment_id": program.experiment_id,
        }
        shown: dict[str, object] = {
            "rule_id": program.rule_id,
            "rule_version": self._versions.at(program, channel.name, at),
            "decision_path": ["eligible", person.profile.name, name] if fallback is None else ["eligible", fallback],
            "fallback": fallback,
            "purpose": program.purpose,
            "consent_asserted": fallback != "no_consent",
            "latency_ms": 6 + int(self._rng.expovariate(1 / 9)),
        }
        self._event(f"e-{self._number}", "exposure", at, dimensions, shown)
        drop = self._faults.at("ctr_drop", program.key, channel.name, at)
        ctr = channel.ctr * lift * person.profile.lift * appetite(hour_of_week(at)) * (1 + self._wobble[program.key, channel.name])
        if self._rng.random() < ctr * (drop.size if drop else 1) * (1 if fallback is None else DEFAULT_CONTENT):
            self._respond(self._number, channel, at, dimensions)
        return f"e-{self._number}"

    def _respond(self, number: int, channel: Channel, at: int, dimensions: dict[str, object]) -> None:
        rng = self._rng
        clicked = at + SECOND + int(rng.expovariate(1 / (15 * SECOND)))
        self._event(f"k-{number}", "click", clicked, dimensions, {})
        if rng.random() < channel.conversion:
            converted = clicked + MINUTE + int(rng.expovariate(1 / (8 * MINUTE)))
            value = round(math.exp(rng.gauss(8.2, 0.5)))
            self._event(f"v-{number}", "conversion", converted, dimensions, {"value_minor": value, "currency": "EUR"})

    def _event(self, event_id: str, kind: str, at: int, dimensions: dict[str, object], more: dict[str, object]) -> None:
        initiative, channel = str(dimensions["initiative"]), str(dimensions["channel"])
        if at >= self._scenario.end or self._faults.at("feed_stop", initiative, channel, at):
            return
        self._truth.seen(initiative, channel, at)
        value = encode({"event_id": event_id, "occurred_at": format_instant(at), "type": kind, **dimensions, **more})
        self._send("engagement-events", at + delay(self._rng), str(dimensions["subject_id"]), value)

    def _send(self, topic: str, stamp: int, key: str, value: bytes) -> None:
        self._truth.records[topic] += 1
        self._delivery.send(stamp, topic, key, value)
        if self._rng.random() < DUPLICATES:
            self._truth.records[topic] += 1
            self._truth.duplicates += 1
            self._delivery.send(stamp + SECOND + int(self._rng.random() * 90 * SECOND), topic, key, value)


def _poisson(mean: float, rng: Random) -> int:
    """Return a Poisson draw: by halves while the mean is large, so that exp does not underflow."""
    if mean > 500:
        return _poisson(mean / 2, rng) + _poisson(mean / 2, rng)
    limit, number, product = math.exp(-mean), 0, rng.random()
    while product > limit:
        number, product = number + 1, product * rng.random()
    return number
