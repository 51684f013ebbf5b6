"""Which rows of a kind something is said of: those among the keys of a commit, or all of a shard when it is opened."""

from collections.abc import Iterable

from streams.kernel.rows import Rows, key_parts


def changed(rows: Rows, kind: bytes, keys: Iterable[bytes] | None) -> Iterable[bytes]:
    """Return the keys of a kind among `keys`, or all of a shard for None."""
    return rows.keys(kind) if keys is None else (key for key in keys if key.startswith(kind))


def initiatives(rows: Rows, kind: bytes, keys: Iterable[bytes] | None) -> list[str]:
    """Return the initiatives these rows are of, in order."""
    return sorted({str(key_parts(key)[0]) for key in changed(rows, kind, keys)})
