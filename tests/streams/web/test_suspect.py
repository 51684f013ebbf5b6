"""Which rule changes stand beside an incident."""

from typing import Any

from detectors.window import DAY, HOUR, MINUTE
from governance.message.instant import format_instant
from streams.web.page.suspect import near
from tests.streams.read_model.outputs import START

FIRST = START + 3 * DAY
INCIDENT: dict[str, Any] = {
    "opened_at": format_instant(FIRST + 2 * HOUR),
    "key": {"channel": "web"},
    "windows": [{"start": format_instant(FIRST + n * HOUR), "end": format_instant(FIRST + (n + 1) * HOUR)} for n in range(2)],
}


def change(name: str, at: int, action: str = "deployed", channels: list[str] | None = None) -> dict[str, Any]:
    fields = {"change_id": name, "rule_id": "rule-42", "version": 7, "previous_version": 6}
    return {**fields, "action": action, "channels": channels, "occurred_at": format_instant(at)}


def test_the_closest_stands_first_and_what_cannot_have_acted_does_not_stand() -> None:
    """Deployed in the day before, reaching the channel, and not after the first breached window was over."""
    changes = [
        change("early", FIRST - 25 * HOUR),
        change("hours", FIRST - 3 * HOUR, channels=["web", "email"]),
        change("minutes", FIRST - 8 * MINUTE),
        change("approved", FIRST - MINUTE, action="approved"),
        change("email", FIRST - MINUTE, channels=["email"]),
        change("after", FIRST + HOUR),
    ]
    assert [(found["change_id"], found["before_s"]) for found in near(changes, INCIDENT)] == [("minutes", 480), ("hours", 10_800)]
