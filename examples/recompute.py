"""Recomputes the numbers of a report from its plan: takes the records of the plan's offset ranges, replays them, and counts for itself.

    pmon demo --scenario ctr-drop --once --out demo
    python examples/recompute.py demo/plans/plan-plg-onboarding-*.json demo/report.json demo/config.yaml demo/events.jsonl.gz

Uses `pmon replay` and nothing else of pmon: what is summed here is its `kpi-windows` and its verdicts; people, and what came too late for
the windows, are counted from the records themselves by the rule of the stamps. Prints one line a number; exit code 1 where one differs.
From the repository root.
"""

import base64
import gzip
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

HOUR, DAY = 3_600_000, 86_400_000
UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": HOUR, "d": DAY}
COUNTED = {"exposure": "exposures", "click": "clicks", "conversion": "conversions"}
FALLBACKS = {"technical": "technical_fallbacks", "no_consent": "consent_fallbacks", "no_match": "no_match_fallbacks"}
Json = dict[str, Any]


def time_of(value: str | int) -> int:
    """Return an instant in ms, to the millisecond as written."""
    if isinstance(value, int):
        return value
    at = datetime.fromisoformat(value.replace("Z", "+00:00")).astimezone(UTC)
    return round((at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000)


def duration(text: str) -> int:
    """Return a duration such as 30s in ms."""
    unit = next(unit for unit in ("ms", "s", "m", "h", "d") if text.endswith(unit))
    return int(text.removesuffix(unit)) * UNITS[unit]


def end_of(time: int, size: int) -> int:
    """Return the end of the window of a size that holds a time, both ms."""
    return (time // size + 1) * size


def lines(path: Path) -> Iterator[tuple[str, Json]]:
    """Yield every line of an event file with what it says."""
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        for line in file:
            yield line, json.loads(line)


def murmur2(key: bytes) -> int:
    """Return Kafka's hash of a key, by which its default partitioner picks a partition."""
    mask, mix = 0xFFFFFFFF, 0x5BD1E995
    found = (0x9747B28C ^ len(key)) & mask
    whole = len(key) // 4 * 4
    for at in range(0, whole, 4):
        word = int.from_bytes(key[at : at + 4], "little") * mix & mask
        found = (found * mix & mask) ^ ((word ^ word >> 24) * mix & mask)
    if key[whole:]:
        found = (found ^ int.from_bytes(key[whole:], "little")) * mix & mask
    found = (found ^ found >> 13) * mix & mask
    return found ^ found >> 15


def placed(source: Path) -> Iterator[Json]:
    """Yield every record with its place: a file that was never on a bus is placed as its replay places it."""
    partitions = int(os.environ.get("PMON_PARTITIONS", "8"))
    following: Counter[tuple[str, int]] = Counter()
    for _, record in lines(source):
        key = base64.b64decode(record["key_base64"]) if "key_base64" in record else (record.get("key") or "").encode()
        partition = record.setdefault("partition", (murmur2(key) & 0x7FFFFFFF) % partitions)
        offset = record.setdefault("offset", following[record["topic"], partition])
        following[record["topic"], partition] = offset + 1
        yield record


def cut(plan: Json, source: Path, target: Path) -> None:
    """Write the records whose offsets the plan names."""
    ranges = {(feed["topic"], feed["partition"]): (feed["first_offset"], feed["last_offset"]) for feed in plan["feeds"]}
    with target.open("w", encoding="utf-8") as file:
        for record in placed(source):
            first, last = ranges.get((record["topic"], record["partition"]), (0, -1))
            if first <= record["offset"] <= last:
                file.write(json.dumps(record) + "\n")


def windows(folder: Path, plan: Json) -> dict[str, Counter[str]]:
    """Return the sums of the closed base windows of the period by channel; of several revisions of one window the last holds."""
    start, end = time_of(plan["period"]["from"]), time_of(plan["period"]["to"])
    found: dict[tuple[str, ...], Json] = {}
    for _, record in lines(folder / "kpi-windows.jsonl"):
        data = record["value"]["data"]
        if data["initiative"] == plan["initiative"] and start < time_of(data["window"]["end"]) <= end:
            found[(*data["key"].values(), data["window"]["end"])] = data
    sums: dict[str, Counter[str]] = {}
    for data in found.values():
        counts = data["counts"]
        into = sums.setdefault(data["key"]["channel"], Counter())
        into.update({name: number for name, number in counts.items() if isinstance(number, int) and name not in ("late", "subjects")})
        into.update({f"revenue.{currency}": amount for currency, amount in counts["revenue_minor"].items()})
    return sums


def engagement(events: Path, folder: Path, plan: Json) -> Iterator[tuple[Json, int, int]]:
    """Yield (event, its time, its stamp) of the initiative once each: refused records and second copies left out."""
    refused = {(data["topic"], data["partition"], data["offset"]) for data in dead_letters(folder)}
    seen = set()
    for _, record in lines(events):
        where = (record["topic"], record["partition"], record["offset"])
        if record["topic"] != "engagement-events" or where in refused or record.get("value") is None:
            continue
        event = record["value"]
        identity = (record["key"], event["event_id"])
        if identity not in seen and event["initiative"] == plan["initiative"]:
            seen.add(identity)
            yield event, time_of(event["occurred_at"]), record["timestamp"]


def dead_letters(folder: Path) -> Iterator[Json]:
    """Yield what was refused."""
    for _, record in lines(folder / "dead-letters.jsonl"):
        yield record["value"]["data"]


def due(at: int, limit: int, stamp: int, base: int) -> tuple[int, bool]:
    """Return when an event is counted and whether it is late: its minute, else its hour, else its day."""
    if limit < end_of(at, base):
        return end_of(at, base), False
    if limit < end_of(at, HOUR):
        return end_of(at, HOUR), True
    day = end_of(at, DAY)
    return (min(end_of(stamp, base), day) if limit < day else end_of(stamp, base)), True


def beside(events: Path, folder: Path, plan: Json, timing: Json) -> tuple[dict[str, Counter[str]], dict[str, set[Any]]]:
    """Return by channel what the windows lack: what was late for them, verdicts settled in time; and the people of each day and cell."""
    base, lateness = duration(timing.get("window", "1m")), duration(timing.get("allowed_lateness", "30s"))
    settle = max(base, -(-duration(timing.get("settle", "5m")) // base) * base)
    verdicts = {verdict["event_id"]: verdict["verdict"] for _, verdict in lines(folder / "verdicts.jsonl")}
    start, end, closed = (time_of(plan["period"][name]) for name in ("from", "to", "watermark"))
    found: dict[str, Counter[str]] = {}
    people: dict[str, set[Any]] = {}
    for event, at, stamp in engagement(events, folder, plan):
        when, is_late = due(at, stamp - lateness, stamp, base)
        if not start <= at < end or when > closed:
            continue
        channel = event.get("channel") or "-"
        cell = tuple(event.get(name) or "-" for name in ("profile", "channel", "cohort", "variant"))
        people.setdefault(channel, set()).add((at // DAY, cell, event["subject_id"]))
        more = found.setdefault(channel, Counter())
        if event["event_id"] in verdicts and end_of(stamp if is_late else at, base) + settle <= closed:
            more[f"consent.{verdicts[event['event_id']]}"] += 1
        if is_late:
            more.update({COUNTED[event["type"]]: 1, "late": 1})
            if event.get("fallback"):
                more[FALLBACKS[event["fallback"]]] += 1
            if event.get("value_minor"):
                more[f"revenue.{event['currency']}"] += event["value_minor"]
    return found, people


def reported(counts: Json) -> Counter[str]:
    """Return the counts of a report in the shape used here."""
    found = Counter({name: number for name, number in counts.items() if isinstance(number, int)})
    found.update({f"revenue.{currency}": amount for currency, amount in counts["revenue_minor"].items()})
    found.update({f"consent.{verdict}": number for verdict, number in counts["consent"].items()})
    return found


def incidents(folder: Path, plan: Json) -> dict[str, tuple[str, int]]:
    """Return the incidents of the initiative that had opened by the end of the period: their check, and how often they had breached."""
    found: dict[str, tuple[str, int]] = {}
    for _, record in lines(folder / "incidents.jsonl"):
        data = record["value"]["data"]
        if data["initiative"] == plan["initiative"] and time_of(data["updated_at"]) <= time_of(plan["period"]["watermark"]):
            found[data["incident_id"]] = (data["check"], data["occurrences"])
    return found


def compared(what: str, report: Counter[str], own: Counter[str]) -> int:
    """Print one line a number; return how many differ."""
    wrong = 0
    for name in sorted({*report, *own}):
        if report[name] or own[name]:
            same = report[name] == own[name]
            wrong += not same
            print(f"{'equal' if same else 'DIFFERS':8} {what:12} {name:24} {report[name]:>12} {own[name]:>12}")
    return wrong


def main(plan_path: str, report_path: str, config_path: str, events_path: str) -> int:
    """Recompute one report."""
    plan, report = (json.loads(Path(path).read_text(encoding="utf-8")) for path in (plan_path, report_path))
    assert plan["report_id"] == report["report_id"], "the plan is of another report"
    with tempfile.TemporaryDirectory() as name:
        folder, events = Path(name) / "out", Path(name) / "events.jsonl"
        cut(plan, Path(events_path), events)
        command = [
            sys.executable,
            "-m",
            "streams.cli",
            "replay",
            "--config",
            config_path,
            "--input",
            str(events),
            "--verdicts",
            "--out",
            str(folder),
        ]
        subprocess.run(command, check=True)
        timing = yaml.safe_load(Path(config_path).read_text(encoding="utf-8")).get("timing", {})
        sums = windows(folder, plan)
        rest, people = beside(events, folder, plan, timing)
        opened = incidents(folder, plan)
    own = {channel: sums.get(channel, Counter()) + rest.get(channel, Counter()) for channel in {*sums, *rest}}
    for channel, found in people.items():
        own[channel]["subjects"] = len(found)
    wrong = compared("total", reported(report["performance"]["totals"]["counts"]), sum(own.values(), Counter()))
    for segment in report["performance"]["segments"] if report["request"]["dimension"] == "channel" else ():
        wrong += compared(segment["key"]["channel"], reported(segment["counts"]), own.get(segment["key"]["channel"], Counter()))
    asked = [issue for issue in report["issues"] if issue["kind"] == "incident" and not issue["check"].startswith("request:")]
    for issue in asked:
        same = opened.get(issue["id"]) == (issue["check"], issue["occurrences"])
        wrong += not same
        print(f"{'equal' if same else 'DIFFERS':8} {'incident':12} {issue['check']:24} {issue['occurrences']:>12}")
    print(f"{'everything is equal' if not wrong else f'{wrong} numbers differ'}; report {report['report_id']}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) if len(sys.argv) == 5 else f"wants PLAN REPORT CONFIG EVENTS\n\n{__doc__}")
