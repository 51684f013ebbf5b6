"""Seeded makers of worlds: disorder, duplicates, every degree of lateness, clocks that jitter, ids used again, and garbage in between."""

from collections.abc import Mapping
from random import Random
from typing import Any

import orjson

from governance.config import Config
from tests.simulation.garbage import spoiled
from tests.simulation.rules import config_of
from tests.simulation.world import (
    CONSENT,
    DAY,
    ENGAGEMENT,
    HOUR,
    MINUTE,
    RULES,
    SECOND,
    TIMINGS,
    Arrival,
    Cell,
    Configured,
    Fact,
    World,
)
from tests.simulation.writing import written_time

MIDNIGHT = 1_763_856_000_000  # 2025-11-23T00:00:00Z
INITIATIVES = ("alpha", "beta", "gamma ✓")  # the last one is never configured
FALLBACKS = {"no_consent": "consent_fallbacks", "technical": "technical_fallbacks", "no_match": "no_match_fallbacks"}
PATHS = [None, ["eligible", "tier-1"], ["eligible", "tier-2", "hero b"]]
SPANS = {"short": 14 * MINUTE, "coarse": 75 * MINUTE, "long": 60 * HOUR}


class Maker:
    """Makes the records of one world from one seed."""

    def __init__(self, seed: int, kind: str) -> None:
        self.chance = Random(f"{seed}/{kind}")
        self.seed, self.kind, self.timing = seed, kind, TIMINGS[kind]
        self.span = SPANS[kind]
        self.start = MIDNIGHT - int(self.span * self.chance.choice([0.25, 0.5, 0.8]))
        self.subjects = [f"u-{n}é" for n in range(self.chance.choice([2, 4, 9]))]
        self.cells = self._cells()
        self.quiet = self._stretch(0.25)
        self.pulse = self.chance.choice([0, 0, 0, 2, 3, 5, 6])
        self.bad = {name: self._stretch(0.5) for name in INITIATIVES}
        self.traits = {name: self.chance.random() < 0.5 for name in ("late", "ahead", "jitter", "clash", "garbage", "tally")}
        self.arrivals: list[Arrival] = []

    def world(self, events: int) -> World:
        """Return the world with about that many engagement events."""
        for number in range(events):
            self._engage(number)
        for number in range(events // 6):
            self._consent(number)
            self._rule(number)
        if self.traits["garbage"]:
            self.arrivals += spoiled(self.chance, self._moment, max(3, events // 8))
        first = self.start - self.timing["tick"]
        arrivals = sorted((one for one in self.arrivals if one.appended >= first), key=lambda one: one.appended)
        last = max([one.appended for one in arrivals] + [one.stamp for one in arrivals] + [self.start + self.span])
        configs = self._configs(first)
        return World(self.seed, self.kind, tuple(arrivals), configs, self._ticks(first, last, watches_silence(configs)))

    def _cells(self) -> list[Cell]:
        choose = self.chance.choice
        profiles, cohorts, variants = ["-", "trial|admin"], ["-", "-", "2026-W47"], ["a", "b", "b", "ünïcode"]
        return [(choose(profiles), choose("wm"), choose(cohorts), choose(variants)) for _ in range(choose([1, 3, 6]))]

    def _stretch(self, share: float) -> tuple[int, int]:
        begin = self.start + self.chance.randrange(self.span)
        return begin, begin + int(self.chance.random() * share * self.span)

    def _moment(self) -> int:
        """Return a time in the span, often close to the edge of a window, an hour or a day."""
        time = self.start + self.chance.randrange(self.span)
        if self.pulse and self.chance.random() < 0.9:  # so that breaches lie that many windows apart
            beat = self.pulse * self.timing["window"]
            time = time // beat * beat + self.chance.randrange(self.timing["window"])
        elif self.chance.random() < 0.15:
            size = self.chance.choice([self.timing["window"], HOUR, DAY])
            time = (time // size) * size + self.chance.choice([-1, 0, 1, size - 1, size])
        return min(max(time, self.start), self.start + self.span)

    def _delay(self) -> int:
        """Return how long after its time an event is stamped: punctual, late for one row after the other, too old, or from the future."""
        timing, choose = self.timing, self.chance.choice
        if self.traits["late"] and self.chance.random() < 0.25:
            lateness, horizon = timing["allowed_lateness"], timing["dedup_horizon"]
            near = [lateness + 1, lateness + timing["window"], 5 * MINUTE]
            return choose([*near, horizon // 3, horizon - 1, horizon, horizon + 1, horizon + 11 * SECOND])
        if self.traits["ahead"] and self.chance.random() < 0.15:
            skew = timing["max_future_skew"]
            return -choose([1, SECOND, skew // 2, skew, skew + 1, 3 * skew])
        return choose([0, 0, 7, SECOND, timing["allowed_lateness"] // 2, timing["allowed_lateness"] - 1, timing["allowed_lateness"]])

    def _put(self, stamp: int, topic: str, fact: Fact, body: Mapping[str, Any]) -> None:
        lag = self.chance.randrange(self.timing["tick"]) if self.traits["jitter"] else 0
        value = orjson.dumps({**body, "occurred_at": written_time(self.chance, fact.time)})
        self.arrivals.append(Arrival(stamp + lag, stamp, topic, fact.key.encode(), value, fact))

    def _engage(self, number: int) -> None:
        chance = self.chance
        time = self._moment()
        if self.quiet[0] <= time < self.quiet[1] and chance.random() < 0.9:
            return
        initiative = chance.choices(INITIATIVES, [6, 4, 1])[0]
        event_id = f"e-{number % 23 if self.traits['clash'] else number}"
        make = self._tally if self.traits["tally"] and chance.random() < 0.1 else self._action
        fact, body = make(time, initiative, event_id)
        stamp = time + self._delay()
        self._put(stamp, ENGAGEMENT, fact, body)
        if chance.random() < 0.12:
            horizon = self.timing["dedup_horizon"]
            again = max(stamp, time) + chance.choice([0, 1, 35 * SECOND, horizon - 1, horizon + 1])
            self._put(again, ENGAGEMENT, fact, body)

    def _action(self, time: int, initiative: str, event_id: str) -> tuple[Fact, dict[str, Any]]:
        chance, subject, cell = self.chance, self.chance.choice(self.subjects), self.chance.choice(self.cells)
        bad = self.bad[initiative][0] <= time < self.bad[initiative][1]
        kind = chance.choices(["exposure", "click", "conversion"], [6, 0 if bad else 4, 2])[0]
        body: dict[str, Any] = {"event_id": event_id, "type": kind, "initiative": initiative, "subject_id": subject, **named(cell)}
        counts = {f"{kind}s": 1}
        if kind == "exposure":
            fallback = chance.choice([None, None, None, *FALLBACKS])
            body.update(fallback=fallback, latency_ms=chance.choice([None, 0, 12, 5000]), decision_path=chance.choice(PATHS))
            body.update(rule_id="rule-1", rule_version=chance.randrange(3))
            if fallback:
                counts[FALLBACKS[fallback]] = 1
        if kind == "conversion" and chance.random() < 0.7:
            body.update(value_minor=chance.randrange(1, 900), currency=chance.choice(["EUR", "EUR", "EUR", "USD"]))
            counts[f"revenue_minor.{body['currency']}"] = body["value_minor"]
        if chance.random() < 0.1:
            body["something_unknown"] = {"deep": [1, {"er": None}]}
        return Fact(subject, event_id, time, initiative, cell, counts, subject), body

    def _tally(self, time: int, initiative: str, event_id: str) -> tuple[Fact, dict[str, Any]]:
        chance, cell = self.chance, self.chance.choice(self.cells)
        body: dict[str, Any] = {"event_id": event_id, "type": "tally", "initiative": initiative, **named(cell)}
        counts = {"exposures": chance.randrange(1, 40), "clicks": chance.randrange(3), "conversions": chance.randrange(2)}
        counts["technical_fallbacks"] = chance.randrange(3)
        body.update(counts)
        if chance.random() < 0.5:
            body.update(revenue_minor=700, currency="EUR")
            counts["revenue_minor.EUR"] = 700
        if chance.random() < 0.5:
            body.update(subjects=counts["exposures"], converted_subjects=0)
            counts["subjects"] = counts["exposures"]
        return Fact(chance.choice(["warehouse-1", "warehouse-2", self.subjects[0]]), event_id, time, initiative, cell, counts), body

    def _consent(self, number: int) -> None:
        chance, subject, time = self.chance, self.chance.choice(self.subjects), self._moment()
        state = chance.choice(["given", "renewed", "withdrawn", "refused", "requested", "erased"])
        fact = Fact(subject, f"c-{number}", time)
        body = {"event_id": fact.event_id, "subject_id": subject, "state": state, "purposes": ["personalised_content"], "channels": None}
        self._put(time + self._delay(), CONSENT, fact, body)

    def _rule(self, number: int) -> None:
        chance, initiative, time = self.chance, self.chance.choice(INITIATIVES), self._moment()
        fact = Fact(initiative, f"r-{number}", time)
        body = {"event_id": fact.event_id, "change_id": f"chg-{number}", "initiative": initiative, "rule_id": "rule-1", "version": number}
        self._put(time + self._delay(), RULES, fact, {**body, "action": chance.choice(["requested", "approved", "deployed"])})

    def _configs(self, first: int) -> tuple[Configured, ...]:
        chance, out = self.chance, []
        ladder = config_of(chance, self.kind)
        for index in range(chance.choice([1, 1, 2, 3])):
            config = Config.model_validate(ladder if index == 0 else config_of(chance, self.kind, ladder))
            stamp = first if index == 0 else self.start + chance.randrange(self.span)
            edge = (stamp // self.timing["window"] + chance.randrange(1, 4)) * self.timing["window"]
            later = chance.choice([None, edge, stamp + chance.randrange(self.span // 4)])
            out.append(Configured(stamp, None if index == 0 else later, config.effective(), config.sha256))
        in_force = {one.effective_at or one.stamp: one for one in out}  # two at one millisecond: the design does not say which
        return tuple(sorted(in_force.values(), key=lambda one: one.stamp))

    def _ticks(self, first: int, last: int, silence: bool) -> tuple[tuple[int, bool], ...]:
        """Return the ticks: in step up to the last record, some missing, then to the next day (a drain where silence breaches)."""
        step, chance = self.timing["tick"], self.chance
        begin = first // step * step
        ticks = [(at, False) for at in range(begin, last + 3 * self.timing["window"], step) if chance.random() < 0.95]
        night = (ticks[-1][0] // DAY + 1) * DAY + self.timing["allowed_lateness"] + 2 * step
        middle = (ticks[-1][0] + chance.randrange(30 * self.timing["window"])) // step * step + step
        early, late = chance.choice([(False, False), (False, True), (True, True)])
        return (*ticks, (middle, early), (max(middle + step, night), late or silence))


def watches_silence(configs: tuple[Configured, ...]) -> bool:
    """Return whether some threshold breaches again and again while nothing happens."""
    return any("freshness_s" in repr(one.effective["initiatives"]) for one in configs)


def named(cell: Cell) -> dict[str, str]:
    """Return the dimensions of a cell as fields; a missing one stands for "-"."""
    names = ("profile", "channel", "cohort", "variant")
    return {name: value for name, value in zip(names, cell, strict=True) if value != "-"}


def made(seed: int, kind: str, events: int) -> World:
    """Return the world of a seed."""
    return Maker(seed, kind).world(events)
