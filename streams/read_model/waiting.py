"""First breaches that wait for a second one, said from a shard's tables.

The outputs tell of a breach, but not that it has passed: a window without one publishes nothing. So the page is told by the series' rows,
as of each commit that changed them and when a shard is opened. No bus has this topic.
"""

from collections.abc import Iterable, Iterator, Mapping

import orjson

from governance.breach import HORIZON_WINDOWS
from governance.config import Config, Threshold
from governance.message.instant import format_instant
from streams.kernel import monitor
from streams.kernel.bulletin import SYSTEM
from streams.kernel.configs import BLOBS, config_entries
from streams.kernel.detector_rule import detector_rules
from streams.kernel.pending import config_of, newest_before
from streams.kernel.place import ruled_by
from streams.kernel.record import Outgoing
from streams.kernel.rows import Draft, Rows, key_parts, row_key, unpack
from streams.kernel.watch import SERIES
from streams.read_model.changed import changed

WAITING = "@waiting"


def waiting_of(rows: Rows, keys: Iterable[bytes] | None = None) -> Iterator[Outgoing]:
    """Yield for each series of a monitor shard, of `keys` or of all, whether a breach of it waits (`window`) or none does (null)."""
    draft, closed = Draft(rows), monitor.closed(rows)
    entries, rules = config_entries(draft), dict[str, Mapping[str, Threshold]]()
    for key in sorted(changed(rows, SERIES, keys)):
        initiative, *place = key_parts(key)
        value = rows.get(key)
        if value is None or initiative == SYSTEM:
            continue
        if initiative not in rules:
            config = config_of(rows.get(row_key(BLOBS, newest_before(entries, closed))) or b"")
            rules[initiative] = _rules(config, initiative)
        threshold = ruled_by(rules[initiative], place)
        if threshold is not None:
            yield _said(initiative, place, threshold, _waits(value, threshold, closed))


def _rules(config: Config, initiative: str) -> dict[str, Threshold]:
    own = config.initiatives.get(initiative)
    found = {f"threshold:{rule.id}": rule for rule in own.thresholds} if own is not None else {}
    return {**found, **{name: rule.threshold for name, rule in detector_rules(config, initiative).items() if rule.judged}}


def _waits(value: bytes, threshold: Threshold, closed: int) -> int | None:
    """Return the end of the newest breach that a further one would be counted with, ms, None for none."""
    history, episode, _, spent, _ = unpack(value)
    kept = history[-(threshold.evaluation_periods - 1) :] if threshold.evaluation_periods > 1 else []
    ends = [end for end, hit in kept if hit and end > spent and closed < end + HORIZON_WINDOWS * threshold.window]
    return ends[-1] if ends and episode is None else None


def _said(initiative: str, place: list[str], threshold: Threshold, end: int | None) -> Outgoing:
    check, figure, _, *values = place
    key = dict(zip(threshold.group_by, values, strict=True)) | ({} if figure == check else {"kpi": figure})
    window = None if end is None else {"start": format_instant(end - threshold.window), "end": format_instant(end)}
    data = {"initiative": initiative, "check": check, "key": key, "state": "pending", "window": window}
    return Outgoing(WAITING, None, None, orjson.dumps({"data": data}), 0)
