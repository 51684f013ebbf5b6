"""Where one initiative stands: how many cells it has, which rows it keeps, and when it must be looked at even if nothing arrives.

i [initiative]         its standing; who has one is admitted
w [due, initiative]    that it must be looked at then
"""

from dataclasses import dataclass, field

from streams.kernel.rows import Draft, pack, row_key, unpack

STANDINGS, WAKES = b"i", b"w"


@dataclass(slots=True)
class Standing:
    """One initiative's bookkeeping; ends of rows in ms, 0 where there is none yet, `wake` 0 for never.

    `overflowed` names what had more values than its cap; the first `told` of them have had their finding.
    """

    cells: int = 0
    first_minute: int = 0
    last_minute: int = 0
    first_hour: int = 0
    last_hour: int = 0
    first_day: int = 0
    last_day: int = 0
    open_day: int = 0
    wake: int = 0
    config: str = ""
    overflowed: list[str] = field(default_factory=list)
    told: int = 0

    @classmethod
    def read(cls, draft: Draft, initiative: str) -> "Standing | None":
        """Return an initiative's standing, None for one never seen."""
        value = draft.get(row_key(STANDINGS, initiative))
        if value is None:
            return None
        return cls(*unpack(value))

    def write(self, draft: Draft, initiative: str) -> None:
        """Keep it."""
        draft.put(row_key(STANDINGS, initiative), pack(*[getattr(self, name) for name in self.__slots__]))

    def wake_at(self, draft: Draft, initiative: str, at: int) -> None:
        """Look at it again at `at` (ms, 0 for never) and at no time else."""
        if self.wake:
            draft.drop(row_key(WAKES, self.wake, initiative))
        self.wake = at
        if at:
            draft.put(row_key(WAKES, at, initiative), pack())
