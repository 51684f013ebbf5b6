"""Differences of contents: readable, complete, bounded."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.difference import MOST_ENTRIES, difference, version_differences
from governance.identity import compact
from tests.governance.policy.logs import DAY, book, event, good

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "b.c"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "id", "x.y"]), inner, max_size=3),
    max_leaves=12,
)


def told(before: Any, after: Any) -> list[tuple[str, str, str, str]]:
    return [(entry.path, entry.kind, entry.before, entry.after) for entry in difference(before, after).entries]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"hero": {"title": "Hi"}}, {"hero": {"title": "Hello"}}, [("hero.title", "changed", '"Hi"', '"Hello"')]),
        ({"a": 1}, {"a": 1, "b": None}, [("b", "added", "", "null")]),
        ({"a": 1, "b": [1]}, {"a": 1}, [("b", "removed", "[1]", "")]),
        ({"c": ["DE", "FR"]}, {"c": ["DE", "AT", "FR"]}, [("c[1]", "added", "", '"AT"')]),
        ({"c": [1, 2, 3]}, {"c": [1, 3]}, [("c[1]", "removed", "2", "")]),
        (
            {"v": [{"id": "a", "w": 1}, {"id": "b", "w": 2}]},
            {"v": [{"id": "b", "w": 3}, {"id": "a", "w": 1}]},
            [("v[b].w", "changed", "2", "3")],
        ),
        ({"a.b": {"c": 1}}, {"a.b": {"c": 2}}, [('["a.b"].c', "changed", "1", "2")]),
        ({"a": 1}, {"a": True}, [("a", "changed", "1", "true")]),
        ({"a": {}}, {"a": []}, [("a", "changed", "{}", "[]")]),
        ("x", "y", [("", "changed", '"x"', '"y"')]),
    ],
)
def test_a_difference_names_path_and_values(before: Any, after: Any, expected: list[tuple[str, str, str, str]]) -> None:
    """Dotted paths; an inserted item is one line; objects with ids are matched by id; types count."""
    assert told(before, after) == expected


@given(JSON, JSON)
def test_equal_contents_differ_in_nothing_and_others_in_something(before: Any, after: Any) -> None:
    """The order of what has ids does not count as a difference; everything else does."""
    assert told(before, before) == []
    assert bool(told(before, after)) <= (compact(before) != compact(after))
    assert len(told(before, after)) == len(told(after, before))


def test_a_difference_is_bounded() -> None:
    """A large content gives the first lines and a number, in no time; long values and deep nesting are cut."""
    began = time.perf_counter()
    found = difference(list(range(20_000)), list(range(1, 40_000, 2)))
    deep: Any = 1
    for _ in range(500):
        deep = {"a": deep}

    assert (len(found.entries), len(found.entries) + found.left_out >= 19_000) == (MOST_ENTRIES, True)
    assert len(difference({"a": "x" * 10_000}, {}).entries[0].before) == 160
    assert len(difference(deep, {"a": 2}).entries) == 1
    assert time.perf_counter() - began < 5.0


def test_releases_show_what_they_changed() -> None:
    """Against what was live before, where the log gave both contents; hostile text stays text."""
    first = good(content={"title": "Hi"})
    second = event(
        "deployed", DAY, change_id="chg-2", version=8, previous_version=7, content={"title": "{{7*7}}<b>"}, content_sha256="c" * 64
    )
    silent = event("deployed", 2 * DAY, change_id="chg-3", version=9, previous_version=8, content_sha256="d" * 64)

    (found,) = version_differences(book([*first, second, silent]))
    assert (found["rule_id"], found["from_version"], found["to_version"], found["left_out"]) == ("rule-1", 7, 8, 0)
    assert found["changes"] == [{"path": "title", "kind": "changed", "before": '"Hi"', "after": '"{{7*7}}<b>"'}]


def test_what_follows_a_rollback_differs_from_what_came_back() -> None:
    """The rollback's own record carries the content it takes back; live after it is the version before."""
    first = good(content={"channels": ["web", "app"]})
    bad = event("deployed", DAY, change_id="chg-2", version=8, previous_version=7, content={"channels": ["web"]}, content_sha256="c" * 64)
    back = {**bad, "event_id": "back", "action": "rolled_back", "occurred_at": bad["occurred_at"] + 1}
    third = event(
        "deployed", 2 * DAY, change_id="chg-3", version=9, previous_version=7, content={"channels": ["app"]}, content_sha256="d" * 64
    )

    found = version_differences(book([*first, bad, back, third]))
    assert [(one["from_version"], one["to_version"], [entry["kind"] for entry in one["changes"]]) for one in found] == [
        (7, 8, ["removed"]),
        (8, 7, ["added"]),
        (7, 9, ["removed"]),
    ]
    assert [entry["before"] for entry in found[2]["changes"]] == ['"web"']
