"""How people in experiments move on with the watermark: exposures take seats, goals count, seats mature, leave and go (see `people`)."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from detectors.cell import Counts, add
from detectors.kpi import Ratio
from detectors.window import end_of
from governance.config import Config, Experiment
from governance.contribution import SOON, cap_of, contribution, negative, ratios_of
from streams.kernel.bulletin import Adds
from streams.kernel.person import Person, Seat, Seen, first, goal

SEATS_MOST = 200  # experiments of one initiative one subject can be in at a time
PUT_OFF_MOST = 20  # times a planned end is followed to where a later config has moved it
MIXED = "mixed"
NOTHING: Mapping[str, int] = MappingProxyType({})

ConfigAt = Callable[[int], Config]


class Settling:
    """Moves people on to the watermark `until`."""

    def __init__(self, until: int, window: int, config_at: ConfigAt) -> None:
        self.until = until
        self._window = window
        self._config_at = config_at
        self._configs: dict[int, Config] = {}
        self._experiments: dict[tuple[int, str, str], tuple[Config, Experiment | None]] = {}
        self._measures: dict[tuple[int, str, str], tuple[dict[str, Ratio], int | None]] = {}

    def _experiment(self, initiative: str, name: str, time: int) -> tuple[Config, Experiment | None]:
        """Return the config in force before the end of the window of `time`, and what it says of an experiment."""
        at = end_of(time, self._window), initiative, name
        found = self._experiments.get(at)
        if found is None:
            config = self._configs.get(at[0])
            if config is None:
                config = self._configs[at[0]] = self._config_at(at[0])
            own = config.initiatives.get(initiative)
            found = self._experiments[at] = config, None if own is None else own.experiments.get(name)
        return found

    def matures(self, initiative: str, name: str, seat: Seat) -> int:
        """Return the end of the window in which a seat matures, ms, 0 for an experiment without a readout."""
        _, experiment = self._experiment(initiative, name, seat.first)
        return 0 if experiment is None else end_of(seat.first + experiment.attribution, self._window)

    def settle(self, person: Person, seen: Iterable[Seen], adds: Adds) -> int:
        """Digest events whose windows have closed, in order of time, then let seats mature, leave and go.

        Returns when the person is looked at again, ms, 0 for one of whom nothing is left.
        """
        for one in sorted(seen, key=Seen.order):
            if one.experiment:
                self._expose(person, one, adds)
            else:
                for name, seat in person.seats.items():
                    self._count(person.initiative, name, seat, one, adds)
        times = []
        for name, seat in list(person.seats.items()):
            matures = self._mature(person.initiative, name, seat, adds)
            goes = self.goes(person.initiative, name, seat)
            if goes <= self.until:
                del person.seats[name]
            else:
                times.append(matures or goes)
        return min(times, default=0)

    def _expose(self, person: Person, one: Seen, adds: Adds) -> None:
        name, end = one.experiment, end_of(one.time, self._window)
        seat = person.seats.get(name)
        config, experiment = self._experiment(person.initiative, name, one.time)
        if seat is not None and one.time > seat.last + config.privacy.erase_after:
            del person.seats[name]  # gone by then, whether a tick has come by or not
            seat = None
        if one.limit < end and (seat is None or (seat.arm != one.arm and not seat.second)):
            if seat is not None:
                adds.experiment(end, end_of(seat.first, self._window), name, "", {MIXED: 1})
                matures = 0 if seat.matured else self.matures(person.initiative, name, seat)
                if matures:
                    shown = self._contribution(person.initiative, name, seat, seat.early())
                    self._preview(min(end, matures), name, seat, {}, adds, shown)
                seat.second = one.time
                if seat.added:
                    self._leave(person.initiative, name, seat, end, adds)
            elif len(person.seats) < SEATS_MOST and not (experiment and experiment.ends_at is not None and one.time >= experiment.ends_at):
                seat = person.seats[name] = Seat(one.arm, one.time, one.time)
                adds.experiment(end, end, name, one.arm, first(one))
                if experiment is not None:
                    self._preview(end, name, seat, self._contribution(person.initiative, name, seat, {}), adds)
        if seat is not None:
            seat.last = max(seat.last, one.time)
            self._count(person.initiative, name, seat, one, adds)

    def _count(self, initiative: str, name: str, seat: Seat, one: Seen, adds: Adds) -> None:
        """Count an event towards a seat's readout if it follows the first exposure in time and is stamped before maturity."""
        _, experiment = self._experiment(initiative, name, seat.first)
        if experiment is None or seat.matured or not seat.first <= one.time < seat.first + experiment.attribution:
            return
        if one.limit >= end_of(seat.first + experiment.attribution, self._window):
            return
        end, more = end_of(one.time, self._window), goal(one)
        if one.limit >= end:
            add(seat.counted, more)
            add(seat.late, more)
        elif seat.second or (one.experiment and not self._measure(initiative, name, seat)[0]):  # without a ratio no exposure moves a sum
            add(seat.counted, more)
        else:
            before = self._contribution(initiative, name, seat, seat.early())
            add(seat.counted, more)
            self._preview(end, name, seat, self._contribution(initiative, name, seat, seat.early()), adds, before)

    def _preview(self, due: int, name: str, seat: Seat, now: Counts, adds: Adds, before: Mapping[str, int] = NOTHING) -> None:
        """Move what the preview shows of a seat."""
        moved = {SOON + key: now.get(key, 0) - before.get(key, 0) for key in {**now, **before} if now.get(key, 0) != before.get(key, 0)}
        if moved:
            adds.experiment(due, end_of(seat.first, self._window), name, seat.arm, moved)

    def _mature(self, initiative: str, name: str, seat: Seat, adds: Adds) -> int:
        """Let a seat add its sums if it is time; return when it will be, ms, 0 for never any more."""
        matures = 0 if seat.matured else self.matures(initiative, name, seat)
        if not matures or matures > self.until:
            return matures
        seat.matured = True
        more = self._contribution(initiative, name, seat, seat.counted)
        if not seat.second:
            self._preview(matures, name, seat, {}, adds, self._contribution(initiative, name, seat, seat.early()) if seat.late else more)
        leaves = end_of(seat.second, self._window) if seat.second else 0
        if not leaves or leaves > matures:
            seat.added = True
            adds.experiment(matures, end_of(seat.first, self._window), name, seat.arm, more)
            if leaves:
                self._leave(initiative, name, seat, leaves, adds)
        return 0

    def _leave(self, initiative: str, name: str, seat: Seat, due: int, adds: Adds) -> None:
        """Take back what a seat added."""
        more = self._contribution(initiative, name, seat, seat.counted)
        adds.experiment(due, end_of(seat.first, self._window), name, seat.arm, negative(more))
        seat.added, seat.counted, seat.late = False, {}, {}

    def _contribution(self, initiative: str, name: str, seat: Seat, counted: Counts) -> Counts:
        """Return what these counts of a seat come to, as the config in force at its first exposure has it."""
        return contribution(counted, *self._measure(initiative, name, seat))

    def _measure(self, initiative: str, name: str, seat: Seat) -> tuple[dict[str, Ratio], int | None]:
        at = end_of(seat.first, self._window), initiative, name
        found = self._measures.get(at)
        if found is None:
            config, experiment = self._experiment(initiative, name, seat.first)
            assert experiment is not None, "an experiment without a readout counts nobody"
            found = self._measures[at] = ratios_of(experiment, config.initiatives[initiative]), cap_of(experiment)
        return found

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
