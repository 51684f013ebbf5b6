"""Case 42 of the hostile histories: windows with no event, with one, at the edge of `min_denominator`; a rate nobody can say."""

from pathlib import Path

import pytest

from tests.streams.test_commands import CONFIG, Acted, minute, minutes

TWO = CONFIG.replace("evaluation_periods: 2}", "evaluation_periods: 2, min_denominator: 2}")


def test_windows_without_events_neither_count_nor_clear(tmp_path: Path) -> None:
    """Bad, four empty minutes, bad: two of the last two eligible windows. Empty minutes after it leave the incident open."""
    found = Acted(
        minutes(bad=(0, 5), good=()) + minute(60, good=True, channel="app"), tmp_path, CONFIG.replace("ack_timeout: 5m", "ack_timeout: 5h")
    )

    assert found.steps() == ["opened"]
    assert found.incidents[0].occurrences == 2


def test_a_breach_more_than_six_windows_old_counts_no_more(tmp_path: Path) -> None:
    assert Acted(minutes(bad=(0, 7), good=()), tmp_path).steps() == []


@pytest.mark.parametrize(("exposures", "steps"), [(1, []), (2, ["opened"])])
def test_the_denominator_counts_from_its_minimum_on(exposures: int, steps: list[str], tmp_path: Path) -> None:
    """One event of two needed is not evaluated: no finding, no incident. Two are."""
    lines = []
    for number in range(2):
        for copy in range(exposures):
            (line,) = minute(number)
            lines.append(
                {**line, "value": {**line["value"], "event_id": f"e-{number}-{copy}", "subject_id": f"u-{copy}"}, "key": f"u-{copy}"}
            )
    found = Acted([*lines, *minute(4, good=True, channel="app")], tmp_path, TWO)

    assert [one.step for one in found.incidents] == steps
    assert bool(found.data("findings")) == bool(steps)


def test_a_rate_without_exposures_is_not_evaluated(tmp_path: Path) -> None:
    """Clicks alone have no rate: neither a breach nor a clear window, and nothing published is not a number."""
    clicks = [line for number in range(3, 8) for line in minute(number, good=True) if line["value"]["type"] == "click"]
    found = Acted(minutes(bad=range(2), good=()) + clicks, tmp_path, CONFIG.replace("ack_timeout: 5m", "ack_timeout: 5h"))

    assert found.steps() == ["opened"]
    assert "NaN" not in (found.out / "kpi-windows.jsonl").read_text()
