"""Consent incidents: one per (initiative, channel, verdict), opened at settling, closed by clean windows, retracted by late evidence.

v [initiative, channel, verdict]   episodes that may still change: [key of the item that opened it, violations that stand, ladder, episode,
                                   ends of the windows of those taken back]
j [initiative]                     its series: [[channel, verdict, when time alone changes it, 0 for never]]

Items are taken in their order; every violation knows the key of the item that made it, so a retraction finds the episode it belongs to
even where that one is closed. What happens to one incident in a row is one step.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from detectors.window import end_of
from governance.breach import Episode, Observed, Series, Terms, due, happened, wished
from governance.config import Config
from governance.identity import incident_id, incident_key
from governance.incident import Subject
from governance.ladder import LEVELS, Owner, first_of
from governance.lifecycle import LIVING, Event, Step
from streams.kernel.rows import Draft, pack, row_key, unpack
from streams.kernel.watch import Watch

CHECK = "consent_violation"
GROUPS, INDEX = b"v", b"j"
BELOW_TOP = len(LEVELS) - 1  # opening adds one: these incidents start with the data privacy lead
REASON = "personalised exposures without valid consent"
SHOWN_AT = 5  # in an item's key: when the exposure was shown, ms
MOST_TAKEN_BACK = 500  # like the windows an incident lists


@dataclass(slots=True)
class Case:
    """One episode of a group: the key of the item that opened it, how many of its violations stand, its ladder.

    `taken_back` are the windows (ends, ms) of the exposures whose violations were, the last of them.
    """

    opened: list[Any]
    standing: int
    ladder: dict[str, list[list[str]]]
    episode: Episode
    taken_back: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Group:
    """All that may still change of one (channel, verdict): `hit` is the last due time with a violation, ms.

    `fresh` are the windows (ends, ms) of violations not told of yet, `first` the key of the first of them.
    """

    cases: list[Case] = field(default_factory=list)
    episodes: int = 0
    hit: int = 0
    fresh: list[int] = field(default_factory=list)
    first: list[Any] = field(default_factory=list)

    @property
    def living(self) -> Case | None:
        """Return the case that is not over, if there is one."""
        case = self.cases[-1] if self.cases else None
        return case if case is not None and case.episode.state in LIVING else None


Place = tuple[str, str]  # channel, verdict


class Violations:
    """Moves the consent incidents of one initiative at one due time, ms."""

    def __init__(self, draft: Draft, initiative: str, now: int, config: Config, watch: Watch) -> None:
        self._draft, self._initiative, self._now, self._config, self._watch = draft, initiative, now, config, watch
        self._base = config.timing.window
        waits = config.incidents
        self._terms = Terms(self._base, 1, 1, waits.clear_for, waits.reopen_window, waits.ack_timeout)
        self._open: dict[Place, Group] = {}

    def confirm(self, place: Place, key: list[Any], time: int) -> None:
        """Take a violation of an exposure shown at `time`, ms."""
        group = self._group(place)
        if not group.fresh:
            group.first = key
        group.fresh.append(end_of(time, self._base))
        group.hit = self._now

    def retract(self, place: Place, since: list[Any]) -> None:
        """Take back the violation that the item with the key `since` made; an incident without any left is retracted."""
        self._tell(place)
        case = next((case for case in reversed(self._group(place).cases) if case.opened <= since), None)
        if case is None:
            return
        case.standing -= 1
        case.taken_back = [*case.taken_back, end_of(since[SHOWN_AT], self._base)][-MOST_TAKEN_BACK:]
        if case.standing == 0 and case.episode.state != "retracted":
            self._step(place, case, "retract")

    def clear(self, channels: Iterable[str]) -> None:
        """Count a window with judged exposures and no violation towards the end of the incidents of these channels."""
        judged = set(channels)
        for channel, verdict, _ in self._index():
            group = self._group((channel, verdict))
            case = group.living
            if channel not in judged or case is None or case.episode.state == "resolved" or group.hit == self._now:
                continue
            case.episode = replace(case.episode, cleared=case.episode.cleared + self._base)
            if case.episode.cleared >= max(self._terms.clear_for, self._base):
                case.episode = replace(case.episode, resolved_at=self._now)
                self._step((channel, verdict), case, "clear")

    def pass_time(self, *, drain: bool) -> None:
        """Close what was resolved long enough ago, and ask where a silence is over; a drain asks nobody."""
        for channel, verdict, at in self._index():
            case = self._group((channel, verdict)).living if 0 < at <= self._now else None
            if case is not None and case.episode.state == "resolved":
                self._step((channel, verdict), case, "expire")
            elif case is not None and not drain:
                self._step((channel, verdict), case, "timeout")

    def act(self, place: Place, identity: str, event: Event, change: Callable[[Episode], Episode]) -> bool:
        """Take a living incident through what somebody wishes, with a change to it; return whether it lives here.

        Raises RefusedError where its state does not allow it.
        """
        case = self._group(place).living
        if case is None or case.episode.incident_id != identity:
            return False
        case.episode = change(case.episode)
        self._said(place, case, wished(Series(episode=case.episode), event, self._now))
        self.flush()
        return True

    def reassign(self) -> None:
        """Ask somebody else of each incident whose owner is away, or who has none."""
        for channel, verdict, _ in self._index():
            case = self._group((channel, verdict)).living
            if case is not None and self._watch.duty.left(case.episode, case.ladder, self._now):
                self._step((channel, verdict), case, "reassign")

    def timers(self) -> list[int]:
        """Return when time alone changes something, ms."""
        return [at for _, _, at in self._index() if at]

    def reset_timers(self) -> None:
        """Set all timers anew: another config may wait longer or shorter."""
        for channel, verdict, _ in self._index():
            self._group((channel, verdict))

    def flush(self) -> None:
        """Tell what was taken and write it."""
        if not self._open:
            return
        index = {(channel, verdict): at for channel, verdict, at in self._index()}
        for place in sorted(self._open):
            self._tell(place)
            group = self._open[place]
            group.cases = [case for case in group.cases if not self._over(group, case)]
            cases = [[case.opened, case.standing, case.ladder, case.episode.plain(), case.taken_back] for case in group.cases]
            if group.episodes:
                self._draft.put(row_key(GROUPS, self._initiative, *place), pack(cases, group.episodes, group.hit))
                living = group.living
                index[place] = (due(Series(episode=living.episode), self._terms, self._base) if living else None) or 0
        if index:
            self._draft.put(row_key(INDEX, self._initiative), pack([[*place, at] for place, at in sorted(index.items())]))
        self._open = {}

    def _over(self, group: Group, case: Case) -> bool:
        """Return whether nothing can change a case any more: it ended, and its last violation is past correction."""
        timing = self._config.timing
        kept = timing.correction_horizon + timing.settle + 4 * self._base
        return case is not group.living and max(case.episode.updated_at, *case.episode.windows) + kept < self._now

    def _index(self) -> list[list[Any]]:
        value = self._draft.get(row_key(INDEX, self._initiative))
        found: list[list[Any]] = unpack(value)[0] if value is not None else []
        return found

    def _group(self, place: Place) -> Group:
        group = self._open.get(place)
        if group is None:
            value = self._draft.get(row_key(GROUPS, self._initiative, *place))
            group = Group()
            if value is not None:
                cases, group.episodes, group.hit = unpack(value)
                group.cases = [Case(opened, standing, ladder, Episode.of(plain), *more) for opened, standing, ladder, plain, *more in cases]
            self._open[place] = group
        return group

    def _tell(self, place: Place) -> None:
        """Make one step of the violations taken since the last one."""
        group = self._group(place)
        fresh, group.fresh = group.fresh, []
        if not fresh:
            return
        case = group.living
        event: Event = "met" if case is None else "breach"
        if case is None:
            group.episodes += 1
            named = incident_key(CHECK, self._initiative, self._subject(place).key)
            identity = incident_id(CHECK, named, self._now, group.episodes)
            new = Episode(identity, group.episodes, "none", BELOW_TOP, self._now, self._now, self._now)
            case = Case(group.first, 0, self._watch.duty.ladder(), new)
            group.cases.append(case)
        case.standing += len(fresh)
        case.episode = case.episode.hit(fresh, self._base, len(fresh))
        self._step(place, case, event)

    def _step(self, place: Place, case: Case, event: Event) -> None:
        """Take an episode through an event and publish the step."""
        self._said(place, case, happened(Series(episode=case.episode), event, self._now))

    def _said(self, place: Place, case: Case, observed: Observed) -> None:
        assert observed.series.episode is not None
        assert observed.step is not None, "an event that changes nothing"
        case.episode = self._watch.duty.asked(observed.series.episode, observed.step, case.ladder, self._now)
        informed = self._informed(case, observed.step)
        case.episode = self._watch.tell(self._subject(place), case.episode, observed.step, self._now, REASON, informed=informed)

    def _informed(self, case: Case, step: Step) -> list[tuple[int, Owner | None]]:
        """Return who of the lower levels is told: nobody is skipped silently, a role without a person is told of as such."""
        if step not in ("opened", "reopened"):
            return []
        absent = self._watch.duty.absent(case.ladder, self._now)
        return [(level, first_of(case.ladder, level, absent)) for level in range(1, case.episode.level)]

    def _subject(self, place: Place) -> Subject:
        return Subject(CHECK, self._initiative, {"channel": place[0], "verdict": place[1]}, self._base)
