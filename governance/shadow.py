"""Shadow changes: people saw a rule version that the change log never announced, or not yet.

Only a monitor that reads exposures and the change log together can see them. An announcement may come a little late, so nothing
is said before a grace after the first exposure is over; one that comes later still takes the finding back, since what is
returned is a function of the log so far.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from governance.release import History, history, known_versions
from governance.rule_book import Change, RuleBook, Step

Kind = Literal["unknown_rule", "unannounced_version", "before_deployment"]
PRODUCTION = frozenset({"production"})


@dataclass(frozen=True, slots=True)
class Seen:
    """A rule version that exposures carried: when first, ms, and how often."""

    initiative: str
    rule_id: str
    version: int
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Shadow:
    """What was seen without being announced; `deployed` is the release that came too late, None where there is none."""

    seen: Seen
    kind: Kind
    announced: tuple[int, ...]  # versions the log does know of the rule
    deployed: Step | None


def shadow_changes(seen: Iterable[Seen], book: RuleBook, grace: int, now: int, environments: Collection[str] = PRODUCTION) -> list[Shadow]:
    """Return what was seen and is not accounted for once `grace` (ms) after its first exposure is over, by rule and version.

    A version taken over from before the log began (the first release names it as previous) is announced.
    """
    known = book.until(now).rules()
    found = []
    for one in sorted(seen, key=lambda one: (one.initiative, one.rule_id, one.version, one.first)):
        if one.count > 0 and now >= one.first + grace:
            shadow = _shadow(one, known.get((one.initiative, one.rule_id), ()), grace, environments)
            found += [] if shadow is None else [shadow]
    return found


def _shadow(seen: Seen, changes: tuple[Change, ...], grace: int, environments: Collection[str]) -> Shadow | None:
    histories = [history(changes, name) for name in sorted(environments)]
    announced = frozenset[int]().union(*(known_versions(one.releases) for one in histories))
    releases = [release for one in histories for release in one.releases]
    if seen.version not in announced:
        return Shadow(seen, "unannounced_version" if changes else "unknown_rule", tuple(sorted(announced)), None)
    own = [release for release in releases if release.version == seen.version]
    first = min(own, key=lambda release: (release.at, release.step.event_id), default=None)
    if first is None or _taken_over(seen.version, histories) or first.at <= seen.first + grace:
        return None
    return Shadow(seen, "before_deployment", tuple(sorted(announced)), first.step)


def _taken_over(version: int, histories: Sequence[History]) -> bool:
    """Return whether a version was live before the log began: the first release says that it took over from it."""
    return any(one.releases and one.releases[0].step.previous_version == version for one in histories)
