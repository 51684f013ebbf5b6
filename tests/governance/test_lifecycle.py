"""The table of the life of an incident: total, drawn, and equal to a plain model of the rules it implements."""

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from governance.breach import Episode, Observed, RefusedError, Series, Terms, due, observe, pass_time, wished
from governance.ladder import Owner
from governance.lifecycle import ASKED, ESCALATING, EVENTS, LIVING, NEXT, STATES, Event, Step, following
from tests.governance.drawing import PAGE, page


def test_every_pair_of_state_and_event_is_decided() -> None:
    """A pair left out would be a crash on the day it happens."""
    assert set(NEXT) == set(STATES)
    assert all(set(events) == set(EVENTS) for events in NEXT.values())


def test_what_a_person_asks_is_done_or_refused_and_never_swallowed() -> None:
    """And nothing else is refused: there is nobody to tell."""
    for state, events in NEXT.items():
        for event, found in events.items():
            assert (found.refused is None) == (event not in ASKED or found.step is not None)
            assert not (found.refused and found.state != state)


def test_only_what_is_said_changes_something() -> None:
    """A state or a level that changed without a step would be missing in the topic; a level rises with an escalation only."""
    for state, events in NEXT.items():
        for found in events.values():
            assert found.step is not None or (found.state, found.up) == (state, 0)
            assert not found.up or found.step in ESCALATING


def test_nothing_but_late_evidence_moves_what_is_over() -> None:
    """A closed incident absorbs no alerts (keephq 2481), a retracted one nothing at all."""
    assert [event for event in EVENTS if NEXT["closed"][event].step is not None] == ["retract"]
    assert not [event for event in EVENTS if NEXT["retracted"][event].step is not None]


def test_the_drawn_page_is_the_table() -> None:
    """`python -m tests.governance.drawing` writes what docs/lifecycle.md shows."""
    assert page() == PAGE.read_text(encoding="utf-8")


MINUTE = 60_000
TERMS = Terms(window=MINUTE, datapoints=2, periods=3, clear_for=2 * MINUTE, reopen_window=4 * MINUTE, ack_timeout=5 * MINUTE)


class Life(RuleBasedStateMachine):
    """One key, window by window, beside a model in plain words: lists and counters, no table."""

    def __init__(self) -> None:
        super().__init__()
        self.series = Series()
        self.now = 0
        self.seen: list[tuple[int, bool]] = []
        self.state, self.level, self.steps = "none", 0, list[str]()
        self.spent, self.risen, self.clean, self.resolved, self.quiet, self.episodes = -1, 0, 0, 0, 0, 0
        self.told: list[str] = []
        self.ids: list[str] = []

    def take(self, observed: Observed) -> None:
        self.series = observed.series
        if observed.step is not None:
            self.told.append(observed.step)
        if observed.step == "opened":
            assert self.series.episode is not None
            self.ids.append(self.series.episode.incident_id)
        if observed.step == "closed":
            self.series = Series(self.series.history, None, self.series.episodes, self.series.spent)

    def rise(self, step: str) -> None:
        self.steps.append(step)
        if self.now >= self.quiet:
            self.level = min(3, self.level + 1)
            self.risen = self.now
        elif step == "reopened":
            self.risen = self.now
        self.state = "open"

    @rule(breach=st.booleans(), gap=st.integers(1, 8))
    def window(self, breach: bool, gap: int) -> None:
        """An eligible window closes, `gap` minutes after the last one; time acts on every end between."""
        for _ in range(gap):
            self.now += MINUTE
            self.take(pass_time(self.series, TERMS, self.now, MINUTE))
            self.model_time()
        self.take(observe(self.series, TERMS, self.now, breach, lambda number: f"incident {number}"))
        self.model_window(breach)

    def model_time(self) -> None:
        if self.state == "resolved" and self.now > self.resolved + 4 * MINUTE:
            self.steps.append("closed")
            self.state, self.level = "none", 0
        elif self.state == "open" and self.now >= self.quiet:
            waited = self.level < 3 and self.now >= self.risen + 5 * MINUTE
            if waited or (self.level == 3 and self.risen < self.quiet):
                self.rise("escalated")

    def model_window(self, breach: bool) -> None:
        self.seen = [*self.seen, (self.now, breach)][-3:]
        recent = [at for at, hit in self.seen if hit and self.now - at <= 6 * MINUTE]
        if not breach:
            if self.state in ("open", "acknowledged"):
                self.clean += 1
                if self.clean == 2:
                    self.steps.append("resolved")
                    self.state, self.resolved, self.spent = "resolved", self.now, self.now
            return
        self.clean = 0
        if self.state == "none":
            if len([at for at in recent if at > self.spent]) >= 2:
                self.episodes += 1
                self.quiet = 0
                self.rise("opened")
        elif self.state == "resolved":
            self.rise("reopened")
        elif self.level < 3 and self.now >= self.quiet and len([at for at in recent if at > self.risen]) >= 2:
            self.rise("escalated")
        else:
            self.steps.append("occurrence")

    @precondition(lambda self: self.state != "none")
    @rule(event=st.sampled_from(sorted(ASKED)))
    def asked(self, event: Event) -> None:
        """A person asks for something at the time everything is closed to."""
        allowed = {"acknowledge": {"open"}, "resolve": {"open", "acknowledged"}}.get(event, LIVING)
        if self.state not in allowed:
            with pytest.raises(RefusedError):
                wished(self.series, event, self.now)
            return
        if event == "silence":
            self.quiet = self.now + 7 * MINUTE
            self.series = silenced(self.series, self.quiet)
        self.take(wished(self.series, event, self.now))
        self.steps.append({"acknowledge": "acknowledged", "resolve": "resolved", "log": "remediation_logged", "silence": "silenced"}[event])
        if event == "acknowledge":
            self.state = "acknowledged"
        if event == "resolve":
            self.state, self.resolved, self.spent = "resolved", self.now, self.now

    @invariant()
    def same(self) -> None:
        """The table and the model say the same, in the same order; numbers never jump; ids never repeat."""
        episode = self.series.episode
        assert self.steps == self.told
        assert (episode.state if episode else "none", episode.level if episode else 0) == (self.state, self.level)
        assert len(set(self.ids)) == len(self.ids) == self.episodes == self.series.episodes

    @invariant()
    def numbered(self) -> None:
        """The sequence of an incident counts its steps since it opened."""
        if self.series.episode is not None:
            since = len(self.told) - self.told[::-1].index("opened")
            assert self.series.episode.sequence == len(self.told) - since + 1


def silenced(series: Series, until: int) -> Series:
    assert series.episode is not None
    return replace(series, episode=replace(series.episode, silenced_until=until))


Life.TestCase.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
TestLife = Life.TestCase


def test_a_silence_that_ends_while_nobody_acknowledged_climbs_at_its_end() -> None:
    """Not before, and not after another full wait: the time to acknowledge went on under the silence (reference §6, case 43)."""
    episode = Episode("one", 1, "open", 1, 0, 0, 0, silenced_until=20 * MINUTE)
    series = Series(episode=episode)

    assert due(series, TERMS, MINUTE) == 20 * MINUTE
    assert pass_time(series, TERMS, 19 * MINUTE, MINUTE).step is None
    assert pass_time(series, TERMS, 20 * MINUTE, MINUTE).step == "escalated"


def test_at_the_last_level_the_end_of_a_silence_asks_once() -> None:
    """Nothing is left to rise to, but who has it is told that it is still open; after that no time asks again."""
    series = Series(episode=Episode("one", 1, "open", 3, 0, 0, 0, silenced_until=20 * MINUTE))

    assert pass_time(series, TERMS, 19 * MINUTE, MINUTE).step is None
    asked = pass_time(series, TERMS, 20 * MINUTE, MINUTE)
    assert asked.step == "escalated"
    assert asked.series.episode is not None
    assert asked.series.episode.level == 3
    assert due(asked.series, TERMS, MINUTE) is None


def test_an_episode_comes_back_from_its_row_as_it_was() -> None:
    """With who was asked, what was done and how long it is silent."""
    owner = Owner("testing_lead", "ben", "ana", "substitute for ana")
    episode = Episode("one", 1, "open", 1, 0, 0, 0, windows=(MINUTE,), owner=owner, remediation=({"id": "r"},), silenced_until=9, pages=2)

    assert Episode.of(episode.plain()) == episode


def test_steps_of_the_table_are_those_of_the_topic() -> None:
    """No step without an event that makes it, no event that says a step the schema does not know."""
    said: set[Step] = {found.step for events in NEXT.values() for found in events.values() if found.step is not None}

    assert len(said) == 11
    assert following("open", "acknowledge").step == "acknowledged"
