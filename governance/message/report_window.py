"""The period of a report, as asked for: `14d` is 14 UTC days of which the last may be partial, `24h` is 24 whole hours.

Not a duration: `1d` and `24h` read different rows. The bounds are how long day rows and hour rows are kept.
"""

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

MOST = {"day": 400, "hour": 48}
UNITS: dict[str, Literal["day", "hour"]] = {"d": "day", "h": "hour"}
WRITTEN = re.compile(r"([1-9]\d{0,2})([dh])", re.ASCII)
SHAPE = "must be a number of days such as 14d (1d to 400d) or of hours such as 24h (1h to 48h)"


@dataclass(frozen=True, slots=True)
class ReportWindow:
    """How many rows of which length."""

    count: int
    unit: Literal["day", "hour"]


def parse_report_window(text: str) -> ReportWindow:
    """Return what a window like `14d` asks for; raises ValueError that says what would be right."""
    written = WRITTEN.fullmatch(text)
    if written is None:
        raise ValueError(SHAPE)
    window = ReportWindow(int(written[1]), UNITS[written[2]])
    if window.count > MOST[window.unit]:
        raise ValueError(SHAPE)
    return window


def _checked(text: Any) -> Any:
    parse_report_window(text)
    return text


WindowText = Annotated[str, AfterValidator(_checked), Field(description=SHAPE, json_schema_extra={"pattern": r"^[1-9]\d{0,2}[dh]$"})]
