"""How often people are asked: so many times an hour and initiative, and one incident that comes and goes less and less often.

An incident that cannot ask any more is published all the same; what is held back is counted and becomes one `storm` incident, whose own
page is kept free within the cap. Consent incidents are neither held back nor counted: they are grouped already, by channel and verdict.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from detectors.window import DAY, HOUR

STORM = "storm"
NAMED = 5  # places a digest names
NEVER_HELD = frozenset({"consent_violation"})
FREE_PAGES = 10  # of one incident; each further one waits twice as long as the one before, an hour at first, a day at most


@dataclass(frozen=True, slots=True)
class Pages:
    """One initiative's pages of the last hour (ms), what was held back since the last digest by check, and when that was.

    `first` are the places of the first of them, each once.
    """

    times: tuple[int, ...] = ()
    held: Mapping[str, int] = field(default_factory=dict)
    judged: int = 0
    stormy: bool = False
    first: tuple[str, ...] = ()

    def admits(self, check: str, now: int, cap: int) -> bool:
        """Return whether an incident of `check` may ask somebody at `now`, ms, by the cap of pages per hour."""
        return check in NEVER_HELD or len(self.recent(now)) < (cap if check == STORM else cap - 1)

    def recent(self, now: int) -> tuple[int, ...]:
        """Return the pages of the hour before `now`."""
        return tuple(at for at in self.times if at > now - HOUR)

    def paged(self, check: str, now: int) -> "Pages":
        """Return the pages after one more."""
        return self if check in NEVER_HELD else replace(self, times=(*self.recent(now), now))

    def held_back(self, check: str, place: str) -> "Pages":
        """Return the pages after one about a place was held back; of the storm's own there is no storm."""
        if check == STORM:
            return self
        kind = check.split(":", 1)[0]
        first = self.first if place in self.first or len(self.first) == NAMED else (*self.first, place)
        return replace(self, held={**self.held, kind: self.held.get(kind, 0) + 1}, first=first)

    def digest_due(self, base: int) -> int:
        """Return the base window end at which the storm is judged next, ms, 0 for never: at once, then once an hour while there is one."""
        if not self.held and not self.stormy:
            return 0
        return -(-(self.judged + HOUR) // base) * base


def damped(pages: int, paged_at: int, now: int) -> bool:
    """Return whether an incident that asked `pages` times, last at `paged_at`, has to wait at `now`, both ms.

    In a day one incident asks at most 14 times: ten at once, then after 1, 2, 4 and 8 hours.
    """
    return pages >= FREE_PAGES and now < paged_at + min(DAY, HOUR << min(pages - FREE_PAGES, 5))
