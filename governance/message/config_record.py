"""A worker's effective config and policies, put into the log so that a replay judges by what was in force."""

from typing import Annotated, Any

from pydantic import Field

from governance.message.field import MOST_ITEMS, Incoming, Sha256
from governance.message.instant import Instant


class ConfigRecord(Incoming):
    """One record of `monitor-config`. `effective_at` null: from the beginning of time for the first, else from its stamp."""

    sha256: Sha256
    effective_at: Instant | None = None
    config: dict[str, Any]
    policies: Annotated[list[Any], Field(default_factory=list, max_length=MOST_ITEMS)]
