"""Reads Hillstrom's e-mail test as an experiment of three arms, and prints its memo: visit, conversion, capped spend.

    python examples/hillstrom.py PATH_TO/hillstrom.csv [OUT_FOLDER]

64,000 customers got one of two e-mails or none (Kevin Hillstrom, MineThatData, 2008). Each is an exposure, a visit is a click, a
purchase a conversion with its amount. The file has no times: customers are spread over two weeks in their order, what they did
follows within the hour. Writes events.jsonl, config.yaml, report.html and report.md into OUT_FOLDER (a temporary one where none
is given). From the repository root: the program itself is run, as `pmon report` runs it.
"""

import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

START = int(datetime(2008, 3, 10, tzinfo=UTC).timestamp() * 1000)
HOUR = 3_600_000
SPAN = 14 * 24 * HOUR
CAP_MINOR = 20_000  # 200 dollars, fixed beforehand: 0.1 % of customers spend more
CONFIG = f"""version: 1
timing: {{window: 1h, tick: 10m, stalled_after: 1h}}
initiatives:
  hillstrom:
    title: Hillstrom e-mail test
    jurisdiction: US
    owners:
      testing_lead: {{person: ana, substitutes: [ben]}}
    detectors: {{dip: false, freshness: false, suppression: false, drift: false}}
    experiments:
      e-mail: {{control: No E-Mail, allocation: {{No E-Mail: 0.3333, Mens E-Mail: 0.3333, Womens E-Mail: 0.3334}}, attribution: 24h,
               goals: [clicked_subjects, converted_subjects, revenue_per_subject], planned_subjects: 64000, tuning_n: 12800,
               guardrails: [{{kpi: revenue_per_subject, better: up, non_inferiority: 0.1, cap_minor: {CAP_MINOR}}}],
               hypothesis: "an e-mail about men's or women's merchandise brings visits and sales"}}
"""


def customers(path: Path) -> Iterator[tuple[int, str, dict[str, object]]]:
    """Yield (time in ms, subject, value) of every exposure, visit and purchase."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows):
        at, subject = START + number * SPAN // len(rows), f"customer-{number}"
        profile = "newbie" if row["newbie"] == "1" else "known"
        place = {"channel": row["channel"].lower(), "profile": profile, "variant": row["treatment"]}
        shared = {"initiative": "hillstrom", "subject_id": subject, **place}
        yield at, subject, {"event_id": f"x-{number}", "occurred_at": at, "type": "exposure", "experiment_id": "e-mail", **shared}
        if row["visit"] == "1":
            yield at + HOUR // 2, subject, {"event_id": f"v-{number}", "occurred_at": at + HOUR // 2, "type": "click", **shared}
        if row["conversion"] == "1":
            paid = {"value_minor": round(float(row["spend"]) * 100), "currency": "USD"}
            yield at + HOUR, subject, {"event_id": f"p-{number}", "occurred_at": at + HOUR, "type": "conversion", **shared, **paid}


def main(path: Path, folder: Path) -> int:
    """Write the event file, ask for the report after everybody has matured, and print the memo; return the program's exit code."""
    folder.mkdir(parents=True, exist_ok=True)
    events, config = folder / "events.jsonl", folder / "config.yaml"
    config.write_text(CONFIG)
    with events.open("w") as file:
        for at, subject, value in sorted(customers(path), key=lambda one: (one[0], str(one[2]["event_id"]))):
            json.dump({"topic": "engagement-events", "key": subject, "timestamp": at, "value": value}, file, separators=(",", ":"))
            file.write("\n")
    matured = datetime.fromtimestamp((START + SPAN + 26 * HOUR) / 1000, UTC).isoformat().replace("+00:00", "Z")
    asked = ["report", "--initiative", "hillstrom", "--window", "30d", "--at", matured, "--config", str(config), "--input", str(events)]
    done = subprocess.run([sys.executable, "-m", "streams.cli", *asked, "--format", "json"], capture_output=True, check=False)
    if done.returncode > 1:
        sys.exit(done.stderr.decode())
    report = json.loads(done.stdout)
    from reporting.view import html, markdown  # the report is made once; its other views are functions of it

    (folder / "report.html").write_text(html.render(report))
    text = markdown.render(report)
    (folder / "report.md").write_text(text)
    print(text[text.index("## Experiments") : text.index("## Issues")])
    print(f"written to {folder}")
    return 0


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(f"usage: {sys.argv[0]} PATH_TO/hillstrom.csv [OUT_FOLDER]")
    sys.path.insert(0, str(Path(__file__).parents[1]))
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) == 3 else tempfile.mkdtemp(prefix="hillstrom-"))))
