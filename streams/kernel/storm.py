"""Pages of one initiative: which go out, which are held back, and the storm incident that stands for those.

P [initiative]   pages of the last hour, what is held back, when the storm was last judged, whether it lives
"""

from functools import lru_cache

from detectors.window import HOUR
from governance.breach import Episode
from governance.config import Threshold
from governance.paging import STORM, Pages, damped
from streams.kernel.rows import Draft, pack, row_key, unpack

PAGES = b"P"


@lru_cache(maxsize=1)
def storm_rule() -> Threshold:
    """Return the rule behind a storm, as the watch takes it: one hour in which a page was held back opens it, one without clears."""
    return Threshold.model_construct(
        id=STORM,
        kpi=STORM,
        op=">",
        value=0.0,
        window=HOUR,
        group_by=(),
        min_denominator=1,
        datapoints_to_alarm=1,
        evaluation_periods=1,
        reason="more incidents than people can be asked about; all of them are open, the asking is held back",
    )


def pages_of(draft: Draft, initiative: str) -> Pages:
    """Return the pages of an initiative."""
    value = draft.get(row_key(PAGES, initiative))
    if value is None:
        return Pages()
    times, held, judged, stormy = unpack(value)
    return Pages(tuple(times), held, judged, stormy)


def keep_pages(draft: Draft, initiative: str, pages: Pages) -> None:
    """Keep the pages of an initiative."""
    draft.put(row_key(PAGES, initiative), pack(pages.times, pages.held, pages.judged, pages.stormy))


def asks(draft: Draft, initiative: str, check: str, episode: Episode, now: int, cap: int) -> bool:
    """Return whether an incident may ask somebody at `now`, ms, and note either."""
    if damped(episode.pages, episode.paged_at, now) and check != "consent_violation":
        return False
    pages = pages_of(draft, initiative)
    admitted = pages.admits(check, now, cap)
    after = pages.paged(check, now) if admitted else pages.held_back(check)
    if after != pages:
        keep_pages(draft, initiative, after)
    return admitted
