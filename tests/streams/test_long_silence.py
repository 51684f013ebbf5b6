"""A feed that stops and stays away: its incident goes on step by step, as small after days as after hours."""

from itertools import pairwise
from pathlib import Path

from governance.listing import WHOLE
from streams.event_file import read_events
from streams.file_replay import Folder, replay_signals
from tests.streams.test_file_replay import HOUR, MINUTE, event, outputs, replayed, write

CONFIG = """
version: 1
timing: {window: 5m, tick: 5m, stalled_after: 1h}
privacy: {default_jurisdiction: US}
initiatives:
  plg:
    thresholds: [{id: quiet, kpi: freshness_s, op: ">", value: 600, window: 5m}]
    detectors: {dip: false, freshness: false, suppression: false, drift: false}
"""
DAYS = 3
BREACHES = DAYS * 288 - 2  # at five minutes and at ten nothing is missed yet; the clock stops before the window that follows


def test_every_window_of_a_silence_is_a_step_and_no_step_grows_with_the_days(tmp_path: Path) -> None:
    """Counted in full, listed as time in full; the signals alone give the same bytes."""
    path = write(tmp_path / "in.jsonl", [event(1, 0), event(2, DAYS * 24 * HOUR + 6 * MINUTE)])
    whole = replayed(path, tmp_path / "out", CONFIG)
    steps = outputs(tmp_path / "out", "incidents")
    sizes = [len(line) for line in (tmp_path / "out" / "incidents.jsonl").read_text().splitlines()]
    breaches = [one for one in steps if one["step"] in ("opened", "occurrence", "escalated")]

    assert breaches[-1]["occurrences"] == BREACHES
    assert [one["occurrences"] for one in breaches if one["step"] == "occurrence"][-1] == BREACHES
    assert max(sizes[WHOLE + 10 :]) < 0.3 * max(sizes[:WHOLE]), "from five hundred windows on the list is short"
    windows = breaches[-1]["windows"]
    assert all(one["end"] == following["start"] for one, following in pairwise(windows))
    assert (windows[0]["end"], windows[-1]["end"]) == ("2025-11-22T00:15:00.000Z", "2025-11-25T00:00:00.000Z")

    signals = read_events([tmp_path / "out" / "monitor-signals.jsonl"], 3)
    assert replay_signals(signals, Folder(tmp_path / "again"))["outputs_sha256"] == whole["outputs_sha256"]
