"""How people in experiments move on with the watermark: exposures take seats, goals count, seats mature, leave and go (see `people`)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from detectors.cell import Counts, add
from detectors.kpi import Ratio
from detectors.window import end_of
from governance.config import Config, Experiment, Initiative
from governance.contribution import SOON, cap_of, contribution, negative, ratios_of
from streams.kernel.bulletin import Adds
from streams.kernel.person import Person, Seat, Seen, first, goal, in_order

SEATS_MOST = 200  # experiments of one initiative one subject can be in at a time
PUT_OFF_MOST = 20  # times a planned end is followed to where a later config has moved it
MIXED = "mixed"
NOTHING: Mapping[str, int] = MappingProxyType({})

ConfigAt = Callable[[int], Config]


@dataclass(frozen=True, slots=True)
class Terms:
    """How a seat is read out, as the config in force at its first exposure has it; `attribution` in ms."""

    attribution: int
    ratios: Mapping[str, Ratio]
    cap: int | None

    def contribution(self, counted: Mapping[str, int]) -> Counts:
        """Return what these counts of a seat come to."""
        return contribution(counted, self.ratios, self.cap)


def terms_of(experiment: Experiment, own: Initiative) -> Terms:
    """Return the terms of an experiment of an initiative."""
    return Terms(experiment.attribution, ratios_of(experiment, own), cap_of(experiment))


class Settling:
    """Moves people on to the watermark `until`."""

    def __init__(self, until: int, window: int, config_at: ConfigAt) -> None:
        self.until = until
        self._window = window
        self._config_at = config_at
        self._configs: dict[int, Config] = {}
        self._experiments: dict[tuple[int, str, str], tuple[Config, Experiment | None]] = {}
        self._terms: dict[tuple[int, str, str], Terms | None] = {}

    def _config(self, end: int) -> Config:
        """Return the config in force before the window end `end`."""
        config = self._configs.get(end)
        if config is None:
            config = self._configs[end] = self._config_at(end)
        return config

    def _experiment(self, initiative: str, name: str, time: int) -> tuple[Config, Experiment | None]:
        """Return the config in force before the end of the window of `time`, and what it says of an experiment."""
        at = end_of(time, self._window), initiative, name
        found = self._experiments.get(at)
        if found is None:
            config = self._config(at[0])
            own = config.initiatives.get(initiative)
            found = self._experiments[at] = config, None if own is None else own.experiments.get(name)
        return found

    def _terms_of(self, initiative: str, name: str, seat: Seat) -> Terms | None:
        """Return how a seat is read out by the config in force at its first exposure, None without a readout."""
        at = end_of(seat.first, self._window), initiative, name
        if at not in self._terms:
            config, experiment = self._experiment(initiative, name, seat.first)
            self._terms[at] = None if experiment is None else terms_of(experiment, config.initiatives[initiative])
        return self._terms[at]

    def matures(self, terms: Terms | None, seat: Seat) -> int:
        """Return the end of the window in which a seat matures, ms, 0 for an experiment without a readout."""
        return 0 if terms is None else end_of(seat.first + terms.attribution, self._window)

    def settle(self, person: Person, seen: list[Seen], adds: Adds) -> int:
        """Digest events whose windows have closed, in order of time, then let seats mature, leave and go.

        Returns when the person is looked at again, ms, 0 for one of whom nothing is left.
        """
        terms = {name: self._terms_of(person.initiative, name, seat) for name, seat in person.seats.items()}
        for one in in_order(seen):
            if one.experiment:
                self._expose(person, terms, one, adds)
            else:
                for name, seat in person.seats.items():
                    self._count(terms[name], name, seat, one, adds)
        times = []
        for name, seat in list(person.seats.items()):
            matures = self._mature(terms[name], name, seat, adds)
            goes = self.goes(person.initiative, name, seat)
            if goes <= self.until:
                del person.seats[name]
            else:
                times.append(matures or goes)
        return min(times, default=0)

    def _expose(self, person: Person, terms: dict[str, Terms | None], one: Seen, adds: Adds) -> None:
        """Let an exposure take a seat or mix one, and count it towards the seat it has."""
        name = one.experiment
        seat = person.seats.get(name)
        if seat is not None and one.time > seat.last:
            if one.time > seat.last + self._config(end_of(one.time, self._window)).privacy.erase_after:
                del person.seats[name]  # gone by then, whether a tick has come by or not
                seat = None
            else:
                seat.last = one.time
        if seat is None:
            seat = self._seated(person, terms, one, adds)
        elif seat.arm != one.arm and not seat.second:
            self._mix(terms[name], seat, one, adds)
        if seat is not None:
            self._count(terms[name], name, seat, one, adds)

    def _seated(self, person: Person, terms: dict[str, Terms | None], one: Seen, adds: Adds) -> Seat | None:
        """Return the seat a person takes by an exposure, None where it comes late, the experiment is over or there is no room."""
        name, end = one.experiment, end_of(one.time, self._window)
        if one.limit >= end or len(person.seats) >= SEATS_MOST:
            return None
        _, experiment = self._experiment(person.initiative, name, one.time)
        if experiment and experiment.ends_at is not None and one.time >= experiment.ends_at:
            return None
        seat = person.seats[name] = Seat(one.arm, one.time, one.time)
        found = terms[name] = self._terms_of(person.initiative, name, seat)
        adds.experiment(end, end, name, one.arm, first(one))
        if found is not None:
            self._preview(end, name, seat, found.contribution({}), adds)
        return seat

    def _mix(self, terms: Terms | None, seat: Seat, one: Seen, adds: Adds) -> None:
        """Note the exposure of another arm: what the seat added is taken back."""
        name, end = one.experiment, end_of(one.time, self._window)
        if one.limit >= end:
            return
        adds.experiment(end, end_of(seat.first, self._window), name, "", {MIXED: 1})
        matures = 0 if seat.matured else self.matures(terms, seat)
        if terms is not None and matures:
            self._preview(min(end, matures), name, seat, {}, adds, terms.contribution(seat.early()))
        seat.second = one.time
        if terms is not None and seat.added:
            self._leave(terms, name, seat, end, adds)

    def _count(self, terms: Terms | None, name: str, seat: Seat, one: Seen, adds: Adds) -> None:
        """Count an event towards a seat's readout if it follows the first exposure in time and is stamped before maturity."""
        if terms is None or seat.matured or not seat.first <= one.time < seat.first + terms.attribution:
            return
        if one.limit >= end_of(seat.first + terms.attribution, self._window):
            return
        end = end_of(one.time, self._window)
        if one.limit >= end:
            more = goal(one)
            add(seat.counted, more)
            add(seat.late, more)
        elif seat.second or (one.experiment and not terms.ratios):  # without a ratio no exposure moves a sum
            add(seat.counted, goal(one))
        else:
            before = terms.contribution(seat.early())
            add(seat.counted, goal(one))
            self._preview(end, name, seat, terms.contribution(seat.early()), adds, before)

    def _preview(self, due: int, name: str, seat: Seat, now: Counts, adds: Adds, before: Mapping[str, int] = NOTHING) -> None:
        """Move what the preview shows of a seat."""
        moved = {SOON + key: now.get(key, 0) - before.get(key, 0) for key in {**now, **before} if now.get(key, 0) != before.get(key, 0)}
        if moved:
            adds.experiment(due, end_of(seat.first, self._window), name, seat.arm, moved)

    def _mature(self, terms: Terms | None, name: str, seat: Seat, adds: Adds) -> int:
        """Let a seat add its sums if it is time; return when it will be, ms, 0 for never any more."""
        matures = 0 if seat.matured else self.matures(terms, seat)
        if terms is None or not matures or matures > self.until:
            return matures
        seat.matured = True
        more = terms.contribution(seat.counted)
        if not seat.second:
            self._preview(matures, name, seat, {}, adds, terms.contribution(seat.early()) if seat.late else more)
        leaves = end_of(seat.second, self._window) if seat.second else 0
        if not leaves or leaves > matures:
            seat.added = True
            adds.experiment(matures, end_of(seat.first, self._window), name, seat.arm, more)
            if leaves:
                self._leave(terms, name, seat, leaves, adds)
        return 0

    def _leave(self, terms: Terms, name: str, seat: Seat, due: int, adds: Adds) -> None:
        """Take back what a seat added."""
        more = terms.contribution(seat.counted)
        adds.experiment(due, end_of(seat.first, self._window), name, seat.arm, negative(more))
        seat.added, seat.counted, seat.late = False, {}, {}

    def goes(self, initiative: str, name: str, seat: Seat) -> int:
        """Return when a seat may go, ms: once its experiment has ended and nobody of it can mature any more, else by age."""
        config, experiment = self._experiment(initiative, name, seat.first)
        aged = end_of(seat.last + config.privacy.erase_after, self._window) + self._window
        if experiment is None or experiment.ends_at is None:
            return aged
        ends = self._end(initiative, name, experiment.ends_at)
        if ends is None:
            return aged
        return min(aged, end_of(max(ends, seat.first) + experiment.attribution, self._window) + self._window)

    def _end(self, initiative: str, name: str, ends: int) -> int | None:
        """Return the planned end as the config in force at it says: it may have been moved since."""
        for _ in range(PUT_OFF_MOST):
            _, experiment = self._experiment(initiative, name, ends)
            if experiment is None or experiment.ends_at is None:
                return None
            if experiment.ends_at <= ends:
                break
            ends = experiment.ends_at
        return ends
