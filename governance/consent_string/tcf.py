"""TC strings of TCF v2 (IAB Tech Lab, "Consent string and vendor list formats v2", with v2.3): read whole, or refused.

    core . disclosedVendors . publisherTC        the core comes first; the others say by their first three bits what they are

Time here is what the string says, in epoch milliseconds; the string keeps tenths of a second, and since 2021 whole days: it
cannot order two choices of one day. What a well-formed string is worth is another question: see findings.py.
"""

from dataclasses import dataclass

from governance.consent_string.bits import Bits, ConsentStringError
from governance.consent_string.vendors import VendorIds, read_ranges, read_vendors

LONGEST_TC_STRING = 8_192  # characters
TCF_VERSION = 2
PURPOSES = 24
SPECIAL_FEATURES = 12
UNDEFINED_RESTRICTION = 3
SEGMENTS = {1: "disclosedVendors", 2: "allowedVendors", 3: "publisherTC"}


@dataclass(frozen=True, slots=True)
class Restriction:
    """What a publisher forbids vendors: kind 0 not allowed, 1 consent required, 2 legitimate interest required."""

    purpose: int
    kind: int
    vendors: VendorIds


@dataclass(frozen=True, slots=True)
class PublisherTc:
    """The publisher's own part: purposes and custom purposes by consent and by legitimate interest (`li`)."""

    consent: tuple[int, ...]
    li: tuple[int, ...]
    custom_consent: tuple[int, ...]
    custom_li: tuple[int, ...]

    @property
    def is_silent(self) -> bool:
        """Whether not a single bit is set: encoders write the segment even where the publisher asks for nothing."""
        return not (self.consent or self.li or self.custom_consent or self.custom_li)


@dataclass(frozen=True, slots=True)
class Core:
    """The core segment, field by field; times in epoch milliseconds, purposes and special features as numbers from 1."""

    version: int
    created_ms: int
    last_updated_ms: int
    cmp_id: int
    cmp_version: int
    consent_screen: int
    language: str
    vendor_list_version: int
    policy_version: int
    is_service_specific: bool
    use_non_standard_texts: bool
    special_features: tuple[int, ...]
    purposes_consent: tuple[int, ...]
    purposes_li: tuple[int, ...]
    purpose_one_treatment: bool
    publisher_cc: str
    vendor_consent: VendorIds
    vendor_li: VendorIds
    restrictions: tuple[Restriction, ...]


@dataclass(frozen=True, slots=True)
class TcString:
    """A whole TC string; a segment that is not there is null, `segments` are the names in the order of the string."""

    core: Core
    segments: tuple[str, ...]
    disclosed_vendors: VendorIds | None = None
    allowed_vendors: VendorIds | None = None
    publisher_tc: PublisherTc | None = None


def read_tc_string(text: str) -> TcString:
    """Read a TC string of at most 8,192 characters. Raises ConsentStringError with a code and a bit of the segment it names."""
    if len(text) > LONGEST_TC_STRING:
        raise ConsentStringError("too_long", f"a TC string has at most {LONGEST_TC_STRING} characters, this one has {len(text)}")
    first, *others = text.split(".", len(SEGMENTS) + 1)  # one more part than there are segments is enough to refuse the rest
    core = _core(Bits(first, "core"))
    vendors: dict[str, VendorIds] = {}
    publisher: PublisherTc | None = None
    segments = ["core"]
    for place, part in enumerate(others, 2):
        bits = Bits(part, f"segment {place}")
        name = _segment_name(bits)
        if name in segments:
            raise ConsentStringError("duplicate_segment", f"segment {place} is a second {name}", 0)
        segments.append(name)
        if name == "publisherTC":
            publisher = _publisher(bits)
        else:
            vendors[name] = read_vendors(bits)
        bits.finish()
    return TcString(core, tuple(segments), vendors.get("disclosedVendors"), vendors.get("allowedVendors"), publisher)


def _segment_name(bits: Bits) -> str:
    kind = bits.number(3)
    if kind not in SEGMENTS:
        raise bits.wrong("segment_type", f"is of type {kind}; after the core there are types 1, 2 and 3", 0)
    return SEGMENTS[kind]


def _core(bits: Bits) -> Core:
    version = bits.number(6)
    if version != TCF_VERSION:
        raise bits.wrong("version", f"is of version {version}, only {TCF_VERSION} is read", 0)
    core = Core(
        version=version,
        created_ms=bits.number(36) * 100,
        last_updated_ms=bits.number(36) * 100,
        cmp_id=bits.number(12),
        cmp_version=bits.number(12),
        consent_screen=bits.number(6),
        language=bits.letters(),
        vendor_list_version=bits.number(12),
        policy_version=bits.number(6),
        is_service_specific=bits.flag(),
        use_non_standard_texts=bits.flag(),
        special_features=bits.ids(SPECIAL_FEATURES),
        purposes_consent=bits.ids(PURPOSES),
        purposes_li=bits.ids(PURPOSES),
        purpose_one_treatment=bits.flag(),
        publisher_cc=bits.letters(),
        vendor_consent=read_vendors(bits),
        vendor_li=read_vendors(bits),
        restrictions=_restrictions(bits),
    )
    bits.finish()
    return core


def _restrictions(bits: Bits) -> tuple[Restriction, ...]:
    """One record for each purpose and kind; a second one would leave open which holds, and thousands would only cost time."""
    found: dict[tuple[int, int], Restriction] = {}
    for _ in range(bits.number(12)):
        start = bits.at
        purpose, kind = bits.number(6), bits.number(2)
        if not 1 <= purpose <= PURPOSES:
            raise bits.wrong("restriction_purpose", f"restricts purpose {purpose}; there are purposes 1 to {PURPOSES}", start)
        if kind == UNDEFINED_RESTRICTION:
            raise bits.wrong("undefined_value", "has a publisher restriction of the undefined type 3", start + 6)
        if (purpose, kind) in found:
            raise bits.wrong("duplicate_restriction", f"restricts purpose {purpose} by type {kind} twice", start)
        found[purpose, kind] = Restriction(purpose, kind, VendorIds(ranges=read_ranges(bits)))
    return tuple(found.values())


def _publisher(bits: Bits) -> PublisherTc:
    consent, li = bits.ids(PURPOSES), bits.ids(PURPOSES)
    custom = bits.number(6)
    return PublisherTc(consent, li, bits.ids(custom), bits.ids(custom))
