"""TC strings packed bit by bit: what is refused, what is found, and what comes back as it went in."""

from datetime import UTC, datetime
from functools import partial
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.consent_string.tcf import Core
from tests.governance.consent_string.packing import (
    JUNE_2026_DS,
    NO_VENDORS,
    NOTHING_DISCLOSED,
    codes,
    core,
    decoded,
    number,
    ranges,
    refused,
    tc,
    text_of,
)

NUMBERS = st.sets(st.integers(1, 24)).map(lambda found: tuple(sorted(found)))
RANGES = st.lists(st.tuples(st.integers(1, 65_535), st.integers(0, 50)), max_size=20).map(
    lambda pairs: [(first, min(first + more, 65_535)) for first, more in pairs]
)
quickly = partial(settings, max_examples=150, deadline=None)


def core_of(text: str) -> Core:
    tcf = decoded(text).tcf
    assert tcf is not None
    return tcf.core


def ds(year: int, month: int, day: int) -> int:
    return round(datetime(year, month, day, tzinfo=UTC).timestamp() * 10)


@quickly()
@given(NUMBERS, NUMBERS, st.sets(st.integers(1, 12)), RANGES, st.integers(0, 2**36 - 1))
def test_what_is_packed_comes_back(
    consent: tuple[int, ...], li: tuple[int, ...], features: set[int], pairs: list[tuple[int, int]], created_ds: int
) -> None:
    """Purposes, features, stamps and vendor ranges of any values."""
    read = core_of(tc(core(consent=consent, li=li, features=tuple(features), created_ds=created_ds, vendors=ranges(*pairs))))

    assert (consent, li, tuple(sorted(features))) == (read.purposes_consent, read.purposes_li, read.special_features)
    assert (created_ds * 100, tuple(pairs)) == (read.created_ms, read.vendor_consent.ranges)


@quickly()
@given(st.text("01", max_size=200))
def test_a_vendor_bit_field_comes_back(field: str) -> None:
    """Bit and range encoding of the same vendors name the same vendors."""
    vendors = [place for place, bit in enumerate(field, 1) if bit == "1"]
    by_bits = core_of(tc(core(vendors=number(len(field), 16) + "0" + field))).vendor_consent
    by_ranges = core_of(tc(core(vendors=ranges(*((vendor, vendor) for vendor in vendors))))).vendor_consent

    assert [(vendor, vendor) for vendor in vendors] == by_bits.pairs() == by_ranges.pairs()
    assert [vendor for vendor in range(210) if by_bits.has(vendor)] == [vendor for vendor in range(210) if by_ranges.has(vendor)] == vendors


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("version", tc(core(version=1))),
        ("letter", tc(core(letters=(26, 0)))),
        ("truncated", tc(core(), "001" + ranges((1, 2), announced=4_095))),
        ("vendor_range", tc(core(vendors=ranges((9, 3))))),
        ("vendor_range", tc(core(vendors=ranges((0, 3))))),
        ("vendor_above_max", tc(core(vendors=ranges((1, 9), highest=8)))),
        ("undefined_value", tc(core(restrictions=number(1, 12) + number(2, 6) + "11" + number(0, 12)))),
        ("restriction_purpose", tc(core(restrictions=number(1, 12) + number(0, 6) + "00" + number(0, 12)))),
        ("restriction_purpose", tc(core(restrictions=number(1, 12) + number(25, 6) + "00" + number(0, 12)))),
        ("duplicate_restriction", tc(core(restrictions=number(2, 12) + (number(2, 6) + "00" + number(0, 12)) * 2))),
        ("segment_type", tc(core(), "000" + NO_VENDORS)),
        ("segment_type", tc(core(), "100" + NO_VENDORS)),
        ("duplicate_segment", tc(core(), NOTHING_DISCLOSED, NOTHING_DISCLOSED)),
        ("empty", tc(core()) + "."),
        ("empty", text_of(core()) + ".." + text_of(NOTHING_DISCLOSED)),
        ("trailing_bits", tc(core() + "000001")),
        ("trailing_bits", tc(core(), NOTHING_DISCLOSED + "000001")),
        ("truncated", tc(core(), "011" + "0" * 48 + number(63, 6) + "1" * 100)),
        ("too_long", "C" + "A" * 8_192),
        ("not_base64url", tc(core()).replace(".", "+", 1)),
    ],
)
def test_a_rule_of_the_format_is_broken(code: str, text: str) -> None:
    """Each with the code that names the rule."""
    assert code == refused(text).code


def test_version_3_is_not_read_as_anything_else() -> None:
    """Its first letter is that of a GPP header, which it is not."""
    assert refused(text_of(core(version=3))).code == "version"


def test_a_cut_is_reported_at_the_field_that_is_not_whole() -> None:
    """Wherever a list of ranges ends too soon, the bit named is where the first missing field would start."""
    pairs = [(vendor, vendor + (vendor % 4 > 0)) for vendor in range(1, 60)]
    widths = [3, 16, 1, 12, *(width for first, last in pairs for width in ([1, 16] if first == last else [1, 16, 16]))]
    starts = [0, *accumulate(widths)]
    whole = text_of("001" + ranges(*pairs))

    for length in range(1, len(whole) - 1):
        failure = refused(text_of(core()) + "." + whole[:length])
        assert (failure.code, failure.at_bit) == ("truncated", max(start for start in starts if start <= 6 * length))


def test_restrictions_come_back() -> None:
    """A publisher allows nobody purpose 2, and vendors 3 and 7 to 9 purpose 8 only by consent."""
    entries = number(2, 12) + "0" + number(3, 16) + "1" + number(7, 16) + number(9, 16)
    read = core_of(tc(core(restrictions=number(2, 12) + number(2, 6) + "00" + number(0, 12) + number(8, 6) + "01" + entries)))

    assert [(each.purpose, each.kind, each.vendors.pairs()) for each in read.restrictions] == [(2, 0, []), (8, 1, [(3, 3), (7, 9)])]


def test_segments_after_the_core_come_in_any_order() -> None:
    """Each says itself what it is."""
    publisher = "011" + "1" + "0" * 47 + number(2, 6) + "01" + "10"
    tcf = decoded(tc(core(), publisher, NOTHING_DISCLOSED)).tcf
    assert tcf is not None
    assert tcf.publisher_tc is not None

    assert tcf.segments == ("core", "publisherTC", "disclosedVendors")
    assert (tcf.publisher_tc.consent, tcf.publisher_tc.custom_consent, tcf.publisher_tc.custom_li) == ((1,), (2,), (1,))


@pytest.mark.parametrize(
    ("findings", "text"),
    [
        ([], tc(core())),
        (["not_service_specific"], tc(core(service_specific=False))),
        (["policy_version_too_low"], tc(core(policy=2))),
        (["policy_version_too_low"], tc(core(policy=3, created_ds=ds(2023, 10, 1)))),
        (["policy_version_outdated"], tc(core(policy=3, created_ds=ds(2023, 10, 1) - 1))),
        (["policy_version_too_low"], tc(core(policy=3, created_ds=0, updated_ds=ds(2024, 1, 1)))),
        (["disclosed_vendors_missing"], text_of(core())),
        (["disclosed_vendors_missing"], text_of(core(created_ds=ds(2026, 3, 1)))),
        ([], text_of(core(created_ds=ds(2026, 3, 1) - 1))),
        (["created_after_last_updated"], tc(core(updated_ds=JUNE_2026_DS - 1))),
        (["legitimate_interest_not_allowed"], tc(core(li=(3,)))),
        (["unknown_purpose"], tc(core(consent=(12,)))),
        (["unknown_special_feature"], tc(core(features=(3,)))),
        (["allowed_vendors_deprecated"], tc(core(), NOTHING_DISCLOSED, "010" + NO_VENDORS)),
        (["vendor_ranges_not_ascending"], tc(core(vendors=ranges((5, 9), (1, 4))))),
        (["vendor_ranges_not_ascending"], tc(core(vendors=ranges((5, 9), (9, 12))))),
    ],
)
def test_a_readable_string_is_judged(findings: list[str], text: str) -> None:
    """On the day a rule begins and the last moment before it."""
    assert findings == codes(text)


def test_a_string_lives_thirteen_months() -> None:
    """From its stamp to the day before, 13 calendar months on; a date of the future is told. Without a time it is not judged."""
    text = tc(core(created_ds=ds(2026, 1, 31)), NOTHING_DISCLOSED)
    first, last = ds(2026, 1, 31) * 100, ds(2027, 2, 28) * 100

    assert codes(text, first - 1) == ["made_in_future"]
    assert [] == codes(text, first) == codes(text, last - 1) == codes(text)
    assert codes(text, last) == ["expired"]
