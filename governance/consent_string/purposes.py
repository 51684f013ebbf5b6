"""What a decoded string says about our purposes: granted, denied, or not a word (unstated).

TCF: each purpose of TCF v2.2 has one purpose of ours, and only its consent bit grants. Legitimate interest is decoded and shown,
but it is not consent. Where the publisher's own segment says anything at all, it must agree. Purpose 1 that was not disclosed
(purpose_one_treatment) is unstated. A void string denies everything: it must not leave an older or broader grant standing.

    1 device_storage              5 content_profiling           9 audience_statistics
    2 limited_data_advertising    6 personalised_content       10 service_improvement
    3 advertising_profiling       7 advertising_measurement    11 limited_data_content
    4 personalised_advertising    8 content_measurement

GPP, US sections: value 1 of an opt-out or a consent denies. A consent of 2 grants. "Did not opt out" is no consent: it lifts an
earlier opt-out where the law asks for no more (`opt_in=False`), after notice, and grants nothing to people who must opt in. GPC
denies what it is mapped to. First-party content is not what these laws let people opt out of; map a field to
`personalised_content` to hold it to them all the same.

    SaleOptOut, OptOutSale        data_sale, data_sharing, advertising_profiling, personalised_advertising
    SharingOptOut                 data_sharing, advertising_profiling, personalised_advertising
    TargetedAdvertisingOptOut     advertising_profiling, personalised_advertising
    Gpc                           data_sale, data_sharing, advertising_profiling, personalised_advertising
    SensitiveDataProcessing       sensitive_data
    KnownChildSensitiveDataConsents  child_data
    PersonalDataConsents          secondary_use

Several numbers of one purpose must all grant. Between sections a denial wins, then a grant. A section that was not interpreted
may hold an opt-out, so next to one nothing that a US field speaks of is granted.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from governance.consent_string.decode import Decoded
from governance.consent_string.findings import GIVEN
from governance.consent_string.gpp import GppString
from governance.consent_string.tcf import PURPOSES, TcString
from governance.consent_string.us import NOTICE_OF, USNAT, UsPrivacy, UsSection

Standing = Literal["granted", "denied", "unstated"]
Names = tuple[str, ...]
NO, YES = 1, 2  # opted out and did not, no consent and consent

TCF_PURPOSES: Mapping[int, Names] = {
    1: ("device_storage",),
    2: ("limited_data_advertising",),
    3: ("advertising_profiling",),
    4: ("personalised_advertising",),
    5: ("content_profiling",),
    6: ("personalised_content",),
    7: ("advertising_measurement",),
    8: ("content_measurement",),
    9: ("audience_statistics",),
    10: ("service_improvement",),
    11: ("limited_data_content",),
}
TARGETED = ("advertising_profiling", "personalised_advertising")
GPP_FIELDS: Mapping[str, Names] = {
    "SaleOptOut": ("data_sale", "data_sharing", *TARGETED),
    "OptOutSale": ("data_sale", "data_sharing", *TARGETED),
    "SharingOptOut": ("data_sharing", *TARGETED),
    "TargetedAdvertisingOptOut": TARGETED,
    "Gpc": ("data_sale", "data_sharing", *TARGETED),
    "SensitiveDataProcessing": ("sensitive_data",),
    "KnownChildSensitiveDataConsents": ("child_data",),
    "PersonalDataConsents": ("secondary_use",),
}


@dataclass(frozen=True, slots=True)
class PurposeTables:
    """Our purposes for each TCF purpose number and each GPP field name; the defaults are the documented tables."""

    tcf: Mapping[int, Names]
    gpp: Mapping[str, Names]


DOCUMENTED = PurposeTables(TCF_PURPOSES, GPP_FIELDS)


def purpose_tables(tcf: Mapping[str, str | Sequence[str]], gpp: Mapping[str, str | Sequence[str]]) -> PurposeTables:
    """The documented tables with the given rows in place of theirs; an empty list takes a row out, `{}` changes nothing.

    Numbers are text as in a config file, purposes one name or several.
    Raises ValueError that names a number outside 1 to 24 or a field that is not known.
    """
    numbers: dict[int, Names] = {}
    for key, names in tcf.items():
        if not (key.isascii() and key.isdigit()) or not 1 <= int(key) <= PURPOSES:
            raise ValueError(f"consent.purposes.tcf: {key} is not a TCF purpose, they are 1 to {PURPOSES}")
        numbers[int(key)] = _names(names)
    unknown = sorted(set(gpp) - set(GPP_FIELDS))
    if unknown:
        raise ValueError(f"consent.purposes.gpp: {unknown[0]} is not a field of ours, they are {', '.join(GPP_FIELDS)}")
    fields = {field: _names(names) for field, names in gpp.items()}
    return PurposeTables({**TCF_PURPOSES, **numbers}, {**GPP_FIELDS, **fields})


def purposes_granted(decoded: Decoded, tables: PurposeTables = DOCUMENTED, *, opt_in: bool = True) -> dict[str, Standing]:
    """What the string says about every purpose of the tables, sorted by name; a purpose it cannot speak about is unstated.

    `opt_in` is whether the person's jurisdiction asks for consent; only where it is false does "did not opt out" count as granted.
    """
    said: dict[str, set[Standing]] = {name: set() for names in (*tables.tcf.values(), *tables.gpp.values()) for name in names}
    if decoded.tcf is not None:
        for name, standing in _by_tcf(decoded.tcf, decoded.is_void, tables.tcf):
            said[name].add(standing)
    if isinstance(decoded.string, GppString):
        for field, standing in _by_gpp(decoded.string, opt_in):
            for name in tables.gpp[field]:
                said[name].add(standing)
        for name in {name for names in tables.gpp.values() for name in names} if decoded.string.raw else ():
            said[name].discard("granted")
    return {name: _first(("denied", "granted"), said[name]) for name in sorted(said)}


def _first(order: tuple[Standing, ...], said: set[Standing]) -> Standing:
    return next((standing for standing in order if standing in said), "unstated")


def _by_tcf(string: TcString, is_void: bool, table: Mapping[int, Names]) -> Iterator[tuple[str, Standing]]:
    by_name: dict[str, set[Standing]] = {}
    for number, names in table.items():
        for name in names:
            by_name.setdefault(name, set()).add("denied" if is_void else _purpose(string, number))
    for name, said in by_name.items():
        # All of several numbers must grant: what is left when none denies and one says nothing is nothing.
        yield name, "denied" if "denied" in said else _first(("unstated", "granted"), said)


def _purpose(string: TcString, number: int) -> Standing:
    if number not in string.core.purposes_consent:
        return "unstated" if number == 1 and string.core.purpose_one_treatment else "denied"
    publisher = string.publisher_tc
    agrees = publisher is None or publisher.is_silent or number in publisher.consent
    return "granted" if agrees else "denied"


def _by_gpp(string: GppString, opt_in: bool) -> Iterator[tuple[str, Standing]]:
    if string.us_privacy is not None:
        yield "OptOutSale", _us_privacy(string.us_privacy, opt_in)
    for section in string.us:
        yield from _us_section(section, opt_in)


def _us_privacy(privacy: UsPrivacy, opt_in: bool) -> Standing:
    if privacy.opt_out_sale == "Y":
        return "denied"
    return "granted" if privacy.opt_out_sale == "N" and privacy.notice == "Y" and not opt_in else "unstated"


def _us_section(section: UsSection, opt_in: bool) -> Iterator[tuple[str, Standing]]:
    for field, notice in NOTICE_OF.items():
        value = section.value(field)
        if value is not None:
            yield field, _choice((value,), grants=not opt_in and section.value(notice) == GIVEN)
    # The national section asks for consent to sensitive data, California lets people limit its use.
    limited = not opt_in and section.value("SensitiveDataLimitUseNotice") == GIVEN
    yield "SensitiveDataProcessing", _choice(section.sensitive, grants=section.section_id == USNAT or limited)
    yield "KnownChildSensitiveDataConsents", _choice(section.child, grants=True)
    yield "PersonalDataConsents", _choice((section.value("PersonalDataConsents") or 0,), grants=True)
    yield "Gpc", "denied" if section.gpc else "unstated"


def _choice(values: tuple[int, ...], *, grants: bool) -> Standing:
    """Two-bit values of one field: any 1 denies; a 2 grants where it may; 0 is not applicable."""
    if NO in values:
        return "denied"
    return "granted" if grants and YES in values else "unstated"


def _names(names: str | Sequence[str]) -> Names:
    return (names,) if isinstance(names, str) else tuple(names)
