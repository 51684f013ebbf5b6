"""One run of a scenario: its records in the order of their stamps, and the truth about them."""

from collections.abc import Iterator
from random import Random

from detectors.window import DAY, HOUR, MINUTE, SECOND
from governance.message.instant import format_instant
from streams.simulation.announcement import announcements, lag
from streams.simulation.delivery import Delivery, Sent, encode
from streams.simulation.population import Population, Statement
from streams.simulation.refusal import broken
from streams.simulation.scenario import Fault, Scenario
from streams.simulation.traffic import Traffic
from streams.simulation.truth import Truth, Violation

LAST_CALL = MINUTE  # the closing report is asked for this long before the end, so that its period is the run's last days


class Run:
    """A run of a scenario under a seed; the same two give the same records."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self.truth = Truth(scenario, seed)
        self._scenario = scenario
        self._rng = Random(seed)
        self._delivery = Delivery()
        self._traffic = Traffic(scenario, self._rng, self.truth, self._delivery)

    def records(self) -> Iterator[Sent]:
        """Yield every record by stamp, once; afterwards `truth` is complete."""
        self._announce()
        self._break()
        self._ask()
        for fault in self._scenario.faults:
            if fault.kind == "consent_violation":
                self._ignore_withdrawals(fault)
        yield from self._traffic.run()
        self.truth.violations.sort(key=lambda violation: violation.occurred_at)

    def _send(self, topic: str, stamp: int, key: str, value: bytes) -> None:
        self.truth.records[topic] += 1
        self._delivery.send(stamp, topic, key, value)

    def _announce(self) -> None:
        for number, announcement in enumerate(announcements(self._scenario)):
            if announcement.at < self._scenario.end:
                stamp = max(announcement.at + lag(announcement), self._scenario.start + number)
                self._send("rule-changes", stamp, announcement.initiative, encode(announcement.fields))

    def _break(self) -> None:
        for event in broken(self._scenario):
            self.truth.refused[event.code] += 1
            self._send("engagement-events", event.at, event.key, event.value)

    def _ask(self) -> None:
        """A weekly report of each program by channel; at the end one of the last week, where there is a week before it, in full."""
        scenario, number = self._scenario, 0
        weeks = [(scenario.start + day * DAY + 7 * HOUR, 7) for day in range(7, scenario.days, 7)]
        last = 7 if scenario.days >= 14 else min(scenario.days, 30)
        for at, days in (*weeks, (scenario.end - LAST_CALL, last)):
            for program in scenario.programs:
                number += 1
                fields: dict[str, object] = {
                    "request_id": f"q-{number}",
                    "command": "report",
                    "requested_at": format_instant(at),
                    "requested_by": "ana",
                    "initiative": program.key,
                    "window": f"{days}d",
                    "detail": "full",
                    "dimension": "channel" if at < scenario.end - LAST_CALL else None,
                }
                self._send("monitor-commands", at + 150 + number, program.key, encode(fields))

    def _ignore_withdrawals(self, fault: Fault) -> None:
        """People withdraw before the fault and are shown personalised content all the same; the first one's renewal arrives hours late."""
        rng, scenario = self._rng, self._scenario
        program = next(program for program in scenario.programs if program.key == fault.initiative)
        channel = next(channel for channel in program.channels if channel.name == fault.channel)
        people = Population(1, rng)
        people.meet(fault.start)  # the cohort of the fault's week
        for number in range(int(fault.size)):
            person = people.invent(f"u-{fault.start // HOUR}-{number}")
            withdrawn = fault.start - MINUTE - int(rng.random() * HOUR)
            self._traffic.say(person, Statement(withdrawn - HOUR - int(rng.random() * 9 * HOUR), "given"))
            self._traffic.say(person, Statement(withdrawn, "withdrawn"))
            retracted_by = None
            if number == 0:
                renewed = Statement(withdrawn + 30 * SECOND, "renewed", source="call-centre")
                retracted_by = self._traffic.say(person, renewed, under_way=fault.end - renewed.at + HOUR + int(rng.random() * HOUR))
            for _ in range(1 + int(rng.random() * 3)):
                at = fault.start + int(rng.random() * (fault.end - fault.start))
                event_id = self._traffic.expose(program, channel, person, at, None)
                self.truth.violations.append(Violation(event_id, program.key, channel.name, at, "withdrawn", retracted_by))
