"""The plans of scheduled reports, filed by the worker that has the report's partition: a sink whose way out is a directory.

Reports that somebody asked for are served, and their plans written, by whoever asked.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from detectors.window import DAY
from governance.message.instant import parse_instant
from streams.kernel.record import Record
from streams.kernel.schedule import BY
from streams.plan_file import plan_name, write_plan
from streams.sinks.channel import UndeliveredError
from streams.sinks.courier import Courier, Errand
from streams.sinks.notice import Notice

NAME = "plan_directory"
MAX_AGE = 7 * DAY  # a backlog of reports leaves no heap of files


class PlanReader:
    """Picks the reports that a schedule made, each as it was made and as it was signed."""

    def notice(self, topic: str, record: Record, told: Mapping[str, Any]) -> Notice | None:
        """Return a report's event where the record is one."""
        event = orjson.loads(record.value or b"null") if topic == "reports" else {"data": {}}
        data = event["data"]
        if "plan" not in data or data["request"]["requested_by"] != BY:
            return None
        signed = sum(one["status"] == "signed" for one in data["review"]["sign_offs"])
        value = record.value or b""
        return Notice(event["id"], data["report_id"], signed + 1, parse_instant(event["time"]), plan_name(data), "", value, "info")


class PlanDirectory:
    """Writes the plan of a report; a directory that cannot be written is a fault like a server that does not answer."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def send(self, notice: Notice) -> None:
        """Write one plan."""
        try:
            await asyncio.to_thread(write_plan, orjson.loads(notice.event)["data"], self._directory)
        except OSError as error:
            raise UndeliveredError(type(error).__name__) from None


def plan_courier(errand: Errand) -> Courier:
    """Return what files plans where the config says."""
    return Courier(NAME, PlanDirectory(Path(errand.config.plan_directory)), errand, PlanReader(), MAX_AGE)
