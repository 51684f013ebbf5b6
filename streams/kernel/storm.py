"""Pages of one initiative: which go out, which are held back, and the storm incident that stands for those.

P [initiative]   pages of the last hour, what is held back, when the storm was last judged, whether it lives
"""

from functools import lru_cache

from detectors.window import HOUR
from governance.breach import Episode
from governance.config import Threshold
from governance.incident import Subject
from governance.paging import STORM, Pages, damped
from streams.kernel.place import own_rule
from streams.kernel.rows import Draft, pack, row_key, unpack

PAGES = b"P"


@lru_cache(maxsize=16)
def storm_rule(reason: str = "") -> Threshold:
    """Return the rule behind a storm, as the watch takes it: one hour in which a page was held back opens it, one without clears."""
    return own_rule(STORM, HOUR, reason)


def digest(pages: Pages, cap: int) -> str:
    """Return what was held back since the last digest, in words: how many of what, where, and where all of it stands."""
    held, number = sorted(pages.held.items(), key=lambda one: (-one[1], one[0])), sum(pages.held.values())
    kinds = ", ".join(f"{times} of {kind}" for kind, times in held)
    return (
        f"more incidents than people can be asked about (at most {cap} times an hour): {number} requests to act were held back, {kinds}; "
        f"the first: {'; '.join(pages.first)}. All incidents stand on the page and in `pmon incidents list`"
    )


def pages_of(draft: Draft, initiative: str) -> Pages:
    """Return the pages of an initiative."""
    value = draft.get(row_key(PAGES, initiative))
    if value is None:
        return Pages()
    times, held, judged, stormy, *first = unpack(value)
    return Pages(tuple(times), held, judged, stormy, *map(tuple, first))


def keep_pages(draft: Draft, initiative: str, pages: Pages) -> None:
    """Keep the pages of an initiative."""
    draft.put(row_key(PAGES, initiative), pack(pages.times, pages.held, pages.judged, pages.stormy, pages.first))


def asks(draft: Draft, subject: Subject, episode: Episode, now: int, cap: int) -> bool:
    """Return whether an incident may ask somebody at `now`, ms, and note either."""
    initiative, check = subject.initiative, subject.check
    if damped(episode.pages, episode.paged_at, now) and check != "consent_violation":
        return False
    pages = pages_of(draft, initiative)
    admitted = pages.admits(check, now, cap)
    after = pages.paged(check, now) if admitted else pages.held_back(check, place_in_words(subject))
    if after != pages:
        keep_pages(draft, initiative, after)
    return admitted


def place_in_words(subject: Subject) -> str:
    """Return which incident it is, as a digest names it."""
    figure = f" of {subject.key['kpi']}" if "kpi" in subject.key else ""
    where = [f"{name} {value}" for name, value in sorted(subject.key.items()) if name != "kpi"]
    return ", ".join([subject.check + figure, *where])
