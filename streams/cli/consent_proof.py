"""The proof of one exposure's verdict, out of a replay of the files: what was shown, what had been said, and which record decided."""

from collections.abc import Sequence
from typing import Any

import orjson

from governance.config import Config
from governance.message.instant import format_instant
from streams.file_replay import FileReplay
from streams.kernel.record import Outgoing
from streams.kernel.subject import up
from streams.kernel.verdict_line import VERDICTS

FOREVER = 1 << 53
WHY = {
    "valid": "a grant held at the time of the exposure",
    "withdrawn": "consent had been withdrawn before",
    "refused": "consent had been refused before",
    "revoked": "consent had been revoked before",
    "expired": "consent had expired by then",
    "invalidated": "consent had been invalidated before",
    "no_record": "nothing on record, and silence is a denial here",
    "history_truncated": "more changes of mind than are kept: what held then is not known",
    "not_applicable": "the fallback was shown, which needs no consent",
}


def proofs(
    paths: Sequence[str], config: Config | None, partitions: int, subject_key: bytes, event: str, drain: bool = True
) -> list[dict[str, Any]]:
    """Return the proof of every settled exposure with this event id, as plain JSON values; several subjects may have used the id."""
    found: dict[bytes, list[dict[str, Any]]] = {}

    def take(message: Outgoing) -> None:
        if message.topic == VERDICTS:
            verdict = orjson.loads(message.value)
            if verdict["event_id"] == event:
                found.setdefault(message.key or b"", []).append(verdict)

    run = FileReplay(paths, config, partitions, take, subject_key=subject_key, verdicts=True)
    run.run(drain=drain)
    timing = run.config.timing
    return [proof(steps, timing.settle, timing.window) for _, steps in sorted(found.items())]


def proof(steps: Sequence[dict[str, Any]], settle: int, window: int) -> dict[str, Any]:
    """Return one exposure's proof: its last verdict, and the earlier ones that late records corrected."""
    last = steps[-1]
    grounds = WHY[last["verdict"]]
    shown = {name: last[name] for name in ("initiative", "channel", "purpose")}
    if last["verdict"] == "valid" and last["decided_by"] is None:
        grounds = "nothing on record, and silence is no denial here"
    return {
        "event_id": last["event_id"],
        "verdict": last["verdict"],
        "decided_by": last["decided_by"],
        "why": grounds,
        "exposure": {**last["exposure"], **shown, "occurred_at": at(last["time"])},
        "consent_asserted": last["asserted"],
        "record": recorded(last["record"]),
        "settled_with_records_until": at(last["tau"] + settle),
        "settled_at": at(up(last["tau"] + settle, window)),
        "corrected_from": [{"verdict": one["verdict"], "decided_by": one["decided_by"]} for one in steps[:-1]],
    }


def recorded(record: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the deciding consent record with its times as they are written."""
    if record is None:
        return None
    expires = None if record["expires"] >= FOREVER else at(record["expires"])
    times = {"occurred_at": at(record["effective"]), "expires_at": expires, "stamped_at": at(record["stamp"])}
    return {"event_id": record["event_id"], "state": record["state"], **times}


def at(time: int) -> str:
    """Return a time as it is written."""
    return format_instant(time)


def told(found: dict[str, Any]) -> str:
    """Return a proof for a person."""
    shown, record = found["exposure"], found["record"]
    lines = [
        f"{found['event_id']}: {found['verdict']} ({found['why']})",
        f"  shown      {shown['occurred_at']} by {shown['initiative']} on channel {shown['channel']}, for {shown['purpose']}",
        f"             {place(shown)}",
        f"  settled    {found['settled_at']}, with what was on record by {found['settled_with_records_until']}",
    ]
    if record is not None:
        ends = f", until {record['expires_at']}" if record["expires_at"] else ""
        lines += [f"  decided by {record['state']} of {record['occurred_at']}{ends}, event {record['event_id']}"]
        lines += [f"             {place(found['decided_by'])}"]
    lines += [f"  before     {one['verdict']}, corrected by a record that came later" for one in found["corrected_from"]]
    if found["consent_asserted"] and found["verdict"] != "valid":
        lines.append("  asserted   the sender said that there was consent")
    return "\n".join(lines)


def place(position: dict[str, Any]) -> str:
    """Return where a record stands in the log."""
    return f"{position['topic']}, partition {position['partition']}, offset {position['offset']}"
