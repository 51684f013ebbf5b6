"""Builders of consent strings for tests: fields in, text out, with nothing taken from the decoder but the alphabet's order."""

import json
from pathlib import Path
from typing import Any

from governance.consent_string.decode import Decoded, DecodeFailure, decode

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
GOLDEN: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parents[2] / "golden" / "consent_strings.json").read_text(encoding="utf-8")
)
VALID: list[dict[str, Any]] = GOLDEN["tcf_valid"] + GOLDEN["gpp_valid"]
REFUSED: list[dict[str, Any]] = GOLDEN["tcf_refused"] + GOLDEN["gpp_refused"]
VALID_TEXTS: list[str] = [vector["text"] for vector in VALID]

JUNE_2026_DS = 17_802_720_000  # 2026-06-01T00:00Z in tenths of a second
NO_VENDORS = "0" * 17
NOTHING_DISCLOSED = "001" + NO_VENDORS


def text_of(bits: str) -> str:
    """Six bits a character, zeros at the end."""
    bits += "0" * (-len(bits) % 6)
    return "".join(LETTERS[int(bits[start : start + 6], 2)] for start in range(0, len(bits), 6))


def bits_of(text: str) -> str:
    """The bits of one part of a string."""
    return "".join(f"{LETTERS.index(letter):06b}" for letter in text)


def number(value: int, width: int) -> str:
    """A number in so many bits."""
    assert 0 <= value < 1 << width
    return f"{value:0{width}b}"


def ones(wanted: tuple[int, ...], width: int) -> str:
    """A bit field with the bits of these numbers set."""
    return "".join("1" if place in wanted else "0" for place in range(1, width + 1))


def ranges(*pairs: tuple[int, int], highest: int = 65_535, announced: int | None = None) -> str:
    """A vendor section in range encoding; a pair of equal ids is a single one."""
    entries = "".join("0" + number(first, 16) if first == last else "1" + number(first, 16) + number(last, 16) for first, last in pairs)
    return number(highest, 16) + "1" + number(len(pairs) if announced is None else announced, 12) + entries


def core(
    *,
    version: int = 2,
    created_ds: int = JUNE_2026_DS,
    updated_ds: int | None = None,
    letters: tuple[int, int] = (4, 13),
    policy: int = 5,
    service_specific: bool = True,
    features: tuple[int, ...] = (),
    consent: tuple[int, ...] = (),
    li: tuple[int, ...] = (),
    purpose_one_treatment: bool = False,
    vendors: str = NO_VENDORS,
    restrictions: str = "0" * 12,
) -> str:
    """The bits of a core segment, in the order of the specification."""
    head = number(version, 6) + number(created_ds, 36) + number(created_ds if updated_ds is None else updated_ds, 36)
    cmp = number(880, 12) + number(1, 12) + number(1, 6) + number(letters[0], 6) + number(letters[1], 6)
    flags = number(120, 12) + number(policy, 6) + str(int(service_specific)) + "0"
    choices = ones(features, 12) + ones(consent, 24) + ones(li, 24) + str(int(purpose_one_treatment))
    return head + cmp + flags + choices + number(3, 6) + number(4, 6) + vendors + NO_VENDORS + restrictions


def tc(core_bits: str, *segments: str) -> str:
    """A TC string of these bits; without segments, with an empty disclosedVendors."""
    return ".".join(text_of(bits) for bits in (core_bits, *(segments or (NOTHING_DISCLOSED,))))


def fibonacci(value: int) -> str:
    """The Fibonacci code word of a positive number, by greedy choice of the largest Fibonacci number that fits."""
    weights = [1, 2]
    while weights[-1] <= value:
        weights.append(weights[-1] + weights[-2])
    places = ["0"] * len(weights)
    for place in reversed(range(len(weights))):
        if weights[place] <= value:
            value -= weights[place]
            places[place] = "1"
    return "".join(places).rstrip("0") + "1"


def gpp(sections: dict[int, str]) -> str:
    """A GPP string of these sections, each id an entry of its own."""
    ids = sorted(sections)
    steps = "".join("0" + fibonacci(after - before) for before, after in zip([0, *ids], ids, strict=False))
    return "~".join([text_of(number(3, 6) + number(1, 6) + number(len(ids), 12) + steps), *(sections[each] for each in ids)])


def national(version: int, fields: tuple[int, ...] = (), *, width: int) -> str:
    """The bits of a US section with two-bit fields; those left out are 0."""
    return number(version, 6) + "".join(number(value, 2) for value in (*fields, *(0,) * (width - len(fields))))


def decoded(text: str) -> Decoded:
    """The string, which must be readable."""
    result = decode(text)
    assert isinstance(result, Decoded), result
    return result


def refused(text: str) -> DecodeFailure:
    """Why the string, which must not be readable, is refused."""
    result = decode(text)
    assert isinstance(result, DecodeFailure), "was read"
    return result


def codes(text: str, at_ms: int | None = None) -> list[str]:
    """The findings of a readable string."""
    result = decode(text, at_ms)
    assert isinstance(result, Decoded), result
    return [finding.code for finding in result.findings]
