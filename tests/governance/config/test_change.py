"""What a new config changed, as its audit entry says it."""

from governance.config import load_config
from governance.config.change import changes

BEFORE = """
version: 1
initiatives:
  home:
    thresholds:
      - {id: low-ctr, kpi: ctr, op: "<", value: 0.02, window: 1h}
      - {id: slow, kpi: freshness_s, op: ">", value: 60, window: 5m}
    reports: [{cadence: P7D, window: 7d}]
"""


def test_metrics_thresholds_and_cadences_are_named_with_both_values() -> None:
    """By id where there is one, whole where there is none; nothing is said of what stayed."""
    text = BEFORE.replace("value: 0.02", "value: 0.03").replace("P7D", "P1D")
    text = text.replace("version: 1", "version: 1\nincidents: {ack_timeout: 5m}")
    found = {one["field"]: (one["from"], one["to"]) for one in changes(load_config(BEFORE), load_config(text), "home")}

    assert set(found) == {"incidents.ack_timeout", "thresholds.low-ctr", "reports"}
    assert found["incidents.ack_timeout"] == ("15m", "5m")
    before, after = found["thresholds.low-ctr"]
    assert (before["value"], after["value"]) == (0.02, 0.03)


def test_what_came_and_what_went_has_null_on_the_other_side() -> None:
    """A threshold that left, an initiative that is new."""
    without = BEFORE.replace('      - {id: slow, kpi: freshness_s, op: ">", value: 60, window: 5m}\n', "")
    (gone,) = changes(load_config(BEFORE), load_config(without), "home")
    new = changes(load_config("version: 1"), load_config(BEFORE), "home")

    assert (gone["field"], gone["to"]) == ("thresholds.slow", None)
    assert {one["from"] for one in new} == {None}
    assert changes(load_config(BEFORE), load_config(BEFORE), "home") == []
