"""A run as files: the event file, and beside it the truth and a config that fits."""

import base64
import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import orjson

from streams.simulation import mixture
from streams.simulation.config import config_text
from streams.simulation.delivery import Sent
from streams.simulation.run import Run
from streams.simulation.scenario import Scenario
from streams.simulation.truth import dumps, indented


def write(scenario: Scenario, seed: int, path: Path) -> tuple[Path, Path]:
    """Write the event file to `path` (packed where it ends in .gz); return the paths of the truth and of the config beside it.

    Lines name no partition and no offset: the file fits any number of partitions. Same scenario and seed, same bytes.
    """
    run = Run(scenario, seed)
    _write(path, run.records())
    return _beside(path, dumps(run.truth), config_text(scenario))


def write_mixture(found: mixture.Mixture, path: Path) -> tuple[Path, Path]:
    """Write a mixture as `write` does a scenario."""
    _write(path, found.records())
    return _beside(path, indented(found.document()), mixture.config_text(tuple(found.initiatives)))


def _write(path: Path, records: Iterator[Sent]) -> None:
    with _opened(path) as file:
        for sent in records:
            file.write(line(sent))


def _beside(path: Path, truth: bytes, config: str) -> tuple[Path, Path]:
    found = path.with_name(path.name + ".truth.json"), path.with_name(path.name + ".config.yaml")
    found[0].write_bytes(truth)
    found[1].write_text(config, encoding="utf-8")
    return found


def line(sent: Sent) -> bytes:
    """Return a record as one line of an event file, newline included."""
    head = orjson.dumps({"topic": sent.topic, "key": sent.key.decode(), "timestamp": sent.stamp})[:-1]
    try:
        orjson.loads(sent.value)
    except orjson.JSONDecodeError:
        return head + b',"value_base64":"' + base64.b64encode(sent.value) + b'"}\n'
    return head + b',"value":' + sent.value + b"}\n"


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    with path.open("wb") as plain:
        if path.suffix != ".gz":
            yield plain
            return
        with gzip.GzipFile(filename="", mode="wb", fileobj=plain, compresslevel=5, mtime=0) as packed:  # no name, no time: same bytes
            yield packed  # type: ignore[misc]
