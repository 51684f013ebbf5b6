"""What raised where nothing should: a series' detector, an experiment's readout, an explanation, a report. It stops only itself.

K [initiative, job, place…]   [tries, first and last time (ms), what was raised, tries told of, what it takes to try again]

    raised ─► as it was before, and tried again: a series at its next windows, a report at the next base windows, an experiment at its
              next look, an explanation with the next step that asks for one ─► well: as if nothing had been
                                              └─► raised `retry_limit` more times ─► `job_failed` of the initiative, which climbs

A series is then left as it is, frozen: not asked and not taught, until the settings of its detector change (it begins anew) or somebody
resolves the incident (it is tried again from where it stood). What raises is a function of rows and window, so a replay raises the same.
Of an error only its kind is kept: the text may hold what was in the rows.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from functools import lru_cache
from typing import Any, TypeVar

from governance.config import Threshold
from streams.kernel.place import own_rule
from streams.kernel.rows import Draft, RowVersionError, key_parts, pack, row_key, unpack

FAULTS = b"K"
JOB_FAILED = "job_failed"
EXPLAIN, REPORT, TRIAL = "explain", "report", "experiment"  # jobs by name
DETECTOR = "detector:"  # and its check

Found = TypeVar("Found")
Place = tuple[str, ...]


def tried(ask: Callable[..., Found], *given: Any) -> tuple[Found | None, str]:
    """Return (what `ask` returns, "") or (None, the kind of the error it raises).

    What is no function of what was given (no memory, rows of a newer program) is raised on: trying again elsewhere may go well.
    """
    try:
        return ask(*given), ""
    except (MemoryError, RowVersionError):
        raise
    except Exception as error:  # of any kind: a detector may be anybody's, and one that fails costs its own series only
        return None, type(error).__name__
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # river's Rust, which derives it from BaseException
            raise
        return None, type(error).__name__


@dataclass(frozen=True, slots=True)
class Fault:
    """What raised `error`, by now `tries` times in a row, first at `since` and last at `last`, ms; `told` tries are told of."""

    tries: int
    since: int
    last: int
    error: str
    told: int = 0
    again: Any = None


class Faults:
    """What raises in one initiative; `limit` is how often it is tried again before somebody hears of it."""

    def __init__(self, draft: Draft, initiative: str, limit: int) -> None:
        self._draft, self._initiative, self._limit = draft, initiative, limit
        self._known: dict[tuple[str, Place], Fault] | None = None

    @property
    def known(self) -> dict[tuple[str, Place], Fault]:
        """What raised last time, by job and place."""
        if self._known is None:
            self._known = {}
            for key in self._draft.group(FAULTS, self._initiative):
                _, job, *place = key_parts(key)
                self._known[job, tuple(place)] = Fault(*unpack(self._draft.get(key) or b""))
        return self._known

    def of(self, job: str, place: Place) -> Fault | None:
        """Return what is known of one place."""
        return self.known.get((job, place))

    def among(self, job: str) -> list[tuple[Place, Fault]]:
        """Return what is known of one job, in order."""
        return [(place, fault) for (name, place), fault in sorted(self.known.items()) if name == job]

    def given_up(self, fault: Fault) -> bool:
        """Return whether all retries are used."""
        return fault.tries > self._limit

    def raised(self, job: str, place: Place, error: str, now: int, again: Any = None) -> None:
        """Note that something raised at `now`, ms; at one time it counts once."""
        fault = self.of(job, place)
        if fault is None:
            self._keep(job, place, Fault(1, now, now, error, 0, again))
        elif fault.last != now:
            self._keep(job, place, replace(fault, tries=fault.tries + 1, last=now, error=error))

    def well(self, job: str, place: Place) -> None:
        """Forget what raised: it went well, or begins anew."""
        if self.known.pop((job, place), None) is not None:
            self._draft.drop(self._key(job, place))

    def untold(self) -> Iterator[tuple[str, int]]:
        """Yield (job, how many of its places are given up) of each job somebody has to hear of, and note that they did."""
        for job in sorted({name for name, _ in self.known}):
            ended = [(place, fault) for place, fault in self.among(job) if self.given_up(fault)]
            if any(fault.told < fault.tries for _, fault in ended):
                for place, fault in ended:
                    self._keep(job, place, replace(fault, told=fault.tries))
                yield job, len(ended)

    def has_ended(self, job: str) -> bool:
        """Return whether no place of a job is given up."""
        return not any(self.given_up(fault) for _, fault in self.among(job))

    def _keep(self, job: str, place: Place, fault: Fault) -> None:
        self.known[job, place] = fault
        self._draft.put(self._key(job, place), pack(*astuple(fault)))

    def _key(self, job: str, place: Sequence[str]) -> bytes:
        return row_key(FAULTS, self._initiative, job, *place)


@lru_cache(maxsize=16)
def fault_rule(base: int) -> Threshold:
    """Return the rule behind `job_failed` of an initiative, as the watch takes it: what is given up opens it, more of it climbs.

    `base` is the base window, ms.
    """
    return own_rule(JOB_FAILED, base, "it raised an error, and again at every retry", group_by=("feed",))
