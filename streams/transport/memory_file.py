"""The logs of `mem://…?dir=PATH` in one SQLite file: what was committed to it survives the death of the process.

WAL with synchronous=NORMAL: a killed process loses nothing that was committed; a machine that loses power may lose the last moments.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import orjson

from streams.kernel.record import Record
from streams.transport.bus import BusUnreachableError, Place, Topic

FILE = "bus.sqlite"
TABLES = """
CREATE TABLE IF NOT EXISTS topics (name TEXT PRIMARY KEY, topic BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS ends (topic TEXT, partition INTEGER, end INTEGER NOT NULL, PRIMARY KEY (topic, partition)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS records (topic TEXT, partition INTEGER, offset INTEGER, timestamp INTEGER NOT NULL, key BLOB, value BLOB,
  PRIMARY KEY (topic, partition, offset)) WITHOUT ROWID;
"""


class LogFile:
    """The file of one bus; one process at a time has it. Every method is one transaction."""

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # Used from one thread at a time, not always the same one: writes are handed to a thread, one after the other.
            self._database = sqlite3.connect(folder / FILE, timeout=0.2, check_same_thread=False, isolation_level=None)
            self._database.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._database.executescript(TABLES)
        except (sqlite3.Error, OSError) as error:
            raise BusUnreachableError(f"{folder}: the bus kept there cannot be opened, is another worker using it? ({error})") from None

    def topics(self) -> list[Topic]:
        """Return the topics kept."""
        return [Topic(**orjson.loads(text)) for (text,) in self._database.execute("SELECT topic FROM topics ORDER BY name")]

    def add_topics(self, topics: Sequence[Topic]) -> None:
        """Keep topics."""
        rows = [(one.name, orjson.dumps(asdict(one))) for one in topics]
        with self._database:
            self._database.execute("BEGIN")
            self._database.executemany("INSERT OR IGNORE INTO topics VALUES (?, ?)", rows)

    def ends(self) -> dict[Place, int]:
        """Return where each log ends."""
        return {(topic, partition): end for topic, partition, end in self._database.execute("SELECT * FROM ends")}

    def records(self, place: Place) -> Iterator[Record]:
        """Yield the records of a partition."""
        query = "SELECT topic, partition, offset, timestamp, key, value FROM records WHERE topic = ? AND partition = ? ORDER BY offset"
        for row in self._database.execute(query, place):
            yield Record(*row)

    def append(self, batches: Sequence[Sequence[Record]]) -> None:
        """Keep whole batches; all of them or none."""
        rows = [(one.topic, one.partition, one.offset, one.timestamp, one.key, one.value) for batch in batches for one in batch]
        ends = [(batch[-1].topic, batch[-1].partition, batch[-1].offset + 1) for batch in batches]
        with self._database:
            self._database.execute("BEGIN")
            self._database.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?)", rows)
            self._database.executemany("INSERT OR REPLACE INTO ends VALUES (?, ?, ?)", ends)

    def forget(self, before: Sequence[tuple[str, int, int]], single: Sequence[tuple[str, int, int]]) -> None:
        """Forget records: all below an offset of a partition, and single ones."""
        with self._database:
            self._database.execute("BEGIN")
            self._database.executemany("DELETE FROM records WHERE topic = ? AND partition = ? AND offset < ?", before)
            self._database.executemany("DELETE FROM records WHERE topic = ? AND partition = ? AND offset = ?", single)

    def close(self) -> None:
        """Close the file."""
        self._database.close()
