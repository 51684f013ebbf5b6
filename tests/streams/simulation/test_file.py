"""A simulated event file is read by the reader of every other event file, and comes with its truth and config."""

from pathlib import Path

import orjson

from governance.config import load_config
from streams.event_file import BrokenLine, read_events
from streams.kernel.record import Record
from streams.simulation.file import write
from streams.simulation.run import Run
from streams.simulation.scenario import scenario


def test_the_file_reads_back_as_the_records_of_the_run(tmp_path: Path) -> None:
    for name in ("events.jsonl", "events.jsonl.gz"):
        truth, config = write(scenario("quiet", 1, 200), 3, tmp_path / name)
        assert (truth.name, config.name) == (f"{name}.truth.json", f"{name}.config.yaml")
        run = Run(scenario("quiet", 1, 200), 3)
        sent = [(record.stamp, record.topic, record.key, record.value) for record in run.records()]
        read = list(read_events([tmp_path / name], partitions=4))
        assert not any(isinstance(item, BrokenLine) for item in read)
        assert sent == [(item.timestamp, item.topic, item.key, item.value) for item in read if isinstance(item, Record)]
        assert orjson.loads(truth.read_bytes()) == run.truth.document()
        assert "plg-onboarding" in load_config(config.read_text(encoding="utf-8")).initiatives


def test_writing_twice_writes_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        write(scenario("quiet", 1, 200), 3, tmp_path / folder / "events.jsonl.gz")
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "other" / file.name).read_bytes()
