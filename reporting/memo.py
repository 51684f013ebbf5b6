"""The experiments part: one memo per experiment, readable by a testing lead and complete for a statistician.

A configured experiment has a readout and a decision; one that nobody configured has the checks of its split alone, and is listed where
people were assigned to it in the period, those whose split is off first.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from detectors import ratio
from detectors.kpi import VALID, VIOLATED
from governance.config import Experiment
from governance.decision import Action, Decision, Reason
from governance.experiment import arms_of, readout
from governance.message.instant import format_instant, parse_instant
from governance.sample_ratio import places
from governance.trial import Trial
from reporting.snapshot import Snapshot

ENDED = "It has ended, so more will not be known: keep control, or plan it again with more people."
UNCONFIGURED = 20  # experiments nobody configured that a report lists
NOBODY = "nobody was assigned yet, so there is nothing to read"
NO_GOALS = "the config names no goal, so nothing is decided; the split is tested"
UNPLANNED = "it is in no config: its split is tested against equal shares or logged propensities, and nothing else"
PEEKING = "read at 500 looks, a test for one look calls 49 % of tests without any effect significant (benchmarks/peeking.py)"
WHY: Mapping[Reason, str] = {
    Reason.NO_DATA: "control, or an arm, has no users to compare with, or users see a variant that is not planned",
    Reason.SRM: "users are not split as planned, so the arms hold different people and no figure can be read",
    Reason.CONTAMINATED: "too many people saw several arms, so the arms are not what they say",
    Reason.GUARDRAIL_HARM: "a guardrail is harmed beyond its tolerance, by a bound that holds at every look",
    Reason.GOAL_LOSS: "every treatment is worse than control on a goal, by an interval that holds at every look",
    Reason.COLLECTING: "there is too little evidence, or the minimum run time is not over",
    Reason.WIN: "a goal is better than control by an interval that holds at every look, and no guardrail is worse than allowed",
    Reason.WAITING_GUARDRAIL: "a goal is won, but a guardrail is not yet known to be safe",
    Reason.FUTILE: "the interval lies inside the smallest effect worth having: there is none",
    Reason.FINAL_WIN: "the planned end is reached and its one test says better",
    Reason.FINAL_LOSS: "the planned end is reached and its one test says worse",
    Reason.FINAL_NEITHER: "the planned end is reached and its one test says neither",
    Reason.UNDECIDED: "the interval still holds effects on both sides",
}
CHANGE: Mapping[Reason, str] = {
    Reason.NO_DATA: "users in every planned arm, and in no other",
    Reason.SRM: "nothing in this data: the cause has to be repaired and the experiment started anew",
    Reason.CONTAMINATED: "nothing in this data: assignment has to be made sticky and the experiment started anew",
    Reason.GUARDRAIL_HARM: "nothing: a rollback stands",
    Reason.GOAL_LOSS: "nothing: a rollback stands",
    Reason.COLLECTING: "the minimum run time, and in every arm 25 who convert and 25 who do not, more where the split is uneven",
    Reason.WIN: "a split found off, contamination or harm to a guardrail; a wider interval does not take it back",
    Reason.WAITING_GUARDRAIL: "a guardrail whose lower bound clears its margin, or shows harm",
    Reason.FUTILE: "an interval that reaches beyond the smallest effect worth having again",
    Reason.FINAL_WIN: "nothing: the experiment has ended",
    Reason.FINAL_LOSS: "nothing: the experiment has ended",
    Reason.FINAL_NEITHER: "nothing: the experiment has ended",
    Reason.UNDECIDED: "an interval that leaves zero, or falls inside the smallest effect worth having",
}
STEPS: Mapping[Reason, tuple[str, ...]] = {
    Reason.NO_DATA: ("Check the assignment and the names of the variants against the config.",),
    Reason.SRM: ("Stop assigning.", "Find where users are lost: the channels and profiles named first.", "Start anew once it is repaired."),
    Reason.CONTAMINATED: ("Stop assigning.", "Check by which id users are assigned.", "Start anew once assignment is sticky."),
    Reason.GUARDRAIL_HARM: ("Roll the treatment back now.", "Look for who is harmed before anything of it is tried again."),
    Reason.GOAL_LOSS: ("Roll every treatment back.", "Write down what was believed and what was seen."),
    Reason.COLLECTING: ("Leave it running; nothing is to be read before.",),
    Reason.WIN: ("Have the testing lead sign the readout.", "Roll out in steps and keep a holdout."),
    Reason.WAITING_GUARDRAIL: (
        "Leave it running until the guardrail is known.",
        "Give the guardrail a `non_inferiority` margin if none is set.",
    ),
    Reason.FUTILE: ("Stop: keep control.", "Try something bolder."),
    Reason.FINAL_WIN: ("Have the testing lead sign the readout.", "Roll out in steps and keep a holdout."),
    Reason.FINAL_LOSS: ("Roll back to control.",),
    Reason.FINAL_NEITHER: ("Keep control.", "Plan more users, or a larger effect, if it is still wanted."),
    Reason.UNDECIDED: ("Leave it running.",),
}
GUIDANCE: Mapping[Action, str] = {
    Action.SHIP: "Raise {arms} to 25 %, 50 % and 100 %, a day or more at each, guardrails watched; keep 5 % on control for four weeks.",
    Action.CONTINUE: "Keep the split as it is: a change of it starts a new phase.",
    Action.STOP: "Give all traffic to {control}; do not ship from this data.",
    Action.ROLLBACK: "Give all traffic of {arms} back to {control} now.",
}


def experiments(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Return the report's `experiments`: the configured ones by id, then those only seen."""
    configured = snapshot.settings.experiments
    found = [memo(snapshot, name, configured[name], snapshot.trials.get(name)) for name in sorted(configured)]
    seen = [(name, trial) for name, trial in snapshot.trials.items() if name not in configured and trial.looked_at > snapshot.period_from]
    ordered = sorted(seen, key=lambda pair: (not pair[1].failing_at, not pair[1].contaminated_at, pair[0]))
    return found + [memo(snapshot, name, None, trial) for name, trial in ordered[:UNCONFIGURED]]


def memo(snapshot: Snapshot, name: str, experiment: Experiment | None, trial: Trial | None) -> dict[str, Any]:
    """Return one experiment's memo."""
    decision = trial.decision if trial is not None and experiment is not None else None
    phases = trial.phases() if trial is not None else []
    metrics = readout(experiment, snapshot.settings, phases) if experiment is not None and trial is not None else []
    metrics = [_shown(metric, snapshot.config.privacy.minimum_subjects) for metric in metrics]
    return {
        "id": name,
        "control": experiment.control if experiment is not None else None,
        "hypothesis": experiment.hypothesis if experiment is not None else None,
        "status": "evaluated" if trial is not None else "not_evaluated",
        "why": why(experiment, trial),
        "design": designed(experiment) if experiment is not None else None,
        "dates": dates(experiment, trial),
        "rule_versions": rule_versions(snapshot, name, ("deployed", "rolled_back", "concluded")),
        "approvals": rule_versions(snapshot, name, ("approved", "rejected", "signed_off")),
        "integrity": integrity(snapshot, trial) if trial is not None else None,
        "readout": read(trial, metrics) if trial is not None and metrics else None,
        "decision": decided(trial, decision) if trial is not None and decision is not None else None,
        "next_steps": steps(trial, decision, metrics) if trial is not None and decision is not None else [],
        "rollout_guidance": guidance(experiment, trial, decision) if experiment is not None and trial is not None and decision else None,
    }


def why(experiment: Experiment | None, trial: Trial | None) -> str | None:
    """Return what keeps an experiment from being decided, None where nothing does."""
    if trial is None:
        return NOBODY
    if experiment is None:
        return UNPLANNED
    return None if experiment.goals else NO_GOALS


def designed(experiment: Experiment) -> dict[str, Any]:
    """Return what was fixed before the first look: who gets what, how alpha is spent, what effect is worth having."""
    return {
        "allocation": dict(experiment.allocation),
        "alpha": experiment.alpha,
        "tuning_n": experiment.tuning_n,
        "planned_subjects": experiment.planned_subjects,
        "minimum_effect": experiment.minimum_effect,
        "margin": experiment.margin,
        "attribution_ms": experiment.attribution,
    }


def steps(trial: Trial, decision: Decision, metrics: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what to do next; nothing is left running that has ended."""
    if trial.ended and decision.action is Action.CONTINUE:
        return [ENDED]
    return [*STEPS[decision.reason], *asides(decision, metrics)]


def asides(decision: Decision, metrics: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what to do about single arms while the experiment goes on: those that lost, those that wait for a rival."""
    if decision.reason is not Reason.UNDECIDED or not metrics:
        return []
    status = {arm: shown["status"] for arm, shown in metrics[0]["arms"].items()}
    lost, won = ([arm for arm, said in status.items() if said == word] for word in ("worse", "better"))
    found = [f"Drop {', '.join(lost)}: worse than control. Put the share at 0." for _ in lost[:1] if len(lost) < len(status)]
    return [*found, *(f"{', '.join(won)} would win, but another arm may yet prove better." for _ in won[:1])]


def dates(experiment: Experiment | None, trial: Trial | None) -> dict[str, Any]:
    """Return when it started, was last looked at, is planned to end and has ended."""
    ends = experiment.ends_at if experiment is not None else None
    times = {"started": trial.started, "looked_at": trial.looked_at, "ended": trial.ended} if trial is not None else {}
    found = {name: instant(times.get(name, 0)) for name in ("started", "looked_at", "ended")}
    return {**found, "ends_at": instant(ends or 0), "minimum_runtime_ms": experiment.minimum_runtime if experiment is not None else None}


def instant(time: int) -> str | None:
    """Return a time as it is written, None for none."""
    return format_instant(time) if time else None


def rule_versions(snapshot: Snapshot, name: str, actions: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rule changes of the period that name the experiment."""
    return [
        {
            "at": format_instant(parse_instant(change["occurred_at"])),
            "change_id": change["change_id"],
            "rule_id": change["rule_id"],
            "version": change.get("version"),
            "action": change["action"],
            "by": (change.get("actor") or {}).get("id"),
        }
        for change in snapshot.rule_changes
        if name in (change.get("experiment_ids") or ()) and change["action"] in actions
    ]


def integrity(snapshot: Snapshot, trial: Trial) -> dict[str, Any]:
    """Return whether the exposure can be trusted: the split, people in several arms, consent at exposure."""
    found, phases = trial.ratio(), trial.phases()
    assigned = trial.assigned()
    users = [found.users.get(arm, 0) for arm in found.shares]
    return {
        "assigned": assigned,
        "phases": len(phases),
        "sample_ratio": {
            "verdict": "fails" if trial.failing_at else "passes" if len(found.shares) > 1 else "one arm",
            "p_value": min(trial.smallest_p, found.p_value),
            "chi_square_p": ratio.chi_square_p(users, list(found.shares.values())) if len(found.shares) > 1 and len(phases) == 1 else None,
            "since": instant(trial.failing_at),
            "users": dict(found.users),
            "shares": dict(found.shares),
            "planned_by": found.planned_by,
            "deviation": found.deviation,
            "where": places(phases) if trial.failing_at else [],
        },
        "contamination": {
            "verdict": "fails" if trial.contaminated_at else "passes",
            "users": trial.mixed,
            "share": trial.mixed / assigned if assigned else None,
            "since": instant(trial.contaminated_at),
        },
        "consent_clean": consent_clean(snapshot, {arm for one in trial.stretches for arm in one.arms}),
    }


def consent_clean(snapshot: Snapshot, arms: set[str]) -> dict[str, Any]:
    """Return the share of judged exposures of the arms' variants in the period that had valid consent."""
    valid = violated = 0
    for row in snapshot.rows:
        for cell, counts in row.cells.items():
            if cell[3] in arms:
                valid += counts.get(VALID, 0)
                violated += sum(counts.get(verdict, 0) for verdict in VIOLATED)
    judged = valid + violated
    return {"share": valid / judged if judged else None, "judged": judged, "of": "exposures of its variants in the period"}


def _shown(metric: dict[str, Any], minimum: int) -> dict[str, Any]:
    """Return a metric without its preview where an arm has fewer people in it than may be shown: a rate of three tells of each."""
    preview = metric["preview"] or {}
    return {**metric, "preview": preview if all(one["users"] >= minimum for one in preview.values()) else {}}


def read(trial: Trial, metrics: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the readout: metrics with intervals, how far it is, what a test for one look would say, the interval's path."""
    primary = [shown for shown in (metrics[0]["arms"].values() if metrics else ()) if shown["users"] is not None]
    togo = [shown["users_to_go"] for shown in primary if shown["users_to_go"] is not None]
    halfway = [shown["progress"] for shown in primary if shown["progress"] is not None]
    claims = [
        (metric["metric"], arm)
        for metric in metrics
        for arm, shown in metric["arms"].items()
        if shown["users"] is not None and shown["fixed_horizon"]["significant"] and shown["status"] in ("undecided", "collecting")
    ]
    return {
        "looks": trial.looks,
        "matured": sum(counts.get("n", 0) for one in trial.stretches for counts in one.arms.values()),
        "metrics": metrics,
        "users_to_go": max(togo, default=None),
        "progress": min(halfway, default=None),
        "peek_tax": {"claims_too_early": [{"metric": metric, "arm": arm} for metric, arm in claims], "how_often_wrong": PEEKING},
        "path": [
            {
                "at": format_instant(at),
                "arms": [{"arm": arm, "low": low, "estimate": middle, "high": high} for arm, low, middle, high in points],
            }
            for at, points in trial.path
        ],
    }


def decided(trial: Trial, decision: Decision) -> dict[str, Any]:
    """Return the decision, since when, by which numbers, and what would change it."""
    return {
        "action": str(decision.action),
        "reason": str(decision.reason),
        "arms": list(decision.arms),
        "ties": list(decision.ties),
        "at": format_instant(trial.decided_at),
        "latched": trial.latched is not None and trial.latched == decision,
        "why": WHY[decision.reason],
        "would_change": CHANGE[decision.reason],
        "numbers": [{"arm": arm, "low": low, "estimate": middle, "high": high} for arm, low, middle, high in trial.numbers],
    }


def guidance(experiment: Experiment, trial: Trial, decision: Decision) -> str:
    """Return how to act on a decision; an experiment that has ended undecided is one that is stopped."""
    control = experiment.control or next(iter(arms_of(experiment, [])), "control")
    action = Action.STOP if trial.ended and decision.action is Action.CONTINUE else decision.action
    return GUIDANCE[action].format(arms=", ".join(decision.arms), control=control)
