"""Ticks as records: what one says, and why some say nothing. Who writes ticks owns the clock; what is no tick must not stop it."""

from governance.message.reading import read
from governance.message.refusal import Refusal
from governance.message.tick import Tick
from streams.kernel.pending import TICKS
from streams.kernel.record import Record


def tick_in(record: Record, skew: int) -> Tick | Refusal | None:
    """Return the tick of a record, why it is refused, or None for a tombstone; `skew` is how far ahead of its stamp it may be, ms."""
    if record.value is None:
        return None
    found = read(TICKS, record.key, record.value)
    if isinstance(found, Refusal):
        return found
    assert isinstance(found, Tick)
    return Refusal("in_future", "at") if found.at - record.timestamp > skew else found
