"""Answers as they were given, and reports between being made and being handed on: kept while people sign them.

r [request id]              the answer, until when it is kept, and the id it was published under last
W [initiative, report id]   the request under which a report was made
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from governance.config import Config
from governance.identity import event_id, request_answer_id
from reporting.review import SIGN_OFFS, Signature, fault_of, review
from streams.kernel.publishing import publish
from streams.kernel.record import Outgoing
from streams.kernel.rows import Draft, key_parts, pack, row_key, unpack
from streams.kernel.watch import Watch, remembered

ANSWERS, REPORTS = b"r", b"W"
UNSETTLED = ("open", "acknowledged")


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request: kept until `until`, said at `time` (ms), under the event id `identity`."""

    until: int
    kind: str
    data: Mapping[str, Any]
    time: int
    reply_to: str | None
    identity: str

    def message(self, request_id: str, initiative: str) -> Outgoing:
        """Return it as it is published."""
        return publish("reports", self.kind, request_id, self.identity, initiative, self.time, self.data)


def known_answer(draft: Draft, request_id: str) -> Answer | None:
    """Return the answer that was given to a request, None where it is new or long ago."""
    value = draft.get(row_key(ANSWERS, request_id))
    return None if value is None else Answer(*unpack(value))


def keep_answer(draft: Draft, request_id: str, answer: Answer) -> None:
    """Keep an answer."""
    one = answer
    draft.put(row_key(ANSWERS, request_id), pack(one.until, one.kind, one.data, one.time, one.reply_to, one.identity))


def new_answer(request_id: str, kind: str, data: Mapping[str, Any], now: int, keep_ms: int, reply_to: str | None = None) -> Answer:
    """Return the first answer to a request."""
    return Answer(now + keep_ms, kind, data, now, reply_to, request_answer_id(request_id))


def forget_answers(draft: Draft, now: int) -> None:
    """Drop answers past their time, and the reports among them."""
    for key in draft.keys(ANSWERS):
        if unpack(draft.get(key) or b"")[0] < now:
            draft.drop(key)
    for key in draft.keys(REPORTS):
        if draft.get(row_key(ANSWERS, *unpack(draft.get(key) or b""))) is None:
            draft.drop(key)


def reviewed(draft: Draft, watch: Watch, initiative: str, request_id: str, report: Mapping[str, Any], now: int) -> None:
    """Note under which request a report was made, and in the audit chain what its review came to at `now`, ms."""
    draft.put(row_key(REPORTS, initiative, report["report_id"]), pack(request_id))
    found = report["review"]
    signed = [{name: one[name] for name in ("role", "person", "status")} for one in found["sign_offs"]]
    facts = {"status": found["status"], "blocked_by": found["blocked_by"], "sign_offs": signed, "to": found["to"]}
    watch.audit("review", now, {"report_id": report["report_id"], "request_id": request_id, **facts})


def signed_off(
    draft: Draft, watch: Watch, initiative: str, report_id: str, signatures: Sequence[Signature], now: int, config: Config
) -> bool:
    """Review a report anew with everything signed so far, and publish it so; return whether it is kept here."""
    value = draft.get(row_key(REPORTS, initiative, report_id))
    request_id = "" if value is None else str(unpack(value)[0])
    answer = known_answer(draft, request_id)
    if answer is None:
        return False
    held = {str(role): one.person for role, one in config.initiative(initiative).owners.items()}
    owners = {role: held.get(role) for role, _ in SIGN_OFFS}
    active = {fault_of(data["check"], data["key"]) for data, _ in remembered(draft, initiative) if data["state"] in UNSETTLED}
    report = {**answer.data, "review": review(answer.data, owners, active, signatures, answer.data["review"]["to"])}
    answer = replace(answer, data=report, time=now, identity=event_id("report", report_id, len(signatures)))
    keep_answer(draft, request_id, answer)
    draft.send(answer.message(request_id, initiative))
    reviewed(draft, watch, initiative, request_id, report, now)
    return True


def reports_of(draft: Draft, initiative: str) -> list[str]:
    """Return the ids of the reports of an initiative that are kept."""
    return sorted(str(key_parts(key)[1]) for key in draft.group(REPORTS, initiative))
