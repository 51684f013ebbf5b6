"""US sections of a GPP string that are read whole: us privacy (6), US national (7) in both its widths, and California (8).

Source: IAB Tech Lab, Global Privacy Platform, sections "US National" (1.0 and 2.0) and "California" (1.0); US Privacy String 1.
Two-bit fields: 0 not applicable; notices 1 given, 2 not given; opt-outs 1 opted out, 2 did not; consents 1 no, 2 yes; 3 is undefined.
"""

from dataclasses import dataclass

from governance.consent_string.bits import Bits, ConsentStringError

UNDEFINED = 3
USPV1, USNAT, USCA = 6, 7, 8
YES_NO_NOT_APPLICABLE = "YN-"
GPC_SUBSECTION = 1

NATIONAL_START = (
    *("SharingNotice", "SaleOptOutNotice", "SharingOptOutNotice", "TargetedAdvertisingOptOutNotice"),
    *("SensitiveDataProcessingOptOutNotice", "SensitiveDataLimitUseNotice"),
    *("SaleOptOut", "SharingOptOut", "TargetedAdvertisingOptOut"),
)
CALIFORNIA_START = ("SaleOptOutNotice", "SharingOptOutNotice", "SensitiveDataLimitUseNotice", "SaleOptOut", "SharingOptOut")
END = ("PersonalDataConsents", "MspaCoveredTransaction", "MspaOptOutOptionMode", "MspaServiceProviderMode")


@dataclass(frozen=True, slots=True)
class Layout:
    """The two-bit fields of one version of a section: single ones, two lists of the given lengths, single ones again."""

    start: tuple[str, ...]
    sensitive: int
    child: int


# Version 2 of the national section widened both lists and nothing else says so: the version decides, never the length.
LAYOUTS = {
    (USNAT, 1): Layout(NATIONAL_START, sensitive=12, child=2),
    (USNAT, 2): Layout(NATIONAL_START, sensitive=16, child=3),
    (USCA, 1): Layout(CALIFORNIA_START, sensitive=9, child=2),
}

# What was chosen means something only where the person was told (value 1 of the notice).
NOTICE_OF = {
    "SaleOptOut": "SaleOptOutNotice",
    "SharingOptOut": "SharingOptOutNotice",
    "TargetedAdvertisingOptOut": "TargetedAdvertisingOptOutNotice",
}


@dataclass(frozen=True, slots=True)
class UsPrivacy:
    """Section 6, four characters in plain text: each of the three is Y, N or - (not applicable)."""

    version: int
    notice: str
    opt_out_sale: str
    lspa_covered: str


@dataclass(frozen=True, slots=True)
class UsSection:
    """Section 7 or 8: its version, its fields by their names in the specification, and `gpc`: null where the string does not say."""

    section_id: int
    version: int
    values: tuple[tuple[str, int], ...]
    sensitive: tuple[int, ...]
    child: tuple[int, ...]
    gpc: bool | None

    def value(self, field: str) -> int | None:
        """The value of a single two-bit field; null where the section has no such field."""
        return dict(self.values).get(field)


def read_us_privacy(text: str) -> UsPrivacy:
    """Read `1YNN`. Raises ConsentStringError (`us_privacy`)."""
    if len(text) != 4 or text[0] != "1" or any(letter not in YES_NO_NOT_APPLICABLE for letter in text[1:]):
        raise ConsentStringError("us_privacy", "section 6 is the digit 1 and three of Y, N or -", 0)
    return UsPrivacy(1, *text[1:])


def read_us_section(section_id: int, text: str) -> UsSection:
    """Read section 7 or 8 with its optional GPC part. Raises ConsentStringError with a code and a bit of the part it names."""
    core, *others = text.split(".", 2)
    bits = Bits(core, f"section {section_id}")
    version = bits.number(6)
    layout = LAYOUTS.get((section_id, version))
    if layout is None:
        raise bits.wrong("section_version", f"is of version {version}, which is not known", 0)
    start = [(name, _choice(bits, name)) for name in layout.start]
    sensitive = tuple([_choice(bits, "SensitiveDataProcessing") for _ in range(layout.sensitive)])
    child = tuple([_choice(bits, "KnownChildSensitiveDataConsents") for _ in range(layout.child)])
    end = [(name, _choice(bits, name)) for name in END]
    bits.finish()
    return UsSection(section_id, version, (*start, *end), sensitive, child, _gpc(section_id, others))


def _choice(bits: Bits, name: str) -> int:
    start = bits.at
    value = bits.number(2)
    if value == UNDEFINED:
        raise bits.wrong("undefined_value", f"has the undefined value 3 in {name}", start)
    return value


def _gpc(section_id: int, parts: list[str]) -> bool | None:
    if not parts:
        return None
    part = f"section {section_id} part 2"
    if len(parts) > 1:
        raise ConsentStringError("duplicate_segment", f"section {section_id} has more than one part after its core")
    bits = Bits(parts[0], part)
    kind = bits.number(2)
    if kind != GPC_SUBSECTION:
        raise bits.wrong("segment_type", f"is of type {kind}; after the core there is only GPC, type 1", 0)
    gpc = bits.flag()
    bits.finish()
    return gpc
