"""Files through the kernel: counted right, the same every time, whatever stands between the good events."""

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from governance.config import Config, load_config
from governance.message.command import Command
from governance.message.instant import format_instant
from streams.event_file import EventFileError, read_events
from streams.file_replay import OUTPUTS, FileReplay, Folder, replay_signals, replay_to_folder

START = 1_763_769_600_000  # 2025-11-22T00:00:00Z
MINUTE, HOUR = 60_000, 3_600_000
CONFIG = """
version: 1
privacy: {default_jurisdiction: US}  # silence is no denial here
initiatives:
  plg:
    title: PLG Onboarding
    owners: {testing_lead: {person: ana}}
    thresholds:
      - {id: low, kpi: ctr, op: "<", value: 0.5, window: 5m, group_by: [channel], min_denominator: 2}
      - {id: silent, kpi: freshness_s, op: ">", value: 600, window: 5m, group_by: [channel]}
"""


def event(number: int, at: int, kind: str = "exposure", **more: Any) -> dict[str, Any]:
    """Build one engagement record of an event file, `at` ms after the start."""
    subject = more.pop("subject_id", f"u-{number}")
    value = {"event_id": f"e-{number}", "occurred_at": START + at, "type": kind, "initiative": "plg", "subject_id": subject, **more}
    return {"topic": "engagement-events", "key": subject, "timestamp": START + at, "value": value}


def write(path: Path, lines: Iterable[Any]) -> str:
    """Write an event file; text goes in as it is."""
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return str(path)


def replayed(path: str, out: Path, config: str = CONFIG, partitions: int = 3, *, drain: bool = True) -> dict[str, Any]:
    """Replay one file into a folder; return its summary."""
    folder = Folder(out)
    return replay_to_folder(FileReplay([path], load_config(config), partitions, folder.write), folder, until=None, drain=drain)


def outputs(out: Path, topic: str) -> list[dict[str, Any]]:
    """Return the data of every event of an output topic."""
    return [json.loads(line)["value"]["data"] for line in (out / f"{topic}.jsonl").read_text().splitlines()]


def first_revisions(out: Path) -> list[dict[str, Any]]:
    """Return the closed windows as they were first counted, before their verdicts were."""
    return [one for one in outputs(out, "kpi-windows") if one["revision"] == "counts"]


def breaching() -> list[dict[str, Any]]:
    """Build twenty minutes of which the ten in the middle have no click."""
    lines = []
    for number in range(80):
        at = number * 15_000
        lines.append(event(2 * number, at, channel="web"))
        if not 5 * MINUTE <= at < 15 * MINUTE:
            lines.append(event(2 * number + 1, at + 1, "click", channel="web", subject_id=f"u-{2 * number}"))
    return lines


def test_two_replays_of_a_file_write_the_same_bytes(tmp_path: Path) -> None:
    """Every file, the summary included; and so does the monitor stage alone from its signals."""
    path = write(tmp_path / "in.jsonl", breaching())
    first, second = replayed(path, tmp_path / "a"), replayed(path, tmp_path / "b")
    assert first == second
    for name in (*(f"{topic}.jsonl" for topic in OUTPUTS), "monitor-signals.jsonl", "summary.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    folder = Folder(tmp_path / "c")
    alone = replay_signals(read_events([tmp_path / "a" / "monitor-signals.jsonl"], 3), folder)
    assert alone["outputs_sha256"] == first["outputs_sha256"]


@pytest.mark.parametrize("partitions", [1, 2, 8])
def test_the_number_of_partitions_does_not_show(tmp_path: Path, partitions: int) -> None:
    """All outputs are equal, byte for byte, however many shards there are."""
    path = write(tmp_path / "in.jsonl", breaching())
    expected = replayed(path, tmp_path / "a")["outputs_sha256"]
    assert replayed(path, tmp_path / "b", partitions=partitions)["outputs_sha256"] == expected


def test_second_breach_opens_one_incident_and_a_clear_window_ends_it(tmp_path: Path) -> None:
    """Breached in the windows ending at 10 and 15 minutes, clear at 20; what nobody sees to climbs one level.

    0      5      10     15     20
    |------|breach|breach|clear-|
    """
    replayed(write(tmp_path / "in.jsonl", breaching()), tmp_path / "out")
    steps = [
        (found["step"], found["updated_at"], found["level"]) for found in outputs(tmp_path / "out", "incidents") if "low" in found["check"]
    ]
    expected = [("opened", format_instant(START + 15 * MINUTE), 1)]
    assert steps == expected
    asked = outputs(tmp_path / "out", "escalations")
    assert [(one["person"], one["level"], one["kind"]) for one in asked] == [("ana", 1, "responsible")]
    states = [found["state"] for found in outputs(tmp_path / "out", "findings")]
    assert states == ["pending", "confirmed"]


def test_a_drain_opens_no_freshness(tmp_path: Path) -> None:
    """Silence at the end of a file is the end of the file; silence in the middle is an incident."""
    replayed(write(tmp_path / "in.jsonl", [event(1, 0, channel="web")]), tmp_path / "end")
    assert outputs(tmp_path / "end", "incidents") == []
    lines = [event(1, 0, channel="web"), event(2, 40 * MINUTE, channel="mail")]
    replayed(write(tmp_path / "in2.jsonl", lines), tmp_path / "middle")
    first = outputs(tmp_path / "middle", "incidents")[0]
    assert (first["step"], first["key"]["channel"]) == ("opened", "web")


MARKER = "SECRET-MARKER"
BAD: dict[str, Any] = {
    "not_json": {"topic": "engagement-events", "key": MARKER, "value_base64": "eyJldmVudF9pZCI6IlNFQ1JFVC1NQVJLRVI="},
    "too_large": {"topic": "engagement-events", "key": "k", "value": {"event_id": MARKER * 30_000}},
    "too_deep": '{"topic":"engagement-events","key":"k","value":' + '{"a":' * 40 + f'"{MARKER}"' + "}" * 40 + "}",
    "duplicate_key": f'{{"topic":"consent-events","key":"{MARKER}","value":{{"state":"withdrawn","state":"given"}}}}',
    "missing_field": {"topic": "engagement-events", "key": MARKER, "value": {"subject_id": MARKER}},
    "invalid_value": event(900, 0, subject_id=MARKER, channel=7),
    "too_old": {**event(901, 0, subject_id=MARKER), "timestamp": START + 49 * HOUR},
    "in_future": {**event(902, 10 * 365 * 24 * HOUR, subject_id=MARKER), "timestamp": START + 30_000},
    "unknown_type": event(903, 0, MARKER, subject_id=MARKER),
    "key_mismatch": {**event(904, 0, subject_id=MARKER), "key": "somebody-else"},
    "broken_line": '{"topic":"engagement-events","key":"' + MARKER,
}


@pytest.mark.parametrize("code", BAD)
def test_bad_input_is_refused_by_name_and_good_events_around_it_count(tmp_path: Path, code: str) -> None:
    """One dead letter with its code, the marker in no output, every good event counted."""
    good = breaching()
    lines = [*good[:40], BAD[code], *good[40:]] if code != "too_old" else [*good, BAD[code]]
    found = replayed(write(tmp_path / "in.jsonl", lines), tmp_path / "out")
    assert found["refused_by_reason"] == {code: 1}
    counted = sum(one["counts"]["exposures"] + one["counts"]["clicks"] for one in first_revisions(tmp_path / "out"))
    assert counted == len(good)
    for file in (tmp_path / "out").iterdir():
        assert MARKER not in file.read_text(), f"{file.name} holds what was refused"


def test_a_future_time_does_not_move_the_watermark(tmp_path: Path) -> None:
    """Without stamps in the file, an event of another century neither closes a window nor makes others late."""
    good = [{name: value for name, value in line.items() if name != "timestamp"} for line in breaching()]
    wild = {name: value for name, value in event(999, 60 * 365 * 24 * HOUR).items() if name != "timestamp"}
    expected = replayed(write(tmp_path / "good.jsonl", good), tmp_path / "good")
    found = replayed(write(tmp_path / "wild.jsonl", [*good[:40], wild, *good[40:]]), tmp_path / "wild")
    assert found["watermarks"] == expected["watermarks"]
    assert outputs(tmp_path / "wild", "kpi-windows") == outputs(tmp_path / "good", "kpi-windows")


def test_a_report_command_is_answered_at_its_time_and_again_with_the_same_answer(tmp_path: Path) -> None:
    """The answer's period ends at the watermark there; a repeated request is one line, a wrong one names the field."""
    value: dict[str, Any] = {
        "request_id": "q-1",
        "command": "report",
        "requested_at": START + 10 * MINUTE,
        "requested_by": "ana",
        "initiative": "plg",
        "window": "1d",
    }
    ask = {"topic": "monitor-commands", "key": "plg", "timestamp": START + 10 * MINUTE, "value": value}
    wrong = {**ask, "value": {**value, "request_id": "q-2", "window": "9y"}}
    unknown = {**ask, "value": {**value, "request_id": "q-3", "alert_threshold": "happiness<1"}}
    looped = {**ask, "value": {**value, "request_id": "q-4", "reply_to": "monitor-commands"}}
    copied = {**ask, "value": {**value, "request_id": "q-5", "reply_to": "my-answers"}}
    lines = sorted([*breaching(), ask, ask, wrong, unknown, looped, copied], key=lambda line: line["timestamp"])
    replayed(write(tmp_path / "in.jsonl", lines), tmp_path / "out")
    found = {one.get("request_id") or one["request"]["request_id"]: one for one in outputs(tmp_path / "out", "reports")}
    assert len(outputs(tmp_path / "out", "reports")) == len(found) == 5
    assert found["q-1"]["period"]["to"] == format_instant(START + 9 * MINUTE)
    assert found["q-1"]["performance"]["totals"]["counts"]["exposures"] == 36
    assert (found["q-2"]["ok"], found["q-2"]["error"]["field"]) == (False, "window")
    assert (found["q-4"]["ok"], found["q-4"]["error"]["field"]) == (False, "reply_to")
    assert outputs(tmp_path / "out", "my-answers") == [found["q-5"]]
    assert (found["q-3"]["ok"], found["q-3"]["error"]["field"]) == (False, "alert_threshold")


def test_config_records_in_the_input_rule_out_another_config(tmp_path: Path) -> None:
    """A file that brings its config is judged by it; a second one is an error that says so."""
    config = load_config(CONFIG)
    value: dict[str, Any] = {"sha256": config.sha256, "effective_at": None, "config": config.effective(), "policies": []}
    records = [
        {"topic": "monitor-config", "partition": part, "key": config.sha256, "timestamp": START, "value": value} for part in range(3)
    ]
    path = write(tmp_path / "in.jsonl", [*records, *breaching()])
    folder = Folder(tmp_path / "own")
    replay_to_folder(FileReplay([path], None, 3, folder.write), folder, until=None, drain=True)
    replayed(write(tmp_path / "plain.jsonl", breaching()), tmp_path / "given")
    assert outputs(tmp_path / "own", "incidents") == outputs(tmp_path / "given", "incidents") != []
    with pytest.raises(EventFileError, match="--config"):
        FileReplay([path], config, 3, folder.write)


def test_a_foreign_topic_is_mapped_and_counted(tmp_path: Path) -> None:
    """The topics people already have are read by their own field names; a packed file is as good as a plain one."""
    config = (
        CONFIG + "sources: [{topic: shop.clicks, as: engagement-events, map: {event_id: id, occurred_at: meta.ts, subject_id: user.id, "
    )
    config += "type: {const: click}, initiative: {const: plg}, channel: ctx.channel}}]\n"
    value = {"id": "s-1", "meta": {"ts": START + 5}, "user": {"id": "u-1"}, "ctx": {"channel": "shop"}}
    path = tmp_path / "in.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps({"topic": "shop.clicks", "key": "u-1", "value": value}).encode() + b"\n"))
    found = replayed(str(path), tmp_path / "out", config)
    assert [(one["key"]["channel"], one["counts"]["clicks"]) for one in outputs(tmp_path / "out", "kpi-windows")] == [("shop", 1)]
    assert found["refused_by_reason"] == {}


def open_bandit() -> tuple[Path, list[dict[str, Any]]]:
    """Return the folder of the real logs and the events the example makes of them; skip where they are not."""
    folder = Path(__file__).parents[2] / "../shared/data/open-bandit"
    if not folder.exists():
        pytest.skip("the Open Bandit data are not beside the checkout")
    from examples.open_bandit import impressions

    made = sorted(impressions(folder), key=lambda found: (found[0], found[1], str(found[2]["event_id"])))
    return folder, [{"topic": "engagement-events", "key": subject, "timestamp": time, "value": fields} for time, subject, fields in made]


def test_real_impressions_are_counted_as_their_log_says_and_breaches_found_where_they_are(tmp_path: Path) -> None:
    """40,000 impressions: every cell of every minute equals a count of the file, incidents open exactly where M of N says."""
    from examples.open_bandit import CONFIG as config

    _, events = open_bandit()
    replayed(write(tmp_path / "in.jsonl", events), tmp_path / "out", config, partitions=2)
    expected: Counter[tuple[Any, ...]] = Counter()
    hourly: dict[tuple[int, str], Counter[str]] = defaultdict(Counter)
    for record in events:
        value = record["value"]
        minute, hour = (value["occurred_at"] // size * size + size for size in (MINUTE, HOUR))
        expected[value["profile"], value["channel"], value["variant"], minute, value["type"] + "s"] += 1
        hourly[hour, value["channel"]][value["type"]] += 1
    found: Counter[tuple[Any, ...]] = Counter()
    for one in first_revisions(tmp_path / "out"):
        end = next(stamp for stamp in [one["window"]["end"]])
        for kind in ("exposures", "clicks"):
            if one["counts"][kind]:
                found[one["key"]["profile"], one["key"]["channel"], one["key"]["variant"], end, kind] += one["counts"][kind]
        assert one["counts"]["subjects"] <= one["counts"]["exposures"] + one["counts"]["clicks"]
    assert found == Counter({(*key[:3], format_instant(key[3]), key[4]): number for key, number in expected.items()})
    assert first_openings(hourly, 0.004, 60) == firsts(outputs(tmp_path / "out", "incidents"))


def first_openings(hourly: dict[tuple[int, str], Counter[str]], bound: float, least: int) -> dict[str, str]:
    """Return per channel where two eligible hours in a row were first breached, within six hours: counted here, not by the kernel."""
    seen: dict[str, list[tuple[int, bool]]] = defaultdict(list)
    first: dict[str, str] = {}
    for (hour, channel), counts in sorted(hourly.items()):
        if counts["exposure"] < least:
            continue
        seen[channel].append((hour, counts["click"] / counts["exposure"] < bound))
        last = seen[channel][-2:]
        if len(last) == 2 and all(hit for _, hit in last) and hour - last[0][0] <= 6 * HOUR:
            first.setdefault(channel, format_instant(hour))
    return first


def firsts(incidents: list[dict[str, Any]]) -> dict[str, str]:
    """Return per channel when its first incident opened."""
    first: dict[str, str] = {}
    for one in incidents:
        if one["step"] == "opened" and one["check"].startswith("threshold:"):
            first.setdefault(one["key"]["channel"], one["opened_at"])
    return first


def test_a_report_from_files_stands_where_it_is_asked_to(tmp_path: Path) -> None:
    """`--at` sees nothing of what comes after it."""
    path = write(tmp_path / "in.jsonl", breaching())
    command = Command.model_validate(
        {"request_id": "q", "command": "report", "requested_at": START, "requested_by": "t", "initiative": "plg", "window": "1d"}
    )

    def report(at: int | None) -> dict[str, Any]:
        return FileReplay([path], load_config(CONFIG), 2, lambda message: None).report("PLG Onboarding", command, at)

    whole, half = report(None), report(START + 10 * MINUTE)
    assert whole["performance"]["totals"]["counts"]["exposures"] == 80
    assert half["performance"]["totals"]["counts"]["exposures"] == 40
    assert (len(whole["issues"]), len(half["issues"])) == (1, 0)
    assert isinstance(load_config(CONFIG), Config)
