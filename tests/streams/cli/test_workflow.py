"""One scripted initiative, PLG Onboarding, from its events to every output: aggregate, scan governance, read out, detect, report.

The events, their truth and the config come from one command (`pmon demo --once --out`), here on one short day.
"""

import csv
import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from governance.audit import entry_hash
from streams.cli.demo import EVENTS, perform
from streams.cli.program import main
from streams.plan_file import plan_name, write_plan
from streams.simulation.scenario import scenario

ROOT = Path(__file__).parents[3]
PLG = "plg-onboarding"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command leaves of a day on which a rule change breaks the web channel."""
    path = tmp_path_factory.mktemp("workflow")
    perform(scenario("ctr-drop", days=1, rate=250), None, path, 4, None, everything=True)
    return path


@pytest.fixture(scope="module")
def report(folder: Path) -> dict[str, Any]:
    """The report of PLG Onboarding."""
    found: dict[str, Any] = json.loads((folder / "report.json").read_bytes())
    assert (found["initiative"], found["title"]) == (PLG, "PLG Onboarding")
    return found


@pytest.fixture(scope="module")
def plan(folder: Path, report: dict[str, Any]) -> dict[str, Any]:
    """The plan file of that report."""
    found: dict[str, Any] = json.loads((folder / "plans" / plan_name(report)).read_bytes())
    return found


def rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_aggregated_the_performance_snapshot_has_every_segment_and_the_period_before(folder: Path, report: dict[str, Any]) -> None:
    """Totals are the sums of the segments; each has figures and an interval; the table for spreadsheets has the same rows."""
    performance = report["performance"]
    totals, segments = performance["totals"]["counts"], performance["segments"]

    assert totals["exposures"] > 1_000
    assert sum(segment["counts"]["exposures"] for segment in segments) == totals["exposures"]
    assert sum(segment["counts"]["clicks"] for segment in segments) == totals["clicks"]
    assert performance["totals"]["kpis"]["ctr"] == totals["clicks"] / totals["exposures"]
    assert all(segment["interval"] for segment in segments if segment["counts"]["exposures"])
    assert performance["trend"]
    assert len(rows(folder / "report-segments.csv")) == len(segments)


def test_governance_is_scanned_check_by_check(folder: Path, report: dict[str, Any]) -> None:
    """The deployed change is judged by each policy; consent adherence is what the judged exposures say."""
    governance = report["governance"]
    named = {check["check"] for check in governance["checks"]}

    assert governance["status"] == "evaluated"
    assert {"request", "approvals"} <= named
    assert all(check["status"] in ("pass", "fail", "warn", "pending", "not_evaluated", "waived") for check in governance["checks"])
    assert all(check["found"] and check["expected"] for check in governance["checks"] if check["status"] == "pass")
    assert governance["consent"]["judged"] > 0
    assert len(rows(folder / "report-checklist.csv")) >= len(named)


def test_the_experiment_is_read_out_with_what_stands_behind_it(report: dict[str, Any]) -> None:
    """A memo: hypothesis, integrity of the split, readout by arm, and a decision or why there is none yet."""
    (memo,) = report["experiments"]

    assert memo["id"] == "exp-7"
    assert memo["hypothesis"]
    assert memo["integrity"]["sample_ratio"]["verdict"]
    assert memo["decision"]["action"] in ("ship", "continue", "stop", "rollback")
    assert memo["decision"]["why"]
    assert memo["next_steps"]


def test_the_fault_is_detected_where_and_when_the_truth_has_it(folder: Path, report: dict[str, Any]) -> None:
    """An issue with owner, playbook and the rule change as its suspect; the action plan has an item for it."""
    (fault,) = json.loads((folder / "truth.json").read_bytes())["incidents"]
    found = [issue for issue in report["issues"] if issue["key"].get("channel") == fault["key"]["channel"]]

    assert found
    assert fault["start"] < min(issue["opened_at"] for issue in found)
    assert any(issue["suspects"] for issue in found)
    assert all(issue["owner"]["person"] and issue["playbook"]["steps"] and issue["recommended_action"] for issue in found)
    assert {item["source"]["id"] for item in report["backlog"]} >= {issue["id"] for issue in found}
    assert all(item["owner"] and item["due"] and item["acceptance"] for item in report["backlog"])
    assert [row["id"] for row in rows(folder / "report-backlog.csv")] == [item["id"] for item in report["backlog"]]


def test_the_plan_file_is_the_plan_of_the_report(folder: Path, report: dict[str, Any], plan: dict[str, Any]) -> None:
    """With request, period and review, so that it stands by itself; its hashes are those in force and in the audit chain."""
    chain = [json.loads(line)["value"]["data"] for line in (folder / "audit-log.jsonl").read_text().splitlines()]
    mine = [entry for entry in chain if entry["initiative"] == PLG]

    assert report["plan"].items() <= plan.items()
    assert plan["period"] == report["period"]
    assert plan["header"]["pattern"] == "diamond"
    assert plan["review"]["blocked_by"] == ["sign_off:testing_lead", "sign_off:personalization_architect"]
    assert plan["hashes"]["policies"]
    assert plan["retro"]["cadence"] == "7d"
    (first,) = [entry["body"] for entry in mine if entry["kind"] == "plan"]
    assert (first["version"], first["config"], first["policies"]) == (1, plan["hashes"]["config"], plan["hashes"]["policies"])
    assert [entry["body"]["report_id"] for entry in mine if entry["kind"] == "review"][-1] == report["report_id"]
    assert all(entry_hash(entry) == entry["hash"] for entry in chain)
    assert all(later["previous_hash"] == earlier["hash"] for earlier, later in pairwise(mine))
    assert main(["audit", "verify", str(folder / "audit-log.jsonl"), str(folder / "incidents.jsonl")]) == 0


def test_the_views_say_what_the_report_says(folder: Path, report: dict[str, Any]) -> None:
    """The page without script, and Markdown: the same id, the same issues."""
    for name in ("report.html", "report.md"):
        text = (folder / name).read_text(encoding="utf-8")
        assert report["report_id"] in text
        assert "<script" not in text
        assert all(str(issue["title"]).split(",")[0].replace("\u00a0", " ") in text.replace("\u00a0", " ") for issue in report["issues"])


def test_a_third_party_recomputes_the_numbers_from_the_plans_offsets(folder: Path, report: dict[str, Any]) -> None:
    """A script of its own, over the records the plan names, through `pmon replay`: every number is equal."""
    paths = (folder / "plans" / plan_name(report), folder / "report.json", folder / "config.yaml", folder / EVENTS)
    ran = subprocess.run(
        [sys.executable, "examples/recompute.py", *map(str, paths)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=100
    )

    assert (ran.returncode, "DIFFERS" in ran.stdout) == (0, False), ran.stdout + ran.stderr
    assert ran.stdout.count("equal") >= 12
    assert "everything is equal" in ran.stdout


@pytest.mark.parametrize(
    ("initiative", "begins"),
    [("plg", "plan-plg-"), ("../x y", "plan-..-x-y-".replace("..", "")), ("Ünï/→", "plan-"), ("a" * 128, "plan-aaa")],
)
def test_any_name_gives_a_file_of_the_directory_and_no_other_one(
    initiative: str, begins: str, report: dict[str, Any], tmp_path: Path
) -> None:
    """Initiative names are any printable text."""
    path = write_plan({**report, "initiative": initiative}, tmp_path / "plans")

    assert path.parent == tmp_path / "plans"
    assert path.name.startswith(begins)
    assert [found.name for found in path.parent.iterdir()] == [path.name]
    assert len(path.name) < 130
