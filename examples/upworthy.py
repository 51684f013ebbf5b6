"""Replays the Upworthy archive as one program: thousands of headline tests whose users were not split evenly for half a year.

    python examples/upworthy.py PATH_TO/upworthy_exploratory_numbers.csv [OUT_FOLDER]

Every arm of every test is a tally (impressions as people, clicks as converted people). No test is configured, so each is held
against equal shares alone. The rule is the share of tests that fail it per week, breached twice. Writes events.jsonl, config.yaml
and the replay's outputs into OUT_FOLDER (a temporary one where none is given) and prints what was found. From the repository
root: the program itself is run, as `pmon replay` runs it.
"""

import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

CONFIG = """version: 1
timing: {window: 1h, tick: 10m, stalled_after: 1h}
privacy: {default_jurisdiction: US}
initiatives:
  upworthy:
    title: Upworthy headlines
    jurisdiction: US
    owners:
      testing_lead: {person: ana, substitutes: [ben]}
      personalization_architect: {person: chi, substitutes: []}
      data_privacy_lead: {person: dee, substitutes: [eli]}
    detectors: {dip: false, freshness: false, suppression: false, drift: false}
    thresholds:
      - {id: failing-tests, kpi: srm_failure_share, op: ">", value: 0.2, window: 7d, min_denominator: 8,
         reason: "one test in five whose users are not split as planned is a fault of the assignment, not of a test"}
"""


def tallies(archive: Path) -> Iterator[tuple[int, str, dict[str, object]]]:
    """Yield (time in ms, key, value) of every arm of every test."""
    with archive.open(newline="") as file:
        for number, row in enumerate(csv.DictReader(file)):
            at = int(datetime.fromisoformat(row["created_utc"]).timestamp() * 1000)
            people, clicks = int(row["impressions"]), int(row["clicks"])
            test = row["clickability_test_id"]
            value: dict[str, object] = {
                "event_id": f"arm-{number}",
                "occurred_at": at,
                "type": "tally",
                "initiative": "upworthy",
                "channel": "web",
                "variant": f"headline-{row['arm']}",
                "experiment_id": test,
                "exposures": people,
                "conversions": clicks,
                "subjects": people,
                "converted_subjects": clicks,
            }
            yield at, test, value


def main(archive: Path, folder: Path) -> int:
    """Replay the archive into a folder and print the program's incident; return 1 where there is none."""
    folder.mkdir(parents=True, exist_ok=True)
    events, config, out = folder / "events.jsonl", folder / "config.yaml", folder / "out"
    config.write_text(CONFIG)
    with events.open("w") as file:
        for at, key, value in sorted(tallies(archive), key=lambda one: (one[0], str(one[2]["event_id"]))):
            json.dump({"topic": "engagement-events", "key": key, "timestamp": at, "value": value}, file, separators=(",", ":"))
            file.write("\n")
    command = [sys.executable, "-m", "streams.cli", "replay", "--config", str(config), "--input", str(events), "--out", str(out)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    steps = [json.loads(line)["value"]["data"] for line in (out / "incidents.jsonl").open()]
    failing = {step["key"]["experiment_id"] for step in steps if step["check"] == "srm"}
    print(f"{len(failing):,} tests fail the ratio test, each with an incident of its own")
    found = [step for step in steps if step["check"] == "threshold:failing-tests" and step["step"] != "occurrence"]
    for step in found:
        print(f"{step['updated_at'][:10]}  {step['step']:<9} level {step['level']}  {step['occurrences']} weeks above the bound")
    if found:
        first, second = (f"{window['start'][:10]} to {window['end'][:10]}" for window in found[0]["windows"][:2])
        print(f"breached twice: in the weeks {first} and {second}, Monday to Monday; opened as the second one ended")
    print(f"written to {folder}")
    return 0 if found else 1


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(f"usage: {sys.argv[0]} PATH_TO/upworthy_exploratory_numbers.csv [OUT_FOLDER]")
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) == 3 else tempfile.mkdtemp(prefix="upworthy-"))))
