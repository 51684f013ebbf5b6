"""A threshold breached twice: one watched key's last windows and its incident, moved by the table of `lifecycle`.

Only eligible windows are observed; one without enough evidence neither counts nor clears. `met`: M of the last N eligible windows are
breached. `repeat`: they are again, counted after the last escalation. Consent incidents use the same table and begin at the last level.

A silenced incident goes on, but nothing rises and nobody is asked before the silence is over: more breaches are occurrences, a
reopening keeps its level, the time to acknowledge ends with the silence at the earliest. One that is open then asks once, at the last
level too, where no other time would make it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from governance.ladder import Owner
from governance.lifecycle import Event, State, Step, following
from governance.listing import Bounds, Listing

MAX_LEVEL = 3
HORIZON_WINDOWS = 6  # a breach more than six window lengths old no longer counts (design section 12)


@dataclass(frozen=True, slots=True)
class Terms:
    """What one rule asks: window length, M of N, and how long to wait for what; all times in ms."""

    window: int
    datapoints: int
    periods: int
    clear_for: int
    reopen_window: int
    ack_timeout: int

    @property
    def reopens_for(self) -> int:
        """Return how long after the resolved end a breach reopens."""
        return max(self.reopen_window, 2 * self.window)


@dataclass(frozen=True, slots=True)
class Episode:
    """One incident while it lives; times in ms, `windows` and `stretches` the breached windows it lists, `owner` who was asked last.

    `pages` counts the records that asked somebody, `paged_at` is the last of them.
    """

    incident_id: str
    number: int
    state: State
    level: int
    opened_at: int
    escalated_at: int
    updated_at: int
    cleared: int = 0
    resolved_at: int = 0
    sequence: int = 0
    occurrences: int = 0
    windows: tuple[int, ...] = ()
    owner: Owner | None = None
    remediation: tuple[Mapping[str, Any], ...] = ()
    silenced_until: int = 0
    pages: int = 0
    paged_at: int = 0
    stretches: tuple[Bounds, ...] = ()

    @property
    def listing(self) -> Listing:
        """Return the breached windows it lists."""
        return Listing(self.windows, self.stretches)

    def hit(self, ends: Sequence[int], size: int, occurrences: int) -> "Episode":
        """Return it with breached windows of `size` ms more, in which there were so many occurrences."""
        listing = self.listing.add(ends, size)
        many = self.occurrences + occurrences
        return replace(self, windows=listing.ends, stretches=listing.stretches, occurrences=many, cleared=0)

    def plain(self) -> list[Any]:
        """Return it as plain values."""
        owner = self.owner
        asked = None if owner is None else [owner.role, owner.person, owner.substitute_for, owner.reason]
        return [asked if item.name == "owner" else getattr(self, item.name) for item in fields(self)]

    @classmethod
    def of(cls, value: Sequence[Any]) -> "Episode":
        """Return the episode that `plain` gave."""
        named = dict(zip((item.name for item in fields(cls)), value, strict=False))  # a row of before has fewer
        owner = None if named["owner"] is None else Owner(*named["owner"])
        stretches = tuple((start, end) for start, end in named.get("stretches", ()))
        tuples = {"windows": tuple(named["windows"]), "stretches": stretches, "remediation": tuple(named["remediation"])}
        return cls(**{**named, "owner": owner, **tuples})


@dataclass(frozen=True, slots=True)
class Series:
    """One watched key: its last eligible windows, the incident that lives, episodes so far, and up to which end breaches are spent."""

    history: tuple[tuple[int, bool], ...] = ()
    episode: Episode | None = None
    episodes: int = 0
    spent: int = -1


@dataclass(frozen=True, slots=True)
class Observed:
    """What came of one observation: the series after it, its incident's step if any, and whether a breach is pending or confirmed."""

    series: Series
    step: Step | None = None
    finding: Literal["pending", "confirmed"] | None = None


def observe(series: Series, terms: Terms, end: int, breach: bool, identify: Callable[[int], str]) -> Observed:
    """Return what one eligible closed window ending at `end` makes of a series; `identify` names the incident of an episode number."""
    series = replace(series, history=(*series.history, (end, breach))[-terms.periods :])
    episode = series.episode
    if not breach:
        return cleared(series, episode, terms, end) if episode else Observed(series)
    fresh = [at for at, hit in series.history if hit and end - at <= HORIZON_WINDOWS * terms.window]
    if episode is None:
        met = tuple(at for at in fresh if at > series.spent)
        if len(met) < terms.datapoints:
            return Observed(series, finding="pending")
        number = series.episodes + 1
        new = Episode(identify(number), number, "none", 0, end, end, end, windows=met, occurrences=len(met))
        return happened(replace(series, episodes=number, episode=new), "met", end, finding="confirmed")
    series = replace(series, episode=episode.hit([end], terms.window, 1))
    again = (
        episode.level < MAX_LEVEL
        and end >= episode.silenced_until
        and len([at for at in fresh if at > episode.escalated_at]) >= terms.datapoints
    )
    return happened(series, "repeat" if again else "breach", end, finding="confirmed")


def cleared(series: Series, episode: Episode, terms: Terms, end: int) -> Observed:
    """Return what an eligible window without breach makes of a living incident: clear time is counted in window lengths."""
    if episode.state == "resolved":
        return Observed(series)
    after = replace(episode, cleared=episode.cleared + terms.window)
    series = replace(series, episode=after)
    if after.cleared < max(terms.clear_for, terms.window):
        return Observed(series)
    return happened(replace(series, spent=end, episode=replace(after, resolved_at=end)), "clear", end)


def due(series: Series, terms: Terms, base: int) -> int | None:
    """Return the base window end at which time alone changes the series, None for never; `base` is the base window in ms."""
    episode = series.episode
    if episode is None:
        return None
    if episode.state == "resolved":
        return ((episode.resolved_at + terms.reopens_for) // base + 1) * base
    if episode.state != "open":
        return None
    if episode.level < MAX_LEVEL:
        return -(-max(episode.escalated_at + terms.ack_timeout, episode.silenced_until) // base) * base
    return -(-episode.silenced_until // base) * base if episode.silenced_until > episode.escalated_at else None


def pass_time(series: Series, terms: Terms, now: int, base: int) -> Observed:
    """Return what the passing of a base window end makes of a series: an unacknowledged timeout, or the end of the time to reopen."""
    at = due(series, terms, base)
    if at is None or now < at or series.episode is None:
        return Observed(series)
    return happened(series, "expire" if series.episode.state == "resolved" else "timeout", now)


def happened(series: Series, event: Event, at: int, finding: Literal["pending", "confirmed"] | None = None) -> Observed:
    """Return the series after an event of its incident at `at`, ms; one that changes nothing leaves it as it is."""
    episode = series.episode
    assert episode is not None
    found = following(episode.state, event)
    if found.step is None:
        return Observed(series, finding=finding)
    up = 0 if at < episode.silenced_until else found.up
    level = min(MAX_LEVEL, episode.level + up)
    escalated_at = at if up or found.step in ("reopened", "reassigned") else episode.escalated_at
    after = replace(episode, state=found.state, level=level, escalated_at=escalated_at, updated_at=at, sequence=episode.sequence + 1)
    return Observed(replace(series, episode=after), found.step, finding)


def wished(series: Series, event: Event, at: int) -> Observed:
    """Return the series after what a person asked for at `at`, ms: acknowledge, resolve, log or silence.

    A manual resolve spends all earlier breaches as a clear does. Raises RefusedError where the table refuses.
    """
    episode = series.episode
    assert episode is not None
    reason = following(episode.state, event).refused
    if reason is not None:
        raise RefusedError(reason)
    if event == "resolve":
        series = replace(series, spent=at, episode=replace(episode, resolved_at=at))
    return happened(series, event, at)


class RefusedError(Exception):
    """A wish the incident's state does not allow; the message says what state it is in, to follow the words `the incident`."""
