"""What strings say about our purposes: the documented table, a table of one's own, and that nothing is granted by silence."""

import re
from pathlib import Path

import pytest

from governance.consent_string.purposes import DOCUMENTED, GPP_FIELDS, TCF_PURPOSES, purpose_tables, purposes_granted
from tests.governance.consent_string.packing import VALID, core, decoded, gpp, national, number, ones, tc, text_of

OF_TCF = {name for names in TCF_PURPOSES.values() for name in names}
TARGETED = {"advertising_profiling", "personalised_advertising"}
SOLD = {"data_sale", "data_sharing", *TARGETED}
USNAT_2, USCA_1 = 32, 20
DISCLOSED = "001" + "0" * 17


def names(text: str, standing: str, *, opt_in: bool = True) -> set[str]:
    return {name for name, found in purposes_granted(decoded(text), opt_in=opt_in).items() if found == standing}


def vector(name: str) -> str:
    return next(str(found["text"]) for found in VALID if found["name"] == name)


def publisher(*consent: int) -> str:
    return "011" + ones(consent, 24) + "0" * 24 + number(0, 6)


def national_of(sale: int, sharing: int, targeted: int, *, notices: int = 1) -> str:
    return text_of(national(2, (notices,) * 6 + (sale, sharing, targeted), width=USNAT_2))


def test_each_consent_bit_grants_its_purpose_and_every_other_is_denied() -> None:
    """Content only: 1, 5 and 6. Accept all: everything. Reject all: nothing."""
    assert {"device_storage", "content_profiling", "personalised_content"} == names(vector("content_only_v23"), "granted")
    assert names(vector("accept_all_v23"), "granted") == OF_TCF
    assert names(vector("reject_all_v23"), "denied") == OF_TCF


@pytest.mark.parametrize("purpose", range(1, 12))
def test_legitimate_interest_is_no_consent(purpose: int) -> None:
    """Its bit is shown, not granted."""
    assert set() == names(tc(core(li=(purpose,))), "granted")
    assert set(TCF_PURPOSES[purpose]) == names(tc(core(consent=(purpose,))), "granted")


@pytest.mark.parametrize(
    "text", [tc(core(consent=(6,), service_specific=False)), tc(core(consent=(6,), policy=2)), text_of(core(consent=(6,)))]
)
def test_a_void_string_denies_everything(text: str) -> None:
    """Global scope, an old policy, no disclosed vendors: what it says is no consent, alone or inside a GPP string."""
    assert OF_TCF == names(text, "denied") == names(gpp({2: text}), "denied")


def test_the_publishers_own_segment_must_agree_where_it_says_anything() -> None:
    """Silent: the core decides. Otherwise both do."""
    assert {"personalised_content"} == names(tc(core(consent=(6,)), DISCLOSED, publisher()), "granted")
    assert {"personalised_content"} == names(tc(core(consent=(5, 6)), DISCLOSED, publisher(6, 7)), "granted")


def test_storage_that_was_not_asked_about_is_unstated() -> None:
    """purpose_one_treatment: purpose 1 was not disclosed, so nobody refused it."""
    assert "device_storage" in names(tc(core(purpose_one_treatment=True)), "unstated")
    assert "device_storage" in names(tc(core()), "denied")


def test_an_opt_out_denies_and_the_lack_of_one_is_no_consent() -> None:
    """Only where the law asks for no consent, and after notice, does "did not opt out" count."""
    stayed, unnoticed = gpp({7: national_of(2, 2, 2)}), gpp({7: national_of(2, 2, 2, notices=2)})

    assert names(gpp({7: national_of(1, 0, 0)}), "denied") == SOLD
    assert names(gpp({7: national_of(2, 2, 1)}), "denied", opt_in=False) == TARGETED
    assert set() == names(stayed, "granted")
    assert names(stayed, "granted", opt_in=False) == SOLD
    assert set() == names(unnoticed, "granted", opt_in=False)


def test_us_privacy_strings() -> None:
    """1YYN denies, 1YNN is an opportunity not taken, 1--- says nothing."""
    assert names("DBABTA~1YYN", "denied") == SOLD
    assert names("DBABTA~1YNN", "granted", opt_in=False) == SOLD
    assert set() == names("DBABTA~1YNN", "granted") == names("DBABTA~1NNN", "granted", opt_in=False)
    assert set(purposes_granted(decoded("DBABTA~1---"))) == names("DBABTA~1---", "unstated", opt_in=False)


def test_gpc_wins_over_a_tc_string_that_accepts_all() -> None:
    """Sale, sharing and targeted advertising are denied; content, which the signal does not concern, stays granted."""
    text = gpp({2: vector("accept_all_v23"), 7: national_of(2, 2, 2) + ".YA"})

    for opt_in in (True, False):
        assert names(text, "denied", opt_in=opt_in) == SOLD
        assert names(text, "granted", opt_in=opt_in) == OF_TCF - TARGETED


def test_next_to_a_section_nobody_read_nothing_of_its_kind_is_granted() -> None:
    """Virginia may hold the opt-out that the national section lacks."""
    assert set() == names(gpp({7: national_of(2, 2, 2), 9: "BVVV"}), "granted", opt_in=False)
    assert names(gpp({7: national_of(1, 2, 2), 9: "BVVV"}), "denied", opt_in=False) == SOLD


def test_sensitive_data_is_consent_in_one_section_and_an_opt_out_in_the_other() -> None:
    """National: 2 is consent. California: 2 is a limit not asked for. One 1 among them denies."""
    nation = gpp({7: text_of(national(2, (1,) * 6 + (0, 0, 0, 2), width=USNAT_2))})
    california = gpp({8: text_of(national(1, (1, 1, 1, 0, 0, 2), width=USCA_1))})

    assert {"sensitive_data"} == names(nation, "granted")
    assert set() == names(california, "granted")
    assert {"sensitive_data"} == names(california, "granted", opt_in=False)
    assert {"sensitive_data"} == names(gpp({7: text_of(national(2, (1,) * 6 + (0, 0, 0, 2, 1), width=USNAT_2))}), "denied")


def test_a_table_of_ones_own_replaces_rows() -> None:
    """Several numbers of one purpose must all grant; {} is the documented table."""
    tables = purpose_tables(
        {"5": "personalised_content", "6": ("personalised_content", "hero"), "9": []}, {"SaleOptOut": "personalised_content"}
    )
    standings = purposes_granted(decoded(tc(core(consent=(6,)))), tables)

    assert purpose_tables({}, {}) == DOCUMENTED
    assert (standings["personalised_content"], standings["hero"]) == ("denied", "granted")
    assert "audience_statistics" not in standings
    assert purposes_granted(decoded(tc(core(consent=(5, 6)))), tables)["personalised_content"] == "granted"
    assert purposes_granted(decoded(gpp({7: national_of(1, 2, 2)})), tables)["personalised_content"] == "denied"


@pytest.mark.parametrize(
    ("tcf", "fields"), [({"0": "a"}, {}), ({"25": "a"}, {}), ({"x": "a"}, {}), ({"²": "a"}, {}), ({}, {"SaleOptOt": "a"})]
)
def test_a_row_for_nothing_is_an_error(tcf: dict[str, str], fields: dict[str, str]) -> None:
    """It names the table and what would be right."""
    with pytest.raises(ValueError, match=r"consent\.purposes\.(tcf|gpp): .* they are "):
        purpose_tables(tcf, fields)


def test_every_field_of_the_table_can_deny() -> None:
    """No row of the documented table is dead."""
    everything = text_of(national(2, (1,) * USNAT_2, width=USNAT_2)) + ".YA"

    assert {name for row in GPP_FIELDS.values() for name in row} == names(gpp({6: "1YYN", 7: everything}), "denied")


def test_the_tables_are_the_documented_ones() -> None:
    """As docs/consent.md has them, row by row."""
    text = (Path(__file__).parents[3] / "docs" / "consent.md").read_text()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    named = [(re.findall(r"[A-Za-z0-9]+", left), tuple(re.findall(r"`([a-z_]+)`", right))) for left, right in rows]

    assert {int(keys[0]): names for keys, names in named if keys and keys[0].isdigit()} == DOCUMENTED.tcf
    assert {key: names for keys, names in named for key in keys if key in DOCUMENTED.gpp} == DOCUMENTED.gpp
