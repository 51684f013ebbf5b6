"""The verdict of every exposure of an event file, worked out line by line from the rules of design §11, and files that try them.

Shares no code with the program: what a consent string says stands in a table, times are numbers, a record is its JSON. It covers one
config and what a file can say: ties, expiry, erasure, channels and purposes named or not, strings, opt-out jurisdictions, fallbacks,
tallies, repetitions, records that settle, correct or come too late.
"""

from collections import defaultdict
from collections.abc import Iterable
from random import Random
from typing import Any

SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
NOON = 1_795_348_800_000  # 2026-11-22T12:00:00Z
WINDOW, LATENESS, SETTLE, HORIZON, FUTURE, OLD = MINUTE, 30 * SECOND, 5 * MINUTE, 40 * MINUTE, 5 * MINUTE, HOUR
CONFIG = """
version: 1
timing: {window: 1m, settle: 5m, correction_horizon: 40m, dedup_horizon: 1h}
initiatives:
  home: {detectors: {dip: false, freshness: false, suppression: false, drift: false}}
  shop: {detectors: {dip: false, freshness: false, suppression: false, drift: false}}
  us: {jurisdiction: US, detectors: {dip: false, freshness: false, suppression: false, drift: false}}
"""
SILENCE_ALLOWS = {"us"}
RANKS = ["given", "erased", "refused", "expired", "invalidated", "revoked", "withdrawn"]
CONTENT, ADVERTISING = "personalised_content", "personalised_advertising"
STRINGS: dict[str, tuple[set[str], set[str]] | None] = {  # of the two purposes: granted, denied; None does not decode
    "CQlH_MAQlH_MANwABBENB4FsAP_gAEPgAAYgGMwBIAAgAEAAoBeYDGQAKICAAAAA.IGMwBIAAgAEAAoBeYDGQ.f_wAAAAAAAAA": ({CONTENT, ADVERTISING}, set()),
    "CQlH_MAQlH_MANwABBENB4FgAIwAAAAAAAYgF5wAQF5gAAAA.IF5wAoAAgAEAvMAA.cYAAAAAAAaAA": ({CONTENT}, {ADVERTISING}),
    "CQlH_MAQlH_MANwABBENB4FgAAAAAAAAAAYgAAAAAAAA.IGMwBIAAgAEAAoBeYDGQ.YAAAAAAAAAAA": (set(), {CONTENT, ADVERTISING}),
    "CQlH_MAQlH_MANwABBENB4FgAIwAAA": None,
    "": None,
}
Line = dict[str, Any]


class Said:
    """One consent record that counts."""

    def __init__(self, line: Line, number: int, offset: int, stamp: int) -> None:
        value = line["value"]
        self.number, self.offset, self.stamp, self.time = number, offset, stamp, value["occurred_at"]
        self.state, self.channels = value["state"].replace("renewed", "given"), value.get("channels")
        self.expires = value.get("expires_at") or 1 << 60
        self.purposes = None if value.get("purposes") is None else set(value["purposes"])
        self.granted, self.denied = set[str](), set[str]()
        if value.get("tcf") is not None:
            read = STRINGS[value["tcf"]]
            if read is None and self.state == "given":
                self.purposes = set()  # a grant that rests on no string at all
            elif read is not None:
                self.granted, self.denied = read

    def about(self, purpose: str, channel: str) -> str | None:
        """Return the state it gives a purpose on a channel, None where it says nothing of it."""
        if self.state == "erased":
            return "erased"
        if self.channels is not None and channel not in self.channels and not (self.state != "given" and not self.channels):
            return None
        if self.state == "given":
            if purpose in self.denied:
                return "refused"
            return "given" if purpose in (self.purposes or set()) | self.granted else None
        named = self.purposes | self.denied if self.purposes else None
        return self.state if named is None or purpose in named else None


def verdict(purpose: str, channel: str, time: int, known: list[Said], cut: int, denied: str) -> tuple[str, int | None]:
    """Return the verdict and the offset of the record behind it."""
    gone = [one.time for one in known if one.state == "erased" and max(one.time, one.stamp) + HORIZON <= cut]
    if gone and time < max(gone):
        return denied, None
    found = [(one, state) for one in known if one.time <= time and (state := one.about(purpose, channel)) is not None]
    if not found:
        return denied, None

    def weight(pair: tuple[Said, str]) -> tuple[int, int, int, int]:
        one, state = pair
        return one.time, RANKS.index(state), -one.expires if state == "given" else 0, -one.number

    one, state = max(found, key=weight)
    if state == "erased":
        return denied, None
    if state == "given":
        return ("valid" if time < one.expires else "expired"), one.offset
    return state, one.offset


def verdicts(lines: Iterable[Line]) -> dict[str, tuple[str, int | None]]:
    """Return (verdict, offset of the consent record that decided) by event id, of lines in the order of a file with one partition."""
    offsets, seen = defaultdict[str, int](int), dict[tuple[str, str, str], int]()
    said, shown = defaultdict[str, list[Said]](list), list[Line]()
    for line in lines:
        topic, value, stamp = line["topic"], line["value"], line["timestamp"]
        offset = offsets[topic]
        offsets[topic] += 1
        time = value["occurred_at"]
        if time > stamp + FUTURE or (topic == "engagement-events" and stamp - time > OLD):
            continue
        name = (topic, line["key"], value["event_id"])
        if name in seen and stamp <= seen[name] + OLD:
            continue
        seen[name] = max(stamp, time)
        if topic == "engagement-events":
            shown.append(line)
        elif value["state"] not in ("requested", "deferred"):
            before = said[line["key"]]
            one = Said(line, len(before) + 1, offset, max([stamp, *(each.stamp for each in before[-1:])]))
            before.append(one)
    return {line["value"]["event_id"]: judged(line, said[line["key"]]) for line in shown if line["value"]["type"] == "exposure"}


def judged(line: Line, said: list[Said]) -> tuple[str, int | None]:
    """Return the last verdict of one exposure: settled, then corrected record by record."""
    value, stamp = line["value"], line["timestamp"]
    if value.get("fallback") is not None:
        return "not_applicable", None
    time = value["occurred_at"]
    late = stamp - LATENESS >= time // WINDOW * WINDOW + WINDOW
    cut = (stamp if late else time) + SETTLE
    about = (value.get("purpose") or CONTENT, value["channel"], time)
    denied = "valid" if value["initiative"] in SILENCE_ALLOWS else "no_record"
    known = [one for one in said if one.stamp <= cut]
    found = verdict(*about, known, cut, denied)
    for one in said[len(known) :]:
        speaks = one.time <= time and one.about(*about[:2]) is not None
        if speaks and one.stamp <= time + HORIZON:
            found = verdict(*about, said[: one.number], one.stamp, denied)
    return found


def history(seed: int, size: int) -> list[Line]:
    """Return a made-up file: few people, few moments, everything that can go wrong with consent."""
    chance = Random(seed)
    moments = [NOON + chance.randrange(40 * MINUTE) // step * step for step in (1, SECOND, MINUTE) for _ in range(4)]
    lines = list[Line]()
    for number in range(size):
        subject = f"u-{chance.randrange(3)}"
        time = chance.choice(moments) + chance.choice([0, 0, 0, 1, -1])
        if chance.random() < 0.45:
            topic, value, delay = "consent-events", consent(chance, number, time), chance.choice(DELAYS_OF_CONSENT)
        else:
            topic, value, delay = "engagement-events", engagement(chance, number, time), chance.choice(DELAYS_OF_EXPOSURES)
        if value.get("type") != "tally":
            value["subject_id"] = subject
        line: Line = {"topic": topic, "key": subject, "timestamp": max(time + delay, NOON), "value": value}
        lines.append(line)
        if chance.random() < 0.08:
            lines.append({**line, "timestamp": line["timestamp"] + chance.choice([0, MINUTE, HORIZON, 3 * HOUR])})
    last = shown_by("last", NOON + 4 * HOUR)
    lines.append({"topic": "engagement-events", "key": "z", "timestamp": NOON + 4 * HOUR, "value": {**last, "subject_id": "z"}})
    return sorted(lines, key=lambda line: int(line["timestamp"]))


DELAYS_OF_CONSENT = [0, 0, 1, SECOND, SETTLE - 1, SETTLE, SETTLE + 1, 9 * MINUTE, HORIZON - 1, HORIZON, HORIZON + 1, HOUR, -SECOND, -FUTURE]
DELAYS_OF_EXPOSURES = [0, 0, 0, SECOND, 20 * SECOND, 2 * MINUTE, 20 * MINUTE, HORIZON, OLD, OLD + 1, -SECOND]


def consent(chance: Random, number: int, time: int) -> dict[str, Any]:
    """Return a consent record."""
    state = chance.choice(["given"] * 8 + ["renewed", "withdrawn", "requested", "deferred", *RANKS[1:]])
    grants = state in ("given", "renewed")
    value: dict[str, Any] = {"event_id": f"c{number}", "occurred_at": time, "state": state}
    value["purposes"] = chance.choice([[CONTENT], [ADVERTISING], [CONTENT, ADVERTISING], [] if chance.random() < 0.3 else [CONTENT]])
    value["channels"] = chance.choice([None, None, ["web"], ["email"], ["web", "email"], []])
    if not grants and chance.random() < 0.5:
        value["purposes"] = None
    if chance.random() < 0.25:
        value["tcf"] = chance.choice(list(STRINGS))
        if grants and chance.random() < 0.5:
            value["purposes"] = None
    if chance.random() < 0.4:
        value["expires_at"] = time + chance.choice([0, 1, MINUTE, 10 * MINUTE])
    return value


def engagement(chance: Random, number: int, time: int) -> dict[str, Any]:
    """Return an exposure, sometimes something else."""
    value = shown_by(f"e{number}", time)
    value["initiative"] = chance.choice(["home", "home", "shop", "us", "elsewhere"])
    value["channel"] = chance.choice(["web", "web", "email", "-"])
    value["purpose"] = chance.choice([None, CONTENT, ADVERTISING])
    value["fallback"] = chance.choice([None] * 6 + ["no_consent", "technical"])
    value["consent_asserted"] = chance.choice([None, True, False])
    if chance.random() < 0.1:
        value |= {"type": "tally", "exposures": 7}
    return value


def shown_by(event: str, time: int) -> dict[str, Any]:
    """Return the plain exposure of an id and time."""
    return {"event_id": event, "occurred_at": time, "type": "exposure", "initiative": "home", "channel": "web"}
