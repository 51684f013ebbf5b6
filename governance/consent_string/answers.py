"""Answers of `consent decode`, one for each line of JSON: what a string says under the names of the specifications, or an error.

Vendors are inclusive [from, to] pairs as the string has them. What a string does not contain is null. An echoed input is the
caller's own; messages carry none of it.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from governance.consent_string.decode import Decoded, DecodeFailure, decode
from governance.consent_string.gpp import GppString, prefix_of
from governance.consent_string.tcf import PublisherTc, TcString
from governance.consent_string.us import UsPrivacy, UsSection
from governance.consent_string.vendors import VendorIds, singles

LONGEST_LINE = 262_144  # characters, as for any message


def decode_lines(lines: Iterable[str], at_ms: int | None = None) -> Iterator[dict[str, Any]]:
    """Answer each line, a JSON string or `{"input": "…"}`, in order; a bad line is answered with its error and stops nothing.

    Lines of nothing but white space are no lines. `at_ms` is as in `decode`.
    """
    for line in lines:
        if line.strip():
            yield _answer_line(line, at_ms)


def as_answer(text: str, result: Decoded | DecodeFailure) -> dict[str, Any]:
    """Return the answer for a string and what became of it: JSON values, pairs as tuples."""
    echo = text.encode("utf-8", "backslashreplace").decode()  # a lone surrogate is legal in JSON text and in no encoding of it
    if isinstance(result, DecodeFailure):
        return _refused(echo, result.code, result.message, result.at_bit)
    decoded = _tc(result.string) if isinstance(result.string, TcString) else _gpp(result.string)
    findings = [{"code": finding.code, "message": finding.message} for finding in result.findings]
    return {"input": echo, "ok": True, "kind": result.kind, "decoded": decoded, "findings": findings}


def _answer_line(line: str, at_ms: int | None) -> dict[str, Any]:
    if len(line) > LONGEST_LINE:
        return _refused(None, "too_long", f"a line has at most {LONGEST_LINE} characters, this one has {len(line)}")
    try:
        given = json.loads(line, object_pairs_hook=_object)
    except _DuplicateKeyError:
        return _refused(None, "duplicate_key", "an object of the line has a key twice")
    except (ValueError, RecursionError):  # no JSON, a number of too many digits, too deep
        return _refused(None, "not_json", "the line is not JSON; write a string in quotes")
    text = given.get("input") if isinstance(given, dict) else given
    if not isinstance(text, str):
        return _refused(None, "not_text", 'the line is neither a JSON string nor an object with text in "input"')
    return as_answer(text, decode(text, at_ms))


class _DuplicateKeyError(ValueError):
    """Which of two values was meant nobody knows, so neither is taken."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _DuplicateKeyError
    return found


def _refused(echo: str | None, code: str, message: str, at_bit: int | None = None) -> dict[str, Any]:
    return {"input": echo, "ok": False, "error": {"code": code, "message": message, "at_bit": at_bit}}


def _tc(string: TcString) -> dict[str, Any]:
    core = string.core
    return {
        "version": core.version,
        "created": _instant(core.created_ms),
        "last_updated": _instant(core.last_updated_ms),
        "cmp_id": core.cmp_id,
        "cmp_version": core.cmp_version,
        "consent_screen": core.consent_screen,
        "language": core.language,
        "vendor_list_version": core.vendor_list_version,
        "policy_version": core.policy_version,
        "is_service_specific": core.is_service_specific,
        "use_non_standard_texts": core.use_non_standard_texts,
        "special_features": list(core.special_features),
        "purposes_consent": list(core.purposes_consent),
        "purposes_li": list(core.purposes_li),
        "purpose_one_treatment": core.purpose_one_treatment,
        "publisher_cc": core.publisher_cc,
        "vendor_consent": _vendors(core.vendor_consent),
        "vendor_li": _vendors(core.vendor_li),
        "publisher_restrictions": [
            {"purpose": each.purpose, "type": each.kind, "vendors": _vendors(each.vendors)} for each in core.restrictions
        ],
        "disclosed_vendors": _vendors(string.disclosed_vendors),
        "allowed_vendors": _vendors(string.allowed_vendors),
        "publisher_tc": _publisher(string.publisher_tc),
        "segments": list(string.segments),
    }


def _instant(ms: int) -> str:
    seconds, rest_ms = divmod(ms, 1000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest_ms * 1000).isoformat()


def _vendors(vendors: VendorIds | None) -> list[tuple[int, int]] | None:
    return None if vendors is None else vendors.pairs()


singles()  # now, not while a string is answered


def _publisher(publisher: PublisherTc | None) -> dict[str, list[int]] | None:
    if publisher is None:
        return None
    return {
        "consent": list(publisher.consent),
        "li": list(publisher.li),
        "custom_consent": list(publisher.custom_consent),
        "custom_li": list(publisher.custom_li),
    }


def _gpp(string: GppString) -> dict[str, Any]:
    sections: dict[int, dict[str, Any]] = {raw.section_id: {"raw": raw.text} for raw in string.raw}
    if string.tcf is not None:
        sections[2] = _tc(string.tcf)
    if string.us_privacy is not None:
        sections[6] = _us_privacy(string.us_privacy)
    sections.update({section.section_id: _us(section) for section in string.us})
    named = {prefix_of(section_id): sections[section_id] for section_id in string.section_ids}
    return {"gpp_version": string.version, "section_ids": list(string.section_ids), **named}


def _us_privacy(privacy: UsPrivacy) -> dict[str, Any]:
    return {
        "Version": privacy.version,
        "Notice": privacy.notice,
        "OptOutSale": privacy.opt_out_sale,
        "LspaCovered": privacy.lspa_covered,
    }


def _us(section: UsSection) -> dict[str, Any]:
    values = dict(section.values)
    lists = {"SensitiveDataProcessing": list(section.sensitive), "KnownChildSensitiveDataConsents": list(section.child)}
    after = list(values).index("PersonalDataConsents")
    ordered = [*list(values.items())[:after], *lists.items(), *list(values.items())[after:]]
    return {"Version": section.version, **dict(ordered), "Gpc": section.gpc}
