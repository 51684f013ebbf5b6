"""The watched keys of one initiative: each threshold's series, their incidents, and everything an incident's step publishes.

t [initiative, check, kpi, dimensions, values…]   series: last windows, living incident, ladder at its opening
a [initiative, due, check, kpi, dimensions, values…]   timers of the incidents that time alone can change
f [initiative, check, kpi, dimensions]            last event per key, for `freshness_s`
u [initiative, incident]                          the incident after its last step, and its steps so far
g [initiative]                                    head of the audit chain
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import orjson

from governance.audit import Chain, audit_id
from governance.breach import Episode, Observed, Series, Terms, due, happened, observe, pass_time, wished
from governance.config import Config, Threshold
from governance.identity import event_id, finding_id, incident_id, incident_key
from governance.incident import Subject, escalation_data, incident_data, said
from governance.ladder import Owner
from governance.lifecycle import ESCALATING, Event, Step
from governance.message.instant import format_instant
from governance.playbook import playbook
from governance.verification import incident_hash
from streams.kernel.bulletin import SYSTEM
from streams.kernel.duty import Duty
from streams.kernel.faults import EXPLAIN, JOB_FAILED, Faults, fault_rule, tried
from streams.kernel.inquiry import Inquiry
from streams.kernel.place import bygone, place_of, ruled_by, subject_of
from streams.kernel.publishing import Found, finding, publish
from streams.kernel.rows import Draft, key_parts, pack, row_key, unpack
from streams.kernel.storm import asks
from streams.kernel.timeline import continued

SERIES, TIMERS, SEEN, INCIDENTS, AUDIT = b"t", b"a", b"f", b"u", b"g"
TIMERS_A_PHASE = 200  # incidents moved in one phase: each may publish about 6 KB

Place = tuple[str, ...]  # check, key figure and dimensions


@dataclass(frozen=True, slots=True)
class Breach:
    """One eligible closed window of one key: what was seen, whether it crossed the bound, and what was expected where that is known."""

    values: tuple[str, ...]
    end: int
    observed: float
    breached: bool
    expected: Any = None
    score: float | None = None


def terms_of(config: Config, threshold: Threshold) -> Terms:
    """Return what a threshold asks, with the config's times."""
    incidents = config.incidents
    return Terms(
        window=threshold.window,
        datapoints=threshold.datapoints_to_alarm,
        periods=threshold.evaluation_periods,
        clear_for=incidents.clear_for,
        reopen_window=incidents.reopen_window,
        ack_timeout=incidents.ack_timeout,
    )


class Watch:
    """Moves the series of one initiative and publishes what follows."""

    def __init__(self, draft: Draft, initiative: str, config: Config, config_sha256: str) -> None:
        self._draft = draft
        self._initiative = initiative
        self._config = config
        self._policy = {"id": "config", "sha256": config_sha256}
        self.duty = Duty(draft, initiative, config)
        self.faults = Faults(draft, initiative, config.incidents.retry_limit)
        self._inquiry = Inquiry(draft, initiative, config)
        self._step: tuple[bytes | None, Any, list[dict[str, Any]]] = (None, None, [])  # the row of the incident read last
        self._read: dict[bytes, tuple[bytes, Series, dict[str, list[list[str]]]]] = {}  # a series is asked about several times a closing

    def _load(self, key: bytes) -> tuple[Series, dict[str, list[list[str]]]]:
        value = self._draft.get(key)
        if value is None:
            return Series(), {}
        known = self._read.get(key)
        if known is None or known[0] is not value:
            history, episode, episodes, spent, ladder = unpack(value)
            living = None if episode is None else Episode.of(episode)
            known = self._read[key] = value, Series(tuple((end, hit) for end, hit in history), living, episodes, spent), ladder
        return known[1:]

    def _keep(self, key: bytes, series: Series, ladder: Mapping[str, Any]) -> None:
        episode = None if series.episode is None else series.episode.plain()
        self._draft.put(key, pack(series.history, episode, series.episodes, series.spent, ladder if episode else {}))

    def judge(self, threshold: Threshold, check: str, breach: Breach, *, told: bool = False) -> None:
        """Take one eligible window of one key through its life cycle; `told`: its finding is published by the caller."""
        place = place_of(threshold, check, breach.values)
        series, ladder = self._load(row_key(SERIES, self._initiative, *place))
        terms = terms_of(self._config, threshold)
        subject = self._subject(threshold, check, breach.values)
        named = incident_key(check, self._initiative, subject.key)
        observed = observe(series, terms, breach.end, breach.breached, lambda number: incident_id(check, named, breach.end, number))
        if observed.finding is not None and not told:
            self._find(threshold, subject, named, breach, observed.finding)
        self._after(place, threshold, subject, observed, ladder, breach.end)

    def end(self, threshold: Threshold | None, check: str, values: tuple[str, ...], event: Literal["clear", "retract"], now: int) -> None:
        """Resolve or take back the living incident of a key whose fault is known to be over; nothing where none lives."""
        if threshold is None:
            return
        place = place_of(threshold, check, values)
        series, ladder = self._load(row_key(SERIES, self._initiative, *place))
        if series.episode is None or (event == "clear" and series.episode.state == "resolved"):
            return
        if event == "clear":
            series = replace(series, spent=now, episode=replace(series.episode, resolved_at=now))
        self._after(place, threshold, self._subject(threshold, check, values), happened(series, event, now), ladder, now)

    def last_end(self, threshold: Threshold, check: str, values: tuple[str, ...]) -> int:
        """Return the end of the last window of a key that was judged, ms, -1 for none."""
        series, _ = self._load(row_key(SERIES, self._initiative, *place_of(threshold, check, values)))
        return series.history[-1][0] if series.history else -1

    def lives(self, threshold: Threshold, check: str, values: tuple[str, ...]) -> bool:
        """Return whether a key has an incident that is not over."""
        return self._load(row_key(SERIES, self._initiative, *place_of(threshold, check, values)))[0].episode is not None

    def living(self) -> set[tuple[str, str]]:
        """Return (check, dimensions) of every series that has an incident that is not over."""
        keys = self._draft.group(SERIES, self._initiative)
        return {(key_parts(key)[1], key_parts(key)[3]) for key in keys if self._load(key)[0].episode is not None}

    def tell_faults(self, now: int) -> None:
        """Open, and let climb, the incident of every job that is given up; end it where nothing is any more."""
        rule = fault_rule(self._config.timing.window)
        for job, number in self.faults.untold():
            self.judge(rule, JOB_FAILED, Breach((job,), now, number, breached=True))
        for (job,) in self.open_keys(rule, JOB_FAILED):
            if self.faults.has_ended(job):
                self.end(rule, JOB_FAILED, (job,), "clear", now)

    def is_failed(self, job: str) -> bool:
        """Return whether the incident of a job of this initiative is open or acknowledged."""
        return self.alive(fault_rule(self._config.timing.window), JOB_FAILED, (job,))

    def known(self) -> dict[Place, set[tuple[str, ...]]]:
        """Return by place, without values, the values of the keys that have a life cycle, which a window without breach may change."""
        found: dict[Place, set[tuple[str, ...]]] = {}
        for key in self._draft.group(SERIES, self._initiative):
            _, check, kpi, dimensions, *values = key_parts(key)
            found.setdefault((check, kpi, dimensions), set()).add(tuple(values))
        return found

    def rests(self, threshold: Threshold, check: str, values: tuple[str, ...]) -> bool:
        """Return whether windows without a breach change nothing of a key that matters."""
        series, _ = self._load(row_key(SERIES, self._initiative, *place_of(threshold, check, values)))
        return series.episode is None and not any(hit for _, hit in series.history)

    def alive(self, threshold: Threshold, check: str, values: tuple[str, ...]) -> bool:
        """Return whether an incident of a key is open or acknowledged."""
        series, _ = self._load(row_key(SERIES, self._initiative, *place_of(threshold, check, values)))
        return series.episode is not None and series.episode.state in ("open", "acknowledged")

    def opens(self, threshold: Threshold, check: str, values: tuple[str, ...], end: int) -> bool:
        """Return whether a breach at `end` leaves an incident of a key open: it is, or the breach meets M of N, or reopens it."""
        series, _ = self._load(row_key(SERIES, self._initiative, *place_of(threshold, check, values)))
        found = observe(series, terms_of(self._config, threshold), end, True, str).series.episode
        return found is not None and found.state in ("open", "acknowledged")

    def open_keys(self, threshold: Threshold, check: str) -> list[tuple[str, ...]]:
        """Return the values of the keys of a rule whose incident is open or acknowledged."""
        wanted = place_of(threshold, check, ())
        places = sorted(key_parts(key)[1:] for key in self._draft.group(SERIES, self._initiative))
        return [tuple(place[3:]) for place in places if place[:3] == wanted and self.alive(threshold, check, tuple(place[3:]))]

    def pass_time(self, thresholds: Mapping[str, Threshold], now: int, *, drain: bool) -> bool:
        """Move incidents whose time has come, some at a time; return whether there were any. A drain runs no acknowledgement timeout."""
        moved = 0
        for at, *place in sorted(timer for timer in self.timers() if timer[0] <= now):
            if moved == TIMERS_A_PHASE:
                break
            threshold = ruled_by(thresholds, place)
            if threshold is None:  # nothing judges it any more, so nothing escalates it either
                self._draft.drop(self._timer(at, place))
                moved += 1
                continue
            series, ladder = self._load(row_key(SERIES, self._initiative, *place))
            if drain and series.episode is not None and series.episode.state != "resolved":
                continue
            observed = pass_time(series, terms_of(self._config, threshold), now, self._config.timing.window)
            assert observed.step is not None, "a timer of another config: they are set anew when it changes"
            self._after(place, threshold, self._subject(threshold, place[0], place[3:]), observed, ladder, now)
            moved += 1
        return moved > 0

    def act(self, data: Mapping[str, Any], event: Event, change: Callable[[Episode], Episode], now: int) -> bool:
        """Take the incident of `data` through what somebody wishes, with a change to it; return whether it lives here.

        Raises RefusedError where its state does not allow it.
        """
        for key in self._draft.group(SERIES, self._initiative):
            series, ladder = self._load(key)
            if series.episode is not None and series.episode.incident_id == data["incident_id"]:
                observed = wished(replace(series, episode=change(series.episode)), event, now)
                self._after(key_parts(key)[1:], bygone(key_parts(key)[1:], data), subject_of(data), observed, ladder, now)
                return True
        return False

    def reassign(self, now: int) -> bool:
        """Ask somebody else of each incident whose owner is away, or who has none, some at a time; return whether there were any."""
        moved = 0
        for key in sorted(self._draft.group(SERIES, self._initiative)):
            if moved == TIMERS_A_PHASE:
                break
            series, ladder = self._load(key)
            if series.episode is None or not self.duty.left(series.episode, ladder, now):
                continue
            (data, *_) = unpack(self._draft.get(row_key(INCIDENTS, self._initiative, series.episode.incident_id)) or b"")
            place = key_parts(key)[1:]
            self._after(place, bygone(place, data), subject_of(data), happened(series, "reassign", now), ladder, now)
            moved += 1
        return moved > 0

    def set_timers(self, thresholds: Mapping[str, Threshold]) -> None:
        """Set all timers anew: another config may wait longer or shorter, drop rules or bring them back."""
        for key in self._draft.group(TIMERS, self._initiative):
            self._draft.drop(key)
        for key in self._draft.group(SERIES, self._initiative):
            place = key_parts(key)[1:]
            threshold = ruled_by(thresholds, place)
            at = None if threshold is None else self._due(self._load(key)[0], threshold)
            if at is not None:
                self._draft.put(self._timer(at, place), pack())

    def timers(self) -> list[list[Any]]:
        """Return [due, check, kpi, dimensions, values…] of every incident that time alone can change, in no promised order."""
        return [key_parts(key)[1:] for key in self._draft.group(TIMERS, self._initiative)]

    def _timer(self, at: int, place: Sequence[str]) -> bytes:
        return row_key(TIMERS, self._initiative, at, *place)

    def _due(self, series: Series, threshold: Threshold) -> int | None:
        return due(series, terms_of(self._config, threshold), self._config.timing.window)

    def _subject(self, threshold: Threshold, check: str, values: Any) -> Subject:
        named = dict(zip(threshold.group_by, values, strict=True))
        if self._initiative == SYSTEM and named:
            return Subject(check, SYSTEM, {"feed": values[0]}, threshold.window)
        figure = {} if threshold.kpi == check else {"kpi": threshold.kpi}  # what an experiment's rule judges is in its name
        return Subject(check, self._initiative, {**named, **figure}, threshold.window)

    def _find(self, threshold: Threshold, subject: Subject, named: str, breach: Breach, state: str) -> None:
        identity = finding_id(subject.check, named, breach.end)
        found = Found(
            finding_id=identity,
            check=subject.check,
            initiative=self._initiative,
            key=subject.key,
            start=breach.end - threshold.window,
            end=breach.end,
            state=state,
            observed=breach.observed,
            expected=breach.expected,
            score=breach.score,
            threshold=threshold.value,
            policy=self._policy,
        )
        self._draft.send(finding(found, event_id("finding", identity, state), breach.end))

    def _after(
        self,
        place: list[str],
        threshold: Threshold,
        subject: Subject,
        observed: Observed,
        ladder: dict[str, Any],
        now: int,
    ) -> None:
        series = observed.series
        if observed.step is not None and series.episode is not None:
            known = self._explained(series.episode.incident_id)
            explanation = self._explanation(subject, series.episode, observed.step, known, now)
            if observed.step == "opened":
                ladder = self.duty.ladder(self._inquiry.authors(subject, explanation))
            episode = self.duty.asked(series.episode, observed.step, ladder, now)
            episode = self.tell(subject, episode, observed.step, now, threshold.reason, explanation)
            series = replace(series, episode=None if observed.step in ("closed", "retracted") else episode)
        kept = row_key(SERIES, self._initiative, *place)
        before, after = self._due(self._load(kept)[0], threshold), self._due(series, threshold)
        if before != after and before is not None:
            self._draft.drop(self._timer(before, place))
        if before != after and after is not None:
            self._draft.put(self._timer(after, place), pack())
        self._keep(kept, series, ladder)

    def tell(
        self,
        subject: Subject,
        episode: Episode,
        step: Step,
        now: int,
        reason: str | None,
        explanation: Mapping[str, Any] | None = None,
        informed: Sequence[tuple[int, Owner | None]] = (),
    ) -> Episode:
        """Publish an incident's step, ask its owner where the step escalates, and tell those `informed`, each at their level.

        Returns the episode with the page noted, where one went out.
        """
        advice = playbook(subject.check, subject.key.get("kpi"), self._config.playbooks)
        data = incident_data(subject, episode, step, advice)
        data["explanation"] = explanation
        body = {name: data[name] for name in ("incident_id", "check", "step", "sequence", "state", "level", "owner")}
        entry = self.audit("incident", now, {**body, "sha256": incident_hash(data)})
        data |= {"previous_hash": entry["previous_hash"], "hash": entry["hash"]}
        key = incident_key(subject.check, self._initiative, subject.key)
        identity = event_id("incident", episode.incident_id, episode.sequence)
        self._draft.send(publish("incidents", f"incident.{step}", key, identity, episode.incident_id, now, data))
        cap = self._config.incidents.pages_per_hour
        silent = step not in ESCALATING or now < episode.silenced_until
        if not silent and asks(self._draft, subject, episode, now, cap):
            why = said(subject, episode, step, reason)
            episode = replace(episode, pages=episode.pages + 1, paged_at=now)
            asked = escalation_data(data, episode.owner, why)
            escalated = event_id("escalation", episode.incident_id, episode.sequence)
            self._draft.send(publish("escalations", "escalation", key, escalated, episode.incident_id, now, asked))
            for level, person in informed:
                told = escalation_data(data, person, why, "informed", level)
                identity = event_id("escalation", episode.incident_id, episode.sequence, "informed", level)
                self._draft.send(publish("escalations", "escalation", key, identity, episode.incident_id, now, told))
        self._remember(episode.incident_id, data)
        return episode

    def audit(self, kind: str, now: int, body: Mapping[str, Any]) -> dict[str, Any]:
        """Append an entry to the initiative's audit chain and publish it; return the entry with its hashes."""
        key = row_key(AUDIT, self._initiative)
        value = self._draft.get(key)
        chain, entry = (Chain(*unpack(value)) if value else Chain()).append(self._initiative, kind, format_instant(now), body)
        self._draft.put(key, pack(chain.sequence, chain.head))
        identity = audit_id(self._initiative, chain.sequence, chain.head)
        self._draft.send(publish("audit-log", "audit-entry", self._initiative, identity, self._initiative, now, entry))
        return entry

    def _explanation(self, subject: Subject, episode: Episode, step: Step, known: Any, now: int) -> dict[str, Any] | None:
        """Return why, or what was said last where the inquiry raises."""
        found, error = tried(self._inquiry.explanation, subject, episode, step, known)
        if error:
            self.faults.raised(EXPLAIN, (), error, now)
            return known  # type: ignore[no-any-return]
        if found is not known:
            self.faults.well(EXPLAIN, ())
        return found

    def _explained(self, identity: str) -> Any:
        data, _ = self._kept(row_key(INCIDENTS, self._initiative, identity))
        return data["explanation"] if data else None

    def _kept(self, key: bytes) -> tuple[Any, list[dict[str, Any]]]:
        value = self._draft.get(key)
        if value is None or value is not self._step[0]:
            data, steps = unpack(value) if value else (None, [])
            self._step = value, data, steps
        return self._step[1:]

    def _remember(self, identity: str, data: Mapping[str, Any]) -> None:
        key = row_key(INCIDENTS, self._initiative, identity)
        _, steps = self._kept(key)
        line = {name: data[name] for name in ("sequence", "step", "updated_at", "level", "state", "owner")}
        self._draft.put(key, pack(data, continued(steps, line)))

    def notice(self, check: str, key: Mapping[str, str], end: int, window: int, observed: float | None, expected: float | None) -> None:
        """Publish a finding that opens nothing by itself."""
        named = incident_key(check, self._initiative, key)
        identity = finding_id(check, named, end)
        found = Found(identity, check, self._initiative, key, end - window, end, observed=observed, expected=expected)
        self._draft.send(finding(found, event_id("finding", identity, "confirmed"), end))

    def seen(self, threshold: Threshold, check: str) -> dict[tuple[str, ...], int]:
        """Return event time of the last event per key, ms, for `freshness_s`; nothing for a rule that is new."""
        value = self._draft.get(row_key(SEEN, self._initiative, *place_of(threshold, check, ())))
        return {tuple(orjson.loads(name)): last for name, last in (unpack(value)[0] if value else {}).items()}

    def saw(self, threshold: Threshold, check: str, last: Mapping[tuple[str, ...], int]) -> None:
        """Keep event time of the last event per key."""
        kept = {orjson.dumps(name).decode(): at for name, at in sorted(last.items())}
        self._draft.put(row_key(SEEN, self._initiative, *place_of(threshold, check, ())), pack(kept))

    def forget_seen(self, thresholds: Mapping[str, Threshold]) -> None:
        """Drop what rules saw that left the config: should they come back, they have missed something."""
        for key in self._draft.group(SEEN, self._initiative):
            if ruled_by(thresholds, key_parts(key)[1:]) is None:
                self._draft.drop(key)


def remembered(draft: Draft, initiative: str) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Return (incident after its last step, its steps) of an initiative, oldest first."""
    found = [unpack(draft.get(key) or b"") for key in draft.group(INCIDENTS, initiative)]
    return sorted(((data, steps) for data, steps in found), key=lambda pair: (pair[0]["opened_at"], pair[0]["incident_id"]))
