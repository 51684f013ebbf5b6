"""What one consent record says: its state per purpose and channel, the purposes of its TCF and GPP strings among them.

A string is decoded whole or not at all. What a string denies is denied whatever the record says beside it, and what cannot be
decoded is reported and grants nothing: a grant that rests on such a string is no grant. A void string is reported too and denies what
it could have granted. A record that takes consent away needs no string to do so.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from governance.consent_string.decode import Decoded, DecodeFailure, decode
from governance.consent_string.purposes import PurposeTables, Standing, purposes_granted
from governance.ledger import ERASED, GRANTS, NEVER, PROMPTS, Scope, Source, Statement, scopes_of
from governance.message.consent import ConsentEvent

DENIED = "refused"  # what a string says no to, in a record that is a grant


@dataclass(frozen=True, slots=True)
class Strings:
    """What the strings of a record say about our purposes, and the codes of those that do not decode and of what makes one void."""

    standings: Mapping[str, Standing]
    failures: tuple[str, ...]
    voids: tuple[str, ...]

    @property
    def faults(self) -> tuple[str, ...]:
        """Return all that is to be reported."""
        return self.failures + self.voids


def statement(
    event: ConsentEvent, stamp: int, source: Source, tables: PurposeTables, *, opt_in: bool
) -> tuple[Statement | None, tuple[str, ...]]:
    """Return what a record says, None for nothing, and why its strings are no consent, as `tcf:<code>` and `gpp:<code>`.

    `stamp` is the broker's, ms; `opt_in` whether the subject's jurisdiction asks for consent.
    """
    strings = read_strings(event, tables, opt_in=opt_in)
    if event.state in PROMPTS:
        return None, strings.faults
    states = granted(event, strings) if event.state in GRANTS else taken(event, strings)
    expires = NEVER if event.expires_at is None else event.expires_at
    said = Statement(event.occurred_at, stamp, expires, source, states) if states else None
    return said, strings.faults


def read_strings(event: ConsentEvent, tables: PurposeTables, *, opt_in: bool) -> Strings:
    """Return what a record's strings say together: a denial by one wins over a grant by the other."""
    standings: dict[str, Standing] = {}
    failures, voids = [], []
    for kind, text in (("tcf", event.tcf), ("gpp", event.gpp)):
        found = None if text is None else decode_as(kind, text, event.occurred_at)
        if isinstance(found, DecodeFailure):
            failures.append(f"{kind}:{found.code}")
        elif found is not None:
            voids += [f"{kind}:{finding.code}" for finding in found.findings if finding.voids]
            for purpose, standing in purposes_granted(found, tables, opt_in=opt_in).items():
                if standing == "denied" or (standing == "granted" and standings.get(purpose) != "denied"):
                    standings[purpose] = standing
    return Strings(standings, tuple(failures), tuple(voids))


def decode_as(kind: str, text: str, at_ms: int) -> Decoded | DecodeFailure:
    """Return the decoded string; one of the other kind than its field says does not decode."""
    found = decode(text, at_ms)
    if isinstance(found, Decoded) and found.kind != kind:
        return DecodeFailure("wrong_kind", f"is a {found.kind} string in the field {kind}", None)
    return found


def granted(event: ConsentEvent, strings: Strings) -> dict[Scope, str]:
    """Return the states of a grant: what it lists and what its strings grant, less what they deny."""
    states: dict[Scope, str] = {}
    if not strings.failures:
        listed = [*(event.purposes or ()), *(purpose for purpose, standing in strings.standings.items() if standing == "granted")]
        states = dict.fromkeys(scopes_of(listed, event.channels), event.state)
    denied = [purpose for purpose, standing in strings.standings.items() if standing == "denied"]
    return {**states, **dict.fromkeys(scopes_of(denied, event.channels), DENIED)}


def taken(event: ConsentEvent, strings: Strings) -> dict[Scope, str]:
    """Return the states of a record that takes consent away; where it names nothing it means all, an erasure always."""
    if event.state == ERASED:
        return dict.fromkeys(scopes_of(None, None), ERASED)
    denied = [purpose for purpose, standing in strings.standings.items() if standing == "denied"]
    named = [*event.purposes, *denied] if event.purposes else None
    return dict.fromkeys(scopes_of(named, event.channels or None), event.state)
