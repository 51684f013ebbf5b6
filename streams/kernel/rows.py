"""The rows of one shard, and the draft of a step's changes over them.

A row is `kind byte + key` -> bytes; rows of one kind form a table. Values carry a version as their first element; nothing is pickled.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, TypeVar, cast

import orjson

from streams.kernel.buffer import trimmed
from streams.kernel.record import STAMP, Commit, Outgoing

VERSION = 2


class RowVersionError(Exception):
    """A row was written by a version this code does not read."""


Part = str | int


class Index(Protocol):
    """What is derived from the rows of one table, to be asked without reading them; the same in whatever order they came and went."""

    def add(self, key: bytes, value: bytes) -> None:
        """Take in a row."""

    def remove(self, key: bytes, value: bytes) -> None:
        """Forget a row."""


Indexed = TypeVar("Indexed", bound=Index)


class Rows:
    """The committed rows of one shard, by table; only `apply` changes them.

    A table asked for by the first part of its keys, or by an index of its own, is kept indexed from then on: what is asked for costs
    what it holds.
    """

    __slots__ = ("_groups", "_indexes", "_tables", "stamp")

    def __init__(self) -> None:
        self._tables: dict[bytes, dict[bytes, bytes]] = {}
        self._groups: dict[bytes, dict[Part, dict[bytes, None]]] = {}
        self._indexes: dict[bytes, Index] = {}
        self.stamp: bytes | None = None

    @classmethod
    def load(cls, pairs: Iterable[tuple[bytes, bytes]]) -> "Rows":
        """Return rows holding the given (key, value) pairs, the stamp among them under its own key."""
        rows = cls()
        for key, value in pairs:
            rows._put(key, value)
        return rows

    @classmethod
    def of_tables(cls, tables: dict[bytes, dict[bytes, bytes]], stamp: bytes) -> "Rows":
        """Return rows that are these tables, by kind byte, from now on."""
        rows = cls()
        rows._tables, rows.stamp = tables, stamp
        return rows

    def held(self) -> int:
        """Return how many rows there are, the stamp not counted."""
        return sum(map(len, self._tables.values()))

    def get(self, key: bytes) -> bytes | None:
        """Return the row's value, None where there is none."""
        if key == STAMP:
            return self.stamp
        return self._tables.get(key[:1], {}).get(key)

    def keys(self, kind: bytes) -> Iterable[bytes]:
        """Return the keys of one table."""
        return self._tables.get(kind, {}).keys()

    def group(self, kind: bytes, first: Part) -> Iterable[bytes]:
        """Return the keys of one table that begin with `first`, in no promised order."""
        return self._grouped(kind).get(first, {}).keys()

    def firsts(self, kind: bytes) -> Iterable[Part]:
        """Return what the keys of one table begin with, each once."""
        return self._grouped(kind).keys()

    def index(self, kind: bytes, make: Callable[[], Indexed]) -> Indexed:
        """Return the index of one table, built when it is asked for first; a table has one, always made by the same `make`."""
        found = self._indexes.get(kind)
        if found is None:
            found = self._indexes[kind] = make()
            for key, value in self._tables.get(kind, {}).items():
                found.add(key, value)
        return cast(Indexed, found)

    def _grouped(self, kind: bytes) -> dict[Part, dict[bytes, None]]:
        groups = self._groups.get(kind)
        if groups is None:
            groups = self._groups[kind] = {}
            for key in self._tables.get(kind, {}):
                groups.setdefault(key_parts(key)[0], {})[key] = None
        return groups

    def size(self, kind: bytes) -> int:
        """Return how many rows one table holds."""
        return len(self._tables.get(kind, ()))

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield every (key, value), the stamp included."""
        if self.stamp is not None:
            yield STAMP, self.stamp
        for table in self._tables.values():
            yield from table.items()

    def apply(self, commit: Commit) -> None:
        """Take over what a commit changed; call it only when the commit is durable."""
        for key, value in commit.rows.items():
            self._put(key, value)
        self.stamp = commit.stamp

    def _put(self, key: bytes, value: bytes | None) -> None:
        if key == STAMP:
            self.stamp = value
            return
        table = self._tables.setdefault(key[:1], {})
        groups = self._groups.get(key[:1])
        if groups is not None and (value is None) == (key in table):
            _regroup(groups, key, there=value is not None)
        index = self._indexes.get(key[:1])
        if index is not None:
            old = table.get(key)
            if old is not None:
                index.remove(key, old)
            if value is not None:
                index.add(key, value)
        if value is None:
            table.pop(key, None)
        else:
            table[key] = value


def _regroup(groups: dict[Part, dict[bytes, None]], key: bytes, *, there: bool) -> None:
    first: Part = key_parts(key)[0]
    group = groups.setdefault(first, {})
    if there:
        group[key] = None
    else:
        group.pop(key, None)
    if not group:
        del groups[first]


def pack(*parts: Any) -> bytes:
    """Return a row's value: a JSON array that starts with the version."""
    return trimmed(orjson.dumps([VERSION, *parts]))


def unpack(value: bytes) -> list[Any]:
    """Return the parts of a row's value after its version; raises RowVersionError for one from the future."""
    parts: list[Any] = orjson.loads(value)
    if parts[0] != VERSION:
        raise RowVersionError(
            f"a row has version {parts[0]}, this program reads version {VERSION}: upgrade the program, rows are never downgraded"
        )
    return parts[1:]


def row_key(kind: bytes, *parts: str | int) -> bytes:
    """Return the key of a row: its kind byte and a JSON array, so that no text can run into another."""
    return kind + orjson.dumps(parts)  # the sum is a copy, see `pack`


def key_parts(key: bytes) -> list[Any]:
    """Return the parts a row key was made from."""
    parts: list[Any] = orjson.loads(key[1:])
    return parts


class Draft:
    """A step's changes over committed rows: reads see them, the rows do not; `size` is the bytes a commit of them takes."""

    __slots__ = ("_made", "_new", "outbox", "rows", "size")

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self._new: dict[bytes, dict[bytes, bytes | None]] = {}  # by table
        self._made: dict[bytes, dict[bytes, None]] = {}  # by table: of those, what the rows do not hold
        self.outbox: list[Outgoing] = []
        self.size = 0

    def get(self, key: bytes) -> bytes | None:
        """Return the row's value as this step has it."""
        new = self._new.get(key[:1])
        if new is not None and key in new:
            return new[key]
        return self.rows.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        """Set a row."""
        kind = key[:1]
        new = self._new.setdefault(kind, {})
        if key in new:
            self.size += len(value) - len(new[key] or b"")
        else:
            self.size += len(value) + len(key) + 12
            if self.rows.get(key) is None:
                self._made.setdefault(kind, {})[key] = None
        new[key] = value

    def drop(self, key: bytes) -> None:
        """Delete a row if it is there."""
        value = self.get(key)
        if value is not None:
            new = self._new.setdefault(key[:1], {})
            self.size += -len(value) if key in new else len(key) + 12
            new[key] = None

    def keys(self, kind: bytes) -> list[bytes]:
        """Return the keys of one table as this step has it, in no promised order."""
        return self._as_now(kind, self.rows.keys(kind), kind)

    def group(self, kind: bytes, first: Part) -> list[bytes]:
        """Return the keys of one table that begin with `first` as this step has it, in no promised order."""
        return self._as_now(kind, self.rows.group(kind, first), row_key(kind, first)[:-1])

    def _as_now(self, kind: bytes, old: Iterable[bytes], start: bytes) -> list[bytes]:
        new = self._new.get(kind)
        if not new:
            return list(old)
        kept = [key for key in old if new.get(key, b"") is not None]
        made = self._made.get(kind)
        if not made:
            return kept
        follow = (b",", b"]") if len(start) > 1 else b""  # 1 is no beginning of 12
        return kept + [key for key in made if new[key] is not None and key.startswith(start) and key.startswith(follow, len(start))]

    def send(self, message: Outgoing) -> None:
        """Add a message to the commit's outbox."""
        self.size += len(message.value) + len(message.key or b"") + 24
        self.outbox.append(message)

    def commit(self, stamp: bytes) -> Commit:
        """Return the step's commit; rows that were made and dropped within the step leave no trace."""
        seen = self.rows.get
        rows = {key: value for new in self._new.values() for key, value in new.items() if value is not None or seen(key) is not None}
        return Commit(rows, stamp, tuple(self.outbox))
