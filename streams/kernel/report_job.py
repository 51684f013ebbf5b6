"""A report as a job: made from the rows, published, noted in the chain. One that raises stops nothing and is tried again (`faults`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from governance.config import Config
from governance.identity import event_id
from governance.message.command import Command
from reporting.report import build
from streams.kernel.distribution import Answer, keep_answer, new_answer, reviewed
from streams.kernel.faults import REPORT, Fault, tried
from streams.kernel.record import Outgoing
from streams.kernel.rows import Draft
from streams.kernel.snapshot import snapshot
from streams.kernel.watch import Watch


@dataclass(frozen=True, slots=True)
class Wanted:
    """A report that somebody or a schedule wants: of the period that ends at `to`, kept for `keep`, both ms, for the sinks in `sinks`."""

    command: Command
    to: int
    keep: int
    sinks: Sequence[str] = ()

    def plain(self) -> list[Any]:
        """Return it as plain values."""
        return [self.command.model_dump(mode="json"), self.to, self.keep, list(self.sinks)]

    @classmethod
    def of(cls, plain: Sequence[Any]) -> "Wanted":
        """Return what `plain` gave."""
        command, to, keep, sinks = plain
        return cls(Command.model_validate(command), to, keep, tuple(sinks))


class ReportJob:
    """Makes the reports of one initiative at one closed time, ms."""

    def __init__(self, draft: Draft, watch: Watch, initiative: str, now: int, sha256: str, config: Config) -> None:
        self._draft, self._watch, self._initiative, self._now = draft, watch, initiative, now
        self._sha256, self._config = sha256, config

    def make(self, wanted: Wanted) -> None:
        """Make a report nobody waits for, and publish it."""
        report, error = tried(self._build, wanted)
        if report is None:
            self.failed(wanted, error)
        else:
            self._publish(wanted, new_answer(wanted.command.request_id, "report", report, self._now, wanted.keep))

    def failed(self, wanted: Wanted, error: str) -> None:
        """Note that a report could not be built, to be tried again."""
        self._watch.faults.raised(REPORT, (wanted.command.request_id,), error, self._now, wanted.plain())

    def well(self) -> None:
        """Note that a report was built: what could not be before is no fault of the rows any more."""
        for place, fault in self._watch.faults.among(REPORT):
            if self._watch.faults.given_up(fault):
                self._watch.faults.well(REPORT, place)

    def retry(self) -> bool:
        """Try one report again that raised before; return whether there are more."""
        due = self._due()
        for (request_id,), fault in due[:1]:
            wanted = Wanted.of(fault.again)
            report, error = tried(self._build, wanted)
            if report is None:
                self.failed(wanted, error)
            else:
                self._watch.faults.well(REPORT, (request_id,))
                identity = event_id("report", request_id, fault.tries)  # the error that was answered has the id of a first answer
                answer = new_answer(request_id, "report", report, self._now, wanted.keep, wanted.command.reply_to)
                self._publish(wanted, replace(answer, identity=identity))
        return len(due) > 1

    def waits(self) -> bool:
        """Return whether something of it has to be looked at with the next base window."""
        return any(fault.told < fault.tries for _, fault in self._watch.faults.among(REPORT))

    def _due(self) -> list[tuple[tuple[str, ...], Fault]]:
        faults = self._watch.faults
        return [(place, fault) for place, fault in faults.among(REPORT) if fault.last < self._now and not faults.given_up(fault)]

    def _build(self, wanted: Wanted) -> dict[str, Any]:
        found = snapshot(self._draft, self._initiative, wanted.command, wanted.to, self._now, self._sha256, self._config)
        return build(replace(found, to=tuple(wanted.sinks)))

    def _publish(self, wanted: Wanted, answer: Answer) -> None:
        request_id, report = wanted.command.request_id, answer.data
        keep_answer(self._draft, request_id, answer)
        message = answer.message(request_id, self._initiative)
        self._draft.send(message)
        if answer.reply_to:
            self._draft.send(Outgoing(answer.reply_to, None, message.key, message.value, answer.time))
        self.note(request_id, report)

    def note(self, request_id: str, report: Mapping[str, Any]) -> None:
        """Note what the review of a report came to, and that it was built."""
        reviewed(self._draft, self._watch, self._initiative, request_id, report, self._now)
        self.well()
