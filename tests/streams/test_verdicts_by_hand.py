"""`replay --verdicts` over made-up files: every exposure's verdict and the record behind it are those worked out by hand."""

import json
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from governance.config import load_config
from streams.file_replay import FileReplay, Folder, replay_to_folder
from tests.streams.verdicts_by_hand import CONFIG, Line, history, verdicts


def published(lines: list[Line], out: Path) -> dict[str, tuple[str, int | None]]:
    """Return what the program says of every exposure."""
    out.mkdir()
    path = out / "in.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    folder = Folder(out / "out")
    run = FileReplay([str(path)], load_config(CONFIG), 1, folder.write, verdicts=True)
    replay_to_folder(run, folder, until=None, drain=True)
    folder.write_verdicts()
    found = [json.loads(line) for line in (out / "out" / "verdicts.jsonl").read_text().splitlines()]
    assert len({one["event_id"] for one in found}) == len(found), "an exposure with two lines"
    return {one["event_id"]: (one["verdict"], one["decided_by"] and one["decided_by"]["offset"]) for one in found}


def wrong(seed: int, folder: Path) -> dict[str, object]:
    """Return what comes out differently for a seed."""
    lines = history(seed, Random(seed).choice([6, 20, 60, 150]))
    expected, found = verdicts(lines), published(lines, folder / str(seed))
    return {name: (expected.get(name), found.get(name)) for name in {*expected, *found} if expected.get(name) != found.get(name)}


def test_every_verdict_is_the_one_worked_out_by_hand(tmp_path: Path) -> None:
    """And the files hold what they are for."""
    held = Counter(verdict for seed in range(25) for verdict, _ in verdicts(history(seed, 150)).values())

    assert held.keys() == {"valid", "withdrawn", "refused", "revoked", "expired", "invalidated", "no_record", "not_applicable"}
    assert {seed: found for seed in range(25) if (found := wrong(seed, tmp_path))} == {}


@pytest.mark.soak
@pytest.mark.timeout(3_600)
def test_every_verdict_of_two_thousand_files(tmp_path: Path) -> None:
    """The long form."""
    assert {seed: found for seed in range(1_000, 3_000) if (found := wrong(seed, tmp_path))} == {}
