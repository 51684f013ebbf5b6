"""Worlds of people in experiments, and the batch answer: every user's contribution from all that ever arrived, without shards or ticks."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import orjson

from governance.config import Config
from governance.trial import Trial
from streams.kernel.looks import TRIALS
from streams.kernel.rows import Rows, key_parts, unpack
from tests.simulation.oracle import Counted, admitted, end_of
from tests.simulation.rules import OFF, WAITS, span
from tests.simulation.world import ENGAGEMENT, HOUR, MINUTE, SECOND, TIMINGS, Arrival, Configured, Fact, World

START = 1_763_850_000_000
SPAN = 40 * MINUTE
EXPERIMENTS = ("exp-a", "exp-b", "exp-free")  # the last one is in no config
ARMS = "aaabbbc"
FOREVER = 10**15
LARGE = 10**12  # squares of it do not fit 64 bits
Sums = dict[tuple[str, str], Counter[str]]


@dataclass(frozen=True)
class Act(Fact):
    """One event of a subject or a tally, with what experiments see of it."""

    kind: str = ""
    experiment: str | None = None
    arm: str = "-"
    channel: str = "-"
    fallback: str | None = None
    value: int = 0
    people: int = 0
    converted: int | None = None


def config_of(chance: Random, attribution: int, ends: int | None) -> dict[str, Any]:
    """Return a config with two experiments, one of them with a cap and a named ratio; the other may have a planned end."""
    timing = {name: span(value) for name, value in TIMINGS["short"].items()} | {"stalled_after": "1h"}
    capped = {"kpi": "revenue_per_subject", "cap_minor": 500, "non_inferiority": 0.1}
    first = {"control": "a", "allocation": {"a": 0.5, "b": 0.5}, "goals": ["converted_subjects", "ctr"], "guardrails": [capped]}
    goals = ["clicked_subjects", "revenue_per_subject", "revenue_per_exposure"]
    second = {"control": "a", "goals": goals, "attribution": "90s", "ends_at": ends}
    experiments = {"exp-a": {**first, "attribution": span(attribution), "minimum_runtime": "1m"}, "exp-b": second}
    waits = {name: span(value) for name, value in WAITS["short"].items()}
    one = {"experiments": experiments, "detectors": OFF, "jurisdiction": "US"}
    return {"timing": timing, "incidents": waits, "initiatives": {"alpha": one, "beta": {**one, "experiments": {"exp-a": second}}}}


class People:
    """Makes one world of a seed: few subjects who come back, every lateness, ids sent twice, tallies beside."""

    def __init__(self, seed: int) -> None:
        self.chance, self.seed = Random(f"people {seed}"), seed
        self.subjects = [f"u-{n}" for n in range(self.chance.choice([3, 20, 60]))]
        self.late, self.jitter, self.extreme = (self.chance.random() < 0.5 for _ in range(3))
        self.arrivals: list[Arrival] = []

    def world(self, events: int) -> World:
        """Return the world with about that many events."""
        for number in range(events):
            self._act(number)
        ordered = sorted(self.arrivals, key=lambda one: one.appended)
        first = START - 10 * SECOND
        ends = START + self.chance.choice([0, 11 * MINUTE, 25 * MINUTE + 7]) if self.chance.random() < 0.4 else None
        configs = [config_of(self.chance, self.chance.choice([SECOND, 150 * SECOND, 7 * MINUTE, 3 * HOUR]), ends)]
        if self.chance.random() < 0.5:
            configs.append(config_of(self.chance, 4 * MINUTE, ends))
        made = [Config.model_validate(one) for one in configs]
        stamps = [first, START + self.chance.randrange(SPAN)]
        last = max(one.appended for one in ordered)
        ticks = [(at, False) for at in range(first // 10_000 * 10_000, last + 3 * MINUTE, 10_000) if self.chance.random() < 0.9]
        end = (ticks[-1][0] // MINUTE + 20) * MINUTE
        return World(
            self.seed,
            "short",
            tuple(ordered),
            tuple(Configured(at, None, one.effective(), one.sha256) for at, one in zip(stamps, made, strict=False)),
            (*ticks, (end - 7 * MINUTE, True), (end, True)),
        )

    def _act(self, number: int) -> None:
        chance = self.chance
        time = START + chance.randrange(SPAN)
        if chance.random() < 0.2:
            time = time // MINUTE * MINUTE + chance.choice([-1, 0, 1])
        kind = chance.choices(["exposure", "click", "conversion", "tally"], [6, 3, 3, 0.3])[0]
        subject, initiative = chance.choice(self.subjects), chance.choice(["alpha", "alpha", "beta"])
        arm = chance.choice(ARMS) if chance.random() < 0.1 else "ab"[hash_of(subject) % 2]
        body: dict[str, Any] = {"event_id": f"e-{number}", "type": kind, "initiative": initiative, "occurred_at": time}
        act: dict[str, Any] = {"kind": kind}
        if kind in ("exposure", "tally") and chance.random() < 0.9:
            act |= {"experiment": chance.choice(EXPERIMENTS), "arm": arm, "channel": chance.choice("wm")}
            body |= {"experiment_id": act["experiment"], "variant": arm, "channel": act["channel"]}
        if kind == "exposure":
            act["fallback"] = body["fallback"] = chance.choice([None, None, "technical", "no_consent"])
        if kind == "conversion" and chance.random() < 0.7:
            value = chance.choice([LARGE, -LARGE, LARGE - 1]) if self.extreme else chance.randrange(-50, 900)
            act["value"] = value
            body |= {"value_minor": value, "currency": "EUR"}
        if kind == "tally":
            subject = "warehouse"
            act |= {"people": chance.choice([0, 7]), "converted": chance.choice([None, 2])}
            body |= {"subjects": act["people"], "converted_subjects": act["converted"], "exposures": 9}
        else:
            body["subject_id"] = subject
        fact = Act(subject, f"e-{number}", time, initiative, subject=subject, **act)
        self._put(fact, body)

    def _put(self, fact: Act, body: Mapping[str, Any]) -> None:
        chance = self.chance
        delay = chance.choice([0, 0, 7, SECOND, 29 * SECOND, 30 * SECOND])
        if self.late and chance.random() < 0.2:
            delay = chance.choice([31 * SECOND, 65 * SECOND, 100 * SECOND, 4 * MINUTE, 9 * MINUTE])
        elif self.late and chance.random() < 0.1:
            delay = -chance.choice([SECOND, MINUTE, 2 * MINUTE, 3 * MINUTE])
        for again in [0] if chance.random() < 0.85 else [0, chance.choice([0, SECOND, 40 * SECOND])]:
            stamp = fact.time + delay + again
            appended = stamp + (chance.randrange(10 * SECOND) if self.jitter else 0)
            self.arrivals.append(Arrival(appended, stamp, ENGAGEMENT, fact.key.encode(), orjson.dumps(body), fact))


def hash_of(text: str) -> int:
    """Return a number that stays."""
    return sum(text.encode())


def answer(world: World) -> dict[tuple[str, str], tuple[Sums, int]]:
    """Return the sums per initiative and experiment: by (assignment matters not, arm), and how many people are in several arms."""
    window, lateness = world.timing["window"], world.timing["allowed_lateness"]
    closed = world.last_watermark(drain=True) // window * window
    people: dict[tuple[str, str], list[Counted]] = defaultdict(list)
    sums: dict[tuple[str, str], Sums] = defaultdict(lambda: defaultdict(Counter))
    mixed: Counter[tuple[str, str]] = Counter()
    for one in admitted(world)[0]:
        act = one.fact
        if not isinstance(act, Act):
            continue
        if act.kind != "tally":
            people[act.key, act.initiative].append(one)
            continue
        end = end_of(act.time, window)
        if act.experiment and act.people and one.stamp - lateness < end <= last(world, act.initiative, act.experiment):
            into = sums[act.initiative, act.experiment]["", act.arm]
            into.update({"first": act.people, f"channel.{act.channel}": act.people, "profile.-": act.people})
            if act.converted is not None:
                into.update({"n": act.people, "converted": act.converted, "tallied": act.people})
    for (_, initiative), events in people.items():
        for name in EXPERIMENTS:
            until = min(closed, last(world, initiative, name))
            for due, arm, counts in contributions(world, initiative, name, events, until):
                if due <= until and arm is None:
                    mixed[initiative, name] += 1
                elif due <= until and arm is not None:
                    add(sums[initiative, name]["", arm], counts)
    return {place: (tidy(sums[place]), mixed[place]) for place in {*sums, *mixed}}


def last(world: World, initiative: str, name: str) -> int:
    """Return the end of the last window that counts for an experiment: the one its planned end lies in or closes."""
    ends = ends_of(world, initiative, name)
    return FOREVER if ends is None else -(-ends // world.timing["window"]) * world.timing["window"]


def ends_of(world: World, initiative: str, name: str) -> int | None:
    """Return the planned end, which no later config of a world moves."""
    experiment = Config.model_validate(world.configs[0].effective).initiatives[initiative].experiments.get(name)
    return None if experiment is None else experiment.ends_at


def contributions(
    world: World, initiative: str, name: str, events: Iterable[Counted], closed: int
) -> list[tuple[int, str | None, Counter[str]]]:
    """Return (window end, arm or None for mixed, counts) of one user in one experiment, as the model of the design has it at `closed`."""
    window, lateness = world.timing["window"], world.timing["allowed_lateness"]
    arms: dict[str, tuple[int, str]] = {}
    for one in events:
        act = one.fact
        if isinstance(act, Act) and act.experiment == name and one.stamp - lateness < end_of(act.time, window):
            arms[act.arm] = min(arms.get(act.arm, (act.time, act.channel)), (act.time, act.channel))
    ends = ends_of(world, initiative, name)
    if not arms or (ends is not None and min(time for time, _ in arms.values()) >= ends):
        return []
    ordered = sorted((time, arm, channel) for arm, (time, channel) in arms.items())
    start, arm, channel = ordered[0]
    out: list[tuple[int, str | None, Counter[str]]] = []
    out.append((end_of(start, window), arm, Counter({"first": 1, f"channel.{channel}": 1, "profile.-": 1})))
    leave = end_of(ordered[1][0], window) if len(ordered) > 1 else None
    if leave is not None:
        out.append((leave, None, Counter()))
    settings = settings_at(world, initiative, name, end_of(start, window))
    if settings is None:
        return out
    attribution = Config.model_validate(settings["config"]).initiatives[initiative].experiments[name].attribution
    matures = end_of(start + attribution, window)
    counted: Counter[str] = Counter()
    early: Counter[str] = Counter()
    for one in events:
        act = one.fact
        assert isinstance(act, Act)
        if start <= act.time < start + attribution and one.stamp - lateness < matures and act.experiment in (None, name):
            for into in [counted, early] if one.stamp - lateness < end_of(act.time, window) <= closed else [counted]:
                into[f"{act.kind}s"] += act.experiment == name or act.kind != "exposure"
                into["money"] += act.value
    if matures > closed and (leave is None or leave > closed):  # a preview of who has not matured
        more = contributed(early, settings["experiment"])
        out.append((end_of(start, window), arm, Counter({f"soon.{key}": number for key, number in more.items()})))
    if leave is None or leave > matures:
        more = contributed(counted, settings["experiment"])
        out.append((matures, arm, more))
        if leave is not None:
            out.append((leave, arm, Counter({key: -number for key, number in more.items()})))
    return out


def contributed(counted: Mapping[str, int], experiment: Mapping[str, Any]) -> Counter[str]:
    """Return what a matured user adds."""
    found: Counter[str] = Counter(
        {"n": 1, "converted": int(counted.get("conversions", 0) > 0), "clicked": int(counted.get("clicks", 0) > 0)}
    )
    amount = counted.get("money", 0)
    caps = [rail["cap_minor"] for rail in experiment["guardrails"] if rail["cap_minor"] is not None]
    capped = min([amount, *caps])
    found.update({"raw.EUR.s": amount, "raw.EUR.ss": amount**2, "revenue.EUR.s": capped, "revenue.EUR.ss": capped**2})
    found["revenue.EUR.sss"] = capped**3
    shown, clicked = counted.get("exposures", 0), counted.get("clicks", 0)
    for name, above, suffix in (("ctr", clicked, ""), ("revenue_per_exposure", amount, ".EUR")):
        if name in experiment["goals"]:
            at = f"ratio.{name}"
            found.update({f"{at}.d": shown, f"{at}.dd": shown**2, f"{at}.ddd": shown**3})
            found.update({f"{at}{suffix}.m": above, f"{at}{suffix}.mm": above**2, f"{at}{suffix}.md": above * shown})
            found.update({f"{at}{suffix}.mmm": above**3, f"{at}{suffix}.mmd": above**2 * shown, f"{at}{suffix}.mdd": above * shown**2})
    return found


def settings_at(world: World, initiative: str, name: str, end: int) -> dict[str, Any] | None:
    """Return what the config in force before `end` says of an experiment."""
    first, *later = world.configs
    config = max(((one.stamp, one) for one in later if one.stamp < end), default=(0, first), key=lambda pair: pair[0])[1].effective
    experiment = config["initiatives"][initiative]["experiments"].get(name)
    return None if experiment is None else {"config": config, "experiment": experiment}


def add(into: Counter[str], counts: Mapping[str, int]) -> None:
    """Add, negative numbers too."""
    for key, number in counts.items():
        into[key] += number


def tidy(sums: Sums) -> Sums:
    """Return sums without what is zero."""
    out = {arm: Counter({key: number for key, number in counts.items() if number}) for arm, counts in sums.items()}
    return {arm: counts for arm, counts in sorted(out.items()) if counts}


def kept(shards: Iterable[Rows]) -> dict[tuple[str, str], tuple[Sums, int]]:
    """Return the same as the monitors keep it, phases together."""
    out = {}
    for rows in shards:
        for key in rows.keys(TRIALS):
            parts = key_parts(key)
            if len(parts) == 2:
                trial = Trial.read(unpack(rows.get(key) or b"")[0])
                sums: Sums = defaultdict(Counter)
                for stretch in trial.stretches:
                    for arm, counts in stretch.arms.items():
                        add(sums["", arm], counts)
                out[parts[0], parts[1]] = (tidy(sums), trial.mixed)
    return out
