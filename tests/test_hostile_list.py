"""The hostile inputs of the governance reference that concern consent, rules, policies and input limits: where each one is a test.

The numbers are the reference's. Items about incidents, sinks and the web server have their tests with those parts.
"""

import ast
import json
import unicodedata
from functools import cache
from pathlib import Path

import pytest

from streams.kernel.subject import BARRIERS, LEDGERS
from tests.streams.test_consent import HOUR, MINUTE, NOON, Line, Replayed, consent, exposure, rows

STRINGS = "tests/governance/consent_string"
CONSENT, MESSAGES, POLICY = "tests/streams/test_consent.py", "tests/governance/message", "tests/governance/policy"
LIST = {  # number -> tests; each holds the outcome in brackets
    1: [f"{STRINGS}/test_cut_and_changed.py::test_no_prefix_allows_more_than_the_whole"],
    2: [f"{STRINGS}/test_cut_and_changed.py::test_padding_that_is_no_bit_is_refused"],
    3: [
        f"{STRINGS}/test_tcf.py::test_version_3_is_not_read_as_anything_else",
        f"{STRINGS}/test_tcf.py::test_a_rule_of_the_format_is_broken",
    ],
    4: [f"{STRINGS}/test_tcf.py::test_a_readable_string_is_judged"],
    5: [f"{STRINGS}/test_work.py::test_the_work_is_bounded_by_the_length"],
    6: [f"{STRINGS}/test_tcf.py::test_a_rule_of_the_format_is_broken"],
    7: [f"{STRINGS}/test_tcf.py::test_a_readable_string_is_judged"],
    8: [f"{STRINGS}/test_gpp.py::test_a_rule_of_the_format_is_broken"],
    9: [f"{STRINGS}/test_gpp.py::test_the_version_decides_the_widths_of_the_national_section"],
    10: [f"{CONSENT}::test_10_global_privacy_control_wins_over_a_string_that_accepts_all"],
    11: [f"{CONSENT}::test_11_withdrawn_and_given_at_one_millisecond_is_withdrawn"],
    12: [f"{CONSENT}::test_12_a_grant_that_arrives_late_retracts_the_violation_under_the_same_ids"],
    13: [f"{CONSENT}::test_13_a_withdrawal_ten_minutes_late_makes_one_violation"],
    14: [f"{CONSENT}::test_14_a_grant_holds_from_its_millisecond_up_to_its_expiry"],
    15: [f"{CONSENT}::test_15_one_record_a_thousand_times_is_one_record"],
    16: [f"{CONSENT}::test_16_ten_thousand_changes_of_mind_are_bounded_and_said_to_be_cut"],
    17: [f"{CONSENT}::test_17_consent_for_one_channel_is_none_for_another"],
    18: [f"{CONSENT}::test_18_a_record_of_another_decade_is_refused_and_moves_nothing"],
    19: [f"{CONSENT}::test_19_a_time_that_is_none_is_refused", f"{MESSAGES}/test_instant.py::test_what_is_no_time_is_refused"],
    20: [f"{CONSENT}::test_20_two_minutes_between_two_producers_clocks_change_no_verdict"],
    21: [f"{MESSAGES}/test_hostile.py::test_a_key_twice_is_refused_where_it_could_smuggle"],
    22: [
        f"{MESSAGES}/test_hostile.py::test_what_is_no_json_is_refused_as_such",
        f"{MESSAGES}/test_hostile.py::test_bottomless_nesting_is_too_deep_or_no_json",
        f"{MESSAGES}/test_hostile.py::test_size_is_counted_exactly",
    ],
    23: ["tests/test_hostile_list.py::test_23_nothing_and_nobody_are_handled_by_rule"],
    24: [f"{MESSAGES}/test_reading.py::test_the_examples_of_the_contract_are_taken"],
    25: [f"{MESSAGES}/test_reading.py::test_a_wrong_engagement_value_is_refused_by_its_path"],
    26: ["tests/simulation/test_caps.py::test_what_is_beyond_the_caps_is_counted_once_and_elsewhere"],
    27: [
        "tests/test_hostile_list.py::test_27_names_that_look_alike_or_hold_separators_are_different_names",
        f"{MESSAGES}/test_reading.py::test_a_wrong_engagement_value_is_refused_by_its_path",
    ],
    28: [
        "tests/reporting/test_views.py::test_a_hostile_name_is_text_in_html",
        "tests/streams/cli/test_policy.py::test_the_table_is_for_people",
    ],
    29: [f"{POLICY}/test_preparation.py::test_text_from_the_log_is_never_a_template"],
    30: [
        f"{POLICY}/test_approval.py::test_the_author_does_not_approve_under_any_name",
        f"{POLICY}/test_approval.py::test_a_contributor_does_not_approve",
        f"{POLICY}/test_approval.py::test_a_deactivated_person_does_not_approve",
        f"{POLICY}/test_approval.py::test_an_approval_afterwards_does_not_count",
        f"{POLICY}/test_approval.py::test_an_approval_of_an_older_content_does_not_count",
        f"{POLICY}/test_approval.py::test_an_approver_counts_once",
        f"{POLICY}/test_approval.py::test_a_role_must_be_held_when_it_is_used",
    ],
    31: [
        f"{POLICY}/test_preparation.py::test_a_change_is_requested_before_it_goes_live",
        f"{POLICY}/test_conduct.py::test_a_gap_is_found",
        f"{POLICY}/test_conduct.py::test_one_version_has_one_content",
        f"{POLICY}/test_conduct.py::test_a_rollback_goes_to_a_version_that_was_live",
        f"{POLICY}/test_conduct.py::test_two_concurrent_changes_collide",
    ],
    32: [
        f"{POLICY}/test_conduct.py::test_a_window_is_read_off_the_wall",
        f"{POLICY}/test_conduct.py::test_emergency_on_every_change_is_found",
    ],
    33: [
        f"{POLICY}/test_preparation.py::test_a_plan_without_substance_fails",
        f"{POLICY}/test_preparation.py::test_a_plan_that_refers_to_itself_fails",
    ],
    34: ["tests/streams/test_conformity.py::test_34_a_version_never_announced_is_a_shadow_change_after_the_grace"],
    35: ["tests/streams/test_file_replay.py::test_two_replays_of_a_file_write_the_same_bytes"],
    36: ["tests/simulation/test_protocol.py::test_ten_thousand_histories_are_exact"],
    41: [f"{POLICY}/test_loading.py::test_nothing_in_a_file_can_hurt", f"{POLICY}/test_loading.py::test_every_fault_has_its_line_and_path"],
    45: [
        f"{CONSENT}::test_45_an_erasure_takes_the_rows_and_nothing_brings_them_back",
        "tests/test_hostile_list.py::test_45_an_erasure_while_a_violation_is_pending_changes_no_verdict_before_it",
    ],
}
ROOT = Path(__file__).parents[1]


@cache
def functions_of(path: str) -> frozenset[str]:
    """Return the names of the functions of a file."""
    return frozenset(node.name for node in ast.parse((ROOT / path).read_text()).body if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("number", LIST)
def test_each_item_of_the_list_is_a_test(number: int) -> None:
    """The table stays true when tests move."""
    missing = [name for name in LIST[number] if name.partition("::")[2] not in functions_of(name.partition("::")[0])]

    assert missing == []


TOPICS = ("engagement-events", "consent-events", "rule-changes", "monitor-commands")


def test_23_nothing_and_nobody_are_handled_by_rule(tmp_path: Path) -> None:
    """A null value is skipped and counted, on every topic; a null or empty key is that of nobody, and refused."""
    nothing: list[Line] = [{"topic": topic, "key": "u-1", "timestamp": NOON, "value": None} for topic in TOPICS]
    nobody: list[Line] = [exposure("e1", 1) | {"key": None}, exposure("e2", 1) | {"key": ""}, consent("c1", 1) | {"key": None}]
    found = Replayed([*nothing, *nobody, exposure("e3", MINUTE)], tmp_path)

    assert found.summary["refused_by_reason"] == {"key_mismatch": 3}
    assert found.verdicts == {"e3": "no_record"}


def test_27_names_that_look_alike_or_hold_separators_are_different_names(tmp_path: Path) -> None:
    """Composed and decomposed letters, another alphabet's, and the separators other systems join names with: no two meet in a key."""
    composed, decomposed = (unicodedata.normalize(form, "é") for form in ("NFC", "NFD"))
    named = [(composed, "web"), (decomposed, "web"), ("a|b", "c"), ("a", "b|c"), ('a","b', "c"), ("a", 'b","c'), ("а", "web"), ("a", "web")]
    lines = [exposure(f"e{n}", n, f"u-{n}", initiative=initiative, channel=channel) for n, (initiative, channel) in enumerate(named)]
    found = Replayed(lines, tmp_path)

    assert {(one.initiative, one.key.channel) for one in found.windows} == set(named)
    assert {(one.initiative, one.key["channel"]) for one in found.incidents} == set(named)
    assert len({one.incident_id for one in found.incidents}) == len(named)


def test_27_alike_subjects_are_different_people(tmp_path: Path) -> None:
    """Consent of one is none of the other."""
    composed, decomposed = (unicodedata.normalize(form, "zoé") for form in ("NFC", "NFD"))
    lines = [consent("c1", 0, subject=composed), exposure("e1", 1, composed), exposure("e2", 1, decomposed)]

    assert Replayed(lines, tmp_path).verdicts == {"e1": "valid", "e2": "no_record"}


def test_45_an_erasure_while_a_violation_is_pending_changes_no_verdict_before_it(tmp_path: Path) -> None:
    """Withdrawn, shown, erased before it settles: the violation stands, as a hash; a day later nothing but a time is left."""
    lines = [consent("c1", 0, "withdrawn"), exposure("e1", MINUTE), consent("x", 2 * MINUTE, "erased", purposes=None)]
    found = Replayed([*lines, exposure("other", 27 * HOUR, "u-2")], tmp_path)

    assert found.verdicts == {"e1": "withdrawn", "other": "no_record"}
    assert [(one.state, one.observed) for one in found.findings][:1] == [("confirmed", "withdrawn")]
    assert rows(found, LEDGERS) == []
    assert [json.loads(value)[1:3] for _, value in rows(found, BARRIERS)] == [[[], []]]
    assert "u-1" not in json.dumps([one.model_dump(mode="json") for one in (*found.findings, *found.incidents)])
