"""One history through the kernel: shards with changelogs and faults, inputs in some interleaving; what comes out, as the oracle says it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import orjson

from governance.message.instant import parse_instant
from streams.kernel import intake, monitor
from streams.kernel.bulletin import SIGNALS
from streams.kernel.cells import DAYS, HOURS, unpack_cells
from streams.kernel.record import Commit, Outgoing, Record, Shard
from streams.kernel.rows import Rows, key_parts
from streams.kernel.verdict_line import VERDICTS
from tests.simulation.bus import INPUTS, Bus
from tests.simulation.garbage import MARKED
from tests.simulation.log import Log
from tests.simulation.owner import Faults, Seat, drain
from tests.simulation.world import CONFIG, HOUR, TICKS, World

SUBJECT_KEY = b"a key of the simulation"
SHOWN = ("exposures", "clicks", "conversions", "technical_fallbacks", "consent_fallbacks", "no_match_fallbacks", "late", "subjects")
MODES = ("file", "random", "backlog", "laggard")


@dataclass(frozen=True)
class Way:
    """One way to run a world: how many shards, what comes when, how much goes wrong."""

    mode: str
    shards: int
    faults: Faults

    def __str__(self) -> str:
        return f"{self.mode} x{self.shards} crash {self.faults.crash} freeze {self.faults.freeze}"


class Intake:
    """What an intake shard folds next: a batch of some input, or ticks that are ready."""

    def __init__(self, bus: Bus, shard: Shard, chance: Random) -> None:
        self.bus, self.shard, self.chance = bus, shard, chance

    def fold(self, rows: Rows) -> Commit | None:
        """Return the next commit, None where everything that is there was read."""
        topics = [*INPUTS, TICKS] if intake.configured(rows) else [CONFIG]
        self.chance.shuffle(topics)
        for topic in topics:
            batch = self.batch(rows, topic)
            if batch:
                return intake.step(rows, self.shard, batch)
        return None

    def batch(self, rows: Rows, topic: str) -> list[Record]:
        """Return some records of a topic; now and then they begin too early, or too late and are refused."""
        wanted = intake.position(rows, topic)
        start = max(0, wanted + self.chance.choice([-3, -1, 1, 4])) if self.chance.random() < 0.05 else wanted
        if start > wanted:
            start = wanted  # a hole: refused and sought back
        batch = self.bus.read(topic, self.shard.number, start, wanted - start + self.chance.choice([1, 2, 10, 100]))
        if topic == TICKS:
            batch = [tick for tick in batch if intake.ready(rows, tick)]
        return batch if batch and batch[-1].offset >= wanted else []


class Monitor:
    """What a monitor shard folds next: signals, or what is due."""

    def __init__(self, shard: Shard, chance: Random) -> None:
        self.inbox: list[Record] = []
        self.shard, self.chance = shard, chance

    def hear(self, message: Outgoing) -> None:
        """Append a signal to the partition."""
        assert message.partition == self.shard.number
        self.inbox.append(Record(SIGNALS, self.shard.number, len(self.inbox), message.timestamp, message.key, message.value))

    def fold(self, rows: Rows) -> Commit | None:
        """Return the next commit, None where nothing was said and nothing is due."""
        wanted = monitor.position(rows)
        start = max(0, wanted - self.chance.choice([1, 5])) if self.chance.random() < 0.05 else wanted
        batch = self.inbox[start : wanted + self.chance.choice([1, 5, 50, 500])]
        if batch and batch[-1].offset < wanted:
            batch = []
        if monitor.pending(rows, self.shard) and self.chance.random() < 0.5:
            batch = []
        elif not batch and not monitor.pending(rows, self.shard):
            return None
        return monitor.step(rows, self.shard, batch)


class Outputs:
    """Everything published, by topic and id; the same id twice must be the same bytes."""

    def __init__(self) -> None:
        self.by_topic: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        self.raw: dict[str, bytes] = {}
        self._sequences: dict[str, int] = {}
        self.verdicts: dict[str, dict[str, Any]] = {}

    def publish(self, message: Outgoing) -> None:
        """Take one message; of the verdicts about one exposure the last holds, whoever sends an earlier one again."""
        event = orjson.loads(message.value)
        if message.topic == VERDICTS:
            name = (message.key or b"").decode()
            self.verdicts[name] = max(event, self.verdicts.get(name, event), key=lambda one: one["key"])
            return
        name = f"{message.topic} {event['id']}"
        first = name not in self.raw
        before = self.raw.setdefault(name, message.value)
        assert before == message.value, f"{name} was published with two contents: {before!r} {message.value!r}"
        assert MARKED not in message.value, f"{name} shows what a refused record held"
        self.by_topic[message.topic][event["id"]] = event
        if first and message.topic == "incidents":
            data = event["data"]
            assert data["sequence"] == self._sequences.get(data["incident_id"], 0) + 1, f"{name} comes out of sequence"
            self._sequences[data["incident_id"]] = data["sequence"]

    def settled(self) -> dict[str, bytes]:
        """Return what must be the same bytes in every run: all but offsets (all of a dead letter) and what watches the monitor itself."""
        return {
            f"{topic} {name}": self.raw[f"{topic} {name}"] if not event["data"].get("evidence") else without_offsets(event)
            for topic, events in self.by_topic.items()
            for name, event in events.items()
            if topic != "dead-letters" and event["data"].get("initiative") != "_system" and "_system" not in str(event.get("subject"))
        }


class Run:
    """One world on its way through the shards."""

    def __init__(self, world: World, way: Way, seed: int) -> None:
        self.world, self.way = world, way
        self.chance = Random(f"{seed}/{way}")
        self.bus, self.outputs = Bus(world, way.shards), Outputs()
        shards = [Shard(number, way.shards, SUBJECT_KEY, verdicts=True) for number in range(way.shards)]
        self.monitors = [Monitor(shard, self.chance) for shard in shards]
        self.intake_seats = [self._seat(Intake(self.bus, shard, self.chance).fold) for shard in shards]
        self.monitor_seats = [self._seat(one.fold) for one in self.monitors]

    def _seat(self, fold: Any) -> Seat:
        log = Log(self.chance, twice=0.01 if self.way.faults.crash else 0.0)
        return Seat(fold, self.send, log, Faults(**vars(self.way.faults)), self.chance)

    def send(self, message: Outgoing) -> None:
        """Bring a message where it belongs."""
        if message.topic == SIGNALS:
            assert message.partition is not None
            self.monitors[message.partition].hear(message)
        else:
            self.outputs.publish(message)

    def go(self) -> dict[str, Any]:
        """Run to the end and return what came out."""
        if self.way.mode == "file":
            self._in_step()
        else:
            self._at_random()
        self.bus.now = self.world.ticks[-1][0]
        drain([*self.intake_seats, *self.monitor_seats])
        return self._answer()

    def _in_step(self) -> None:
        """All there is up to a tick, then the tick, then everything that follows from it."""
        for at, _ in self.world.ticks:
            self.bus.now = at
            for seat in [*self.intake_seats, *self.monitor_seats]:
                while seat.turn():
                    pass

    def _at_random(self) -> None:
        end, tick = self.world.ticks[-1][0], self.world.timing["tick"]
        self.bus.now = end if self.way.mode == "backlog" else self.world.ticks[0][0]
        behind = self.chance.randrange(self.way.shards) if self.way.mode == "laggard" else -1
        eager = [self.chance.choice([0.1, 0.4, 0.9]) for _ in range(2 * self.way.shards)]
        seats = [*self.intake_seats, *self.monitor_seats]
        for _ in range(400):
            if self.bus.now < end:
                self.bus.now = min(end, self.bus.now + int(self.chance.choice([0, 0.1, 1, 3, 9]) * tick))
            for number in self.chance.sample(range(len(seats)), len(seats)):
                if number != behind and self.chance.random() < eager[number]:
                    seats[number].turn()
            if self.bus.now >= end and self.chance.random() < 0.1:
                return

    def _answer(self) -> dict[str, Any]:
        by_topic = self.outputs.by_topic
        rows = [seat.rows() for seat in self.monitor_seats]
        return {
            "windows": windows_of(by_topic["kpi-windows"].values()),
            "hours": stored(rows, HOURS, self.world.last_watermark(drain=True) - 48 * HOUR),
            "days": stored(rows, DAYS, 0),
            "verdicts": verdicts_of(self.outputs.verdicts),
            "consent_windows": windows_of(by_topic["kpi-windows"].values(), "consent"),
            "consent_hours": stored(rows, HOURS, self.world.last_watermark(drain=True) - 48 * HOUR, verdicts_in),
            "consent_days": stored(rows, DAYS, 0, verdicts_in),
            "evidence": {
                place["event_id"]
                for event in by_topic["findings"].values()
                if event["data"]["check"] == "late_evidence"
                for place in event["data"]["evidence"]
            },
            "refused": dict(Counter(event["data"]["reason_code"] for event in by_topic["dead-letters"].values())),
            "findings": {
                finding_of(event["data"]): event["data"]["state"]
                for event in by_topic["findings"].values()
                if judged_by_oracle(event["data"])
            },
            "incidents": incidents_of(by_topic["incidents"].values()),
            "escalations": {
                (data["incident_id"], data["incident"]["sequence"], data["level"], data["person"])
                for data in (event["data"] for event in by_topic["escalations"].values())
                if judged_by_oracle(data["incident"])
            },
        }


def shown(counts: Mapping[str, Any]) -> dict[str, int]:
    """Return the counts that are compared, those that are not zero."""
    found = {name: counts[name] for name in SHOWN if counts.get(name)}
    found.update({name: number for name, number in counts.items() if name.startswith("revenue_minor.")})
    return dict(sorted(found.items()))


def judged_by_oracle(data: Mapping[str, Any]) -> bool:
    """Return whether the batch oracle says something of a check; of the others every way of one world must say the same bytes."""
    unjudged = data["check"] in ("shadow_change", "schema_change") or data["check"].startswith("policy:")
    return data["initiative"] != "_system" and not unjudged


def finding_of(data: Mapping[str, Any]) -> str:
    """Return what tells a finding from all others: its id, and the window of the event where it is about one; ids may come again."""
    return f"{data['finding_id']} {parse_instant(data['window']['end'])}" if data["evidence"] else str(data["finding_id"])


def verdicts_in(counts: Mapping[str, Any]) -> dict[str, int]:
    """Return the verdicts that were counted."""
    return {name: number for name, number in sorted(counts.items()) if name.startswith("consent.") and number}


def verdicts_of(found: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[str, str | None]]:
    """Return every exposure's verdict and the id of the record that decided it."""
    return {name: (one["verdict"], one["record"] and one["record"]["event_id"]) for name, one in found.items()}


def without_offsets(event: Mapping[str, Any]) -> bytes:
    """Return an event without the places of its evidence: they depend on the number of partitions."""
    ids = [place["event_id"] for place in event["data"]["evidence"]]
    return orjson.dumps({**event, "data": {**event["data"], "evidence": ids}})


def windows_of(events: Any, revision: str = "counts") -> dict[int, dict[str, dict[str, int]]]:
    """Return the published counts by window end and cell, the keys of the rows as the oracle writes them."""
    out: dict[int, dict[str, dict[str, int]]] = {}
    for data in (event["data"] for event in events):
        if data["revision"] != revision or data["initiative"] == "_system":
            continue
        key = data["key"]
        place = (data["initiative"], (key["profile"], key["channel"], key["cohort"], key["variant"]))
        money = {f"revenue_minor.{currency}": number for currency, number in data["counts"]["revenue_minor"].items()}
        row = out.setdefault(parse_instant(data["window"]["end"]), {})
        assert repr(place) not in row, f"two counts of one cell and window: {place}"
        row[repr(place)] = shown({**data["counts"], **money})
        if revision == "consent":
            row[repr(place)] = {f"consent.{verdict}": number for verdict, number in sorted(data["counts"]["consent"].items())}
    return out


def stored(
    shards: list[Rows], kind: bytes, after: int, part: Callable[[Mapping[str, Any]], dict[str, int]] = shown
) -> dict[int, dict[str, dict[str, int]]]:
    """Return hour or day rows as the monitors keep them, those that end after `after`: older ones may be gone, or not yet."""
    out: dict[int, dict[str, dict[str, int]]] = {}
    for rows in shards:
        for key in rows.keys(kind):
            initiative, end, _ = key_parts(key)
            if initiative == "_system" or end <= after:
                continue
            for cell, counts in unpack_cells(rows.get(key)).items():
                if part(counts):
                    out.setdefault(end, {})[repr((initiative, cell))] = part(counts)
    return out


def singly(listed: list[dict[str, str]]) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of every breached window of an incident; what is listed as a stretch is as many as fit into it."""
    bounds = [(parse_instant(each["start"]), parse_instant(each["end"])) for each in listed]
    size = bounds[0][1] - bounds[0][0]
    yield from ((at, at + size) for start, end in bounds for at in range(start, end, size))


def incidents_of(events: Any) -> dict[str, dict[str, Any]]:
    """Return the incidents with all their steps."""
    out: dict[str, dict[str, Any]] = {}
    for data in sorted((event["data"] for event in events), key=lambda data: int(data["sequence"])):
        if not judged_by_oracle(data):
            continue
        one = out.setdefault(data["incident_id"], {"steps": []})
        at = parse_instant(data["updated_at"])
        windows = list(singly(data["windows"]))
        one["steps"].append((data["sequence"], data["step"], at, data["level"], len(windows)))
        one.update({name: data[name] for name in ("check", "initiative", "state", "level", "episode")})
        one["opened_at"] = parse_instant(data["opened_at"])
        one["windows"] = windows
        assert len(one["steps"]) == data["sequence"], f"a step of {data['incident_id']} is missing before {data['sequence']}"
    return out
