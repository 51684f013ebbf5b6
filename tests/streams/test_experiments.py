"""Experiments through files: decisions are said once, incidents open at once, and nothing is decided that cannot be."""

from pathlib import Path
from typing import Any

from governance.config import load_config
from governance.message.instant import format_instant
from streams.file_replay import FileReplay, Folder, replay_to_folder
from tests.streams.test_file_replay import HOUR, MINUTE, START, event, outputs, write

CONFIG = """
version: 1
timing: {{window: 1h, tick: 10m, stalled_after: 1h}}
initiatives:
  plg:
    jurisdiction: US
    owners: {{testing_lead: {{person: ana}}}}
    detectors: {{dip: false, freshness: false, suppression: false, drift: false}}
    thresholds: [{{id: failing, kpi: srm_failure_share, op: ">", value: 0.5, window: 1h, min_denominator: 2}}]
    experiments:
      exp: {{control: a, allocation: {{a: 0.5, b: 0.5}}, goals: [converted_subjects], attribution: 1h, minimum_runtime: 6h{more}}}
"""


def tally(hour: int, arm: str, people: int, converted: int, experiment: str = "exp", **more: Any) -> dict[str, Any]:
    """Build the tally of one arm and hour."""
    counts = {"subjects": people, "converted_subjects": converted, "exposures": people, "conversions": converted}
    line = event(0, hour * HOUR, "tally", variant=arm, experiment_id=experiment, **counts, **more)
    del line["value"]["subject_id"]
    line["key"], line["value"]["event_id"] = f"feed-{experiment}", f"t-{experiment}-{hour}-{arm}"
    return line


def told(tmp_path: Path, lines: list[dict[str, Any]], more: str = "", *, drain: bool = True) -> tuple[list[dict[str, Any]], list[Any]]:
    """Replay a file; return the decisions in order of time, and (check, step, key) of each incident step."""
    tmp_path.mkdir(exist_ok=True)
    path = write(tmp_path / "in.jsonl", sorted(lines, key=lambda line: int(line["timestamp"])))
    folder = Folder(tmp_path / "out")
    replay_to_folder(FileReplay([path], load_config(CONFIG.format(more=more)), 2, folder.write), folder, until=None, drain=drain)
    findings = [one for one in outputs(tmp_path / "out", "findings") if one["check"] == "decision"]
    steps = [(one["check"], one["step"], one["key"]) for one in outputs(tmp_path / "out", "incidents")]
    return sorted(findings, key=lambda one: str(one["window"]["end"])), steps


def arms(hour: int, a: tuple[int, int], b: tuple[int, int], experiment: str = "exp") -> list[dict[str, Any]]:
    """Build both arms' tallies of one hour."""
    return [tally(hour, "a", *a, experiment), tally(hour, "b", *b, experiment)]


def reasons(decisions: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return (action, reason) of each decision."""
    return [(one["observed"]["action"], one["observed"]["reason"]) for one in decisions]


def test_a_winner_is_collecting_until_its_run_time_and_then_ships_once(tmp_path: Path) -> None:
    """Ten hours of 5 % against 8 %: won early, said after six hours, and not again."""
    lines = [line for hour in range(10) for line in arms(hour, (2_000, 100), (2_000, 160))]
    decisions, steps = told(tmp_path, lines)

    assert reasons(decisions) == [("continue", "collecting"), ("ship", "win")]
    assert decisions[1]["window"]["end"] == format_instant(START + 6 * HOUR)
    assert decisions[1]["expected"]["reason"] == "collecting"
    assert decisions[1]["key"] == {"experiment_id": "exp", "kpi": "converted_subjects", "variant": "b"}
    assert steps == []


def test_users_who_are_not_split_as_planned_stop_it_and_open_an_incident(tmp_path: Path) -> None:
    """1,200 against 1,000 an hour: found, named, and no ship however good the figures."""
    lines = [line for hour in range(10) for line in arms(hour, (1_200, 60), (1_000, 120))]
    decisions, steps = told(tmp_path, lines)

    assert reasons(decisions)[-1] == ("stop", "srm")
    assert next(step for check, step, _ in steps if check == "srm") == "opened"
    assert next(key for check, _, key in steps if check == "srm") == {"experiment_id": "exp"}


def test_a_harmed_guardrail_rolls_back_before_the_minimum_run_time(tmp_path: Path) -> None:
    more = ", guardrails: [{kpi: converted_subjects, better: up}]"
    decisions, steps = told(tmp_path, [line for hour in range(3) for line in arms(hour, (5_000, 500), (5_000, 250))], more)

    assert reasons(decisions)[0] == ("rollback", "guardrail_harm")
    assert decisions[0]["window"]["end"] == format_instant(START + HOUR)
    assert steps[0] == ("guardrail", "opened", {"experiment_id": "exp", "variant": "b", "kpi": "converted_subjects"})


def test_the_planned_end_is_one_test_and_nothing_after_it_counts(tmp_path: Path) -> None:
    """5.0 against 5.3 %: undecided while live, a win of the one test at the end; what comes later changes nothing."""
    lines = [line for hour in range(10) for line in arms(hour, (5_000, 250), (5_000, 267))]
    lines += [line for hour in range(12, 15) for line in arms(hour, (5_000, 250), (5_000, 10))]
    decisions, _ = told(tmp_path, lines, f", ends_at: '{format_instant(START + 11 * HOUR)}'")

    assert reasons(decisions)[-2:] == [("continue", "undecided"), ("ship", "final_win")]
    assert decisions[-1]["window"]["end"] == format_instant(START + 11 * HOUR)


def test_a_planned_end_with_a_handful_of_converters_says_neither(tmp_path: Path) -> None:
    """24 against 4 of a thousand, before the minimum run time: over, with nothing to go by."""
    decisions, _ = told(tmp_path, arms(0, (1_000, 4), (1_000, 24)), f", ends_at: '{format_instant(START + 3 * HOUR)}'")
    assert reasons(decisions) == [("continue", "collecting"), ("stop", "final_neither")]


def test_a_change_that_concludes_it_ends_it(tmp_path: Path) -> None:
    lines = [line for hour in range(10) for line in arms(hour, (2_000, 100), (2_000, 101))]
    change = {
        "event_id": "r-1",
        "occurred_at": START + 4 * HOUR,
        "change_id": "chg-1",
        "initiative": "plg",
        "rule_id": "rule-1",
        "version": 1,
    }
    value = {**change, "action": "concluded", "experiment_ids": ["exp"]}
    lines.append({"topic": "rule-changes", "key": "plg", "timestamp": START + 4 * HOUR, "value": value})
    decisions, _ = told(tmp_path, lines)

    assert reasons(decisions) == [("continue", "collecting")]


def test_an_arm_nobody_planned_holds_the_decision(tmp_path: Path) -> None:
    lines = [line for hour in range(8) for line in [*arms(hour, (2_000, 100), (2_000, 200)), tally(hour, "ghost", 500, 50)]]
    assert reasons(told(tmp_path, lines)[0]) == [("continue", "no_data")]


def test_an_experiment_without_control_users_has_no_data(tmp_path: Path) -> None:
    """One arm alone, one user in all, nobody converts: continue, never a crash."""
    assert reasons(told(tmp_path, [tally(0, "b", 1, 0)])[0]) == [("continue", "no_data")]


def test_the_largest_tallies_are_read(tmp_path: Path) -> None:
    """10⁹ users and more: sums stay integers, the decision is the right one."""
    lines = [line for hour in range(8) for line in arms(hour, (10**9, 5 * 10**7), (10**9, 5 * 10**7))]
    assert reasons(told(tmp_path, lines)[0])[-1] == ("stop", "futile")


def test_people_in_two_arms_are_counted_and_named(tmp_path: Path) -> None:
    """Twelve of forty people see both arms: contaminated, with its incident."""
    lines = [event(n, n * MINUTE, variant="ab"[n % 2], experiment_id="exp", subject_id=f"u-{n}") for n in range(40)]
    lines += [event(100 + n, HOUR + n * MINUTE, variant="ba"[n % 2], experiment_id="exp", subject_id=f"u-{n}") for n in range(12)]
    decisions, steps = told(tmp_path, lines)

    assert reasons(decisions)[-1] == ("stop", "contaminated")
    assert ("contamination", "opened", {"experiment_id": "exp"}) in steps


def test_an_experiment_in_no_config_has_its_split_tested_and_is_not_decided(tmp_path: Path) -> None:
    lines = [line for hour in range(4) for line in arms(hour, (1_500, 0), (1_000, 0), "wild")]
    decisions, steps = told(tmp_path, lines)

    assert decisions == []
    assert steps[0] == ("srm", "opened", {"experiment_id": "wild"})


def test_the_share_of_failing_tests_is_a_figure_thresholds_can_watch(tmp_path: Path) -> None:
    """Three tests, two of them off, two hours in a row: breached twice."""
    lines = [line for hour in range(4) for name in ("one", "two") for line in arms(hour, (1_500, 0), (1_000, 0), name)]
    lines += [line for hour in range(4) for line in arms(hour, (1_000, 0), (1_000, 0), "three")]
    _, steps = told(tmp_path, lines, drain=False)

    assert ("threshold:failing", "opened", {"kpi": "srm_failure_share"}) in steps


def test_two_replays_decide_the_same_bytes(tmp_path: Path) -> None:
    lines = [line for hour in range(10) for line in arms(hour, (2_000, 100), (2_000, 160))]
    first, second = told(tmp_path / "a", lines), told(tmp_path / "b", lines)
    assert first == second


def test_an_incident_of_a_split_is_resolved_once_nobody_was_assigned_for_a_day(tmp_path: Path) -> None:
    """Off in the first hours, then silent: resolved a day later, at the hour, though nothing of it arrives; once."""
    lines = [line for hour in range(4) for line in arms(hour, (1_500, 0), (1_000, 0), "wild")]
    lines += [line for hour in range(0, 60, 3) for line in arms(hour, (1_000, 50), (1_000, 50), "even")]
    _, steps = told(tmp_path, lines)

    assert [step for check, step, _ in steps if check == "srm" and step != "escalated"] == ["opened", "resolved", "closed"]
    resolved = next(one for one in outputs(tmp_path / "out", "incidents") if one["step"] == "resolved")
    assert resolved["updated_at"] == format_instant(START + (4 + 24) * HOUR)


def test_a_split_that_is_off_again_after_a_day_of_silence_reopens_its_incident(tmp_path: Path) -> None:
    """The second burst comes within the time to reopen: the same incident, and resolved again a day after that."""
    lines = [line for hour in (0, 1, 2, 3, 29, 30) for line in arms(hour, (1_500, 0), (1_000, 0), "wild")]
    lines += [line for hour in range(0, 90, 3) for line in arms(hour, (1_000, 50), (1_000, 50), "even")]
    _, steps = told(tmp_path, lines)

    said = [step for check, step, _ in steps if check == "srm" and step != "escalated"]
    assert said == ["opened", "resolved", "reopened", "resolved", "closed"]


def test_an_incident_of_a_split_is_resolved_when_the_experiment_is_concluded(tmp_path: Path) -> None:
    lines = [line for hour in range(6) for line in arms(hour, (1_500, 10), (1_000, 10))]
    change = {"event_id": "r-1", "occurred_at": START + 4 * HOUR, "change_id": "chg-1", "initiative": "plg", "rule_id": "r", "version": 1}
    lines.append(
        {
            "topic": "rule-changes",
            "key": "plg",
            "timestamp": START + 4 * HOUR,
            "value": {**change, "action": "concluded", "experiment_ids": ["exp"]},
        }
    )
    told(tmp_path, lines)

    steps = [one for one in outputs(tmp_path / "out", "incidents") if one["check"] == "srm"]
    assert next(one["updated_at"] for one in steps if one["step"] == "resolved") == format_instant(START + 5 * HOUR)
    assert next(one for one in steps if one["step"] == "resolved")["playbook"]["id"] == "srm"


def test_people_in_two_arms_become_few_and_the_incident_is_resolved(tmp_path: Path) -> None:
    """Twelve of forty, then two thousand who see one arm: under one in a hundred, and the experiment goes on."""
    lines = [event(n, n * MINUTE, variant="ab"[n % 2], experiment_id="exp", subject_id=f"u-{n}") for n in range(40)]
    lines += [event(100 + n, HOUR + n * MINUTE, variant="ba"[n % 2], experiment_id="exp", subject_id=f"u-{n}") for n in range(12)]
    lines += arms(3, (1_000, 30), (1_000, 30))
    decisions, steps = told(tmp_path, lines)

    assert [step for check, step, _ in steps if check == "contamination" and step != "escalated"][:2] == ["opened", "resolved"]
    assert reasons(decisions)[-2:] == [("stop", "contaminated"), ("continue", "collecting")]


def test_a_harmed_guardrail_is_resolved_a_day_after_the_arm_was_rolled_back(tmp_path: Path) -> None:
    """Control goes on, the harmed arm gets nobody any more; the rollback itself stands."""
    more = ", guardrails: [{kpi: converted_subjects, better: up}]"
    lines = [line for hour in range(3) for line in arms(hour, (5_000, 500), (5_000, 250))]
    lines += [tally(hour, "a", 5_000, 500) for hour in range(3, 40)]
    decisions, _ = told(tmp_path, lines, more)

    steps = [one for one in outputs(tmp_path / "out", "incidents") if one["check"] == "guardrail"]
    assert next(one["updated_at"] for one in steps if one["step"] == "resolved") == format_instant(START + (3 + 24) * HOUR)
    assert ("rollback", "guardrail_harm") in reasons(decisions)


def test_the_finding_of_a_split_names_the_channel_in_which_it_is_off(tmp_path: Path) -> None:
    """Even on the web, lost in the app: shares, users and the app are in the finding."""
    lines = [tally(hour, arm, 2_000, 0, "wild", channel="web") for hour in range(4) for arm in "ab"]
    for hour in range(4):
        for arm, people in (("a", 900), ("b", 300)):
            line = tally(hour, arm, people, 0, "wild", channel="app")
            line["value"]["event_id"] += "-app"
            lines.append(line)
    told(tmp_path, lines)

    found = next(one for one in outputs(tmp_path / "out", "findings") if one["check"] == "srm")
    assert found["expected"]["shares"] == {"a": 0.5, "b": 0.5}
    assert [one["where"] for one in found["expected"]["where"]] == [{"channel": "app"}]
