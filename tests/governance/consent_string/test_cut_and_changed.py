"""Strings cut short, lengthened and changed: what is read never grants more than the text has bits for, and nothing is raised."""

from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.consent_string.answers import as_answer
from governance.consent_string.decode import Decoded, decode
from governance.consent_string.gpp import GppString
from governance.consent_string.purposes import purposes_granted
from tests.governance.consent_string.packing import LETTERS, VALID_TEXTS, bits_of, decoded

PURPOSES_AT, PURPOSES_END, LI_END = 152, 176, 200  # bits of the core: consent by purpose, then legitimate interest
VALID = st.sampled_from(VALID_TEXTS)
quickly = partial(settings, max_examples=300, deadline=None)


def granted(result: Decoded) -> set[str]:
    standings = purposes_granted(result, opt_in=False)
    return {name for name, standing in standings.items() if standing == "granted"}


def allows(result: Decoded) -> set[tuple[str, int]]:
    """Everything a string allows anybody: purposes, special features, custom purposes and vendors."""
    tcf = result.tcf
    if tcf is None:
        return set()
    core, publisher = tcf.core, tcf.publisher_tc
    lists = {"consent": core.purposes_consent, "li": core.purposes_li, "features": core.special_features}
    if publisher is not None:
        lists |= {"own": publisher.consent, "own li": publisher.li, "custom": publisher.custom_consent, "custom li": publisher.custom_li}
    vendors = {
        "vendors": core.vendor_consent,
        "vendors li": core.vendor_li,
        "disclosed": tcf.disclosed_vendors,
        "allowed": tcf.allowed_vendors,
    }
    ids = {(name, vendor) for name, each in vendors.items() if each for first, last in each.pairs() for vendor in range(first, last + 1)}
    return ids | {(name, number) for name, numbers in lists.items() for number in numbers}


def set_bits(bits: str, start: int, end: int) -> tuple[int, ...]:
    return tuple(place for place, bit in enumerate(bits[start:end], 1) if bit == "1")


@pytest.mark.parametrize("text", VALID_TEXTS, ids=range(len(VALID_TEXTS)))
def test_no_prefix_allows_more_than_the_whole(text: str) -> None:
    """At every length: refused, or no purpose, vendor or grant that the whole string does not have."""
    whole = decoded(text)

    read = [result for length in range(len(text)) if isinstance(result := decode(text[:length]), Decoded)]
    assert all(allows(result) <= allows(whole) and granted(result) <= granted(whole) for result in read)


@pytest.mark.parametrize("text", VALID_TEXTS, ids=range(len(VALID_TEXTS)))
def test_a_cut_inside_a_field_is_refused(text: str) -> None:
    """A shorter string that still reads lost padding or whole segments: its parts say what the same parts of the whole say."""
    for length in range(len(text)):
        result = decode(text[:length])
        if isinstance(result, Decoded) and not isinstance(result.string, GppString):
            kept = text[:length].split(".")
            for short, full in zip(kept, text.split("."), strict=False):
                assert bits_of(short).rstrip("0") == bits_of(full).rstrip("0")


@pytest.mark.parametrize("padding", ["=", "==", " ", "\n", "\x00", "A=", ".", "..", "~", "~~", "!", "ż", "１"])
@pytest.mark.parametrize("text", VALID_TEXTS, ids=range(len(VALID_TEXTS)))
def test_padding_that_is_no_bit_is_refused(text: str, padding: str) -> None:
    """What libraries strip or skip silently is an error here, at either end."""
    assert not isinstance(decode(text + padding), Decoded)
    assert not isinstance(decode(padding + text), Decoded)


@pytest.mark.parametrize("text", [text for text in VALID_TEXTS if not text.endswith(("N", "-"))])
def test_zeros_at_the_end_say_nothing_and_ones_are_refused(text: str) -> None:
    """Encoders differ in how far they fill up; what they fill up with is zeros."""
    if text != "DBAA":
        assert as_answer("", decode(text)) == as_answer("", decode(text + "A" * 4))
    for letter in LETTERS[1:]:
        assert not isinstance(decode(text + "AAAA" + letter), Decoded)


@quickly()
@given(VALID, st.data())
def test_a_changed_string_says_what_its_own_bits_say(text: str, data: st.DataObject) -> None:
    """Any character changed: what is read are the bits of the changed text at the places of the specification, none made up."""
    if text[0] != "C":
        return
    place = data.draw(st.integers(1, len(text) - 1))
    changed = text[:place] + data.draw(st.sampled_from(LETTERS + ".~= ")) + text[place + 1 :]

    result = decode(changed)

    if isinstance(result, Decoded) and result.tcf is not None:
        bits = bits_of(changed.split(".")[0])
        assert set_bits(bits, PURPOSES_AT, PURPOSES_END) == result.tcf.core.purposes_consent
        assert set_bits(bits, PURPOSES_END, LI_END) == result.tcf.core.purposes_li


@quickly()
@given(VALID, st.data())
def test_a_change_elsewhere_allows_no_purpose(text: str, data: st.DataObject) -> None:
    """Deleted, doubled or changed characters outside the fields of purposes leave no more purposes than there were."""
    first, last = PURPOSES_AT // 6, LI_END // 6 + 1
    place = data.draw(st.integers(0, len(text) - 1).filter(lambda place: place not in range(first, last)))
    if text[0] != "C":
        return
    keeps_places = data.draw(st.booleans()) or place < first  # a character more or less before the purposes would move others into them
    new = data.draw(st.sampled_from(LETTERS)) if keeps_places else data.draw(st.sampled_from(["", text[place] * 2]))

    result = decode(text[:place] + new + text[place + 1 :])

    if isinstance(result, Decoded):
        whole = decoded(text)
        assert whole.tcf is not None
        assert result.tcf is None or set(result.tcf.core.purposes_consent) <= set(whole.tcf.core.purposes_consent)


@quickly()
@given(VALID, VALID, st.data())
def test_spliced_strings_raise_nothing(left: str, right: str, data: st.DataObject) -> None:
    """The head of one string and the tail of another: read or refused, and the answer is made of either."""
    spliced = left[: data.draw(st.integers(0, len(left)))] + right[data.draw(st.integers(0, len(right))) :]
    result = decode(spliced)

    assert isinstance(result, Decoded) == as_answer(spliced, result)["ok"]
    if isinstance(result, Decoded):
        assert granted(result) <= set(purposes_granted(result))


@quickly()
@given(st.one_of(st.text(), st.text(LETTERS + ".~", max_size=120), st.text(LETTERS, max_size=80).map(lambda text: "DBAB" + text)))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No exception leaves the decoder, and a refusal has a code, a message and a bit that is not negative."""
    result = decode(text)

    if not isinstance(result, Decoded):
        assert result.code
        assert result.message
        assert result.at_bit is None or result.at_bit >= 0
