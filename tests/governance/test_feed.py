"""Fields of a feed: what appeared or vanished is told once, chance and sleep are not."""

from fractions import Fraction
from math import comb
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.window import DAY, HOUR, MINUTE
from governance.feed import MANY, MOST_KEYS, MOST_OTHERS, SILENCE, Bucket, Feed, chance, keys_of, shape_of

STEP = 10 * MINUTE
DOCUMENTED = frozenset({"event_id", "channel", "fallback"})


def bucket(records: int, fields: dict[str, int] | None = None, **others: int) -> Bucket:
    """Build a bucket; without `fields` every record carries event_id and channel."""
    return Bucket(records, {"event_id": records, "channel": records} if fields is None else fields, dict(others))


def told(*buckets: Bucket, step: int = STEP, feed: Feed | None = None) -> list[tuple[int, str, str]]:
    """Return (number of the bucket, change, field) of all that is told."""
    feed = Feed() if feed is None else feed
    return [(number, change.change, change.field) for number, one in enumerate(buckets) for change in feed.take(one, (number + 1) * step)]


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
def test_the_chance_is_that_of_a_shuffle(first: int, after: int, seen: int) -> None:
    """Drawn without replacement, counted exactly."""
    seen = min(seen, first)

    assert chance(first, after, seen) == pytest.approx(float(Fraction(comb(first, seen), comb(first + after, seen))), rel=1e-9)


def test_a_field_that_every_record_carried_has_vanished_after_twenty_without_it() -> None:
    """Told once; that it comes back is told as well."""
    gone = bucket(20, {"event_id": 20})
    buckets = [bucket(500), bucket(500), bucket(19, {"event_id": 19}), bucket(1, {"event_id": 1}), gone, bucket(500)]

    assert told(*buckets) == [(3, "vanished", "channel"), (5, "appeared", "channel")]


def test_a_new_field_is_told_once_and_what_a_feed_begins_with_never() -> None:
    """Nor is what first comes before the feed is known."""
    assert told(bucket(5_000, device=5_000), bucket(5_000, device=5_000)) == []
    assert told(bucket(60), bucket(5_000, device=5_000)) == []
    assert told(bucket(5_000), bucket(500, device=500), bucket(500, device=500)) == [(1, "appeared", "device")]


def test_names_that_few_records_carry_are_never_told() -> None:
    """What a record calls its fields may be about one person."""
    assert told(*[bucket(10_000)] * 20, bucket(10_000, jo=19), *[bucket(10_000)] * 20) == []


def test_a_field_of_some_records_is_missed_after_a_week() -> None:
    """Nights and weekends are no change of the feed."""
    day, night = bucket(1_000, pre_value=600), bucket(200)
    week = [*[day, night] * 5, *[night] * 4]
    half_days = DAY // 2

    assert told(*week * 3, step=half_days) == []
    silent = [night] * (SILENCE // half_days + 5)
    assert told(*week, day, *silent, step=half_days) == [(len(week) + SILENCE // half_days, "vanished", "pre_value")]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.floats(0.0005, 1.0), st.integers(1, 400))
def test_a_field_at_a_steady_share_is_never_news(seed: int, share: float, size: int) -> None:
    """Whatever the share: three hundred hours of a feed with its optional fields."""
    random, feed = Random(seed), Feed()

    for number in range(300):
        carried = sum(random.random() < share for _ in range(size))
        one = Bucket(size, {"event_id": size}, {"sometimes": carried} if carried else {})
        assert feed.take(one, (number + 1) * HOUR) == []


@given(st.lists(st.tuples(st.sampled_from(["event_id", "channel", "a", "b", "c"]), st.integers(1, 50)), max_size=12), st.randoms())
def test_a_bucket_is_the_same_in_any_order(carried: list[tuple[str, int]], random: Random) -> None:
    """Shapes counted by several shards in any order."""

    def filled() -> Bucket:
        found = Bucket()
        for name, records in carried:
            found.carried(shape_of((name,), DOCUMENTED), records)
        return found

    first = filled()
    random.shuffle(carried)
    assert filled() == first


def test_keys_that_are_data_are_no_fields() -> None:
    """A map keyed by people at the top of a record has no fixed fields: nothing of it is kept, the documented fields are judged on."""
    people = [bucket(100, None, **{f"p{n}_{number}": 100 for n in range(MOST_OTHERS + 1)}) for number in range(3)]
    feed = Feed()

    assert told(bucket(500, loyalty=500), *people, bucket(500, loyalty=500), bucket(40, {"event_id": 40}), feed=feed) == [
        (5, "vanished", "channel"),
        (5, "vanished", "loyalty"),
    ]
    assert shape_of(("a@example.org", "4711", "", "x" * 65, "device"), DOCUMENTED).others == ("device",)
    many = {f"k{n}": 1 for n in range(MOST_KEYS + 1)}
    assert keys_of({**many, "channel": "web"}, DOCUMENTED) == ("channel", MANY)
    assert shape_of(("channel", MANY), DOCUMENTED).many
    assert feed.fields.keys() == {"event_id"}


def test_a_flood_of_names_is_bounded() -> None:
    """A hundred other names at most, however slowly they come."""
    feed = Feed()
    for number in range(1_000):
        assert len(feed.take(bucket(100, None, **{f"n{number}": 100}), (number + 1) * STEP)) <= 2
        assert len(feed.fields) <= MOST_OTHERS + 2
