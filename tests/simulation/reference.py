"""Worlds of the reference model as worlds of ours: the same records, times and configs, in our words.

What the two say the same of: totals by kind and channel, late ones, the verdicts of each exposure, threshold incidents with their steps,
and the sums of an experiment. The model knows days of ten minutes and a shorter life of consent incidents: those are left out.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson

from governance.config import Config
from governance.identity import consent_finding_id, subject_hash
from governance.message.instant import parse_instant
from streams.kernel.cells import DAYS, unpack_cells
from streams.kernel.rows import key_parts
from tests.simulation.rules import OFF, OWNERS, UNCAPPED
from tests.simulation.run import SUBJECT_KEY, Run
from tests.simulation.trials import kept
from tests.simulation.world import CONSENT, DAY, ENGAGEMENT, RULES, SECOND, Arrival, Configured, Fact, World

FOLDER = Path(__file__).parents[3] / "shared" / "reference" / "model"
NOON = 1_763_856_000_000 + DAY // 2  # a whole world lies within one day of ours
TOPICS = {"eng": ENGAGEMENT, "con": CONSENT, "rul": RULES}
KINDS = {"exp": "exposure", "click": "click", "conv": "conversion"}
ARM = "exp-7"
Said = dict[str, Any]


def load(name: str) -> ModuleType:
    """Return a module of the reference."""
    spec = spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def config(model: Any, bar: float) -> Config:
    """Return the model's constants and rules as a config of ours."""
    timing = {"window": model.WIN, "tick": model.TICK, "allowed_lateness": model.L, "settle": model.SETTLE, "stalled_after": 3_600}
    timing |= {"correction_horizon": model.CH, "dedup_horizon": model.H, "max_future_skew": model.SKEW}
    waits = {"ack_timeout": model.ACK, "clear_for": model.CLEAR, "reopen_window": model.REOPEN}
    rules = [
        {"id": f"low-{window}-{of}", "kpi": "ctr", "op": "<", "value": bar, "window": f"{window}s", "group_by": ["channel"]}
        | {"min_denominator": model.MIN_DEN, "datapoints_to_alarm": 2, "evaluation_periods": of}
        for window, of in ((model.WIN, 2), (model.WIN, 3), (3 * model.WIN, 2))
    ]
    trial = {"control": "a", "allocation": {"a": 0.5, "b": 0.5}, "goals": ["converted_subjects"], "attribution": f"{model.ATTR}s"}
    one = {"owners": OWNERS, "thresholds": rules, "detectors": OFF, "experiments": {ARM: trial}}
    return Config.model_validate(
        {
            "timing": {name: f"{value}s" for name, value in timing.items()},
            "incidents": {**{name: f"{value}s" for name, value in waits.items()}, **UNCAPPED},
            "initiatives": dict.fromkeys(model.INIS, one),
        }
    )


def world(model: Any, reference: Any) -> World:
    """Return a world of the model as one of ours."""
    first = config(model, 0.5)
    configs = [Configured(NOON - 60 * SECOND, None, first.effective(), first.sha256)]
    arrivals = []
    for appended, number, topic, key, value in reference.records:
        at, stamp, time = (NOON + moment * SECOND for moment in (appended, value.get("rec", appended), value["t"]))
        if topic == "cfg":
            later = config(model, value["bar"])
            configs.append(Configured(stamp, None, later.effective(), later.sha256))
            continue
        body = body_of(topic, value, number) | {"occurred_at": time}
        fact = Fact(key, body["event_id"], time, value.get("ini", ""), subject=value.get("s"))
        arrivals.append(Arrival(at, stamp, TOPICS[topic], key.encode(), orjson.dumps(body), fact))
    ticks = [(NOON + at * SECOND, False) for at in range(model.TICK, reference.end + 1, model.TICK)]
    night = (NOON + DAY // 2 + 60 * SECOND, True)  # closes the day, and is no time of the model any more
    return World(0, "short", tuple(arrivals), tuple(configs), (*ticks, night))


def body_of(topic: str, value: Mapping[str, Any], number: int) -> Said:
    """Return what a record of the model says, in our words."""
    if topic == "con":
        purposes = ["personalised_content"]
        return {"event_id": value["id"], "subject_id": value["s"], "state": value["state"], "purposes": purposes, "channels": None}
    if topic == "rul":
        told = {"change_id": value["id"], "rule_id": "rule-1", "version": value["ver"], "action": "deployed"}
        return {"event_id": value["id"], "initiative": value["ini"], **told}
    body = {"event_id": value["id"], "type": KINDS[value["kind"]], "initiative": value["ini"]}
    body |= {"subject_id": value["s"], "channel": value["ch"]}
    if value["kind"] == "exp":
        body |= {"experiment_id": ARM, "variant": value["arm"], "fallback": "no_match" if value["fb"] else None}
    return body


def by_model(model: Any, attack: Any, reference: Any) -> Said:
    """Return what the model's batch oracle says."""
    truth = attack.oracle(reference)
    totals: Counter[tuple[str, str, str]] = Counter()
    for (initiative, _, channel, kind), count in truth["day"].items():
        if kind in KINDS or kind == "late":
            totals[initiative, channel, KINDS.get(kind, "late")] += count
    people = {(value["s"], value["id"]) for _, _, topic, _, value in reference.records if topic == "eng"}
    named = {model.finding_id(model.FIXED, *one): one for one in people}
    incidents = {}
    for one in truth["incidents"].values():
        key = next((key for key in truth_keys(model, reference, one)), None)
        if key is not None:
            incidents[key] = {name: one[name] for name in ("state", "level", "opened", "seq", "windows")}
    return {
        "totals": dict(totals),
        "violations": {named[identity]: set(said) for identity, said in truth["violations"].items()},
        "incidents": incidents,
        "sums": {place: count for place, count in truth["sums"].items() if count},
    }


def truth_keys(model: Any, reference: Any, one: Mapping[str, Any]) -> Any:
    """Yield what a threshold incident of the model is about: its id is made of that."""
    for initiative in model.INIS:
        for window, of in ((model.WIN, 2), (model.WIN, 3), (3 * model.WIN, 2)):
            for channel in "mw":
                for episode in range(1, 30):
                    if one["id"] == model.ident(("low-ctr", window, of, channel), initiative, one["opened"], episode):
                        yield initiative, f"threshold:low-{window}-{of}", channel, episode


def by_kernel(run: Run, reference: Any) -> Said:
    """Return what a run of our kernel says of the same."""
    totals: Counter[tuple[str, str, str]] = Counter()
    for seat in run.monitor_seats:
        rows = seat.rows()
        for key in rows.keys(DAYS):
            initiative = key_parts(key)[0]
            for (_, channel, _, _), counts in unpack_cells(rows.get(key)).items() if initiative != "_system" else ():
                for name in ("exposure", "click", "conversion"):
                    totals[initiative, channel, name] += counts.get(f"{name}s", 0)
                totals[initiative, channel, "late"] += counts.get("late", 0)
    people = {(value["s"], value["id"]) for _, _, topic, _, value in reference.records if topic == "eng"}
    named = {consent_finding_id("consent_violation", subject_hash(SUBJECT_KEY, one[0]), one[1]): one for one in people}
    violations: dict[Any, set[Any]] = defaultdict(set)
    for event in run.outputs.by_topic["findings"].values():
        data = event["data"]
        if data["check"] == "consent_violation":
            violations[named[data["finding_id"]]].add((data["observed"], data["state"]))
    incidents = {}
    for event in sorted(run.outputs.by_topic["incidents"].values(), key=lambda event: int(event["data"]["sequence"])):
        data = event["data"]
        if data["check"].startswith("threshold:") and parse_instant(data["updated_at"]) <= run.world.last_watermark(drain=False):
            ends = tuple((parse_instant(window["end"]) - NOON) // SECOND for window in data["windows"])
            found = {"state": data["state"], "level": data["level"], "seq": data["sequence"], "windows": ends}
            found["opened"] = (parse_instant(data["opened_at"]) - NOON) // SECOND
            incidents[data["initiative"], data["check"], data["key"]["channel"], data["episode"]] = found
    return {
        "totals": {place: count for place, count in totals.items() if count},
        "violations": dict(violations),
        "incidents": incidents,
        "sums": sums_of(run),
    }


def sums_of(run: Run) -> dict[tuple[str, str, str], int]:
    """Return the experiment's sums in the model's words."""
    found: Counter[tuple[str, str, str]] = Counter()
    for (initiative, experiment), (sums, mixed) in kept(seat.rows() for seat in run.monitor_seats).items():
        if experiment != ARM:
            continue
        found[initiative, "mixed", "-"] += mixed
        for (_, arm), counts in sums.items():
            for ours, theirs in (("first", "srm"), ("n", "n"), ("converted", "x")):
                found[initiative, theirs, arm] += counts.get(ours, 0)
    return {place: count for place, count in found.items() if count}
