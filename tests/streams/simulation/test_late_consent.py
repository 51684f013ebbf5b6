"""The scene of late consent: a withdrawal, a personalised exposure after it, an incident, and the record that takes it back."""

import json
from pathlib import Path

from governance.config import load_config
from streams.file_replay import FileReplay, Folder, replay_to_folder
from streams.simulation.file import write
from streams.simulation.scenario import scenario


def test_the_late_record_retracts_the_incident_that_the_truth_says_it_takes_back(tmp_path: Path) -> None:
    """Opened with the data privacy lead, retracted at the late record's window end under the same id; every violation of it too."""
    path = tmp_path / "events.jsonl"
    truth_file, config_file = write(scenario("late-consent", days=1, rate=200), 7, path)
    folder = Folder(tmp_path / "out")
    replay_to_folder(FileReplay([str(path)], load_config(config_file.read_text()), 2, folder.write), folder, until=None, drain=True)

    found = [json.loads(line)["value"]["data"] for line in (tmp_path / "out" / "incidents.jsonl").read_text().splitlines()]
    consent = [one for one in found if one["check"] == "consent_violation"]
    violations = json.loads(truth_file.read_text())["consent_violations"]
    assert violations
    assert all(one["retracted_by"] for one in violations)
    assert (consent[0]["step"], consent[0]["level"]) == ("opened", 3)
    assert (consent[-1]["step"], consent[-1]["state"]) == ("retracted", "retracted")
    assert len({one["incident_id"] for one in consent}) == 1
