"""The explain calculator: the answer's shape, each way a cube can be wrong, and cubes from CSV."""

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.explanation import ExplanationError, cube_of_csv, explain_cube, explain_line, explain_lines

BEFORE: list[Any] = [[["p1", "web"], 500, 10000], [["p1", "app"], 500, 10000], [["p2", "web"], 500, 10000], [["p2", "app"], 500, 10000]]
AFTER: list[Any] = [[["p1", "web"], 250, 10000], [["p1", "app"], 500, 10000], [["p2", "web"], 250, 10000], [["p2", "app"], 500, 10000]]
CUBE = {"id": "c-1", "dimensions": ["profile", "channel"], "before": BEFORE, "after": AFTER, "direction": "both"}

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["dimensions", "before", "after", "direction"]), inner),
    max_leaves=20,
)


def line(**changed: Any) -> str:
    return json.dumps({**CUBE, **changed})


def error(text: str | bytes) -> dict[str, str]:
    answer = explain_line(text)
    found = answer["error"]
    assert isinstance(found, dict)
    assert answer["segments"] == answer["candidates"] == []
    return found


def test_the_answer_is_the_one_of_the_interface() -> None:
    """Every key of interface §4, rates and effects as numbers, the segment in the names of the cube."""
    answer = explain_line(line())

    assert list(answer) == ["id", "before_rate", "after_rate", "rate_effect", "mix_effect", "global", "segments", "candidates", "error"]
    assert (answer["id"], answer["global"], answer["error"]) == ("c-1", False, None)
    assert (answer["before_rate"], answer["after_rate"]) == (0.05, 0.0375)
    assert (answer["rate_effect"], answer["mix_effect"]) == pytest.approx((-0.0125, 0.0))
    [segment] = answer["segments"]
    assert list(segment) == [
        *("where", "log_likelihood_ratio", "bar", "k_before", "n_before", "k_after", "n_after", "share_of_change", "rate_ratio_ci")
    ]
    assert segment["where"] == {"channel": "web"}
    assert [segment[name] for name in ("k_before", "n_before", "k_after", "n_after")] == [1000, 20000, 500, 20000]
    assert segment["share_of_change"] == pytest.approx(1.0)
    assert segment["rate_ratio_ci"][0] < 0.5 < segment["rate_ratio_ci"][1]
    assert segment["log_likelihood_ratio"] > segment["bar"]
    assert [set(candidate) for candidate in answer["candidates"]] == [{"where", "log_likelihood_ratio"}] * len(answer["candidates"])
    assert answer["candidates"][0]["where"] == {"channel": "web"}


def test_a_segment_of_two_names_them_in_the_order_of_the_cube() -> None:
    """`where` follows `dimensions`, not the alphabet."""
    after = [[key, 100 if key == ["p1", "web"] else k, n] for key, k, n in BEFORE]

    [segment] = explain_line(line(after=after))["segments"]

    assert list(segment["where"].items()) == [("profile", "p1"), ("channel", "web")]


@pytest.mark.parametrize(("own", "asked", "named"), [("down", None, True), ("up", None, False), ("up", "down", True), (None, "up", False)])
def test_the_direction_asked_for_goes_before_that_of_the_cube(own: Any, asked: Any, named: bool) -> None:
    """A flag overrides the line; a line without direction means both."""
    assert bool(explain_line(line(direction=own), direction=asked)["segments"]) is named


def test_nothing_that_stands_out_is_global() -> None:
    """All rates halve: no segment, `global` true."""
    answer = explain_line(line(after=[[key, k // 2, n] for key, k, n in BEFORE]))

    assert (answer["global"], answer["segments"]) == (True, [])


@pytest.mark.parametrize(
    ("text", "code", "field"),
    [
        ("{", "not_json", "line"),
        (b"\xff", "not_json", "line"),
        ("[1]", "not_an_object", "line"),
        (line(dimensions=None), "missing_field", "dimensions"),
        (line(dimensions="profile"), "invalid_field", "dimensions"),
        (line(dimensions=["profile", 3]), "invalid_field", "dimensions[1]"),
        (line(dimensions=["profile", "profile"]), "invalid_field", "dimensions"),
        (line(dimensions=["profile"]), "invalid_field", "before[0][0]"),
        (line(dimensions=[str(d) for d in range(80)], before=[], after=[]), "too_large", "dimensions"),
        (line(before=None), "missing_field", "before"),
        (line(after={}), "invalid_field", "after"),
        (line(after=[[["p1", "web"], 1]]), "invalid_field", "after[0]"),
        (line(after=[["p1", 1, 2]]), "invalid_field", "after[0][0]"),
        (line(after=[[["p1", ["web"]], 1, 2]]), "invalid_field", "after[0][0][1]"),
        (line(after=[[["p1", 1.5], 1, 2]]), "invalid_field", "after[0][0][1]"),
        (line(after=[*AFTER, [["p1", "web"], 3, 2]]), "invalid_field", "after[4][1]"),
        (line(after=[[["p1", "web"], -1, 2]]), "invalid_field", "after[0][1]"),
        (line(after=[[["p1", "web"], 0, -2]]), "invalid_field", "after[0][2]"),
        (line(after=[[["p1", "web"], 1.5, 2]]), "invalid_field", "after[0][1]"),
        (line(after=[[["p1", "web"], True, 2]]), "invalid_field", "after[0][1]"),
        (line(after=[[["p1", "web"], "1", 2]]), "invalid_field", "after[0][1]"),
        (line(after=[[["p1", "web"], 1, math.nan]]), "invalid_field", "after[0][2]"),
        (line(after=[[["p1", "web"], 1, math.inf]]), "invalid_field", "after[0][2]"),
        (line(after=[[["p1", "web"], 1, 10**30]]), "invalid_field", "after[0][2]"),
        (line(after=[[["p1", "web"], 1, 10**15], [["p1", "app"], 1, 1]]), "invalid_field", "after"),
        (line(direction="sideways"), "invalid_field", "direction"),
        (line(direction=1), "invalid_field", "direction"),
    ],
)
def test_a_cube_that_cannot_be_is_answered_with_its_field(text: str | bytes, code: str, field: str) -> None:
    """The code says what kind, the message begins with the place in the line."""
    found = error(text)

    assert found["code"] == code
    assert found["message"].startswith(f"{field}: ")


def test_the_error_carries_the_id_but_no_value() -> None:
    """The line can be found again by its id; what stood in it is not repeated."""
    answer = explain_line(line(after=[[["secret", "web"], 77, 33]]))

    assert answer["id"] == "c-1"
    assert "secret" not in str(answer["error"])
    assert "77" not in str(answer["error"])


def test_whole_numbers_are_counts_however_they_are_written() -> None:
    """2.0 and 1e9 are counts."""
    text = line(before=[[["a", "b"], 2.0, 1e9], [["c", "b"], 2, 1000]], after=[[["a", "b"], 2.0, 1e9], [["c", "b"], 2, 1000]])

    assert explain_line(text)["before_rate"] == 4 / 1000001000


@pytest.mark.parametrize("dimensions", [[], ["profile"]])
def test_an_empty_cube_has_an_answer(dimensions: list[str]) -> None:
    """No rows: no rates, no effects, nothing named."""
    answer = explain_line(line(dimensions=dimensions, before=[], after=[]))

    assert answer["error"] is None
    assert [answer[name] for name in ("before_rate", "after_rate", "rate_effect", "mix_effect", "global")] == [None] * 4 + [True]


def test_lines_are_answered_in_order_and_a_bad_one_does_not_stop_the_rest() -> None:
    """One answer a line, blank lines passed over."""
    answers = list(explain_lines([line(id=1), "nonsense", "  \n", line(id=3)]))

    assert [answer["id"] for answer in answers] == [1, None, 3]
    assert [answer["error"] is None for answer in answers] == [True, False, True]


@settings(max_examples=80, deadline=None)
@given(anything)
def test_whatever_comes_is_answered_in_json(value: object) -> None:
    """No JSON value makes it raise, and no answer holds NaN or infinity."""
    json.dumps(explain_line(json.dumps(value)), allow_nan=False)


@settings(max_examples=60, deadline=None)
@given(anything, anything, anything)
def test_whatever_a_field_holds_is_answered(names: object, before: object, after: object) -> None:
    """Nor does any value in a field."""
    json.dumps(explain_cube({"dimensions": names, "before": before, "after": after}), allow_nan=False)


CSV_BEFORE = "profile,channel,age,clicks,shown\n" + "".join(f"{key[0]},{key[1]},30,{k},{n}\n" for key, k, n in BEFORE)
CSV_AFTER = "age,shown,clicks,channel,profile\r\n" + "".join(f"30,{n}, {k}.0 ,{key[1]},{key[0]}\r\n" for key, k, n in AFTER)


def test_two_tables_are_a_cube() -> None:
    """Columns are found by name; the dimensions are the other columns that are not numbers."""
    cube = cube_of_csv(CSV_BEFORE, "\ufeff" + CSV_AFTER, numerator="clicks", denominator="shown")

    assert cube == {"id": None, "dimensions": ["profile", "channel"], "before": BEFORE, "after": AFTER}
    assert explain_cube(cube)["segments"][0]["where"] == {"channel": "web"}


def test_dimensions_can_be_numbers_if_they_are_named() -> None:
    """Named columns are dimensions whatever they hold; their values stay text."""
    cube = cube_of_csv(CSV_BEFORE, CSV_AFTER, numerator="clicks", denominator="shown", dimensions=["age", "profile"])

    assert cube["before"][0] == [["30", "p1"], 500, 10000]


@pytest.mark.parametrize(
    ("before", "names", "code", "says"),
    [
        ("", None, "missing_field", "before: has no header"),
        ("profile,clicks\nx,1\n", None, "missing_field", "before: has no column 'shown'"),
        (CSV_BEFORE, ["city"], "missing_field", "before: has no column 'city'"),
        ("age,clicks,shown\n30,1,2\n", None, "missing_field", "dimensions: "),
        ("profile,profile,clicks,shown\n", None, "invalid_field", "before, line 1: "),
        ("profile,clicks,shown\nx,1\n", None, "invalid_field", "before, line 2: "),
        ("profile,clicks,shown\nx,1,2\n\ny,one,2\n", None, "invalid_field", "before, line 4, clicks: "),
        ("profile,clicks,shown\nx,1,-2\n", None, "invalid_field", "before, line 2, shown: "),
        ("profile,clicks,shown\nx,1.5,2\n", None, "invalid_field", "before, line 2, clicks: "),
        ("profile,clicks,shown\nx,,2\n", None, "invalid_field", "before, line 2, clicks: "),
        ('profile,clicks,shown\n"x,1,2\n', None, "invalid_field", "before, line 2: "),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_by_line_and_column(before: str, names: list[str] | None, code: str, says: str) -> None:
    """The message says which text, line and column."""
    with pytest.raises(ExplanationError) as raised:
        cube_of_csv(before, CSV_AFTER, numerator="clicks", denominator="shown", dimensions=names)

    assert raised.value.code == code
    assert str(raised.value).startswith(says)
