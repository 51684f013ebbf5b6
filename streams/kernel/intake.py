"""The intake: one shard's fold of its inputs. It only adds; it decides nothing that depends on other subjects.

records ─► decode ─► admit (in_future, too_old, repeated) ─► address (minute, hour, day; due) ─► pending rows
                     └─► consent records: the subject's ledger; personalised exposures: wait for their verdict
tick    ─► watermark ─► verdicts ─► one bulletin per monitor shard out of the pending rows
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import orjson

from detectors.cell import add
from detectors.window import end_of
from governance.config import Config
from governance.config.sources import map_record
from governance.consent_string.purposes import PurposeTables, purpose_tables
from governance.feed import keys_of
from governance.identity import keyed_hash
from governance.ledger import Source, recorded
from governance.message.command import Command
from governance.message.config_record import ConfigRecord
from governance.message.consent import ConsentEvent
from governance.message.kind import KINDS
from governance.message.reading import ENGAGEMENT, decode, understood
from governance.message.refusal import Refusal
from governance.message.rule_change import RuleChange
from governance.message.tick import Tick
from governance.statement import statement
from streams.kernel.buffer import trimmed
from streams.kernel.bulletin import DOCUMENTED, REFUSED, SYSTEM, Adds
from streams.kernel.clock import tick_in
from streams.kernel.engagements import Engagements
from streams.kernel.fields import Carried, due_of
from streams.kernel.marks import Marks, mark_of
from streams.kernel.pending import (
    COMMIT_BYTES,
    CONFIG_TOPIC,
    FAILED_CONFIG,
    FIRST_CONFIG,
    LAST_CONFIG,
    PENDING,
    TICKS,
    config_before,
    config_of,
    fault_of,
    keep_config,
)
from streams.kernel.publishing import dead_letter
from streams.kernel.record import Commit, Record, Shard
from streams.kernel.routing import sample
from streams.kernel.rows import Draft, Rows, pack, row_key
from streams.kernel.stamp import IntakeStamp
from streams.kernel.subject import Subjects, Waits
from streams.kernel.ticking import fold_ticks
from streams.kernel.verdicts import notice, waits_of

INPUTS = ("engagement-events", "consent-events", "rule-changes", "monitor-commands", CONFIG_TOPIC)


def position(view: Rows, topic: str) -> int:
    """Return the next offset wanted of an input topic."""
    return IntakeStamp.read(view.stamp).offsets.get(topic, 0)


def configured(view: Rows) -> bool:
    """Return whether the shard has folded its first config; before, it folds nothing else."""
    return view.get(FIRST_CONFIG) is not None


def ready(view: Rows, tick: Record) -> bool:
    """Return whether every input was read as far as the tick's end offsets, so that it may be folded; what is no tick waits for none."""
    first = view.get(FIRST_CONFIG)
    if first is None:
        return False
    offsets, found = IntakeStamp.read(view.stamp).offsets, tick_in(tick, config_of(first).timing.max_future_skew)
    return not isinstance(found, Tick) or all(offsets.get(topic, 0) >= end for topic, end in found.ends.items())


def step(view: Rows, shard: Shard, batch: Sequence[Record]) -> Commit:
    """Return the commit of a batch: records of one input topic, offsets ascending; what the stamp has already is skipped.

    Takes a prefix of the batch where the whole would not fit a commit, and nothing at all before the first config;
    `position` tells how far it got.
    """
    topic = batch[0].topic
    stamp = IntakeStamp.read(view.stamp)
    wanted = stamp.offsets.get(topic, 0)
    fresh = [record for record in batch if record.offset >= wanted]
    if not fresh or (topic != CONFIG_TOPIC and not configured(view)):
        return Draft(view).commit(replace(stamp, commits=stamp.commits + 1).pack())
    if topic == TICKS:
        return fold_ticks(view, shard, stamp, fresh)
    fold = Fold(view, shard, stamp, topic)
    after = wanted
    for record in fresh:
        fold.take(record)
        after = record.offset + 1
        if fold.size() > COMMIT_BYTES:
            break
    return fold.commit(topic, stamp.advanced(topic, after))


class Fold:
    """One step's work over a run of records of one topic."""

    def __init__(self, view: Rows, shard: Shard, stamp: IntakeStamp, topic: str) -> None:
        self.draft = Draft(view)
        self.shard = shard
        self.stamp = stamp
        first = view.get(FIRST_CONFIG)
        self.config = config_of(first) if first is not None else None
        self.waits = waits_of(self.config) if self.config is not None else Waits(1, 0, 0, 0)
        self.marks = Marks(self.draft)
        self.subjects = Subjects(self.draft, self.waits)
        self.adds: dict[str, Adds] = {}
        self.carries: tuple[str, ...] = ()  # of the record that is read now
        self.carried = Carried()
        self.keys: set[bytes] = set()  # of subjects
        self.configs: list[dict[str, Any]] = []
        self._owners: dict[bytes, bytes] = {}
        self._judging: dict[int, tuple[Config, PurposeTables]] = {}  # by window end
        self._received: dict[int, int] = {}  # records by base window of their stamps
        self._bytes = 0
        self._engagements: Engagements | None = None
        if self.config is not None:
            self._engagements = Engagements(self.draft, shard, self.config.timing, self.waits, stamp, topic, self.adds)

    def size(self) -> int:
        """Return about how many bytes the commit takes so far: what is kept of a record is as long as it is, or a little longer."""
        return self.draft.size + self.subjects.size + self._bytes

    def adds_of(self, initiative: str) -> Adds:
        """Return what this step adds to an initiative."""
        found = self.adds.get(initiative)
        if found is None:
            found = self.adds[initiative] = Adds()
        return found

    def take(self, record: Record) -> None:
        """Fold one record; what cannot be read or admitted becomes a dead letter and is counted."""
        plain, value, key = record.topic, record.value, record.key
        if self.config is not None:
            received = record.timestamp // self.waits.base
            self._received[received] = self._received.get(received, 0) + 1
        self._bytes += 200 + len(value or b"")
        if value is None:
            self._count(record.topic, record.timestamp, "tombstones")
            return
        if plain not in INPUTS and self.config is not None:
            source = next(found for found in self.config.sources if found.topic == plain)
            mapped = map_record(source, value)
            if isinstance(mapped, Refusal):
                self._refuse(record, mapped.code, mapped.path)
                return
            plain, value = source.as_, mapped
        if plain == ENGAGEMENT and self._engagements is not None:
            event = KINDS.read(key, value)
            if isinstance(event, Refusal):
                self._refuse(record, event.code, event.path)
            elif (wrong := self._engagements.take(record, event)) is not None:
                self._refuse(record, wrong, "occurred_at")
            return
        content = decode(plain, value)
        found = content if isinstance(content, Refusal) else understood(plain, key, content)
        if isinstance(found, Refusal):
            self._refuse(record, found.code, found.path)
            self._answer_refused(found)
        elif isinstance(content, dict):
            self.carries = keys_of(content, DOCUMENTED[plain])
            FOLDS[plain](self, record, found)

    def _count(self, feed: str, stamp: int, name: str, number: int = 1) -> None:
        """Count records of a feed in the window of their stamp."""
        if self.config is not None:
            end = end_of(stamp, self.config.timing.window)
            add(self.adds_of(SYSTEM).counts(("m", end, end), ("-", feed, "-", "-")), {name: number})

    def _refuse(self, record: Record, code: str, path: str | None) -> None:
        self.draft.send(dead_letter(record, code, path))
        if record.topic == CONFIG_TOPIC and self.config is not None:
            self.draft.put(FAILED_CONFIG, pack(record.timestamp))
        for name in ("refused", REFUSED + code, *(FAILED_JOB if record.topic == CONFIG_TOPIC else ())):
            self._count(record.topic, record.timestamp, name)

    def _answer_refused(self, refusal: Refusal) -> None:
        if refusal.request_id and refusal.initiative:
            error = {"code": refusal.code, "field": refusal.path, "message": refusal.message or "is not what the schema says"}
            item = {"request_id": refusal.request_id, "initiative": refusal.initiative, "error": error}
            self.adds_of(self._named(refusal.initiative)).commands.append(item)

    def _named(self, initiative: str) -> str:
        value = self.draft.get(LAST_CONFIG)
        config = config_of(value) if value is not None else self.config
        return (config.resolve(initiative) if config is not None else None) or initiative

    def _owner(self, key: bytes) -> bytes:
        """Return the keyed hash that stands for the key of a record, of an engagement or a consent record its subject."""
        owner = self._owners.get(key)
        if owner is None:
            owner = self._owners[key] = keyed_hash(self.shard.subject_key, key)
        return owner

    def _admit(self, record: Record, tag: bytes, event: str, occurred_at: int) -> bytes | None:
        """Return the owner of the record's key if the event counts: not from the future, not a repetition."""
        assert self.config is not None
        timing, stamp = self.config.timing, record.timestamp
        if occurred_at > stamp + timing.max_future_skew:
            self._refuse(record, "in_future", "occurred_at")
            return None
        owner = self._owner(record.key or b"")
        until = max(stamp, occurred_at) + timing.dedup_horizon
        return None if self.marks.repeated(mark_of(owner, tag + event.encode()), stamp, until) else owner

    def consent(self, record: Record, event: ConsentEvent) -> None:
        """Take a consent record into its subject's ledger; a string that does not decode is a finding, and never consent."""
        owner = self._admit(record, b"c", event.event_id, event.occurred_at)
        if owner is None:
            return
        self.keys.add(record.key or b"")
        stamped = end_of(record.timestamp, self.waits.base)
        self.carried.count(SYSTEM, due_of(stamped, self.waits.base), "consent-events", record.topic, event.state, self.carries)
        config, tables = self._judged_by(stamped)
        source = Source(record.topic, record.partition, record.offset, event.event_id)
        opt_in = (event.jurisdiction or config.privacy.default_jurisdiction) in config.privacy.opt_in_jurisdictions
        said, failures = statement(event, record.timestamp, source, tables, opt_in=opt_in)
        if said is not None:
            ledger = recorded(self.subjects.ledger(owner), said)
            self.subjects.set_ledger(owner, ledger)
            self.subjects.look(owner, end_of(ledger.stamp, self.waits.base), self.stamp.watermark)
        if failures:
            key = [stamped, 0, record.timestamp, owner.hex(), 0, event.occurred_at, event.event_id]
            self.adds_of(SYSTEM).items.append(notice("consent_string", key, source, record.topic, ", ".join(failures)))

    def _judged_by(self, end: int) -> tuple[Config, PurposeTables]:
        """Return the config before a window end, and the purposes strings have by it."""
        found = self._judging.get(end)
        if found is None:
            config = config_before(self.draft, end)
            purposes = config.consent.purposes
            found = self._judging[end] = config, purpose_tables(purposes.tcf, purposes.gpp)
        return found

    def rule_change(self, record: Record, event: RuleChange) -> None:
        """Forward a rule change; it acts at the end of the base window of its time, a late one of its stamp."""
        if self._admit(record, b"r", event.event_id, event.occurred_at) is None or self.config is None:
            return
        timing = self.config.timing
        late = record.timestamp - timing.allowed_lateness >= end_of(event.occurred_at, timing.window)
        due = end_of(record.timestamp if late else event.occurred_at, timing.window)
        body = event.model_dump(mode="json")
        evidence = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
        self.carried.count(event.initiative, due_of(due, timing.window), "rule-changes", record.topic, event.action, self.carries)
        self.adds_of(event.initiative).rules.append({"due": due, "change": body, "evidence": evidence})

    def command(self, record: Record, command: Command) -> None:
        """Forward a command; a repeated request is forwarded too, since it is answered again."""
        named = self._named(command.initiative)
        self.adds_of(named).commands.append(
            {"request_id": command.request_id, "initiative": named, "command": command.model_dump(mode="json")}
        )

    def config_record(self, record: Record, event: ConfigRecord) -> None:
        """Take a config: the first one holds from the beginning of time unless it says otherwise, a later one from its stamp.

        One that is none, or comes with a policy that is none, replaces nothing.
        """
        value = trimmed(orjson.dumps(event.config))
        wrong = fault_of(value, event.policies)
        if wrong is not None:
            self._refuse(record, "invalid_value", wrong)
            return
        first = self.draft.get(FIRST_CONFIG) is None
        effective = event.effective_at
        if not first:  # what was decided before a config was written stays decided: it never acts before its own stamp
            effective = max(effective or record.timestamp, record.timestamp)
        if first:
            self.draft.put(FIRST_CONFIG, value)
            self.config = config_of(value)
            self.waits = waits_of(self.config)
            self.subjects = Subjects(self.draft, self.waits)
        elif self.draft.get(FAILED_CONFIG) is not None:  # the load went well again, after the window in which it failed
            self._count(record.topic, record.timestamp + self.waits.base, "jobs")
            self.draft.drop(FAILED_CONFIG)
        self.draft.put(LAST_CONFIG, value)
        keep_config(self.draft, effective, event.sha256, value)
        self.configs.append({"sha256": event.sha256, "effective_at": effective, "config": event.config, "policies": event.policies})

    def commit(self, topic: str, stamp: IntakeStamp) -> Commit:
        """Return the step's commit; what it adds waits in a pending row for the next tick."""
        for window, number in self._received.items():
            self._count(topic, window * self.waits.base, "received", number)
        agenda = stamp.agenda if self._engagements is None else self._engagements.flush(stamp.commits, self.carried)
        if self._engagements is not None:
            self.keys |= self._engagements.keys
        self.carried.into(self.adds)
        if self.keys:
            sample(self.draft, self.shard, self.keys)
        self.marks.flush(stamp.commits)
        looks = list(self.subjects.flush().items())
        plain = {name: adds.plain() for name, adds in self.adds.items()}
        if plain or self.configs or looks:
            self.draft.put(row_key(PENDING, stamp.commits), pack(plain, self.configs, looks))
        return self.draft.commit(replace(stamp, agenda=agenda).pack())


FAILED_JOB = ("jobs", "jobs_failed")  # what nobody can judge by is a load that failed, and somebody has to hear of it

FOLDS: dict[str, Callable[[Fold, Record, Any], None]] = {
    "consent-events": Fold.consent,
    "rule-changes": Fold.rule_change,
    "monitor-commands": Fold.command,
    CONFIG_TOPIC: Fold.config_record,
}
