"""The config that goes with a scenario: owners, thresholds and timing under which its faults can be told from its noise."""

import math
from collections.abc import Iterator

from detectors.window import HOUR, SECOND
from streams.simulation.scenario import Program, Scenario, span
from streams.simulation.season import QUIETEST
from streams.simulation.traffic import EVENTS_PER_VISIT

MIN_DENOMINATOR = 60  # at 16 % CTR, less than 4 % of 60 is seen by chance in 4 of 1,000 windows, twice in a row in none
SILENCE = 16  # events expected in the shortest silence that opens an incident: by chance once in some ten million windows
TWICE_S = 300  # the second of two windows in a row makes the silence that much longer

_HEAD = """\
# Watches the events of `pmon simulate --scenario {name} --rate {rate}`.
version: 1
timing: {{window: 5m, tick: 1m}}
people: {{ana: {{aliases: [ana.k], active: true}}}}
plan_directory: plans
initiatives:
"""

_PROGRAM = """\
  {key}:
    title: {title}
    owners:
      testing_lead: {{person: ana, substitutes: [ben]}}
      personalization_architect: {{person: chi, substitutes: []}}
      data_privacy_lead: {{person: dee, substitutes: [eli]}}
    covers: {{testing_lead: data_privacy_lead}}
    allocation: {{{allocation}}}
    reports: [{{cadence: P7D, window: 7d, dimension: channel}}]
    thresholds:
      - {{id: low-ctr, kpi: ctr, op: "<", value: 0.04, window: {hours}h, group_by: [channel], min_denominator: {minimum},
         datapoints_to_alarm: 2, evaluation_periods: 2, reason: "below this the placement costs more than it brings"}}
      - {{id: technical-fallback, kpi: technical_fallback_rate, op: ">", value: 0.05, window: {hours}h, group_by: [channel],
         min_denominator: {minimum}, reason: "more than one exposure in twenty shows default content because of a fault"}}
      - {{id: stale-feed, kpi: freshness_s, op: ">", value: {silence}, window: 5m, group_by: [channel],
         reason: "no event of the channel for {minutes} minutes"}}
"""

_EXPERIMENT = """\
    experiments:
      {experiment}: {{control: {control}, allocation: {{{allocation}}}, goals: [converted_subjects], attribution: 24h,
              hypothesis: "{treatment} lifts conversion"}}
"""


def config_text(scenario: Scenario) -> str:
    """Return the YAML config; thresholds follow the scenario's rate, so that fewer events are judged over longer windows."""
    return "".join(_sections(scenario))


def silence_s(scenario: Scenario) -> int:
    """Return how long (s) the quietest channel may be silent at the quietest hour: 15 minutes, more where events are rare."""
    share = min(channel.share * program.share for program in scenario.programs for channel in program.channels)
    a_second = scenario.rate * share * QUIETEST / EVENTS_PER_VISIT / (HOUR // SECOND)
    return max(900, math.ceil((SILENCE / a_second - TWICE_S) / 300) * 300)


def _sections(scenario: Scenario) -> Iterator[str]:
    yield _HEAD.format(name=scenario.name, rate=scenario.rate)
    silence = silence_s(scenario)
    for program in scenario.programs:
        allocation = _allocation(program)
        yield _PROGRAM.format(
            key=program.key,
            title=program.title,
            allocation=allocation,
            hours=span(scenario.rate) // HOUR,
            minimum=MIN_DENOMINATOR,
            silence=silence,
            minutes=silence // 60,
        )
        if program.experiment_id:
            control, treatment = program.variants[0][0], program.variants[1][0]
            yield _EXPERIMENT.format(experiment=program.experiment_id, control=control, treatment=treatment, allocation=allocation)


def _allocation(program: Program) -> str:
    return ", ".join(f"{name}: {1 / len(program.variants):g}" for name, _ in program.variants)
