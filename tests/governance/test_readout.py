"""The readout calculator: reference figures through one JSON line, and an answer for whatever comes in."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.readout import read_out, read_out_lines

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/experiments.json").read_text())
ROW = {"difference", "ci", "p_value", "lift", "lift_ci", "status", "welch", "rate_ratio_ci"}
INTERVALS = ("ci", "lift_ci", "rate_ratio_ci")


def line(*arms: dict[str, Any], kind: str = "proportion", **more: Any) -> str:
    named = [{"name": f"arm-{i}", **arm} for i, arm in enumerate(arms)]
    return json.dumps({"id": "exp-7", "kind": kind, "arms": named, **more})


def row(answer: dict[str, Any], arm: str = "arm-1") -> dict[str, Any]:
    assert answer["error"] is None
    found: dict[str, Any] = answer["arms"][arm]
    return found


def code(answer: dict[str, Any]) -> str:
    assert answer["arms"] == {}
    assert answer["srm"] is None
    return str(answer["error"]["code"])


def numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from numbers(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from numbers(inner)
    elif isinstance(value, float):
        yield value


def verdict(ci: list[float] | None) -> str:
    if ci is None:
        return "collecting"
    low, high = ci
    return "better" if low > 0 else "worse" if high < 0 else "undecided"


def assert_sound(answer: dict[str, Any]) -> None:
    """The promises every answer keeps: the shape, no NaN, intervals with two ends, a status that agrees with its interval."""
    assert set(answer) == {"id", "arms", "srm", "error"}
    json.dumps(answer, allow_nan=False)
    assert all(math.isfinite(number) for number in numbers(answer))
    for found in answer["arms"].values():
        assert set(found) == ROW
        for ci in (*(found[name] for name in INTERVALS), found["welch"]["ci"]):
            assert ci is None or ci[0] < ci[1]
        for p in (found["p_value"], found["welch"]["p_value"]):
            assert p is None or 0.0 < p <= 1.0
        assert found["status"] == verdict(found["ci"])


@pytest.mark.parametrize("tuning", [1000, 5000, 100_000])
@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: str(case["id"]))
def test_one_line_in_gives_the_figures_of_public_packages(case: dict[str, Any], tuning: int) -> None:
    given_line = {key: value for key, value in case.items() if key != "expected"} | {"tuning_n": tuning}
    answer = read_out(json.dumps(given_line), burn_in=False)
    assert_sound(answer)
    assert answer["id"] == case["id"]
    assert list(answer["arms"]) == [arm["name"] for arm in case["arms"][1:]]
    for name, expected in case["expected"].items():
        found = row(answer, name)
        if sequence := expected.get(f"asymptotic_cs_nstar_{tuning}"):
            assert sequence["estimate"] == pytest.approx(found["difference"], abs=1e-9)
            assert sequence["ci"] == pytest.approx(found["ci"], abs=1e-9)
            assert sequence["p_value"] == pytest.approx(found["p_value"], rel=1e-6)
        if final := expected.get("welch"):
            assert final["ci"] == pytest.approx(found["welch"]["ci"], abs=1e-9)
            assert final["p_value"] == pytest.approx(found["welch"]["p_value"], rel=1e-6)
            if isinstance(final["lift"], float):
                assert final["lift"] == pytest.approx(found["lift"], abs=1e-9)


@pytest.mark.parametrize("expected", GOLDEN["srm"], ids=lambda expected: str(expected["id"]))
def test_the_split_of_users_is_tested_on_every_line(expected: dict[str, Any]) -> None:
    arms = [{"n": n, "s": 0} for n in expected["users"]]
    for k in (100, 10_000):
        found = read_out(line(*arms, weights=expected["weights"], srm_k=k))["srm"]
        assert expected["dirichlet"][f"k{k}"]["log_bf"] == pytest.approx(found["log_bayes_factor"], abs=1e-9)
        assert expected["dirichlet"][f"k{k}"]["p_at_this_look"] == pytest.approx(found["p_value"], rel=1e-6)
        assert expected["chi_square_p"] == pytest.approx(found["chi_square_p"], rel=1e-6)


@pytest.mark.parametrize("expected", GOLDEN["rate_ratio"], ids=lambda e: f"{e['conversions']}-{e['assignment']}")
def test_the_rate_ratio_is_a_ratio_and_not_its_logarithm(expected: dict[str, Any]) -> None:
    arms = [{"n": 10_000, "s": s} for s in expected["conversions"]]
    found = row(read_out(line(*arms, weights=expected["assignment"], rate_k=expected["k"])))["rate_ratio_ci"]
    assert expected["log_rate_ratio_lower"] == pytest.approx(math.log(found[0]), abs=5e-7)
    assert expected["log_rate_ratio_upper"] == pytest.approx(math.log(found[1]), abs=5e-7)


def test_a_third_arm_changes_nothing_between_the_first_two() -> None:
    """Arms are compared in pairs, their shares taken between the two."""
    two = [{"n": 9000, "s": 450}, {"n": 1000, "s": 60}]
    pair = read_out(line(*two, weights=[0.9, 0.1]))
    three = read_out(line(*two, {"n": 500, "s": 1}, weights=[0.6, 0.1 * 0.6 / 0.9, 0.3]))
    assert row(pair)["rate_ratio_ci"] == pytest.approx(row(three)["rate_ratio_ci"], rel=1e-9)
    assert {**row(pair), "rate_ratio_ci": None} == {**row(three), "rate_ratio_ci": None}


def test_weights_need_not_sum_to_one() -> None:
    arms = [{"n": 900, "s": 90}, {"n": 100, "s": 12}]
    assert read_out(line(*arms, weights=[90, 10])) == read_out(line(*arms, weights=[0.9, 0.1]))


def test_an_arm_that_should_get_nobody_is_no_part_of_the_test_until_somebody_is_in_it() -> None:
    """The test of two arms stays the test of two arms; ten people in the third are no chance."""
    two, empty, stray = ({"n": 1000, "s": 90}, {"n": 1010, "s": 90}), {"n": 0, "s": 0}, {"n": 10, "s": 3}
    answer = read_out(line(*two, empty, weights=[0.5, 0.5, 0]))
    assert answer["srm"] == read_out(line(*two))["srm"]
    assert row(answer) == row(read_out(line(*two)))
    assert row(answer, "arm-2")["status"] == "collecting"
    off = read_out(line(*two, stray, weights=[0.5, 0.5, 0]))
    assert_sound(off)
    assert off["srm"]["p_value"] < 1e-30
    assert row(off, "arm-2")["rate_ratio_ci"] is None
    alone = read_out(line(two[0], empty, weights=[1, 0]))
    assert alone["srm"] == {"p_value": 1.0, "log_bayes_factor": 0.0, "chi_square_p": None}


def test_a_line_with_nan_is_no_json_but_keeps_its_id() -> None:
    for text in ("NaN", "Infinity", "-Infinity"):
        answer = read_out(line(FINE, FINE | {"s": 7}).replace('"s": 7', f'"s": {text}'))
        assert (answer["id"], code(answer)) == ("exp-7", "not_json")


def test_alpha_is_taken_as_given_unless_it_is_to_be_divided_by_the_treatments() -> None:
    arms = [{"n": 10_000, "s": 500}, {"n": 10_000, "s": 560}, {"n": 10_000, "s": 540}]
    assert read_out(line(*arms, alpha=0.1), adjust=True)["arms"] == read_out(line(*arms, alpha=0.05))["arms"]
    assert read_out(line(*arms[:2]), adjust=True) == read_out(line(*arms[:2]))


def test_defaults_are_the_documented_ones() -> None:
    arms = [{"n": 10_000, "s": 500}, {"n": 10_000, "s": 560}]
    spelled = line(*arms, alpha=0.05, tuning_n=20_000, srm_k=1000, rate_k=100, weights=[0.5, 0.5])
    assert read_out(spelled) == read_out(line(*arms))


def test_below_burn_in_there_is_no_verdict_but_the_raw_interval_can_be_asked_for() -> None:
    """24 converters collect, 25 decide; a rate near 1 is held to the same count of those who did not convert."""
    for short, enough in ((24, 25), (976, 975)):
        collecting = row(read_out(line({"n": 1000, "s": short}, {"n": 1000, "s": 500})))
        assert (collecting["status"], collecting["ci"], collecting["p_value"], collecting["lift_ci"]) == ("collecting", None, None, None)
        assert collecting["difference"] is not None
        assert collecting["welch"]["ci"] is not None
        assert row(read_out(line({"n": 1000, "s": short}, {"n": 1000, "s": 500}), burn_in=False))["ci"] is not None
        assert row(read_out(line({"n": 1000, "s": enough}, {"n": 1000, "s": 500})))["status"] in {"better", "worse"}


def test_an_empty_arm_collects() -> None:
    for arms in (({"n": 40, "s": 4}, {"n": 0, "s": 0}), ({"n": 0, "s": 0}, {"n": 40, "s": 4}), ({"n": 0, "s": 0}, {"n": 0, "s": 0})):
        for burn_in in (True, False):
            answer = read_out(line(*arms), burn_in=burn_in)
            assert_sound(answer)
            assert row(answer)["status"] == "collecting"
            assert row(answer)["difference"] is None
            assert row(answer)["rate_ratio_ci"] is None
    assert answer["srm"] == {"p_value": 1.0, "log_bayes_factor": 0.0, "chi_square_p": None}


def test_a_zero_baseline_has_a_difference_and_no_lift() -> None:
    """The interval is finite and not [0, 0]; relative to nothing there is no lift and the rate ratio has no upper end."""
    found = row(read_out(line({"n": 500, "s": 0}, {"n": 500, "s": 7}), burn_in=False))
    assert found["difference"] == 0.014
    assert found["ci"][0] < 0.014 < found["ci"][1]
    assert (found["lift"], found["lift_ci"], found["rate_ratio_ci"]) == (None, None, None)


def test_no_variance_is_no_certainty() -> None:
    same = {"n": 1000, "s": 5000, "ss": 25_000}
    arms = [
        line(same, {"n": 1000, "s": 7000, "ss": 49_000}, kind="mean"),
        line({"n": 1000, "s": 0}, {"n": 1000, "s": 0}),
        line({"n": 1000, "s": 0}, {"n": 1000, "s": 1000}),
        line({"n": 1, "s": 1}, {"n": 1, "s": 0}),
        line({"n": 1, "s": 5, "ss": 25}, {"n": 1000, "s": 5000, "ss": 30_000}, kind="mean"),
        line({"n": 10, "s": 1.0, "ss": 0.1}, {"n": 10, "s": 3.0, "ss": 0.9}, kind="mean"),
    ]
    for given_line in arms:
        answer = read_out(given_line, burn_in=False)
        assert_sound(answer)
        assert (row(answer)["status"], row(answer)["ci"], row(answer)["welch"]["ci"]) == ("collecting", None, None)


def test_negative_revenue_improves_by_shrinking() -> None:
    worse, better = {"n": 5000, "s": -250_000, "ss": 46_250_000}, {"n": 5000, "s": -100_000, "ss": 45_000_000}
    found = row(read_out(line(worse, better, kind="mean")))
    assert found["status"] == "better"
    assert found["lift"] == pytest.approx(0.6)
    assert found["lift_ci"][0] < 0.6 < found["lift_ci"][1]


def test_a_billion_users_are_read_with_their_digits() -> None:
    found = row(read_out(line({"n": 10**9, "s": 50_000_000}, {"n": 1e9, "s": 50_050_000.0})))
    assert found["difference"] == pytest.approx(5e-5, rel=1e-9)
    assert found["status"] == "better"
    certain = row(read_out(line({"n": 10**9, "s": 10**8}, {"n": 10**9, "s": 9 * 10**8})))
    assert 0.0 < certain["p_value"] < 1e-300
    assert 0.0 < certain["welch"]["p_value"] < 1e-300


SUMS: dict[str, Any] = {"n": 10, "m_s": 10, "m_ss": 20, "d_s": 20, "d_ss": 50, "md": 25}
FINE: dict[str, Any] = {"n": 10, "s": 5, "ss": 5}


@pytest.mark.parametrize(
    ("given_line", "expected", "field"),
    [
        (line(FINE, {"n": 10, "s": 11}), "inconsistent_sums", "arms[1].s"),
        (line(FINE, {"n": 10, "s": -1}), "inconsistent_sums", "arms[1].s"),
        (line(FINE, {"n": 10, "s": 2.5}), "inconsistent_sums", "arms[1].s"),
        (line(FINE, {"n": 10, "s": 5, "ss": 6}), "inconsistent_sums", "arms[1].ss"),
        (line({"n": 0, "s": 1}, FINE), "inconsistent_sums", "arms[0].s"),
        (line(FINE, {"n": 10, "s": 10, "ss": 9}, kind="mean"), "inconsistent_sums", "arms[1].ss"),
        (line(FINE, {"n": 10, "s": 0, "ss": -1}, kind="mean"), "inconsistent_sums", "arms[1].ss"),
        (line(SUMS, SUMS | {"md": 99}, kind="ratio"), "inconsistent_sums", "arms[1].md"),
        (line(SUMS, SUMS | {"d_s": -20, "md": -25}, kind="ratio"), "inconsistent_sums", "arms[1].d_s"),
        (line(SUMS, SUMS | {"d_ss": 39}, kind="ratio"), "inconsistent_sums", "arms[1].d_ss"),
        (line(FINE, {"n": 10}), "missing_field", "arms[1].s"),
        (line(FINE, {"n": 10, "s": 5}, kind="mean"), "missing_field", "arms[1].ss"),
        (line(FINE, FINE, kind="ratio"), "missing_field", "arms[0].m_s"),
        (line(FINE, {"s": 1}), "missing_field", "arms[1].n"),
        (line(FINE, FINE, kind="median"), "unknown_kind", "kind"),
        (line(FINE, FINE | {"n": -1}), "invalid_field", "arms[1].n"),
        (line(FINE, FINE | {"n": 2.5}), "invalid_field", "arms[1].n"),
        (line(FINE, FINE | {"n": True}), "invalid_field", "arms[1].n"),
        (line(FINE, FINE | {"n": "10"}), "invalid_field", "arms[1].n"),
        (line(FINE, FINE | {"s": "5"}), "invalid_field", "arms[1].s"),
        (line(FINE, FINE | {"s": 1e100}, kind="mean"), "invalid_field", "arms[1].s"),
        (line(FINE, FINE, alpha=0), "invalid_field", "alpha"),
        (line(FINE, FINE, alpha=1), "invalid_field", "alpha"),
        (line(FINE, FINE, tuning_n=0), "invalid_field", "tuning_n"),
        (line(FINE, FINE, srm_k=0), "invalid_field", "srm_k"),
        (line(FINE, FINE, weights=[0, 0]), "out_of_range", "weights"),
        (line(FINE, FINE, weights=[1, -0.5]), "invalid_field", "weights[1]"),
        (line(FINE, FINE, weights=[1]), "weights_mismatch", "weights"),
        (line(FINE, FINE, weights=[1, 1e-12]), "out_of_range", "weights[1]"),
        (line(FINE, FINE | {"name": "arm-0"}), "duplicate_arm", "arms[1].name"),
        (line(), "no_control", "arms"),
        (line(FINE), "no_treatment", "arms"),
        ('{"id": "exp-7", "kind": "mean", "arms": [1, 2]}', "invalid_field", "arms[0]"),
    ],
)
def test_a_line_that_cannot_be_true_is_an_error_that_names_the_field(given_line: str, expected: str, field: str) -> None:
    answer = read_out(given_line)
    assert_sound(answer)
    assert answer["id"] == "exp-7"
    assert code(answer) == expected
    assert answer["error"]["message"].startswith(f"{field}: ")


@pytest.mark.parametrize("bad", ["", "{", b"\xff\xfe", "NaN", '{"id": NaN}', "[" * 100_000, '{"id": "\\ud800"}', "nul\x00"])
def test_what_is_not_json_is_answered_too(bad: str | bytes) -> None:
    assert code(read_out(bad)) == "not_json"


@pytest.mark.parametrize(
    ("given_line", "message"),
    [
        (line(FINE, FINE, alpha=-1), "alpha: must be at least 1e-300"),
        (line(FINE, FINE, alpha=1), "alpha: must be below 1"),
        (line(FINE, FINE, alpha=True), "alpha: must be a number"),
        (line(FINE, FINE, tuning_n="many"), "tuning_n: must be a number"),
        (line(FINE, FINE, weights=[0.5, -0.5]), "weights[1]: must be at least 0"),
        (line(FINE, FINE, weights=[True, 1]), "weights[0]: must be a number"),
        (line(FINE, FINE, weights={"a": 1}), "weights: must be a list"),
        (line(FINE, FINE | {"n": 10**30}), "arms[1].n: is larger than any real experiment needs"),
        (line(FINE, FINE | {"s": 1e308}), "arms[1].s: is larger than any real experiment needs"),
        (line(FINE, FINE | {"s": False}), "arms[1].s: must be a number"),
        (line(FINE, FINE | {"name": 5}), "arms[1].name: must be text"),
        ('{"id": "x", "kind": ["mean"], "arms": []}', "kind: must be proportion, mean or ratio"),
        ('{"id": true, "kind": "mean", "arms": []}', "id: must be text of at most 128 characters, or a whole number"),
        ('{"id": "x", "kind": "mean", "tuning_n": 1e400, "arms": []}', "tuning_n: must be finite"),
    ],
)
def test_a_hostile_line_is_told_what_would_be_right(given_line: str, message: str) -> None:
    """Wrong kinds, booleans as numbers, numbers out of range: the field, and the rule it breaks."""
    answer = read_out(given_line)
    assert_sound(answer)
    assert answer["error"]["message"] == message


def test_an_error_repeats_no_value() -> None:
    secret = "ana@example.org"
    for bad in (line(FINE, FINE | {"s": secret}), line(FINE, FINE | {"name": secret * 20}), line(FINE, FINE, kind=secret)):
        assert secret not in json.dumps(read_out(bad)["error"])


def test_sums_beyond_a_double_are_an_error_and_not_infinity() -> None:
    tiny = {"n": 10, "m_s": 1e50, "m_ss": 1e60, "d_s": 1e-200, "d_ss": 1e-300, "md": 0}
    answer = read_out(line(tiny | {"m_ss": 1e60, "m_s": 1e30}, tiny | {"m_ss": 1e60, "m_s": 1e30}, kind="ratio"), burn_in=False)
    assert code(answer) == "out_of_range"


def test_lines_are_answered_in_order_and_a_bad_one_does_not_stop_the_rest() -> None:
    fine = line(FINE, FINE)
    answers = list(read_out_lines([fine.replace("exp-7", "a"), "{", "\n", b'{"id": "c"}', fine.replace("exp-7", "d").encode()]))
    assert [answer["id"] for answer in answers] == ["a", None, "c", "d"]
    assert [answer["error"] is None for answer in answers] == [True, False, False, True]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["name", "n", "s", "ss", "m_s", "md"]), inner, max_size=5),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["id", "kind", "alpha", "tuning_n", "srm_k", "rate_k", "weights", "arms", "x"]), json_values))
def test_any_json_gets_a_sound_answer(payload: dict[str, Any]) -> None:
    assert_sound(read_out(json.dumps(payload)))


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_get_a_sound_answer(raw: bytes) -> None:
    assert_sound(read_out(raw))


magnitudes = st.sampled_from([0, 1, 2, 3, 24, 25, 1000, 10**9, 2**53]) | st.integers(0, 10**6)
sums = st.sampled_from([0, 1, -1, 0.1, -2.5, 1e-300, 5e-324, 1e59, -1e59, 10**20]) | st.floats(-1e6, 1e6) | st.integers(-(10**9), 10**9)
arms_of_any_kind = st.fixed_dictionaries(
    {"n": magnitudes, "s": sums, "ss": sums, "m_s": sums, "m_ss": sums, "d_s": sums, "d_ss": sums, "md": sums}
)


@settings(max_examples=300, deadline=None)
@given(st.lists(arms_of_any_kind, min_size=2, max_size=3), st.sampled_from(["proportion", "mean", "ratio"]), st.booleans())
def test_any_sums_get_a_sound_answer(arms: list[dict[str, Any]], kind: str, burn_in: bool) -> None:
    if kind == "proportion":
        arms = [{"n": arm["n"], "s": min(arm["n"], abs(int(arm["s"])))} for arm in arms]
    assert_sound(read_out(line(*arms, kind=kind), burn_in=burn_in))


cents = st.integers(-10_000, 100_000).map(lambda amount: amount / 100)  # float sums of these round
values = st.lists(st.integers(-20, 100) | cents, min_size=0, max_size=30)


@settings(max_examples=300, deadline=None)
@given(values, values, st.floats(1e-6, 0.9), st.integers(1, 10**7), st.booleans())
def test_the_sums_of_any_values_are_never_found_contradictory(
    control: list[float], treatment: list[float], alpha: float, tuning: int, burn_in: bool
) -> None:
    arms = [{"n": len(v), "s": sum(v), "ss": sum(x * x for x in v)} for v in (control, treatment)]
    answer = read_out(line(*arms, kind="mean", alpha=alpha, tuning_n=tuning), burn_in=burn_in)
    assert_sound(answer)
    assert answer["error"] is None


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9)), max_size=30),
    st.lists(st.tuples(cents, st.integers(0, 9)), max_size=30),
)
def test_the_sums_of_any_pairs_are_never_found_contradictory(control: list[tuple[float, int]], treatment: list[tuple[float, int]]) -> None:
    arms = [
        {
            "n": len(pairs),
            "m_s": sum(m for m, _ in pairs),
            "m_ss": sum(m * m for m, _ in pairs),
            "d_s": sum(d for _, d in pairs),
            "d_ss": sum(d * d for _, d in pairs),
            "md": sum(m * d for m, d in pairs),
        }
        for pairs in (control, treatment)
    ]
    answer = read_out(line(*arms, kind="ratio"), burn_in=False)
    assert_sound(answer)
    assert answer["error"] is None
