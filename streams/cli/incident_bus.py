"""Incidents as they stand on the bus of a running monitor, and what is asked of one of them."""

from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

import orjson

from governance.config import Config
from governance.message.instant import format_instant
from streams.asking import NoAnswerError, ask, asked_at, last_tick
from streams.cli.incident_folder import Outputs, Story, outputs_of
from streams.cli.incident_hours import CONSENT, Hour, drawn, tally_of
from streams.cli.live import on_the_bus
from streams.cli.problem import NotReachable, UsageProblem
from streams.config_event import last_record
from streams.event_file import partition_of
from streams.settings import Settings
from streams.topics import on_bus
from streams.transport.bus import Bus

FLAGS = {  # what a field of a command is on the command line
    **{"requested_by": "--by", "until": "--until", "note": "--note", "initiative": "--initiative", "report_id": "--sign-off"},
    **{"incident_id": "ID", "person": "PERSON"},
}
MOST_WINDOWS = 60_000  # read for one incident: two days of 10 cells by the minute, some 40 MB
Make = Callable[[Story, int], Mapping[str, Any]]  # the command about an incident, asked at a time (ms)


async def outputs_on(bus: Bus, settings: Settings) -> Outputs:
    """Return every incident that stands on the topics, as far as they are kept."""
    steps = [data async for data in _payloads(bus, settings, "incidents")]
    findings = [data async for data in _payloads(bus, settings, "findings")]
    return outputs_of(steps, findings, await _watermark(bus, settings))


def read_live(settings: Settings) -> Outputs:
    """Return the incidents of a running monitor; raises NotReachable and UsageProblem."""
    return on_the_bus(settings, lambda bus: outputs_on(bus, settings))


def hours_live(settings: Settings, story: Story, watermark: str) -> tuple[Hour, ...]:
    """Return the hours of an incident's own place, as far as the newest windows on the topic tell; raises NotReachable."""
    return on_the_bus(settings, lambda bus: hours_on(bus, settings, story, watermark))


async def hours_on(bus: Bus, settings: Settings, story: Story, watermark: str, most: int = MOST_WINDOWS) -> tuple[Hour, ...]:
    """Return the same from a bus: out of the `most` last windows of the initiative's partition, so that a long log costs no more."""
    tally, topic, seen = tally_of(story, watermark), on_bus(settings, "kpi-windows"), set[str]()
    there = {} if tally is None else await bus.describe([topic])
    if tally is None or topic not in there:
        return ()
    place = topic, partition_of(str(story.now["initiative"]).encode(), there[topic].partitions)
    end, first = (await bus.ends([place]))[place], None
    async for batch in bus.read(*place, max(0, end - most), end):
        for record in batch:
            first = record.offset if first is None else first
            if record.value is not None and CONSENT not in record.value:
                event = orjson.loads(record.value)
                if event["id"] not in seen:
                    seen.add(event["id"])
                    tally.take(event["data"])
    if first:  # what came before is not known, so the first hour may be a part of one
        tally.hours.pop(min(tally.hours, default=0), None)
    return drawn(story, tally)


def act_live(settings: Settings, id: str, at: int | None, make: Make) -> tuple[Story, dict[str, Any]]:
    """Send the command that `make` returns for the incident whose id begins with `id`; return the incident and the answer.

    Raises NotReachable where nobody answers, UsageProblem for an id that names none and for what is refused.
    """

    async def go(bus: Bus) -> tuple[Story, dict[str, Any]]:
        story = (await outputs_on(bus, settings)).find(id)
        when = await asked_at(bus, settings) if at is None else at
        return story, await ask(bus, settings, make(story, when), when)

    try:
        story, answer = on_the_bus(settings, go)
    except NoAnswerError as error:
        raise NotReachable(str(error)) from None
    refusal(answer)
    return story, answer


def send_live(settings: Settings, at: int | None, make: Callable[[int], Mapping[str, Any]]) -> dict[str, Any]:
    """Send the command that `make` returns for a time (ms; None: now); return the answer. Raises NotReachable and UsageProblem."""

    async def go(bus: Bus) -> dict[str, Any]:
        when = await asked_at(bus, settings) if at is None else at
        return await ask(bus, settings, make(when), when)

    try:
        answer = on_the_bus(settings, go)
    except NoAnswerError as error:
        raise NotReachable(str(error)) from None
    refusal(answer)
    return answer


def refusal(answer: Mapping[str, Any]) -> None:
    """Raise UsageProblem where an answer is an error."""
    error = answer.get("error")
    if error:
        raise UsageProblem(f"{FLAGS.get(error['field'], error['field']) or 'command'}: {error['message']} ({error['code']})")


async def _payloads(bus: Bus, settings: Settings, plain: str) -> AsyncGenerator[Mapping[str, Any], None]:
    """Yield what a topic of ours holds up to where it ends now; what was sent twice comes once."""
    topic, seen = on_bus(settings, plain), set[str]()
    there = await bus.describe([topic])
    if topic not in there:
        raise NotReachable(f"{topic}: is not on the bus; `pmon run` or `pmon topics create` makes it")
    ends = await bus.ends([(topic, number) for number in range(there[topic].partitions)])
    for (name, number), end in ends.items():
        async for batch in bus.read(name, number, 0, end):
            for record in batch:
                event = orjson.loads(record.value or b"{}")
                if "id" in event and event["id"] not in seen:
                    seen.add(event["id"])
                    yield event["data"]


async def _watermark(bus: Bus, settings: Settings) -> str | None:
    """Return up to when everything is closed, by the last ticks and the config that workers published."""
    ticks = [await last_tick(bus, settings, number) for number in range(settings.partitions)]
    at = min((int(tick["at"]) if tick else 0 for tick in ticks), default=0)
    record = await last_record(bus, on_bus(settings, "monitor-config"), 0)
    if not at or record is None:
        return None
    timing = Config.model_validate(orjson.loads(record.value or b"{}")["config"]).timing
    return format_instant((at - timing.allowed_lateness - timing.tick) // timing.window * timing.window)
