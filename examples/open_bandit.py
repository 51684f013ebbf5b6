"""Makes an event file out of the Open Bandit Dataset: every impression an exposure of a subject of its own, every click a click.

    python examples/open_bandit.py PATH_TO/open-bandit events.jsonl

Writes events.jsonl and, beside it, events.config.yaml with a threshold to hold the two policies to. Standard library only.
"""

import csv
import json
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

CONFIG = """version: 1
initiatives:
  open-bandit:
    title: Open Bandit
    jurisdiction: US                       # the log says nothing of consent; where no record is a denial, every exposure would be one
    owners:
      testing_lead: {person: ana, substitutes: [ben]}
      personalization_architect: {person: chi, substitutes: []}
      data_privacy_lead: {person: dee, substitutes: [eli]}
    thresholds:
      - {id: low-ctr, kpi: ctr, op: "<", value: 0.004, window: 1h, group_by: [channel], min_denominator: 60,
         reason: "below this a placement is not worth its page"}
"""


def impressions(folder: Path) -> Iterator[tuple[int, str, dict[str, object]]]:
    """Yield (time in ms, subject, event fields) of every impression and click of the four logs, in no order."""
    for policy in ("random", "bts"):
        for campaign in ("all", "men"):
            with (folder / f"{policy}_{campaign}.csv").open(newline="") as file:
                for number, row in enumerate(csv.DictReader(file)):
                    at = datetime.fromisoformat(row["timestamp"])
                    time = int(at.timestamp() * 1000)
                    subject = f"{policy}-{campaign}-{number}"
                    shared = {
                        "initiative": "open-bandit",
                        "subject_id": subject,
                        "profile": f"campaign-{campaign}",
                        "channel": f"position-{row['position']}",
                        "variant": policy,
                        "propensity": float(row["propensity_score"]),
                    }
                    yield time, subject, {"event_id": f"x-{subject}", "occurred_at": time, "type": "exposure", **shared}
                    if row["click"] == "1":
                        yield time, subject, {"event_id": f"c-{subject}", "occurred_at": time, "type": "click", **shared}


def main(folder: Path, out: Path) -> int:
    """Write the event file and its config; return how many events it holds."""
    events = sorted(impressions(folder), key=lambda event: (event[0], event[1], str(event[2]["event_id"])))
    with out.open("w") as file:
        for time, subject, event in events:
            json.dump({"topic": "engagement-events", "key": subject, "timestamp": time, "value": event}, file, separators=(",", ":"))
            file.write("\n")
    out.with_suffix(".config.yaml").write_text(CONFIG)
    return len(events)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(f"usage: {sys.argv[0]} PATH_TO/open-bandit OUT.jsonl")
    print(f"{main(Path(sys.argv[1]), Path(sys.argv[2])):,} events written", file=sys.stderr)
