"""Parts of a config that do not fit each other are named with the field to mend."""

import pytest

from governance.config import ConfigError, load_config
from tests.governance.config.examples import FULL, faults, one

SRM = "id: t, kpi: srm_failure_share, op: '>', value: 0, window: 1h, group_by: [channel]"
THRESHOLD = "id: t, kpi: ctr, op: '<', value: 0.02"


def threshold(rest: str, timing: str = "{}") -> str:
    """Return a config with one threshold."""
    return f"timing: {timing}\n" + one(f"{{thresholds: [{{{THRESHOLD}, {rest}}}]}}")


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("timing: {window: 7m}", ["timing.window"]),
        ("timing: {window: 2h}", ["timing.window"]),
        ("timing: {window: 1500ms, tick: 1s}", ["timing.window"]),
        ("timing: {tick: 2m, stalled_after: 5m}", ["timing.tick"]),
        ("timing: {settle: 25h}", ["timing.correction_horizon"]),
        ("timing: {dedup_horizon: 10s}", ["timing.dedup_horizon"]),
        ("timing: {stalled_after: 10s}", ["timing.stalled_after"]),
        ("timing: {dedup_horizon: 401d}", ["timing"]),
        ("privacy: {erase_after: 1h}", ["privacy.erase_after"]),
        ("people: {ana: {aliases: [ben]}, ben: {}}", ["people.ana.aliases[0]"]),
        ("people: {ana: {aliases: [k]}, ben: {aliases: [j, k]}}", ["people.ben.aliases[1]"]),
        ("initiatives: {_system: {}}", ["initiatives._system"]),
        ("initiatives: {'*': {}}", ["initiatives.*"]),
        ("initiatives: {a: {title: T}, b: {title: T}}", ["initiatives.a.title", "initiatives.b.title"]),
        ("initiatives: {a: {title: b}, b: {}}", ["initiatives.a.title"]),
        ("sources: [{topic: a, as: consent-events}, {topic: a, as: rule-changes}]", ["sources[1].topic"]),
        ("sources: [{topic: a, as: consent-events, map: {variant: v}}]", ["sources[0].map.variant"]),
        (threshold("window: 90s"), ["initiatives.x.thresholds[0].window"]),
        (threshold("window: 200m"), ["initiatives.x.thresholds[0].window"]),
        (threshold("window: 49h"), ["initiatives.x.thresholds[0].window"]),
        (threshold("window: 401d"), ["initiatives.x.thresholds[0].window"]),
        (threshold("window: 2m", "{window: 5m}"), ["initiatives.x.thresholds[0].window"]),
        ("timing: {window: 10m}\n" + one("{}"), ["initiatives.x.detectors.freshness.window"]),
        (threshold("window: 1h, datapoints_to_alarm: 3"), ["initiatives.x.thresholds[0].datapoints_to_alarm"]),
        (threshold("window: 1h, datapoints_to_alarm: 8, evaluation_periods: 9"), ["initiatives.x.thresholds[0].datapoints_to_alarm"]),
        (threshold("window: 1h, group_by: [channel, channel]"), ["initiatives.x.thresholds[0].group_by"]),
        (threshold("window: 1h, group_by: [country]"), ["initiatives.x.thresholds[0].group_by[0]"]),
        (threshold("window: 1h").replace("kpi: ctr", "kpi: click_rate"), ["initiatives.x.thresholds[0].kpi"]),
        (one(f"{{thresholds: [{{{SRM}}}]}}"), ["initiatives.x.thresholds[0].group_by"]),
        (one(f"{{thresholds: [{{{THRESHOLD}, window: 1h}}, {{{THRESHOLD}, window: 2h}}]}}"), ["initiatives.x.thresholds[1].id"]),
        (one("{kpis: {ctr: {numerator: clicks, denominator: exposures}}}"), ["initiatives.x.kpis.ctr"]),
        (one("{kpis: {k: {numerator: click, denominator: exposures}}}"), ["initiatives.x.kpis.k.numerator"]),
        (one("{kpis: {k: {numerator: revenue_minor.eur, denominator: exposures}}}"), ["initiatives.x.kpis.k.numerator"]),
        (one("{detectors: {dip: {window: 90s}}}"), ["initiatives.x.detectors.dip.window"]),
        (one("{detectors: {drift: {kpi: freshness_s}}}"), ["initiatives.x.detectors.drift.kpi"]),
        (one("{allocation: {a: 0.5, b: 0.4}}"), ["initiatives.x.allocation"]),
        (one("{allocation: {a: 1.0, b: 0.0}}"), ["initiatives.x.allocation.b"]),
        (one("{reports: [{cadence: 30m, window: 7d}]}"), ["initiatives.x.reports[0].cadence"]),
        (one("{reports: [{cadence: 3601s, window: 7d}]}"), ["initiatives.x.reports[0].cadence"]),
        (one("{covers: {testing_lead: testing_lead}}"), ["initiatives.x.covers.testing_lead"]),
        (one("{experiments: {e: {control: c, allocation: {a: 0.5, b: 0.5}}}}"), ["initiatives.x.experiments.e.control"]),
        (one("{experiments: {e: {control: a, allocation: {a: 0.0, b: 1.0}}}}"), ["initiatives.x.experiments.e.allocation.a"]),
        (one("{experiments: {e: {goals: [converted_subjects]}}}"), ["initiatives.x.experiments.e.control"]),
        (one("{experiments: {e: {control: a, goals: [happiness]}}}"), ["initiatives.x.experiments.e.goals[0]"]),
        (one("{experiments: {e: {guardrails: [{kpi: happiness}]}}}"), ["initiatives.x.experiments.e.guardrails[0].kpi"]),
        (one("{reports: [{cadence: P7D, window: 7d, to: [team]}]}"), ["initiatives.x.reports[0].to[0]"]),
    ],
)
def test_what_does_not_fit_is_named(text: str, paths: list[str]) -> None:
    """Each contradiction leads to the field to mend."""
    assert [path for path, _ in faults(text)] == paths


@pytest.mark.parametrize(
    "text",
    [
        FULL,
        "timing: {window: 10s, tick: 10s, allowed_lateness: 0s, settle: 0s, max_future_skew: 0s}",
        "timing: {window: 1h}",
        "initiatives: {a: {title: a}, b: {title: B}}",
        threshold("window: 1m"),
        threshold("window: 180m"),
        threshold("window: 48h"),
        threshold("window: 400d"),
        threshold("window: 1h, datapoints_to_alarm: 3, evaluation_periods: 5"),
        threshold("window: 5m").replace("kpi: ctr", "kpi: freshness_s"),
        one("{allocation: {a: 0.33, b: 0.33, c: 0.33}}"),
        one("{experiments: {e: {control: a, allocation: {a: 0.5, b: 0.5, c: 0.0}}}}"),
        one("{kpis: {k: {numerator: revenue_minor.EUR, denominator: subjects}}, detectors: {dip: {kpi: k}}}"),
        one("{kpis: {k: {numerator: consent.withdrawn, denominator: exposures}}, experiments: {e: {control: a, goals: [k]}}}"),
    ],
)
def test_what_fits_is_taken(text: str) -> None:
    """The bounds themselves are inside."""
    assert faults(text) == []


def test_contradictions_come_with_their_lines() -> None:
    """A fault between fields points at the line of the one to mend."""
    text = "initiatives:\n  x:\n    thresholds:\n      - id: a\n        kpi: ctr\n        op: '<'\n        value: 1\n        window: 90s\n"

    with pytest.raises(ConfigError) as caught:
        load_config(text)

    assert str(caught.value) == "config.yaml:8: initiatives.x.thresholds[0].window: must be a multiple of timing.window (1m)"


def test_a_long_base_window_is_no_contradiction_where_nothing_is_configured() -> None:
    """What is watched without a word about it gets a freshness window that fits."""
    config = load_config("timing: {window: 1h}")
    freshness = config.initiative("anything").detectors.freshness

    assert freshness is not None
    assert freshness.window == config.timing.window == 3_600_000
