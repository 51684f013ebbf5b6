"""GPP strings packed bit by bit: header, US sections in their versions, and what is kept without interpretation."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.consent_string.bits import ConsentStringError
from governance.consent_string.gpp import GppString, read_gpp_string
from tests.governance.consent_string.packing import codes, core, decoded, fibonacci, gpp, national, number, refused, tc, text_of

USNAT_1, USNAT_2, USCA_1 = 27, 32, 20  # two-bit fields of each
HEADER = number(3, 6) + number(1, 6)


def read(text: str) -> GppString:
    string = decoded(text).string
    assert isinstance(string, GppString)
    return string


@settings(max_examples=150, deadline=None)
@given(st.sets(st.integers(9, 2_000), max_size=30))
def test_the_header_lists_its_sections_in_order(ids: set[int]) -> None:
    """Whatever the ids, each section is found under its own, and what is not interpreted is kept as it came."""
    string = read(gpp({section_id: f"B{section_id}" for section_id in ids}))

    assert tuple(sorted(ids)) == string.section_ids
    assert [(section_id, f"B{section_id}") for section_id in sorted(ids)] == [(raw.section_id, raw.text) for raw in string.raw]


def test_a_group_of_ids_is_start_and_length() -> None:
    """9, then 11 to 13: the group starts two after the last id and goes on for two more."""
    header = text_of(HEADER + number(2, 12) + "0" + fibonacci(9) + "1" + fibonacci(2) + fibonacci(2))

    assert read(header + "~A~B~C~D").section_ids == (9, 11, 12, 13)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("version", "DAAA"),
        ("version", text_of(number(3, 6) + number(2, 6) + number(0, 12))),
        ("truncated", "D"),
        ("truncated", text_of(HEADER + number(1, 12) + "0")),
        ("fibonacci", "DBAB" + "A" * 16_000),
        ("section_count", text_of(HEADER + number(4_095, 12) + ("0" + "11") * 4_095)),
        ("section_count", text_of(HEADER + number(1, 12) + "1" + fibonacci(9) + fibonacci(17_000)) + "~A"),
        ("section_count", "DBABTA"),
        ("section_count", "DBABTA~1YNN~1YNN"),
        ("section_count", "DBAA" + "~A" * 101),
        ("section_count", "DBAA~"),
        ("empty", gpp({9: ""})),
        ("section_id", gpp({3: "A"})),
        ("not_url_safe", gpp({9: "A B"})),
        ("too_long", gpp({9: "A" * 16_384})),
        ("too_long", gpp({2: "C" + "A" * 8_192})),
        ("truncated", gpp({2: "CQlH"})),
        ("us_privacy", gpp({6: "1yNN"})),
        ("us_privacy", gpp({6: "2YNN"})),
        ("us_privacy", gpp({6: "1YNNA"})),
        ("section_version", gpp({7: text_of(national(3, width=USNAT_2))})),
        ("section_version", gpp({8: text_of(national(2, width=USCA_1))})),
        ("truncated", gpp({7: text_of(national(2, width=USNAT_1))})),
        ("trailing_bits", gpp({7: text_of(national(1, (0,) * 27 + (1,), width=USNAT_2))})),
        ("undefined_value", gpp({8: text_of(national(1, (0, 0, 0, 0, 3), width=USCA_1))})),
        ("segment_type", gpp({8: text_of(national(1, width=USCA_1)) + "." + text_of("000")})),
        ("trailing_bits", gpp({8: text_of(national(1, width=USCA_1)) + "." + text_of("011001")})),
        ("duplicate_segment", gpp({8: text_of(national(1, width=USCA_1)) + ".YA.YA"})),
    ],
)
def test_a_rule_of_the_format_is_broken(code: str, text: str) -> None:
    """Each with the code that names the rule; one broken section refuses the whole string."""
    assert code == refused(text).code


@pytest.mark.parametrize(("version", "width", "sensitive", "child"), [(1, USNAT_1, 12, 2), (2, USNAT_2, 16, 3)])
def test_the_version_decides_the_widths_of_the_national_section(version: int, width: int, sensitive: int, child: int) -> None:
    """The fields after the lists are where that version has them."""
    fields = (*(1,) * 6, *(2,) * 3, *(2,) * sensitive, *(1,) * child, 2, 1, 2, 1)
    [section] = read(gpp({7: text_of(national(version, fields, width=width))})).us

    assert (version, (2,) * sensitive, (1,) * child, None) == (section.version, section.sensitive, section.child, section.gpc)
    assert [value for _, value in section.values[-4:]] == [2, 1, 2, 1]


def test_only_a_header_is_read_as_one() -> None:
    """A TC string handed to the GPP reader is told so."""
    with pytest.raises(ConsentStringError, match="type 2") as caught:
        read_gpp_string("CQlHAAAA~A")

    assert (caught.value.code, caught.value.at_bit) == ("header_type", 0)


def test_findings_of_the_sections() -> None:
    """A section nobody looks into, a choice without notice, GPC against a choice, a mixed us privacy string, a void TC string."""
    california = text_of(national(1, (2, 1, 0, 2, 2), width=USCA_1)) + ".YA"
    text = gpp({2: tc(core(service_specific=False)), 6: "1Y-N", 8: california, 9: "BVVV", 30: "x.y"})

    of_california = ["choice_without_notice", "gpc_overrides_choice", "gpc_overrides_choice", "covered_transaction_unstated"]
    assert codes(text) == ["not_service_specific", "us_privacy_mixed", *of_california, "not_interpreted", "not_interpreted"]
