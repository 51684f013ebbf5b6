"""GPP strings (IAB Tech Lab, Global Privacy Platform 1.0): a header that lists section ids, then the sections, joined by "~".

    DBABLA ~ BVQqAAAAAgA.QA          header: type 3, version 1, ids in a Fibonacci coded range; then one part for each id

Sections 2, 6, 7 and 8 are read whole. Any other is kept as it came and never interpreted: a wrong guess about a field would
be a choice that nobody made.
"""

from dataclasses import dataclass
from string import ascii_letters, digits

from governance.consent_string.bits import Bits, ConsentStringError
from governance.consent_string.tcf import TcString, read_tc_string
from governance.consent_string.us import USCA, USNAT, USPV1, UsPrivacy, UsSection, read_us_privacy, read_us_section

LONGEST_GPP_STRING = 16_384  # characters
HEADER_TYPE = 3
GPP_VERSION = 1
MOST_SECTIONS = 100  # the register has 27
TCFEUV2 = 2
HEADER_ID = 3
PREFIXES = {
    **{1: "tcfeuv1", TCFEUV2: "tcfeuv2", 5: "tcfcav1", USPV1: "uspv1", USNAT: "usnat", USCA: "usca", 9: "usva", 10: "usco", 11: "usut"},
    **{12: "usct", 13: "usfl", 14: "usmt", 15: "usor", 16: "ustx", 17: "usde", 18: "usia", 19: "usne", 20: "usnh", 21: "usnj"},
    **{22: "ustn", 23: "usmn", 24: "usmd", 25: "usin", 26: "usky", 27: "usri"},
}
SAFE = frozenset(ascii_letters + digits + "-_.")  # a section of another encoding is text that is safe in a URL


@dataclass(frozen=True, slots=True)
class RawSection:
    """A section that is not interpreted, as it came."""

    section_id: int
    text: str


@dataclass(frozen=True, slots=True)
class GppString:
    """A whole GPP string; a section that is not there is null, `raw` holds the ones that are not interpreted."""

    version: int
    section_ids: tuple[int, ...]
    tcf: TcString | None = None
    us_privacy: UsPrivacy | None = None
    us: tuple[UsSection, ...] = ()
    raw: tuple[RawSection, ...] = ()


def prefix_of(section_id: int) -> str:
    """The name of a section in the client side API, `section_<id>` for one that the register does not have."""
    return PREFIXES.get(section_id, f"section_{section_id}")


def read_gpp_string(text: str) -> GppString:
    """Read a GPP string of at most 16,384 characters. Raises ConsentStringError with a code and a bit of the part it names."""
    if len(text) > LONGEST_GPP_STRING:
        raise ConsentStringError("too_long", f"a GPP string has at most {LONGEST_GPP_STRING} characters, this one has {len(text)}")
    header, *parts = text.split("~", MOST_SECTIONS + 1)
    if len(parts) > MOST_SECTIONS:
        raise ConsentStringError("section_count", f"a GPP string of more than {MOST_SECTIONS} sections is not read")
    section_ids = _section_ids(Bits(header, "header"), len(parts))
    texts = dict(zip(section_ids, parts, strict=True))
    tcf, privacy = texts.get(TCFEUV2), texts.get(USPV1)
    return GppString(
        GPP_VERSION,
        section_ids,
        None if tcf is None else _tcf(tcf),
        None if privacy is None else read_us_privacy(privacy),
        tuple([read_us_section(section_id, texts[section_id]) for section_id in (USNAT, USCA) if section_id in texts]),
        tuple([_raw(section_id, part) for section_id, part in texts.items() if section_id not in (TCFEUV2, USPV1, USNAT, USCA)]),
    )


def _section_ids(bits: Bits, sections: int) -> tuple[int, ...]:
    """The ids of the header, ascending; there must be as many as there are sections, which also bounds the work."""
    kind, version = bits.number(6), bits.number(6)
    if kind != HEADER_TYPE:
        raise bits.wrong("header_type", f"is of type {kind}, a GPP header is of type {HEADER_TYPE}", 0)
    if version != GPP_VERSION:
        raise bits.wrong("version", f"is of version {version}, only {GPP_VERSION} is read", 6)
    ids: list[int] = []
    last = 0
    for _ in range(bits.number(12)):
        start = bits.at
        is_group = bits.flag()
        first = last + bits.fibonacci()
        last = first + bits.fibonacci() if is_group else first
        if len(ids) + last - first >= sections:
            raise bits.wrong("section_count", f"announces more sections than the {sections} present", start)
        ids.extend(range(first, last + 1))
    bits.finish()
    if len(ids) != sections:
        raise bits.wrong("section_count", f"announces {len(ids)} sections, {sections} are present", 12)
    if HEADER_ID in ids:
        raise bits.wrong("section_id", f"lists section {HEADER_ID}, which is the header itself", 24)
    return tuple(ids)


def _tcf(text: str) -> TcString:
    try:
        return read_tc_string(text)
    except ConsentStringError as error:
        raise ConsentStringError(error.code, f"section {TCFEUV2}: {error.message}", error.at_bit) from error


def _raw(section_id: int, text: str) -> RawSection:
    if not text:
        raise ConsentStringError("empty", f"section {section_id} is empty", 0)
    if not SAFE.issuperset(text):
        raise ConsentStringError("not_url_safe", f"section {section_id} has a character outside A-Z a-z 0-9 - _ .")
    return RawSection(section_id, text)
