"""A run follows from its scenario and seed, and its truth is what anybody would count in its records."""

import re
from collections import Counter, defaultdict
from functools import lru_cache
from itertools import pairwise
from typing import Any

import orjson
import pytest

from detectors.window import DAY, HOUR, MINUTE
from governance.message.instant import parse_instant
from governance.message.reading import read
from governance.message.refusal import Refusal
from streams.simulation.delivery import Sent
from streams.simulation.run import Run
from streams.simulation.scenario import LOWEST_RATE, RECIPES, START, scenario
from streams.simulation.truth import Truth, dumps

SETTLE = 5 * MINUTE
OF_THE_CLOCK = {"in_future", "too_old"}  # refused by their stamp, not by their content
SILENT = ("requested", "deferred")


@lru_cache
def made(name: str, days: int = 1, seed: int = 7, rate: int = 300) -> tuple[list[Sent], Truth]:
    """Return the records of a run and its truth."""
    run = Run(scenario(name, days, rate), seed)
    return list(run.records()), run.truth


@lru_cache
def engagement(name: str) -> dict[str, tuple[int, dict[str, Any]]]:
    """Return stamp and fields of each readable engagement event, the first copy of each id."""
    events: dict[str, tuple[int, dict[str, Any]]] = {}
    for sent in made(name)[0]:
        if sent.topic == "engagement-events" and not sent.key.startswith((b"u-x-", b"somebody-else")):  # the keys of what must be refused
            fields = orjson.loads(sent.value)
            events.setdefault(fields["event_id"], (sent.stamp, fields))
    return events


def incident(truth: Truth, kind: str) -> dict[str, Any]:
    """Return the truth's one incident of a kind, with its times in ms."""
    document: Any = truth.document()
    (found,) = [item for item in document["incidents"] if item["kind"] == kind]
    return {**found, "start": parse_instant(found["start"]), "end": parse_instant(found["end"])}


def test_a_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    again = Run(scenario("fortnight", 1, 300), 7)
    records = list(again.records())
    assert made("fortnight")[0] == records
    assert dumps(made("fortnight")[1]) == dumps(again.truth)
    assert records != made("fortnight", seed=8)[0]


def test_records_leave_in_the_order_of_their_stamps_but_not_of_their_times() -> None:
    records, _ = made("fortnight")
    assert all(one.stamp <= other.stamp for one, other in pairwise(records))
    times = [parse_instant(fields["occurred_at"]) for _, fields in engagement("fortnight").values()]
    backwards = sum(one > other for one, other in pairwise(times))
    assert 0.001 < backwards / len(times) < 0.1


def test_events_are_stamped_after_their_time_and_few_much_later() -> None:
    lags = sorted(stamp - parse_instant(fields["occurred_at"]) for stamp, fields in engagement("fortnight").values())
    assert lags[0] > 0
    assert lags[len(lags) // 2] < 1_000
    assert lags[len(lags) * 95 // 100] < 5_000
    assert 30_000 < lags[-1] < 21 * MINUTE


@pytest.mark.parametrize("name", RECIPES)
def test_truth_counts_records_duplicates_and_refusals(name: str) -> None:
    records, truth = made(name)
    assert Counter(sent.topic for sent in records) == truth.records
    copies = Counter((sent.topic, sent.key, sent.value) for sent in records)
    assert sum(copies.values()) - len(copies) == truth.duplicates > 0
    refused = Counter(answer.code for sent in records if isinstance(answer := read(sent.topic, sent.key, sent.value), Refusal))
    assert refused == {code: number for code, number in truth.refused.items() if code not in OF_THE_CLOCK}


def test_clock_refusals_are_a_record_from_the_future_and_one_from_days_ago() -> None:
    records, truth = made("quiet", days=2)
    ahead = behind = 0
    for sent in records:
        if sent.key.startswith(b"u-x-") and not isinstance(read(sent.topic, sent.key, sent.value), Refusal):
            occurred = parse_instant(orjson.loads(sent.value)["occurred_at"])
            ahead += occurred > sent.stamp + 5 * MINUTE
            behind += occurred < sent.stamp - 2 * DAY
    assert (ahead, behind) == (truth.refused["in_future"], truth.refused["too_old"])
    assert min(ahead, behind) >= 1


def test_the_ctr_of_the_broken_channel_collapses_in_its_time_and_nowhere_else() -> None:
    drop = incident(made("fortnight")[1], "ctr_drop")
    counts: dict[tuple[str, str, bool], Counter[str]] = defaultdict(Counter)
    exposed = {name[2:]: fields for name, (_, fields) in engagement("fortnight").items() if fields["type"] == "exposure"}
    for name, (_, fields) in engagement("fortnight").items():
        at = parse_instant(exposed[name[2:]]["occurred_at"]) if fields["type"] == "click" else parse_instant(fields["occurred_at"])
        counts[fields["initiative"], fields["channel"], drop["start"] <= at < drop["end"]][fields["type"]] += 1
    rates = {place: number["click"] / number["exposure"] for place, number in counts.items()}
    broken = (drop["initiative"], drop["key"]["channel"], True)
    assert rates.pop(broken) < 0.04
    assert min(rates.values()) > 0.1
    assert counts[broken]["exposure"] > 500


def test_the_drop_starts_an_hour_after_its_rule_change_and_ends_with_the_rollback() -> None:
    drop = incident(made("fortnight")[1], "ctr_drop")
    changes = [orjson.loads(sent.value) for sent in made("fortnight")[0] if sent.topic == "rule-changes"]
    times = {change["action"]: parse_instant(change["occurred_at"]) for change in changes if change["change_id"] == drop["cause"]}
    assert list(times) == ["requested", "approved", "deployed", "rolled_back"]
    assert times["requested"] < times["approved"] < times["deployed"] == drop["start"] - HOUR
    assert times["rolled_back"] == drop["end"]
    new = [fields for _, fields in engagement("fortnight").values() if fields.get("rule_version") == 7 and fields["rule_id"] == "rule-42"]
    assert {fields["channel"] for fields in new} == {"web"}
    assert all(times["deployed"] <= parse_instant(fields["occurred_at"]) < times["rolled_back"] for fields in new)


def test_the_stopped_feed_is_silent_exactly_between_the_times_of_the_truth() -> None:
    stop = incident(made("fortnight")[1], "feed_stop")
    gaps: dict[tuple[str, str], tuple[int, int, int]] = {}
    times: dict[tuple[str, str], list[int]] = defaultdict(list)
    for _, fields in engagement("fortnight").values():
        times[fields["initiative"], fields["channel"]].append(parse_instant(fields["occurred_at"]))
    for place, found in times.items():
        gaps[place] = max((later - earlier, earlier, later) for earlier, later in pairwise(sorted(found)))
    length, start, end = gaps.pop((stop["initiative"], stop["key"]["channel"]))
    assert (stop["start"], stop["end"]) == (start, end)
    assert length > 4 * HOUR
    assert max(gaps.values())[0] < 40 * MINUTE


def test_technical_fallbacks_rise_on_their_channel_only() -> None:
    fault = incident(made("fortnight")[1], "technical_fallback")
    share: dict[bool, list[bool]] = defaultdict(list)
    for _, fields in engagement("fortnight").values():
        if fields["type"] == "exposure":
            inside = fault["start"] <= parse_instant(fields["occurred_at"]) < fault["end"] and fields["channel"] == fault["key"]["channel"]
            share[inside].append(fields.get("fallback") == "technical")
    assert 0.1 < sum(share[True]) / len(share[True]) < 0.25
    assert sum(share[False]) / len(share[False]) < 0.01


def without_consent(name: str, patience: int) -> set[str]:
    """Return the personalised exposures that no consent covers, by the records stamped up to `patience` ms after each."""
    said: dict[str, dict[str, tuple[int, int, dict[str, Any]]]] = defaultdict(dict)
    for sent in made(name)[0]:
        if sent.topic == "consent-events":
            fields = orjson.loads(sent.value)
            said[fields["subject_id"]].setdefault(fields["event_id"], (parse_instant(fields["occurred_at"]), sent.stamp, fields))
    wrong = set()
    for event_id, (_, fields) in engagement(name).items():
        if fields["type"] != "exposure" or fields.get("fallback") is not None:
            continue
        at = parse_instant(fields["occurred_at"])
        best: tuple[int, str, str | None] = (0, "nothing", None)
        for time, stamp, record in said[fields["subject_id"]].values():
            covers = record["state"] not in SILENT and fields["channel"] in record.get("channels", [fields["channel"]])
            if covers and best[0] <= time <= at and stamp <= at + patience:
                best = (time, record["state"], record.get("expires_at"))
        if best[1] not in ("given", "renewed") or (best[2] is not None and parse_instant(best[2]) <= at):
            wrong.add(event_id)
    return wrong


@pytest.mark.parametrize("name", ["fortnight", "consent", "quiet"])
def test_consent_violations_are_what_a_plain_ledger_finds(name: str) -> None:
    """At settling every one of them; a day later those that a late record takes back are gone."""
    violations = made(name)[1].violations
    assert {violation.event_id for violation in violations} == without_consent(name, SETTLE)
    assert {violation.event_id for violation in violations if violation.retracted_by is None} == without_consent(name, DAY)
    assert (name == "quiet") == (not violations)
    assert (name == "quiet") == (not any(violation.retracted_by for violation in violations))


def test_a_person_keeps_profile_and_variant() -> None:
    seen: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    for _, fields in engagement("fortnight").values():
        seen[fields["subject_id"], fields["initiative"]].add((fields["profile"], fields["variant"]))
    assert {len(found) for found in seen.values()} == {1}


@pytest.mark.parametrize("rate", [LOWEST_RATE, 600])
@pytest.mark.parametrize("name", RECIPES)
def test_every_fault_begins_and_ends_within_even_one_day(name: str, rate: int) -> None:
    story = scenario(name, 1, rate)
    assert all(story.start < fault.start < fault.end < story.end for fault in story.faults)


def test_quiet_has_no_incident() -> None:
    assert made("quiet")[1].document()["incidents"] == []


@pytest.mark.parametrize(
    ("name", "days", "rate", "message"),
    [
        ("storm", 1, 1200, "scenario must be one of fortnight, quiet, ctr-drop, feed-stop, consent, late-consent, was 'storm'"),
        ("quiet", 0, 1200, "days must be 1 to 400, was 0"),
        ("quiet", 1, 10, "rate must be 200 to 1000000 events an hour, was 10"),
    ],
)
def test_a_wrong_scenario_says_what_would_be_right(name: str, days: int, rate: int, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        scenario(name, days, rate)


def test_a_run_starts_on_a_monday() -> None:
    assert START % DAY == 0
    assert scenario("quiet").programs[0].key == "plg-onboarding"
