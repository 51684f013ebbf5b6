"""What is wrong with a string that reads well: the rules of TCF policies and of the US sections, each as a finding.

A finding that `voids` says that nobody may rely on the string: it is evidence of a mistake, never of consent. The others tell a
person what to look at. The rules that depend on today (13 months of validity) are judged at the time the caller gives, or not.
"""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from governance.consent_string.gpp import GppString, prefix_of
from governance.consent_string.tcf import TcString
from governance.consent_string.us import NOTICE_OF, UsPrivacy, UsSection

POLICY_4 = 4
POLICY_4_FROM_MS = 1_696_118_400_000  # 2023-10-01: a string made after 30 September 2023 needs policy version 4 or more
DISCLOSED_VENDORS_FROM_MS = 1_772_323_200_000  # 2026-03-01: the last day without that segment was 28 February 2026 (TCF v2.3)
VALID_MONTHS = 13  # TCF policies: people are reminded of their choice at least every 13 months
KNOWN_PURPOSES, KNOWN_SPECIAL_FEATURES = 11, 2  # of policy versions 4 and 5
CONSENT_ONLY = frozenset({1, 3, 4, 5, 6})  # no legitimate interest: 1 never, 3 to 6 since policy version 4
GIVEN, DID_NOT_OPT_OUT = 1, 2


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that a well-formed string breaks, or a part that was not looked into."""

    code: str
    message: str
    voids: bool = False


def findings_of_tc(string: TcString, at_ms: int | None = None) -> tuple[Finding, ...]:
    """Judge a TC string; with `at_ms` (epoch milliseconds) also whether it is of age or of the future by then."""
    return (*_validity(string), *_conformity(string), *(() if at_ms is None else _age(string, at_ms)))


def findings_of_gpp(string: GppString, at_ms: int | None = None) -> tuple[Finding, ...]:
    """Judge each section of a GPP string, in the order of ids; a section that was not interpreted is a finding."""
    tc = () if string.tcf is None else findings_of_tc(string.tcf, at_ms)
    found = [Finding(each.code, f"section 2: {each.message}", each.voids) for each in tc]
    if not string.section_ids:
        found.append(Finding("no_sections", "the header lists no section: the string says nothing"))
    if string.us_privacy is not None:
        found.extend(_us_privacy(string.us_privacy))
    for section in string.us:
        found.extend(_us_section(section))
    for raw in string.raw:
        found.append(Finding("not_interpreted", f"section {raw.section_id} ({prefix_of(raw.section_id)}) is kept as it came"))
    return tuple(found)


def _written_ms(string: TcString) -> int:
    """Both stamps should be the time of the last change; where they differ the later one decides, as no old date buys leniency."""
    return max(string.core.created_ms, string.core.last_updated_ms)


def _validity(string: TcString) -> Iterator[Finding]:
    core, written_ms = string.core, _written_ms(string)
    if not core.is_service_specific:
        yield Finding("not_service_specific", "is_service_specific is 0: strings of global scope are invalid", voids=True)
    if core.policy_version < POLICY_4:
        if written_ms >= POLICY_4_FROM_MS:
            yield Finding("policy_version_too_low", "policy_version is below 4 on a string made after 2023-09-30: invalid", voids=True)
        else:
            yield Finding("policy_version_outdated", "policy_version is below 4: valid when made, by now older than 13 months")
    if string.disclosed_vendors is None and written_ms >= DISCLOSED_VENDORS_FROM_MS:
        yield Finding("disclosed_vendors_missing", "a string made after 2026-02-28 must have the disclosedVendors segment", voids=True)


def _conformity(string: TcString) -> Iterator[Finding]:
    core = string.core
    if core.created_ms > core.last_updated_ms:
        yield Finding("created_after_last_updated", "created is later than last_updated")
    if set(core.purposes_li) & (CONSENT_ONLY if core.policy_version >= POLICY_4 else {1}):
        yield Finding("legitimate_interest_not_allowed", "purposes_li has a purpose that only consent can allow")
    if max((0, *core.purposes_consent, *core.purposes_li)) > KNOWN_PURPOSES:
        yield Finding("unknown_purpose", f"a purpose above {KNOWN_PURPOSES} is set, which no policy defines yet")
    if max((0, *core.special_features)) > KNOWN_SPECIAL_FEATURES:
        yield Finding("unknown_special_feature", f"a special feature above {KNOWN_SPECIAL_FEATURES} is set, which no policy defines yet")
    if string.allowed_vendors is not None:
        yield Finding("allowed_vendors_deprecated", "the allowedVendors segment went with global scope and allows nothing")
    if not all(vendors.in_order() for vendors in (core.vendor_consent, core.vendor_li)):
        yield Finding("vendor_ranges_not_ascending", "vendor ranges overlap or do not ascend")


def _age(string: TcString, at_ms: int) -> Iterator[Finding]:
    if _written_ms(string) > at_ms:
        # Not void: its date is of the day at best, by another clock, and the record's own time says when consent was given.
        yield Finding("made_in_future", "the string is dated later than the time it is judged at")
    if expires_ms(string) <= at_ms:
        yield Finding("expired", f"the string is older than {VALID_MONTHS} months", voids=True)


def expires_ms(string: TcString) -> int:
    """The first millisecond at which the string is 13 calendar months old, by its earlier stamp; a day that month lacks is its last."""
    made = datetime.fromtimestamp(min(string.core.created_ms, string.core.last_updated_ms) / 1000, UTC)
    years, month = divmod(made.month - 1 + VALID_MONTHS, 12)
    year, month = made.year + years, month + 1
    day = min(made.day, monthrange(year, month)[1])
    return round(made.replace(year=year, month=month, day=day).timestamp() * 1000)


def _us_privacy(privacy: UsPrivacy) -> Iterator[Finding]:
    if privacy.opt_out_sale == "-" and (privacy.notice, privacy.lspa_covered) != ("-", "-"):
        yield Finding("us_privacy_mixed", "section 6: the opt-out may be - only where the law does not apply and all three are -")
    if privacy.opt_out_sale == "N" and privacy.notice != "Y":
        yield Finding("choice_without_notice", "section 6: nobody opted out, but notice was not given")


def _us_section(section: UsSection) -> Iterator[Finding]:
    name = f"section {section.section_id}"
    for field, notice in NOTICE_OF.items():
        if section.value(field) == DID_NOT_OPT_OUT and section.value(notice) != GIVEN:
            yield Finding("choice_without_notice", f"{name}: {field} is 2 (did not opt out), but {notice} is not 1 (given)")
        if section.value(field) == DID_NOT_OPT_OUT and section.gpc:
            yield Finding("gpc_overrides_choice", f"{name}: {field} is 2 (did not opt out), but Gpc is set: the opt-out holds")
    if section.value("MspaCoveredTransaction") == 0:
        yield Finding("covered_transaction_unstated", f"{name}: MspaCoveredTransaction is 0, only 1 and 2 are defined")
