"""Answers to commands: a report built from the shard's rows, or why there is none.

A request asked again is answered again, not done again.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from detectors.kpi import BUILT_IN, FRESHNESS, VARIANT_SHARE
from governance.config import Config
from governance.message.command import EVERYWHERE, Command
from reporting.report import build
from streams.kernel.action import Asked, UnservedError, carry_out
from streams.kernel.bulletin import SYSTEM, monitor_of
from streams.kernel.distribution import keep_answer, known_answer, new_answer
from streams.kernel.faults import tried
from streams.kernel.record import Outgoing, Shard
from streams.kernel.report_job import ReportJob, Wanted
from streams.kernel.request import judge_request
from streams.kernel.rows import Draft, key_parts
from streams.kernel.snapshot import snapshot, with_incidents
from streams.kernel.stamp import BEGINNING
from streams.kernel.standing import STANDINGS, Standing
from streams.kernel.watch import Watch

OURS = frozenset(  # an answer that came back as input, or stood among incidents, would be believed
    {"engagement-events", "consent-events", "rule-changes", "monitor-commands", "monitor-config", "monitor-signals", "ticks"}
    | {"dead-letters", "incidents", "escalations", "findings", "kpi-windows", "reports", "audit-log"}
)
NAMED_AT_MOST = 20  # initiatives an error lists


class Desk:
    """Answers commands at the shard's closed time `now`, ms; `woken` are (time, initiative) to be looked at for what was done."""

    def __init__(self, draft: Draft, shard: Shard, now: int) -> None:
        self._draft = draft
        self._shard = shard
        self._now = now
        self.woken: list[tuple[int, str]] = []

    def answer(self, item: Mapping[str, Any], sha256: str, config: Config) -> None:
        """Answer one forwarded command on `reports`, and on the topic it names; what is for every shard is answered by one of them."""
        request_id = item["request_id"]
        answer = known_answer(self._draft, request_id)
        if answer is None:
            kind, data, reply_to = self._new(item, sha256, config)
            answer = new_answer(request_id, kind, data, max(self._now, 0), config.timing.dedup_horizon, reply_to)
            keep_answer(self._draft, request_id, answer)
        if item["initiative"] == EVERYWHERE and not self._speaks:
            return
        message = answer.message(request_id, item["initiative"])
        self._draft.send(message)
        if answer.reply_to:
            self._draft.send(Outgoing(answer.reply_to, None, message.key, message.value, answer.time))

    def _new(self, item: Mapping[str, Any], sha256: str, config: Config) -> tuple[str, dict[str, Any], str | None]:
        if item.get("error") is not None:
            return "answer", refused(item["request_id"], None, **item["error"]), None
        command = Command.model_validate_json(orjson.dumps(item["command"]))
        try:
            if command.reply_to in OURS:
                raise UnservedError("invalid_value", "reply_to", "must name a topic of your own: the monitor uses this one itself")
            if command.command != "report":
                self._act(item["initiative"], command, sha256, config)
                return "answer", {"request_id": command.request_id, "command": command.command, "ok": True, "error": None}, command.reply_to
            return "report", self._report(item["initiative"], command, sha256, config), command.reply_to
        except UnservedError as error:
            told = refused(command.request_id, command.command, error.code, error.field, error.message)
            return "answer", told, None if error.field == "reply_to" else command.reply_to

    def _report(self, initiative: str, command: Command, sha256: str, config: Config) -> dict[str, Any]:
        check_request(watched(self._draft), initiative, command, config)
        if self._now == BEGINNING:
            raise UnservedError("not_ready", "initiative", "nothing is closed yet: ask again once the first window is")
        found, error = tried(snapshot, self._draft, initiative, command, self._now, self._now, sha256, config)
        if found is not None and command.conditions:
            judge_request(self._draft, found, command, sha256, config)
            self._wake([initiative], config)
            found, error = tried(with_incidents, self._draft, found)
        report, error = (None, error) if found is None else tried(build, found)
        watch = Watch(self._draft, initiative, config, sha256)
        job = ReportJob(self._draft, watch, initiative, self._now, sha256, config)
        if report is None:
            job.failed(Wanted(command, self._now, config.timing.dedup_horizon), error)
            self._wake([initiative], config)
            raise UnservedError("failed", None, failed(error, config.incidents.retry_limit))
        job.note(command.request_id, report)
        return report

    @property
    def _speaks(self) -> bool:
        """Whether this shard answers for all."""
        return monitor_of(EVERYWHERE, self._shard.shards) == self._shard.number

    def _act(self, initiative: str, command: Command, sha256: str, config: Config) -> None:
        """Do what a command asks, or raise UnservedError; either way it stands in the audit chain."""
        seen = watched(self._draft)
        if initiative not in (EVERYWHERE, SYSTEM):
            check_initiative(seen, initiative, config)
        now = max(self._now, 0)
        watch = Watch(self._draft, initiative, config, sha256)
        refusal: UnservedError | None = None
        try:
            carry_out(self._draft, Asked(command, initiative, now, config), watch)
            self._wake(sorted(seen) if initiative == EVERYWHERE else [initiative], config)
        except UnservedError as error:
            refusal = error
        if initiative != EVERYWHERE or self._speaks:
            watch.audit("command", now, noted(command, watch.duty.people.name_of(command.requested_by), refusal))
        if refusal is not None:
            raise refusal

    def _wake(self, initiatives: Iterable[str], config: Config) -> None:
        """Have initiatives looked at with the next base window, since what acts by time may have changed."""
        at = max(self._now, 0) + config.timing.window
        for initiative in initiatives:
            standing = Standing.read(self._draft, initiative)
            if standing is not None and standing.config and not 0 < standing.wake <= at:
                standing.wake_at(self._draft, initiative, at)
                standing.write(self._draft, initiative)
                self.woken.append((at, initiative))


def noted(command: Command, name: str | None, refusal: UnservedError | None) -> dict[str, Any]:
    """Return a command as the audit chain keeps it; `name` is who asked, None for somebody the config does not know."""
    about = {field: getattr(command, field) for field in ("incident_id", "report_id") if getattr(command, field) is not None}
    said = command.model_dump(mode="json", include={"note", "until", "person", "available"}, exclude_none=True) if refusal is None else {}
    error = None if refusal is None else {"code": refusal.code, "field": refusal.field}
    asked = {"request_id": command.request_id, "command": command.command, "by": name}
    return {**asked, **about, **said, "ok": refusal is None, "error": error}


def watched(draft: Draft) -> set[str]:
    """Return the initiatives a shard has seen."""
    return {key_parts(key)[0] for key in draft.keys(STANDINGS)} - {SYSTEM}


def check_request(seen: set[str], initiative: str, command: Command, config: Config) -> None:
    """Raise UnservedError where a report cannot be made as asked; `seen` are the initiatives events have come for."""
    check_initiative(seen, initiative, config)
    own = config.initiatives.get(initiative)
    kpis = {*BUILT_IN, FRESHNESS, VARIANT_SHARE, *(own.kpis if own else ())}
    for condition in command.conditions:
        if condition.kpi not in kpis:
            raise UnservedError("unknown_kpi", "alert_threshold", f"names no key figure we keep; known are {', '.join(sorted(kpis))}")


def check_initiative(seen: set[str], initiative: str, config: Config) -> None:
    """Raise UnservedError for an initiative that is neither configured nor seen."""
    if initiative not in seen and initiative not in config.initiatives:
        known = sorted({*config.initiatives, *seen})[:NAMED_AT_MOST]
        raise UnservedError("unknown_initiative", "initiative", f"is not watched here; known are {', '.join(known) or 'none yet'}")


def failed(error: str, retries: int) -> str:
    """Return what whoever asked is told of a report that could not be built."""
    again = f"tried again {retries} times, with the next base windows, and published here once it can be; then its owners hear of it"
    return f"the report raised {error} and could not be built, which is a defect of pmon or of its rows: it is {again}"


def refused(request_id: str, command: str | None, code: str, field: str | None, message: str) -> dict[str, Any]:
    """Return the answer to a command that was not carried out."""
    return {"request_id": request_id, "command": command, "ok": False, "error": {"code": code, "field": field, "message": message}}
