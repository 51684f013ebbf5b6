"""Durations as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.message.duration import LONGEST_MS, format_duration, parse_duration


@given(st.integers(0, LONGEST_MS))
def test_a_duration_survives_writing_and_reading(duration: int) -> None:
    """format and parse are inverse."""
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize("text", ["0s", "250ms", "10s", "90s", "5m", "1h", "24h", "48h", "7d", "400d"])
def test_what_the_config_says_is_said_back(text: str) -> None:
    """The forms used in a config come back as they were written."""
    assert format_duration(parse_duration(text)) == text


@pytest.mark.parametrize(
    ("text", "duration"),
    [("P7D", 604_800_000), ("P1W", 604_800_000), ("PT15M", 900_000), ("P1DT1H", 90_000_000), ("PT90S", 90_000), ("2w", 1_209_600_000)],
)
def test_iso_8601_is_read(text: str, duration: int) -> None:
    """Weeks, days and times of ISO 8601 have a fixed length."""
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "value",
    ["", "5", 5, 5.0, "1 h", True, None, "-5m", "+5m", "1.5h", "5M", "P", "PT", "P1Y", "P1M", "P1DT", "1h30m", "５m", "99999999d", "1h\n"],
)
def test_what_is_no_duration_is_refused(value: object) -> None:
    """A number without a unit, months and years, signs and fractions are refused with an example of what is right."""
    with pytest.raises(ValueError, match="must be"):
        parse_duration(value)
