"""The batch answer about consent: verdicts, their counts, violations and the life of their incidents, from the rules alone."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from governance.identity import consent_finding_id, incident_id, incident_key, subject_hash
from tests.simulation import judgement
from tests.simulation.judgement import effective, ladder_of, ms
from tests.simulation.oracle import end_of, misfit
from tests.simulation.world import CONSENT, DAY, ENGAGEMENT, HOUR, Arrival, Cell, World

SUBJECT_KEY = b"a key of the simulation"
ORDER = ("given", "erased", "refused", "expired", "invalidated", "revoked", "withdrawn")  # of two at one time the later wins
MOST_AT_ONCE = 80  # violations of one initiative and time that are one step of their incident
OPENED, CORRECTED = 0, 1


@dataclass(frozen=True)
class Said:
    """One consent record; its stamp is never below that of the subject's record before."""

    number: int
    time: int
    stamp: int
    state: str
    purposes: tuple[str, ...] | None
    channels: tuple[str, ...] | None
    expires: int | None
    event_id: str

    def speaks_of(self, purpose: str, channel: str) -> bool:
        """Return whether the record concerns an exposure."""
        whole = self.state == "erased"
        return whole or ((self.purposes is None or purpose in self.purposes) and (self.channels is None or channel in self.channels))

    def weight(self) -> tuple[int, int, int, int]:
        """Return what makes one record win over another."""
        ends = -(self.expires or 1 << 60) if self.state in ("given", "renewed") else 0
        return self.time, ORDER.index("given" if self.state == "renewed" else self.state), ends, -self.number


@dataclass
class Shown:
    """One exposure that counts."""

    subject: str
    event_id: str
    time: int
    stamp: int
    late: bool
    initiative: str
    cell: Cell
    purpose: str
    asserted: bool
    fallback: bool
    share: int = 1

    @property
    def tau(self) -> int:
        """Return the time its consent is judged around."""
        return self.stamp if self.late else self.time


@dataclass
class Incident:
    """One episode: the violations that stand, and what was told."""

    identity: str
    episode: int
    opened_at: int
    ladder: list[str | None]
    standing: set[tuple[str, str, int]] = field(default_factory=set)
    state: str = "new"
    windows: set[int] = field(default_factory=set)
    steps: list[tuple[int, str, int, int, int]] = field(default_factory=list)
    clean: int = 0
    resolved_at: int = 0


@dataclass
class Answer:
    """All that is promised about a world's consent."""

    world: World
    verdicts: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    windows: dict[int, dict[str, Counter[str]]] = field(default_factory=dict)
    hours: dict[int, dict[str, Counter[str]]] = field(default_factory=dict)
    days: dict[int, dict[str, Counter[str]]] = field(default_factory=dict)
    findings: dict[str, str] = field(default_factory=dict)
    incidents: dict[str, dict[str, Any]] = field(default_factory=dict)
    escalations: set[tuple[str, int, int, str | None]] = field(default_factory=set)
    evidence: set[str] = field(default_factory=set)
    items: dict[int, list[tuple[Any, ...]]] = field(default_factory=lambda: defaultdict(list))
    judged: dict[tuple[int, str], set[str]] = field(default_factory=lambda: defaultdict(set))

    def __post_init__(self) -> None:
        timing = self.world.configs[0].effective["timing"]
        self.size, self.settle, self.horizon = (ms(timing[name]) for name in ("window", "settle", "correction_horizon"))
        self.settled = -(-self.settle // self.size) * self.size
        self.closed = self.world.last_watermark(drain=True) // self.size * self.size

    def config(self, end: int) -> Mapping[str, Any]:
        """Return the newest config effective before `end`."""
        first, *later = self.world.configs
        known = [(effective(one), one) for one in later if effective(one) < end]
        return max(known, key=lambda pair: pair[0])[1].effective if known else first.effective

    def must_ask(self, one: Shown) -> bool:
        """Return whether silence is a denial where an exposure was shown."""
        config = self.config(end_of(one.tau, self.size))
        own = config["initiatives"].get(one.initiative, {}).get("jurisdiction")
        return (own or config["privacy"]["default_jurisdiction"]) in config["privacy"]["opt_in_jurisdictions"]

    def verdict(self, one: Shown, records: list[Said], upto: int, cut: int) -> tuple[str, Said | None]:
        """Return the verdict by the records numbered up to `upto`, as seen at `cut`, and the one that decided."""
        known = [said for said in records if said.number <= upto and said.speaks_of(one.purpose, one.cell[1])]
        erased = [said.time for said in known if said.state == "erased" and max(said.time, said.stamp) + self.horizon <= cut]
        best = max((said for said in known if said.time <= one.time), key=Said.weight, default=None)
        if best is None or best.state == "erased" or one.time < max(erased, default=0):
            return ("no_record" if self.must_ask(one) else "valid"), None
        if best.state in ("given", "renewed"):
            return ("expired" if best.expires is not None and best.expires <= one.time else "valid"), best
        return best.state, best

    def take(self, one: Shown, records: list[Said]) -> None:
        """Judge one exposure, and judge it again for every record that may correct it."""
        window = end_of(one.tau, self.size)
        due, name = window + max(self.settled, self.size), self.name(one)
        if one.fallback:
            self.verdicts.update({} if one.subject == "" else {name: ("not_applicable", None)})
            self.count(one, window, due, {"not_applicable": one.share})
            return
        if window + self.settled > self.closed:
            return
        cut = one.tau + self.settle
        known = max((said.number for said in records if said.stamp <= cut), default=0)
        verdict, by = self.verdict(one, records, known, cut)
        self.count(one, window, due, {verdict: 1})
        if not one.late:
            self.judged[due, one.initiative].add(one.cell[1])
        if verdict != "valid":
            self.items[due].append((OPENED, one.time, self.hashed(one), 0, one.event_id, one, "valid", verdict))
        for said in records:
            if said.number <= known or said.stamp > min(one.time + self.horizon, self.closed) or said.time > one.time:
                continue
            if not said.speaks_of(one.purpose, one.cell[1]):
                continue
            now, by = self.verdict(one, records, said.number, said.stamp)
            moved = max(end_of(said.stamp, self.size), due)
            if now != verdict:
                self.items[moved].append((CORRECTED, said.stamp, self.hashed(one), said.number, one.time, one.event_id, one, verdict, now))
                self.add(self.days, end_of(one.time, DAY), one, {verdict: -1, now: 1}, moved, direct=True)
            verdict = now
        self.verdicts[name] = (verdict, None if by is None else by.event_id)

    def count(self, one: Shown, window: int, due: int, verdicts: Mapping[str, int]) -> None:
        """Count verdicts in their window, its hour and day, those of a late exposure in the day alone."""
        if not one.late:
            self.add(self.windows, window, one, verdicts, due)
            self.add(self.hours, end_of(window - 1, HOUR), one, verdicts, due)
        self.add(self.days, end_of(one.time, DAY), one, verdicts, due, direct=one.late)

    def add(self, rows: Any, end: int, one: Shown, verdicts: Mapping[str, int], due: int, direct: bool = False) -> None:
        """Add to a row what is due by the end."""
        if due <= self.closed and end <= self.closed:
            row = rows.setdefault(end, {}).setdefault(repr((one.initiative, one.cell)), Counter())
            row.update({f"consent.{verdict}": number for verdict, number in verdicts.items()})

    def hashed(self, one: Shown) -> str:
        """Return what a subject is called outside."""
        return subject_hash(SUBJECT_KEY, one.subject)

    def name(self, one: Shown) -> str:
        """Return what tells one exposure from all others."""
        return f"{self.hashed(one)} {one.event_id} {one.time}"

    def late_evidence(self, shown: Iterable[Shown], records: list[Said]) -> None:
        """Note the records that came too late to correct an exposure they speak of."""
        erased = [(one.time, max(one.time, one.stamp) + self.horizon, one.number) for one in records if one.state == "erased"]
        for said in records:
            if any(said.time <= time and gone <= said.stamp and number <= said.number for time, gone, number in erased):
                continue
            for one in shown:
                missed = said.time <= one.time and one.time + self.horizon < said.stamp and one.tau + self.settle < said.stamp
                if missed and not one.fallback and end_of(said.stamp, self.size) <= self.closed:
                    self.evidence.add(said.event_id)


class Life:
    """The life of one world's consent incidents, window end by window end."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.groups: dict[tuple[str, str, str], list[Incident]] = defaultdict(list)
        self.hit: dict[tuple[str, str, str], int] = {}
        self.fresh: dict[tuple[str, str, str], list[Shown]] = defaultdict(list)

    def run(self) -> None:
        """Go through the ends at which something is due."""
        answer = self.answer
        ends = [*answer.items, *(end for end, _ in answer.judged)]
        for end in range(min(ends), answer.closed + 1, answer.size) if ends else ():
            waits = answer.config(end)["incidents"]
            self.pass_time(end, max(ms(waits["reopen_window"]), 2 * answer.size))
            for initiative in sorted({item[-3].initiative for item in answer.items.get(end, ())}):
                items = sorted((item for item in answer.items[end] if item[-3].initiative == initiative), key=lambda item: item[:-3])
                for at in range(0, len(items), MOST_AT_ONCE):
                    self.take(end, items[at : at + MOST_AT_ONCE])
            self.clear(end, max(ms(waits["clear_for"]), answer.size))

    def take(self, now: int, items: list[tuple[Any, ...]]) -> None:
        """Take some violations and corrections in their order."""
        for *_, one, old, new in items:
            name = (one.subject, one.event_id, one.time)
            if old != "valid":
                group = (one.initiative, one.cell[1], old)
                self.tell(now, group)
                self.find(one, "retracted", "consent_violation")
                incident = next(incident for incident in self.groups[group] if name in incident.standing)
                incident.standing.remove(name)
                if not incident.standing:
                    self.step(group, incident, "retracted", now, "retracted")
            if new != "valid":
                group = (one.initiative, one.cell[1], new)
                self.find(one, "confirmed", "consent_violation")
                self.fresh[group].append(one)
                self.hit[group] = now
            if one.asserted and (old == "valid") != (new == "valid"):
                self.find(one, "confirmed" if old == "valid" else "retracted", "consent_assertion")
        for group in sorted(self.fresh):
            self.tell(now, group)

    def tell(self, now: int, group: tuple[str, str, str]) -> None:
        """Let the violations taken since the last step be one step."""
        fresh = self.fresh.pop(group, [])
        if not fresh:
            return
        answer, incidents = self.answer, self.groups[group]
        living = incidents[-1] if incidents and incidents[-1].state in ("open", "resolved") else None
        if living is None:
            named = incident_key("consent_violation", group[0], {"channel": group[1], "verdict": group[2]})
            number = len(incidents) + 1
            own = answer.config(now)["initiatives"].get(group[0])
            ladder: list[str | None] = ladder_of(own) if own else [None, None, None]
            living = Incident(incident_id("consent_violation", named, now, number), number, now, ladder)
            incidents.append(living)
        living.standing |= {(one.subject, one.event_id, one.time) for one in fresh}
        living.windows |= {end_of(one.time, answer.size) for one in fresh}
        living.clean = 0
        step = {"new": "opened", "open": "occurrence", "resolved": "reopened"}[living.state]
        self.step(group, living, step, now, "open")
        if step != "occurrence":
            answer.escalations |= {(living.identity, len(living.steps), level, living.ladder[level - 1]) for level in (1, 2, 3)}

    def step(self, group: tuple[str, str, str], incident: Incident, step: str, now: int, state: str) -> None:
        """Write down one step."""
        incident.state = state
        incident.steps.append((len(incident.steps) + 1, step, now, 3, len(incident.windows)))
        self.answer.incidents[incident.identity] = {
            "check": "consent_violation",
            "initiative": group[0],
            "state": state,
            "level": 3,
            "opened_at": incident.opened_at,
            "episode": incident.episode,
            "windows": [(end - self.answer.size, end) for end in sorted(incident.windows)],
            "steps": list(incident.steps),
        }

    def find(self, one: Shown, state: str, check: str) -> None:
        """Write down where a finding stands."""
        identity = consent_finding_id(check, self.answer.hashed(one), one.event_id)
        self.answer.findings[f"{identity} {end_of(one.time, self.answer.size)}"] = state

    def pass_time(self, now: int, reopens_for: int) -> None:
        """Close what was resolved long enough ago."""
        for group, incidents in self.groups.items():
            if incidents and incidents[-1].state == "resolved" and now > incidents[-1].resolved_at + reopens_for:
                self.step(group, incidents[-1], "closed", now, "closed")

    def clear(self, now: int, clear_for: int) -> None:
        """Count windows with judged exposures and no violation."""
        for group, incidents in self.groups.items():
            judged = group[1] in self.answer.judged.get((now, group[0]), ())
            if not judged or not incidents or incidents[-1].state != "open" or self.hit.get(group) == now:
                continue
            incidents[-1].clean += self.answer.size
            if incidents[-1].clean >= clear_for:
                incidents[-1].resolved_at = now
                self.step(group, incidents[-1], "resolved", now, "resolved")


def counting(world: World) -> list[Arrival]:
    """Return the engagement and consent records that count, as they arrived."""
    timing, known, out = world.timing, dict[tuple[str, str, str], int](), []
    for one in world.arrivals:
        fact = one.fact
        if fact is None or one.topic not in (ENGAGEMENT, CONSENT) or misfit(one, fact, timing["max_future_skew"], timing["dedup_horizon"]):
            continue
        name = (one.topic, fact.key, fact.event_id)
        if name in known and one.stamp <= known[name] + timing["dedup_horizon"]:
            continue
        known[name] = max(one.stamp, fact.time)
        out.append(one)
    return out


def said_by(arrivals: Iterable[Arrival]) -> dict[str, list[Said]]:
    """Return every subject's consent records in the order read; a prompt says nothing."""
    out: dict[str, list[Said]] = defaultdict(list)
    for one in arrivals:
        body = orjson.loads(one.value or b"")
        if one.topic != CONSENT or one.fact is None or body["state"] in ("requested", "deferred"):
            continue
        before = out[one.fact.key]
        stamp = max([one.stamp, *(said.stamp for said in before[-1:])])
        purposes, channels = (None if body.get(name) is None else tuple(body[name]) for name in ("purposes", "channels"))
        expires = body.get("expires_at")
        before.append(Said(len(before) + 1, one.fact.time, stamp, body["state"], purposes, channels, expires, one.fact.event_id))
    return out


def shown_in(world: World, arrivals: Iterable[Arrival]) -> list[Shown]:
    """Return what was shown and counts, tallies as one."""
    out = []
    for one in arrivals:
        fact, body = one.fact, orjson.loads(one.value or b"")
        if one.topic != ENGAGEMENT or fact is None or body["type"] not in ("exposure", "tally"):
            continue
        late = one.stamp - world.timing["allowed_lateness"] >= end_of(fact.time, world.timing["window"])
        tally = body["type"] == "tally"
        shown = Shown(fact.subject or "", fact.event_id, fact.time, one.stamp, late, fact.initiative, fact.cell, "", False, tally)
        shown.fallback = tally or body.get("fallback") is not None
        shown.purpose = body.get("purpose") or "personalised_content"
        shown.asserted, shown.share = bool(body.get("consent_asserted")), fact.counts["exposures"]
        out.append(shown)
    return out


def consent_answer(world: World) -> Answer:
    """Return all that the design promises about a world's consent."""
    arrivals = counting(world)
    records, shown = said_by(arrivals), shown_in(world, arrivals)
    answer = Answer(world)
    for one in shown:
        answer.take(one, records.get(one.subject, []))
    for subject, said in records.items():
        answer.late_evidence([one for one in shown if one.subject == subject], said)
    Life(answer).run()
    return answer


def plain(rows: Mapping[int, Mapping[str, Counter[str]]]) -> dict[int, dict[str, dict[str, int]]]:
    """Return rows without what is zero."""
    out: dict[int, dict[str, dict[str, int]]] = {}
    for end, row in rows.items():
        for place, counts in row.items():
            if any(counts.values()):
                out.setdefault(end, {})[place] = {name: n for name, n in sorted(counts.items()) if n}
    return out


def answer(world: World) -> dict[str, Any]:
    """Return all that the design promises about a world."""
    judged, found = judgement.answer(world), consent_answer(world)
    return {
        **judged,
        "verdicts": found.verdicts,
        "consent_windows": plain(found.windows),
        "consent_hours": plain({end: row for end, row in found.hours.items() if end > found.closed - 48 * HOUR}),
        "consent_days": plain(found.days),
        "evidence": found.evidence,
        "findings": {**judged["findings"], **found.findings},
        "incidents": {**judged["incidents"], **found.incidents},
        "escalations": judged["escalations"] | found.escalations,
    }
