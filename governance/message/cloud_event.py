"""The envelope of everything we publish: CloudEvents 1.0, structured JSON mode.

`type` is `pmon.<kind>.v1` where the kind is the name of the data's schema, for an incident followed by the lifecycle
step: `pmon.incident.opened.v1`, `pmon.finding.v1`. `dataschema` names the schema that `pmon schema NAME` prints.
"""

from typing import Any

from governance.message.instant import format_instant

VERSION = 1


def cloud_event(kind: str, id: str, source: str, subject: str, time_ms: int, data: dict[str, Any]) -> dict[str, Any]:
    """Return the event as it is published; `time_ms` is event time, `kind` the schema's name or `name.step`."""
    return {
        "specversion": "1.0",
        "id": id,
        "source": source,
        "type": f"pmon.{kind}.v{VERSION}",
        "subject": subject,
        "time": format_instant(time_ms),
        "dataschema": f"urn:pmon:schema:{kind.partition('.')[0]}:{VERSION}",
        "data": data,
    }
