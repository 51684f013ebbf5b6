"""The threshold of a report command: one or more `kpi op number` joined by commas, all read or none."""

import math
import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from governance.message.field import LARGEST_NUMBER

MOST_CONDITIONS = 20
LONGEST = 1_024
KPI_NAME = r"[A-Za-z_][A-Za-z0-9_.]{0,127}"
NUMBER = r"[+-]?(?:\d{1,15}(?:\.\d{0,32})?|\.\d{1,32})(?:[eE][+-]?\d{1,3})?"
CONDITION = re.compile(rf"\s*({KPI_NAME})\s*(<=|>=|<|>)\s*({NUMBER})\s*", re.ASCII)
SHAPE = "must be one or more of kpi op number joined by commas, such as ctr<0.02,technical_fallback_rate>=0.05"


@dataclass(frozen=True, slots=True)
class Condition:
    """A key figure held against a bound: breached where `kpi op value` is true."""

    kpi: str
    op: str
    value: float

    @property
    def check(self) -> str:
        """Return the name of the check: the same condition has one name, however it was written.

        >>> Condition("ctr", "<", 0.020).check, Condition("ctr", ">", 5.0).check
        ('request:ctr<0.02', 'request:ctr>5')
        """
        number = repr(self.value).removesuffix(".0")
        return f"request:{self.kpi}{self.op}{number}"


def parse_alert_threshold(text: str) -> tuple[Condition, ...]:
    """Return the conditions in the order written, without repeats; raises ValueError that says what would be right."""
    if len(text) > LONGEST:
        raise ValueError(SHAPE)
    conditions = tuple(dict.fromkeys(_condition(part) for part in text.split(",")))
    if len(conditions) > MOST_CONDITIONS:
        raise ValueError(f"must hold at most {MOST_CONDITIONS} conditions")
    return conditions


def _condition(part: str) -> Condition:
    written = CONDITION.fullmatch(part)
    if written is None:
        raise ValueError(SHAPE)
    value = float(written[3]) + 0.0  # -0.0 and 0.0 are one bound
    if not math.isfinite(value) or abs(value) > LARGEST_NUMBER:
        raise ValueError(SHAPE)
    return Condition(written[1], written[2], value)


def _checked(text: Any) -> Any:
    parse_alert_threshold(text)
    return text


AlertThreshold = Annotated[str, AfterValidator(_checked), Field(description=SHAPE)]
