"""Policy files: every fault with its line and path; nothing in a file can hurt; a bad file replaces nothing."""

import time

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from governance.config.problem import ConfigError
from governance.identity import compact
from governance.message.schema import schema
from governance.policy import Policy, load_policies, load_policy, replaced
from tests.governance.policy.logs import SHIPPED

GOOD = "policy_version: 1\nchecks:\n  - {id: a, type: approvals, severity: high}\n"


def faults(text: str) -> list[tuple[str, int | None]]:
    """Return path and line of every fault of a policy file, none where it is right."""
    try:
        load_policy(text)
    except ConfigError as error:
        return [(problem.path, problem.line) for problem in error.problems]
    return []


def check(text: str) -> str:
    """Return a policy file of one check, which stands on line 3."""
    return f"policy_version: 1\nchecks:\n  - {{id: a, {text}}}\n"


def test_the_shipped_policy_is_one() -> None:
    """It reads, has one check of each kind that needs no company's own figures, and is valid by the published schema."""
    policy = load_policy(SHIPPED)

    assert {one.type for one in policy.checks} == {
        *("request", "approvals", "rollback_plan", "evidence", "version_continuity", "emergency_followup", "emergency_rate"),
        *("linked_experiment", "expiry"),
    }
    assert list(Draft202012Validator(schema("policy")).iter_errors(yaml.safe_load(SHIPPED))) == []


def test_the_effective_policy_reads_back() -> None:
    """Every default filled in, it means the same and has the same hash; order and spelling of durations do not change the hash."""
    policy = load_policy(SHIPPED)

    assert Policy.model_validate(policy.effective()).sha256 == policy.sha256
    assert load_policy(compact(policy.effective())).sha256 == policy.sha256
    assert load_policy(SHIPPED.replace("within: 24h", "within: P1D")).sha256 == policy.sha256
    assert load_policy(SHIPPED.replace("within: 24h", "within: 25h")).sha256 != policy.sha256


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (check("type: approvals, count: 0"), ("checks[0].count", 3)),
        (check("type: approvals, count: '2'"), ("checks[0].count", 3)),
        (check("type: approvals, cuont: 2"), ("checks[0].cuont", 3)),
        (check("type: approvals, severity: fatal"), ("checks[0].severity", 3)),
        (check("type: approvals, count: 1, required_roles: [x, y]"), ("checks[0].count", 3)),
        (check("type: nope"), ("checks[0]", 3)),
        (check("severity: high"), ("checks[0]", 3)),
        (check("type: [approvals]"), ("checks[0]", 3)),
        (check("type: approvals, applies_to: {rule: [x]}"), ("checks[0].applies_to.rule", 3)),
        (check("type: change_window"), ("checks[0].timezone", 3)),
        (check("type: change_window, timezone: Mars/Olympus"), ("checks[0].timezone", 3)),
        (check("type: change_window, timezone: ../../etc/passwd"), ("checks[0].timezone", 3)),
        (check("type: change_window, timezone: /etc/localtime"), ("checks[0].timezone", 3)),
        (check("type: change_window, timezone: Europe"), ("checks[0].timezone", 3)),
        (check("type: change_window, timezone: UTC, days: [monday]"), ("checks[0].days[0]", 3)),
        (check("type: change_window, timezone: UTC, from: '9:00'"), ("checks[0].from", 3)),
        (check("type: change_window, timezone: UTC, from: '09:00', to: '09:00'"), ("checks[0].from", 3)),
        (check("type: change_window, timezone: UTC, freezes: [{from: 2026-02-30, to: 2026-03-01}]"), ("checks[0].freezes[0].from", 3)),
        (check("type: change_window, timezone: UTC, freezes: [{from: 2026-03-02, to: 2026-03-01}]"), ("checks[0].freezes[0].to", 3)),
        (check("type: evidence, types: []"), ("checks[0].types", 3)),
        (check("type: emergency_followup, within: 0s"), ("checks[0].within", 3)),
        (GOOD + "  - {id: a, type: request}\n", ("checks[0].id", 3)),
        (GOOD + "waivers: [{check: b, by: x, until: 2027-01-01T00:00:00Z, reason: y, rules: [r]}]", ("waivers[0].check", 4)),
        (GOOD + "waivers: [{check: a, by: x, until: 2027-01-01T00:00:00Z, reason: y}]", ("waivers[0]", 4)),
        ("checks: []\n", ("policy_version", 1)),
        ("policy_version: 1\n", ("checks", 1)),
        ("- 1\n", ("", 1)),
        ("policy_version: 1\npolicy_version: 2\nchecks: []\n", ("policy_version", 2)),
    ],
)
def test_every_fault_has_its_line_and_path(text: str, expected: tuple[str, int | None]) -> None:
    """Hostile 41: unknown check type, duplicate ids, invalid time zone [load error], and every other mistake."""
    assert expected in faults(text)


def test_messages_say_what_would_be_right() -> None:
    """A misspelt key is recognised, an unknown type gets the list."""
    with pytest.raises(ConfigError, match=r"p\.yaml:3: checks\[0\]\.cuont: is no key of a policy; did you mean count\?"):
        load_policy(check("type: approvals, cuont: 2"), "p.yaml")
    with pytest.raises(ConfigError, match=r"must have a `type` that is one of 'request', 'approvals'"):
        load_policy(check("type: nope"))
    with pytest.raises(ConfigError, match="must have a `type`; `pmon schema policy` lists them"):
        load_policy(check("severity: high"))


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    "text",
    [
        BOMB,
        "policy_version: 1\nchecks: !!python/object/apply:os.system [exit 1]\n",
        "policy_version: !!python/object:object {}\nchecks: []\n",
        "policy_version: 1\nchecks:\n" + "".join(f"  - {{id: c{number}, type: request}}\n" for number in range(10_000)),
        "policy_version: 1\nchecks: " + "[" * 10_000,
        "policy_version: 1\nchecks: []\ntitle: " + "x" * 2_000_000,
        "policy_version: 1\nchecks: []\n--- \npolicy_version: 2\nchecks: []\n",
        "policy_version: 1\nchecks: [{id: a, type: request, title: \x00}]\n",
        "<<: {policy_version: 1}\nchecks: []\n",
    ],
)
def test_nothing_in_a_file_can_hurt(text: str) -> None:
    """Hostile 41: YAML bomb, python/object, 10k checks [load error, old policy kept], in no time."""
    good = (load_policy(GOOD),)
    began = time.perf_counter()

    kept, error = replaced(good, [("policies.yaml", text)])

    assert kept == good
    assert isinstance(error, ConfigError)
    assert time.perf_counter() - began < 5.0


def test_a_good_file_replaces() -> None:
    """And one bad file among several keeps them all as they were."""
    good = (load_policy(GOOD),)
    changed = GOOD.replace("type: approvals", "type: request")

    assert replaced(good, [("policies.yaml", changed)])[0][0].checks[0].type == "request"
    kept, error = replaced(good, [("policies.yaml", changed), ("more.yaml", "checks: 5")])
    assert (kept, error is None) == (good, False)


def test_files_hold_side_by_side_or_one_after_another() -> None:
    """Two policies have their own checks; two versions of one have the same id and different times."""
    other = GOOD.replace("id: a", "id: b")
    first, second = "id: p\n" + GOOD, "id: p\neffective_at: 2027-01-01T00:00:00Z\n" + GOOD

    assert [policy.id for policy in load_policies([("x/team.yaml", GOOD), ("company rules.yaml", other)])] == ["team", "company-rules"]
    assert len(load_policies([("1.yaml", first), ("2.yaml", second)])) == 2
    with pytest.raises(ConfigError, match=r"more\.yaml: checks: the check a stands in team\.yaml too"):
        load_policies([("team.yaml", GOOD), ("more.yaml", GOOD)])
    with pytest.raises(ConfigError, match="effective_at: must differ from that of"):
        load_policies([("1.yaml", first), ("2.yaml", first)])


@given(
    st.text(max_size=200)
    | st.sampled_from([SHIPPED, GOOD]).flatmap(
        lambda text: st.tuples(st.just(text), st.integers(0, len(text)), st.text(max_size=5)).map(
            lambda cut: cut[0][: cut[1]] + cut[2] + cut[0][cut[1] :]
        )
    )
)
@settings(max_examples=150, deadline=None)
def test_any_text_is_a_policy_or_a_config_error(text: str) -> None:
    """Whatever stands in a file, it never ends in another exception."""
    kept, error = replaced((), [("p.yaml", text)])

    assert (error is None) == (len(kept) == 1)
