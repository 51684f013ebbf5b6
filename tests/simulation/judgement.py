"""The batch answer, second half: thresholds over closed rows and the life of incidents, from the rules of the design alone."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from governance.identity import finding_id, incident_id, incident_key
from tests.simulation.oracle import Row, Totals, admitted, merged, rows_answer, totals
from tests.simulation.world import DAY, HOUR, Cell, Configured, World

Key = tuple[tuple[str, str], ...]  # (dimension, value) pairs
Rule = tuple[str, ...]  # what a threshold asks: id, figure and dimensions
DIMENSIONS = ("profile", "channel", "cohort", "variant")
UNITS = {"s": 1_000, "m": 60_000, "h": HOUR, "d": DAY}
BUILT_IN = {
    "ctr": ("clicks", "exposures"),
    "conversion_rate": ("conversions", "exposures"),
    "revenue_per_exposure": ("revenue", "exposures"),
    "technical_fallback_rate": ("technical_fallbacks", "exposures"),
    "consent_fallback_rate": ("consent_fallbacks", "exposures"),
}
ROLES = ("testing_lead", "personalization_architect", "data_privacy_lead")  # levels 1 to 3
MEMORY = 6  # windows a breach counts for


@dataclass
class Watched:
    """One threshold and key: its last eligible windows and its incident, if there is one."""

    check: str
    initiative: str
    key: str
    window: int
    rule: Rule
    seen: list[tuple[int, bool]] = field(default_factory=list)
    spent: int = -1
    episodes: int = 0
    incident: dict[str, Any] | None = None


@dataclass
class Judge:
    """Goes through the window ends in order."""

    world: World
    rows: Totals
    watched: dict[tuple[str, ...], Watched] = field(default_factory=dict)
    findings: dict[str, str] = field(default_factory=dict)
    incidents: dict[str, dict[str, Any]] = field(default_factory=dict)
    escalations: set[tuple[str, int, int, str]] = field(default_factory=set)
    told: dict[str, list[str]] = field(default_factory=dict)

    def config(self, end: int) -> Mapping[str, Any]:
        """Return the newest config effective before `end`."""
        first, *later = self.world.configs
        known = [(effective(one), one) for one in later if effective(one) < end]
        return max(known, key=lambda pair: pair[0])[1].effective if known else first.effective

    def run(self) -> None:
        """Judge every base window end that was passed."""
        size = self.world.timing["window"]
        ends = [*self.rows.windows, *self.rows.hours_late, *self.rows.days_late]
        live = self.world.last_watermark(drain=False)
        for end in range(min(ends), self.world.last_watermark(drain=True) + 1, size) if ends else ():
            config = self.config(end)
            for name in sorted(config["initiatives"]):
                rules = {rule_of(threshold): ms(threshold["window"]) for threshold in config["initiatives"][name]["thresholds"]}
                self.pass_time(end, name, rules, config["incidents"], waiting=end <= live)
                for threshold in config["initiatives"][name]["thresholds"]:
                    if end % ms(threshold["window"]) == 0 and not (threshold["kpi"] == "freshness_s" and end > live):
                        self.threshold(end, name, threshold, config)

    def pass_time(self, now: int, name: str, rules: Mapping[Rule, int], waits: Mapping[str, str], waiting: bool) -> None:
        """Let time alone act: nobody acknowledged, or the time to reopen is over; not where the rule has left the config."""
        for one in sorted((one for one in self.watched.values() if one.initiative == name), key=lambda one: one.key):
            incident = one.incident
            if incident is None or one.rule not in rules:
                continue
            one.window = rules[one.rule]  # a config that changes a rule's window changes how long its incident waits
            if incident["state"] == "resolved":
                if now > incident["resolved_at"] + max(ms(waits["reopen_window"]), 2 * one.window):
                    self.step(one, "closed", now, "closed")
                    one.incident = None
            elif waiting and incident["level"] < 3 and now >= incident["escalated_at"] + ms(waits["ack_timeout"]):
                self.step(one, "escalated", now, "open", up=True)

    def threshold(self, end: int, name: str, threshold: Mapping[str, Any], config: Mapping[str, Any]) -> None:
        """Judge one threshold for every eligible key of the window that ends here."""
        window = ms(threshold["window"])
        kpis = config["initiatives"][name]["kpis"]
        if threshold["kpi"] == "freshness_s":
            figures = self.freshness(end, name, threshold["group_by"])
        else:
            row = self.window(end, window)
            figures = ratios(row, name, threshold, kpis)
        for key, value in sorted(figures):
            check = f"threshold:{threshold['id']}"
            named = incident_key(check, name, {**dict(key), "kpi": threshold["kpi"]})
            rule = rule_of(threshold)
            one = self.watched.setdefault((name, *rule, named), Watched(check, name, named, window, rule))
            one.window = window
            hit = {"<": value < threshold["value"], "<=": value <= threshold["value"]}.get(threshold["op"])
            if hit is None:
                hit = value > threshold["value"] or (threshold["op"] == ">=" and value == threshold["value"])
            self.observe(one, end, hit, threshold, config["incidents"])

    def window(self, end: int, window: int) -> Row:
        """Return the sum of a window: day rows if it is whole days, else base windows, hour rows where those are more than 3 h old."""
        if window % DAY == 0:
            return merged([self.rows.day(at, end) for at in range(end - window + DAY, end + 1, DAY)])
        start, old = end - window, end - 3 * HOUR
        if start >= max([*self.rows.windows, *self.rows.hours_late], default=0):
            return {}
        parts = [self.rows.hour(at) for at in range(start + HOUR, old + 1, HOUR)]
        return merged([*parts, *(row for at, row in self.rows.windows.items() if max(start, old) < at <= end)])

    def freshness(self, end: int, name: str, group_by: list[str]) -> Iterator[tuple[Key, float]]:
        """Yield the age in s of the newest punctual event of every key ever seen."""
        newest: dict[Key, int] = {}
        for (initiative, cell), seen in self.rows.last.items():
            times = [time for at, time in seen if at <= end]
            if initiative == name and times:
                key = part(cell, group_by)
                newest[key] = max(max(times), newest.get(key, 0))
        return ((key, (end - time) / 1000) for key, time in newest.items())

    def observe(self, one: Watched, end: int, hit: bool, threshold: Mapping[str, Any], waits: Mapping[str, str]) -> None:
        """Take one eligible window of one key through the life of its incident (design section 12)."""
        one.seen = [*one.seen, (end, hit)][-threshold["evaluation_periods"] :]
        incident, need = one.incident, threshold["datapoints_to_alarm"]
        if not hit:
            if incident and incident["state"] == "open":
                incident["clear"] += one.window
                if incident["clear"] >= max(ms(waits["clear_for"]), one.window):
                    incident["resolved_at"] = one.spent = end
                    self.step(one, "resolved", end, "resolved")
            return
        recent = [at for at, breach in one.seen if breach and end - at <= MEMORY * one.window]
        finding = finding_id(one.check, one.key, end)
        if incident is None:
            met = [at for at in recent if at > one.spent]
            self.findings[finding] = "confirmed" if len(met) >= need else "pending"
            if len(met) >= need:
                self.open(one, end, met, ladder_of(self.config(end)["initiatives"][one.initiative]))
            return
        self.findings[finding] = "confirmed"
        incident["windows"].append(end)
        incident["clear"] = 0
        if incident["state"] == "resolved":
            self.step(one, "reopened", end, "open", up=True)
        elif incident["level"] < 3 and len([at for at in recent if at > incident["escalated_at"]]) >= need:
            self.step(one, "escalated", end, "open", up=True)
        else:
            self.step(one, "occurrence", end, "open")

    def open(self, one: Watched, end: int, met: list[int], ladder: list[str | None]) -> None:
        """Open the next incident of a key; who is asked at each level is settled now."""
        one.episodes += 1
        one.incident = {
            "id": incident_id(one.check, one.key, end, one.episodes),
            "level": 0,
            "opened_at": end,
            "windows": met,
            "clear": 0,
            "sequence": 0,
            "steps": [],
            "episode": one.episodes,
            "ladder": ladder,
        }
        self.step(one, "opened", end, "open", up=True)

    def step(self, one: Watched, step: str, at: int, state: str, up: bool = False) -> None:
        """Write down one step of an incident, and the escalation where somebody is asked."""
        incident = one.incident
        assert incident is not None
        incident["state"] = state
        incident["sequence"] += 1
        if up:
            above = range(min(3, incident["level"] + 1), 4)
            incident["level"] = next(level for level in above if incident["ladder"][level - 1])  # an empty step is skipped at once
            incident["escalated_at"] = at
            pages, last = incident.get("pages", 0), incident.get("paged_at", 0)
            if pages < 10 or at >= last + min(DAY, HOUR * 2 ** (pages - 10)):  # ten at once, then each waits twice as long
                incident["pages"], incident["paged_at"] = pages + 1, at
                self.escalations.add((incident["id"], incident["sequence"], incident["level"], incident["ladder"][incident["level"] - 1]))
        incident["steps"].append((incident["sequence"], step, at, incident["level"], len(incident["windows"])))
        self.told.setdefault(one.initiative, []).append(f"{incident['id']}/{incident['sequence']}")
        self.incidents[incident["id"]] = {
            "check": one.check,
            "initiative": one.initiative,
            "state": state,
            "level": incident["level"],
            "opened_at": incident["opened_at"],
            "episode": incident["episode"],
            "windows": [(end - one.window, end) for end in incident["windows"]],
            "steps": list(incident["steps"]),
        }


def ladder_of(initiative: Mapping[str, Any]) -> list[str | None]:
    """Return who is asked at each level: the owner of the role, else of the role that covers it."""
    owners, covers = initiative["owners"], initiative["covers"]
    people = {role: owner["person"] for role, owner in owners.items()}
    return [people.get(role) or people.get(covers.get(role, "")) for role in ROLES]


def effective(config: Configured) -> int:
    """Return from when a config that is not the first holds."""
    return config.stamp if config.effective_at is None else config.effective_at


def rule_of(threshold: Mapping[str, Any]) -> Rule:
    """Return what makes a threshold another one: its id, its figure, or the dimensions it groups by."""
    return (threshold["id"], threshold["kpi"], *threshold["group_by"])


def ms(text: str) -> int:
    """Return a duration as the config writes it, in ms."""
    return int(text[:-1]) * UNITS[text[-1]]


def part(cell: Cell, group_by: list[str]) -> Key:
    """Return the key of a cell under a grouping."""
    return tuple((name, cell[DIMENSIONS.index(name)]) for name in group_by)


def ratios(row: Row, name: str, threshold: Mapping[str, Any], kpis: Mapping[str, Any]) -> Iterator[tuple[Key, float]]:
    """Yield the key figure of every key with enough below the line."""
    groups: dict[Key, Counter[str]] = {}
    for (initiative, cell), counts in row.items():
        if initiative == name:
            groups.setdefault(part(cell, threshold["group_by"]), Counter()).update(counts)
    if threshold["kpi"] == "variant_share":
        yield from shares(groups, threshold["min_denominator"])
        return
    custom = kpis.get(threshold["kpi"])
    above, below = (custom["numerator"], custom["denominator"]) if custom else BUILT_IN[threshold["kpi"]]
    for key, counts in groups.items():
        money = [n for count, n in counts.items() if count.startswith("revenue_minor.")]
        if counts[below] < threshold["min_denominator"] or (above == "revenue" and len(money) > 1):
            continue
        yield key, (sum(money) if above == "revenue" else counts[above]) / counts[below]


def shares(groups: Mapping[Key, Counter[str]], enough: int) -> Iterator[tuple[Key, float]]:
    """Yield each key's part of the exposures of its group, all variants together; a key that counted nothing is no key."""
    whole: Counter[Key] = Counter()
    for key, counts in groups.items():
        whole[without_variant(key)] += counts["exposures"]
    for key, counts in groups.items():
        if any(counts.values()) and whole[without_variant(key)] >= enough:
            yield key, counts["exposures"] / whole[without_variant(key)]


def without_variant(key: Key) -> Key:
    """Return the rest of a key."""
    return tuple(pair for pair in key if pair[0] != "variant")


def answer(world: World) -> dict[str, Any]:
    """Return all that the design promises about a world."""
    events, refused = admitted(world)
    rows = totals(world, events)
    judge = Judge(world, rows)
    judge.run()
    return {
        **rows_answer(world, rows),
        "refused": dict(refused),
        "findings": judge.findings,
        "incidents": judge.incidents,
        "escalations": judge.escalations,
    }
