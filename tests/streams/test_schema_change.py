"""Fields that appear in or vanish from a feed, through the whole kernel: a finding of the feed, and quiet when nothing is wrong."""

import json
from pathlib import Path
from typing import Any

from governance.config import load_config
from governance.message.instant import parse_instant
from streams.cli.report import request_of
from streams.file_replay import FileReplay
from tests.streams.test_consent import CONFIG, MINUTE, NOON, SECOND, Line, Replayed, consent, exposure


def shown(number: int, leave_out: str = "", **more: Any) -> Line:
    """Build the exposure of one second; each of many people sees some, all with consent elsewhere."""
    line = exposure(f"e{number}", number * SECOND, f"u-{number % 50}", initiative="us", profile="trial", **more)
    line["value"].pop(leave_out, None)
    return line


def changes(found: Replayed) -> list[tuple[str, str, str, int, str]]:
    """Return (initiative, feed, severity, minutes after noon, observed) of the findings about fields, in order."""
    return [
        (one["initiative"], one["key"]["feed"], one["severity"], minutes(one["window"]["end"]), one["observed"])
        for one in found.data("findings")
        if one["check"] == "schema_change"
    ]


def minutes(at: str) -> int:
    return (parse_instant(at) - NOON) // MINUTE


def test_a_renamed_field_is_one_that_vanished_and_one_that_appeared(tmp_path: Path) -> None:
    """From the 15th minute on the profile goes by another name; each is told once."""
    before = [shown(number) for number in range(900)]
    after = [shown(number, leave_out="profile", userProfile="trial") for number in range(900, 2_400)]
    found = Replayed([*before, *after], tmp_path)

    assert changes(found) == [
        ("us", "engagement-events", "info", 20, "appeared in exposure records: userProfile (in none of 600, then in 300 of 600)"),
        ("us", "engagement-events", "warning", 30, "vanished from exposure records: profile (in 900 of 1200, then in none of 600)"),
    ]


def test_a_consent_feed_belongs_to_no_initiative(tmp_path: Path) -> None:
    """Its fields are those of `_system`, by the state that records say."""
    said = [consent(f"c{number}", number * SECOND, subject=f"u-{number % 50}", notice_version="1") for number in range(1_800)]
    for line in said[1_200:]:
        del line["value"]["notice_version"]

    gone = "vanished from given records: notice_version (in 1200 of 1200, then in none of 600)"
    assert changes(Replayed(said, tmp_path)) == [("_system", "consent-events", "warning", 30, gone)]


def test_fields_that_come_and_go_are_no_change_of_a_feed(tmp_path: Path) -> None:
    """Optional fields of some records, and a feed that falls silent."""
    lines = [shown(number, device=number) if number % 7 else shown(number, leave_out="profile") for number in range(1_200)]
    lines += [shown(number) for number in range(3_000, 3_020)]

    assert changes(Replayed(lines, tmp_path)) == []


def test_a_report_shows_what_changed_in_its_period(tmp_path: Path) -> None:
    """One row of the checks, with the feeds of all initiatives where there are such; none in a period in which nothing changed."""
    lines = [shown(number) for number in range(900)]
    lines += [shown(number, leave_out="profile", userProfile="trial") for number in range(900, 2_400)]
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in [*lines, shown(8 * 3_600)]))

    def rows(at: int) -> list[tuple[str, str, str]]:
        run = FileReplay([str(path)], load_config(CONFIG), 1, lambda _: None)
        report = run.report("us", request_of("us", {"window": "1h", "detail": "full"}), at)
        return [(row["check"], row["status"], row["since"]) for row in report["governance"]["checks"]]

    assert rows(NOON + 60 * MINUTE) == [("schema_change", "warn", "2026-11-22T12:20:00.000Z")]
    assert rows(NOON + 3 * 60 * MINUTE) == []


def test_findings_of_fields_are_the_same_for_every_number_of_shards_and_order_of_arrival(tmp_path: Path) -> None:
    """The same ids and words, read in the order of the file, or people by people within the time that is waited for."""
    lines = [shown(number) for number in range(900)] + [shown(number, leave_out="profile", device=1) for number in range(900, 2_400)]
    told = []
    for partitions, order in ((1, "in order"), (3, "in order"), (8, "shuffled")):
        if order == "shuffled":  # by twenty seconds: later in the file, and stamped later, than others of their time
            lines = sorted(lines, key=lambda line: (int(line["timestamp"]) // 20_000, line["key"]))
            lines = [{**line, "timestamp": NOON + place * SECOND + 20_000} for place, line in enumerate(lines)]
        path = tmp_path / f"{partitions}.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        found: list[Any] = []
        run = FileReplay([str(path)], load_config(CONFIG), partitions, found.append)
        run.run()
        findings = [json.loads(message.value)["data"] for message in found if message.topic == "findings"]
        told.append(sorted((one["finding_id"], one["observed"]) for one in findings if one["check"] == "schema_change"))

    assert len(told[0]) == 2
    assert told[0] == told[1] == told[2]
