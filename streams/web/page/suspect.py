"""Rule changes close to an incident, the closest first. Closeness is all that is said; nobody is called the cause."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from detectors.window import DAY
from governance.message.instant import format_instant, parse_instant
from reporting.issues import DEPLOYED, SUSPECTS
from streams.read_model.situation import Published


def near(changes: Iterable[Published], incident: Published) -> Sequence[Mapping[str, Any]]:
    """Return the suspects of the incident's explanation, as ranked there.

    Without one: the changes that went out in the day before the first breached window ended and reach the incident's channel.
    """
    if incident.get("explanation"):
        return list(incident["explanation"]["suspects"])
    windows = [(parse_instant(window["start"]), parse_instant(window["end"])) for window in incident["windows"]]
    first, until = min(windows, default=(parse_instant(incident["opened_at"]),) * 2)
    channel = incident["key"].get("channel")
    found = []
    for change in changes:
        at, channels = parse_instant(change["occurred_at"]), change.get("channels")
        reaches = channel is None or not channels or channel in channels
        if change["action"] in DEPLOYED and reaches and first - DAY <= at < max(until, first + 1):
            found.append((abs(first - at), str(change["change_id"]), change, at))
    named = ("change_id", "rule_id", "version", "previous_version", "action", "channels")
    return [
        {name: change.get(name) for name in named} | {"at": format_instant(at), "before_s": (first - at) // 1000}
        for _, _, change, at in sorted(found, key=lambda item: item[:2])[:SUSPECTS]
    ]
