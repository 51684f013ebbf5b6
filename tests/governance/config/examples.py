"""The config of the interface, word for word in its values, and what is wrong with a changed one."""

from governance.config import ConfigError, load_config

FULL = """\
version: 1
effective_at: null
timing: {window: 1m, tick: 10s, allowed_lateness: 30s, settle: 5m, correction_horizon: 24h,
         dedup_horizon: 48h, max_future_skew: 5m, stalled_after: 2m}
privacy: {minimum_subjects: 10, opt_in_jurisdictions: [EU, UK], default_jurisdiction: EU, erase_after: 400d}
limits: {refused_share: 0.05, initiatives: 1000, cells: 20000, profiles: 200, channels: 50, cohorts: 100, variants: 50, experiments: 10000}
detection: {alarm_budget_per_series_week: 0.02, fdr: 0.01, shadow_grace: 5m}
incidents: {ack_timeout: 15m, clear_for: 10m, reopen_window: 1h, retry_limit: 2, pages_per_hour: 20}
consent: {purposes: {tcf: {}, gpp: {}}}
people: {ana: {aliases: [ana.k], active: true}}
playbooks: {}
dashboards: []
sources:
  - {topic: shop.clicks.v2, as: engagement-events, map: {event_id: id, occurred_at: meta.ts, subject_id: user.id, type: {const: click}}}
initiatives:
  plg-onboarding:
    title: PLG Onboarding
    jurisdiction: null
    owners:
      testing_lead: {person: ana, substitutes: [ben]}
      personalization_architect: {person: chi, substitutes: []}
      data_privacy_lead: {person: dee, substitutes: [eli]}
    covers: {testing_lead: data_privacy_lead}
    allocation: {hero-a: 0.5, hero-b: 0.5}
    kpis:
      signup_rate: {numerator: conversions, denominator: exposures, better: up}
    thresholds:
      - {id: low-ctr, kpi: ctr, op: "<", value: 0.02, window: 1h, group_by: [channel], min_denominator: 200,
         datapoints_to_alarm: 2, evaluation_periods: 2, reason: "below this the placement costs more than it brings"}
    detectors:
      dip: {kpi: ctr, window: 1h, group_by: [profile, channel]}
      freshness: {window: 5m, sla: null}
      suppression: {window: 1h}
      drift: {kpi: ctr, window: 1h, group_by: []}
    experiments:
      exp-7: {control: hero-a, allocation: {hero-a: 0.5, hero-b: 0.5}, goals: [converted_subjects], attribution: 24h,
              guardrails: [{kpi: revenue_per_subject, better: up, tolerance: 0.0, non_inferiority: 0.02, cap_minor: 50000}],
              planned_subjects: 100000, alpha: 0.05, tuning_n: 20000, margin: 0.0, minimum_runtime: 7d, minimum_effect: 0.10,
              ends_at: null, hypothesis: "…"}
    reports: [{cadence: "P7D", window: 7d, detail: full, to: [team]}]
policies: [policies.yaml]
sinks: {team: {url: "mailto://lead@example.org", max_age: 1h, for: [testing_lead]}}
plan_directory: .claude/plans
"""


def faults(text: str) -> list[tuple[str, int | None]]:
    """Return path and line of every fault of a config, none where it is right."""
    try:
        load_config(text)
    except ConfigError as error:
        return [(problem.path, problem.line) for problem in error.problems]
    return []


def one(initiative: str) -> str:
    """Return a config of one initiative `x`, whose body is given as one flow mapping."""
    return f"initiatives:\n  x: {initiative}\n"
