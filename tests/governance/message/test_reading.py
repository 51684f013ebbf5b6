"""Reading: good records become messages, everything else a refusal with a code and a path."""

from typing import Any

import orjson
import pytest

from governance.message.command import Command
from governance.message.engagement import Engagement
from governance.message.reading import MODELS, read
from governance.message.refusal import Refusal
from tests.governance.message.examples import COMMAND, CONSENT, EXPOSURE, KEYS, RECORDS, RULE, TALLY, TICK, refused, taken, without

Record = dict[str, Any]


@pytest.mark.parametrize("topic", RECORDS)
def test_the_examples_of_the_contract_are_taken(topic: str) -> None:
    """Each topic's documented record is read into its model, unknown fields left aside."""
    record = {**RECORDS[topic], "__faust": {"ns": "os.system"}, "added_next_year": [1, {"a": None}]}

    assert type(taken(topic, record)) is MODELS[topic]


def test_an_engagement_keeps_what_it_was_sent() -> None:
    """Every field arrives, times as milliseconds, the path as a tuple."""
    event = taken("engagement-events", EXPOSURE)

    assert isinstance(event, Engagement)
    expected = {**EXPOSURE, "occurred_at": 1_795_341_600_123, "decision_path": ("eligible", "tier-2", "hero-b")}
    assert event.model_dump(include=set(EXPOSURE)) == expected


def test_what_an_engagement_leaves_out_has_its_documented_value() -> None:
    """Five fields are enough; a missing dimension is `-`, a missing count 0, missing people unknown."""
    event = taken("engagement-events", {name: EXPOSURE[name] for name in ("event_id", "occurred_at", "type", "initiative", "subject_id")})

    assert isinstance(event, Engagement)
    assert (event.profile, event.channel, event.cohort, event.variant) == ("-", "-", "-", "-")
    assert (event.exposures, event.subjects, event.decision_path, event.fallback) == (0, None, None, None)


def test_a_message_is_never_changed() -> None:
    """Messages are frozen."""
    event = taken("engagement-events", EXPOSURE)

    with pytest.raises(ValueError, match="frozen"):
        event.event_id = "e-2"  # type: ignore[union-attr, misc]


REQUIRED = {
    "engagement-events": ("event_id", "occurred_at", "type", "initiative", "subject_id"),
    "consent-events": ("event_id", "occurred_at", "subject_id", "state", "purposes"),
    "rule-changes": ("event_id", "occurred_at", "change_id", "initiative", "rule_id", "action", "version"),
    "monitor-commands": ("request_id", "command", "requested_at", "requested_by", "initiative"),
    "monitor-config": ("sha256", "config"),
    "ticks": ("at", "ends"),
}


@pytest.mark.parametrize(("topic", "field"), [(topic, field) for topic, fields in REQUIRED.items() for field in fields])
def test_a_missing_field_is_named(topic: str, field: str) -> None:
    """Each required field is missed by its own name, whatever the key."""
    assert refused(topic, without(RECORDS[topic], field), "k") == ("missing_field", field)


@pytest.mark.parametrize(
    ("topic", "field"),
    [(topic, field) for topic, fields in REQUIRED.items() for field in fields if field not in ("version", "purposes", "subject_id")],
)
def test_null_is_no_value_for_a_required_field(topic: str, field: str) -> None:
    """Where a field is required, null is a wrong value of it."""
    assert refused(topic, {**RECORDS[topic], field: None}, "k") == ("invalid_value", field)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"event_id": ""}, "event_id"),
        ({"event_id": "e 1"}, "event_id"),
        ({"event_id": "e-1\n"}, "event_id"),
        ({"event_id": "é"}, "event_id"),
        ({"event_id": "e" * 129}, "event_id"),
        ({"event_id": 1}, "event_id"),
        ({"occurred_at": "2026-02-30T00:00:00Z"}, "occurred_at"),
        ({"occurred_at": 1_795_341_600}, "occurred_at"),
        ({"type": 5}, "type"),
        ({"type": ["exposure"]}, "type"),
        ({"initiative": ""}, "initiative"),
        ({"initiative": "i" * 129}, "initiative"),
        ({"initiative": "a\x00b"}, "initiative"),
        ({"initiative": "a\nb"}, "initiative"),
        ({"initiative": "a\x7fb"}, "initiative"),
        ({"initiative": "a\u2028b"}, "initiative"),
        ({"initiative": "\u202egpj.exe"}, "initiative"),
        ({"initiative": "\ufeffa"}, "initiative"),
        ({"initiative": "_system"}, "initiative"),
        ({"initiative": "*"}, "initiative"),
        ({"initiative": "__other__"}, "initiative"),
        ({"initiative": "__other__12"}, "initiative"),
        ({"subject_id": "u" * 129}, "subject_id"),
        ({"subject_id": 9}, "subject_id"),
        ({"profile": None}, "profile"),
        ({"profile": "p" * 129}, "profile"),
        ({"channel": ["web"]}, "channel"),
        ({"variant": "\x1b[2J"}, "variant"),
        ({"decision_path": ["ok", "fine", 3]}, "decision_path[2]"),
        ({"decision_path": ["ok", "a\x00"]}, "decision_path[1]"),
        ({"decision_path": "eligible"}, "decision_path"),
        ({"decision_path": {"0": "eligible"}}, "decision_path"),
        ({"decision_path": ["x"] * 1001}, "decision_path"),
        ({"rule_version": "7"}, "rule_version"),
        ({"rule_version": 7.5}, "rule_version"),
        ({"rule_version": True}, "rule_version"),
        ({"rule_version": -1}, "rule_version"),
        ({"rule_version": 2**53 + 1}, "rule_version"),
        ({"fallback": "timeout"}, "fallback"),
        ({"fallback": False}, "fallback"),
        ({"consent_asserted": "true"}, "consent_asserted"),
        ({"consent_asserted": 1}, "consent_asserted"),
        ({"consent_asserted": []}, "consent_asserted"),
        ({"latency_ms": -1}, "latency_ms"),
        ({"latency_ms": "12"}, "latency_ms"),
        ({"propensity": 1.01}, "propensity"),
        ({"propensity": -0.1}, "propensity"),
        ({"propensity": True}, "propensity"),
        ({"pre_value": "NaN"}, "pre_value"),
        ({"pre_value": 1e300}, "pre_value"),
        ({"value_minor": 12.5}, "value_minor"),
        ({"value_minor": 10**12 + 1}, "value_minor"),
        ({"value_minor": 1, "currency": "eur"}, "currency"),
        ({"value_minor": 1, "currency": "EURO"}, "currency"),
        ({"type": "conversion", "value_minor": 100}, "currency"),
        ({"type": "conversion", "value_minor": 0, "currency": None}, "currency"),
        ({"exposures": -1}, "exposures"),
        ({"subjects": 1.0}, "subjects"),
    ],
)
def test_a_wrong_engagement_value_is_refused_by_its_path(change: Record, path: str) -> None:
    """Strict: no text for a number, no 1 for true, no value out of its range; the path leads to it."""
    assert refused("engagement-events", {**EXPOSURE, **change}, "k") == ("invalid_value", path)


@pytest.mark.parametrize(
    "change",
    [
        {"initiative": "Żółw 🐢 & Söhne | <b>=1+1</b> 測試"},
        {"initiative": "👩‍💻 می‌خواهم"},
        {"initiative": "i" * 128},
        {"subject_id": "ana@example.org"},
        {"subject_id": "🐢" * 128},
        {"profile": " "},
        {"event_id": "A.z_0:9/-" + "x" * 119},
        {"occurred_at": 1_795_341_600_123},
        {"propensity": 1},
        {"propensity": 0.25},
        {"pre_value": -3},
        {"value_minor": -250, "currency": "EUR", "type": "conversion"},
        {"value_minor": 100},
        {"decision_path": []},
        {"experiment_id": None, "rule_id": None, "rule_version": None, "decision_path": None, "purpose": None, "latency_ms": None},
    ],
)
def test_an_unusual_but_right_engagement_is_taken(change: Record) -> None:
    """Names are any printable text to 128 characters, numbers may be whole, refunds negative."""
    assert refused("engagement-events", {**EXPOSURE, **change}) is None


def test_an_unknown_type_is_its_own_code() -> None:
    """`unknown_type` is for the engagement type only, and it wins over what else is wrong with such a message."""
    assert refused("engagement-events", {**EXPOSURE, "type": "page_view"}) == ("unknown_type", "type")
    assert refused("engagement-events", {"type": "page_view"}, "k") == ("unknown_type", "type")
    assert refused("consent-events", {**CONSENT, "state": "maybe"}) == ("invalid_value", "state")
    assert refused("rule-changes", {**RULE, "action": "merged"}) == ("invalid_value", "action")
    assert refused("monitor-commands", {**COMMAND, "command": "drop"}) == ("invalid_value", "command")


def test_what_is_missing_is_named_before_what_is_wrong() -> None:
    """Of several faults a missing field is reported, the first in the order of the contract."""
    assert refused("engagement-events", {**without(EXPOSURE, "initiative", "event_id"), "latency_ms": -1}) == ("missing_field", "event_id")


@pytest.mark.parametrize("topic", KEYS)
@pytest.mark.parametrize("key", [None, b"", b"another", b"\xff\xfe", b" u-9", b"PLG-ONBOARDING"])
def test_a_record_under_another_key_is_refused(topic: str, key: bytes | None) -> None:
    """A record on the wrong partition would be joined with nobody: its key must be its subject or initiative."""
    value = orjson.dumps(RECORDS[topic])

    result = read(topic, key, value)

    assert isinstance(result, Refusal)
    assert (result.code, result.path) == ("key_mismatch", KEYS[topic])


@pytest.mark.parametrize("topic", ["ticks", "monitor-config"])
def test_our_own_records_have_a_free_key(topic: str) -> None:
    """Ticks and config records go to every partition, under any key."""
    assert refused(topic, RECORDS[topic], "anything") is None


def test_a_tally_has_a_free_key_and_no_subject() -> None:
    """The key of a tally only picks the partition."""
    event = taken("engagement-events", TALLY, "any")

    assert isinstance(event, Engagement)
    assert (event.subject_id, event.exposures, event.converted_subjects) == (None, 3052, None)
    assert refused("engagement-events", {**TALLY, "currency": None}, "any") == ("invalid_value", "currency")
    assert refused("engagement-events", {**TALLY, "currency": None, "revenue_minor": 0}, "any") is None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"purposes": None}, ("missing_field", "purposes")),
        ({"state": "renewed", "purposes": None}, ("missing_field", "purposes")),
        ({"purposes": None, "tcf": "garbage \x00\u202e"}, None),
        ({"purposes": None, "gpp": ""}, None),
        ({"state": "withdrawn", "purposes": None}, None),
        ({"state": "erased", "purposes": None}, None),
        ({"purposes": []}, None),
        ({"purposes": [1]}, ("invalid_value", "purposes[0]")),
        ({"channels": "web"}, ("invalid_value", "channels")),
        ({"expires_at": "never"}, ("invalid_value", "expires_at")),
        ({"tcf": "C" * 8_193}, ("invalid_value", "tcf")),
        ({"gpp": "D" * 16_385}, ("invalid_value", "gpp")),
        ({"state": "Given"}, ("invalid_value", "state")),
    ],
)
def test_consent_is_read_strictly(change: Record, expected: tuple[str, str] | None) -> None:
    """A grant says what it grants; a consent string may be garbage here, it is judged where it is decoded."""
    assert refused("consent-events", {**CONSENT, **change}) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"action": "requested", "version": None}, None),
        ({"action": "rolled_back", "version": None}, ("missing_field", "version")),
        ({"actor": {"roles": []}}, ("missing_field", "actor.id")),
        ({"actor": {"id": "ana", "roles": "all"}}, ("invalid_value", "actor.roles")),
        ({"actor": None, "reason": None, "evidence": [], "rollback_plan": None, "change_type": None}, None),
        ({"evidence": [{"type": "qa"}, {"url": "x"}]}, ("missing_field", "evidence[1].type")),
        ({"change_type": "hotfix"}, ("invalid_value", "change_type")),
        ({"emergency": "false"}, ("invalid_value", "emergency")),
        ({"experiment_ids": ["a b"]}, ("invalid_value", "experiment_ids[0]")),
        ({"reason": "line one\nline two"}, None),
        ({"reason": "x" * 4_097}, ("invalid_value", "reason")),
        ({"content": {"any": ["thing", 1, None]}}, None),
        ({"scheduled_at": 5}, ("invalid_value", "scheduled_at")),
        ({"initiative": "_system"}, ("invalid_value", "initiative")),
        ({"initiative": "_systematic"}, None),
    ],
)
def test_a_rule_change_is_read_strictly(change: Record, expected: tuple[str, str] | None) -> None:
    """What a policy can judge may be missing; what is there must have its type."""
    assert refused("rule-changes", {**RULE, **change}) == expected


@pytest.mark.parametrize(
    "change", [{"at": "soon"}, {"ends": {"a": -1}}, {"ends": {"a": 1.5}}, {"ends": []}, {"drain": 0}, {"ends": {"": 1}}]
)
def test_a_broken_tick_is_refused(change: Record) -> None:
    """The clock itself is checked like anything else, and its path never shows a key of the content."""
    result = taken("ticks", {**TICK, **change})

    assert isinstance(result, Refusal)
    assert result.path in ("at", "ends", "drain")


def test_a_command_has_its_defaults() -> None:
    """A bare report command asks for the full picture of fourteen days."""
    command = taken("monitor-commands", {name: COMMAND[name] for name in REQUIRED["monitor-commands"]})

    assert isinstance(command, Command)
    assert (command.report_window.count, command.report_window.unit, command.detail, command.conditions) == (14, "day", "full", ())
