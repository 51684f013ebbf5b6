"""From the text of a consent string to what it says, or to why it is refused. There is nothing in between."""

from dataclasses import dataclass
from typing import Literal

from governance.consent_string.bits import ConsentStringError
from governance.consent_string.findings import Finding, findings_of_gpp, findings_of_tc
from governance.consent_string.gpp import GppString, read_gpp_string
from governance.consent_string.tcf import TcString, read_tc_string

GPP_MARK = "D"  # six bits of 3, the type of a GPP header; a TC string of version 2 starts with C (GPP, Section Information)


@dataclass(frozen=True, slots=True)
class Decoded:
    """A string that was read to its last bit, and what is wrong with it all the same."""

    kind: Literal["tcf", "gpp"]
    string: TcString | GppString
    findings: tuple[Finding, ...]

    @property
    def tcf(self) -> TcString | None:
        """The TC string, alone or as section 2 of a GPP string."""
        return self.string if isinstance(self.string, TcString) else self.string.tcf

    @property
    def is_void(self) -> bool:
        """Whether a finding says that the TC string may not be relied on; it then grants nothing, whatever its bits say."""
        return any(finding.voids for finding in self.findings)


@dataclass(frozen=True, slots=True)
class DecodeFailure:
    """Why a string is refused; the message names fields and positions, never the string. `at_bit` counts within the part it names."""

    code: str
    message: str
    at_bit: int | None


def decode(text: str, at_ms: int | None = None) -> Decoded | DecodeFailure:
    """Read a TCF v2 or GPP string whole, or say why not; no exception, whatever the text.

    `at_ms` (epoch milliseconds) is when it is judged: with it a string that is past its 13 months is void, and one of the future a finding.
    Limits: 8,192 characters of TCF, 16,384 of GPP. The work is bounded by the length of the text.
    """
    try:
        if text.startswith(GPP_MARK):
            gpp = read_gpp_string(text)
            return Decoded("gpp", gpp, findings_of_gpp(gpp, at_ms))
        tc = read_tc_string(text)
        return Decoded("tcf", tc, findings_of_tc(tc, at_ms))
    except ConsentStringError as error:
        return DecodeFailure(error.code, error.message, error.at_bit)
