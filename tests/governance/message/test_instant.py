"""Times: RFC 3339 with a zone or integer milliseconds, and nothing a window could be guessed from."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.message.instant import END_MS, FIRST_MS, format_instant, parse_instant

INSTANTS = st.integers(FIRST_MS, END_MS - 1)


@given(INSTANTS)
def test_a_time_survives_writing_and_reading(instant: int) -> None:
    """format and parse are inverse to the millisecond."""
    assert parse_instant(format_instant(instant)) == instant
    assert parse_instant(instant) == instant


@given(INSTANTS, st.integers(-1439, 1439))
def test_the_offset_is_subtracted(instant: int, offset: int) -> None:
    """The same moment in any zone is the same instant, as the standard library computes it."""
    sign = "-" if offset < 0 else "+"
    local = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=instant, minutes=offset)
    text = f"{local:%Y-%m-%dT%H:%M:%S}.{instant % 1000:03d}{sign}{abs(offset) // 60:02d}:{abs(offset) % 60:02d}"

    assert parse_instant(text) == instant


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-22T10:00:00Z", 1_795_341_600_000),
        ("2026-11-22t10:00:00.1z", 1_795_341_600_100),
        ("2026-11-22T10:00:00.123999999Z", 1_795_341_600_123),
        ("2026-11-22T11:30:00.123+01:30", 1_795_341_600_123),
        ("2026-11-22T10:00:00.123-00:00", 1_795_341_600_123),
        ("2028-02-29T00:00:00.000Z", 1_835_395_200_000),
        ("2000-01-01T00:00:00.000Z", FIRST_MS),
        ("2100-12-31T23:59:59.999Z", END_MS - 1),
        ("2000-01-01T01:00:00+01:00", FIRST_MS),
    ],
)
def test_the_forms_of_rfc_3339_are_read(text: str, instant: int) -> None:
    """Any case, any number of digits (three count), any offset; the years 2000 to 2100 whole."""
    assert parse_instant(text) == instant


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-22T10:00:00",
        "2026-11-22T10:00:00.123",
        "2026-11-22 10:00:00Z",
        "2026-11-22",
        "20261122T100000Z",
        "2026-W47-7T10:00:00Z",
        "2026-02-30T10:00:00Z",
        "2027-02-29T10:00:00.000Z",
        "2026-11-22T24:00:00Z",
        "2026-11-22T10:60:00.000Z",
        "2016-12-31T23:59:60Z",
        "2026-11-22T23:59:60.000Z",
        "2026-11-22T10:00:00,123Z",
        "2026-11-22T10:00:00.Z",
        "2026-11-22T10:00:00.12Z ",
        "2026-11-22T10:00:00.１２３Z",
        "2026-11-22T10:00:00.123Z\n",
        "2026-11-22T10:00:00+0100",
        "2026-11-22T10:00:00+24:00",
        "0001-01-01T00:00:00+23:59",
        "1999-12-31T23:59:59.999Z",
        "2101-01-01T00:00:00.000Z",
        "1795341600000",
        "now",
        "",
        FIRST_MS - 1,
        END_MS,
        1_795_341_600,
        1_795_341_600_000_000,
        -1,
        0,
        1_795_341_600_000.0,
        float("nan"),
        True,
        None,
        [],
        {},
    ],
)
def test_what_is_no_time_is_refused(value: object) -> None:
    """No zone, no such day, leap seconds, seconds or microseconds for milliseconds, floats: never a guess."""
    with pytest.raises(ValueError, match="must"):
        parse_instant(value)


@given(st.text(max_size=40))
def test_a_refusal_does_not_repeat_the_text(text: str) -> None:
    """No text makes reading fail otherwise than by a ValueError, which says what would be right and not what was there."""
    with pytest.raises(ValueError, match="must be") as refusal:
        parse_instant(f"§§{text}§§")

    assert "§" not in str(refusal.value)
