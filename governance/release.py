"""What went live when: the releases of one rule in one environment, read off its changes.

A `deployed` step puts its version live. A `rolled_back` step takes one back: of the two versions it names the lower is live
afterwards; where it names one only, that is the version taken back if it is live (the one before it returns), else the target.
What a rule had before its first release in the log is known only as far as that release names it (`previous_version`).
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from governance.rule_book import RELEASING, Change, Step


@dataclass(frozen=True, slots=True)
class Release:
    """A version goes live on some channels (None: all)."""

    number: int  # its place in the history, from 0
    change: Change
    step: Step
    version: int | None  # None: a rollback to nothing that is known
    before: frozenset[int]  # what was live on these channels until now
    rollback: bool  # back to a content that was live before, nothing new

    @property
    def at(self) -> int:
        """Return when, ms."""
        return self.step.at

    @property
    def kind(self) -> str:
        """Return net-new, update or rollback: what happened, whatever the change calls itself."""
        if self.rollback:
            return "rollback"
        return "net-new" if self.step.change_type == "net-new" else "update"


@dataclass(frozen=True, slots=True)
class History:
    """The releases of one rule in one environment, oldest first."""

    releases: tuple[Release, ...] = ()

    def before(self, release: Release) -> tuple[Release, ...]:
        """Return what went live before a release."""
        return self.releases[: release.number]

    def after(self, release: Release) -> tuple[Release, ...]:
        """Return what went live after a release."""
        return self.releases[release.number + 1 :]

    def live(self, at: int) -> frozenset[int]:
        """Return the versions live at a time, ms."""
        live = _Live()
        for release in self.releases:
            if release.at <= at:
                live.put(release.step.channels, release.version)
        return live.on(None)


def history(changes: Iterable[Change], environment: str) -> History:
    """Return the releases of one rule's changes in an environment."""
    steps = [(step, change) for change in changes for step in change.steps if step.action in RELEASING and step.environment == environment]
    steps.sort(key=lambda found: (found[0].at, found[0].event_id, found[1].change_id))
    live, releases, contents = _Live(), list[Release](), set[str]()
    for step, change in steps:
        before = live.on(step.channels)
        version = _target(step, before, releases)
        releases.append(Release(len(releases), change, step, version, before, _goes_back(step, version, contents)))
        live.put(step.channels, version)
        if step.content_sha256 is not None:
            contents.add(step.content_sha256)
    return History(tuple(releases))


def known_versions(earlier: Sequence[Release]) -> frozenset[int]:
    """Return every version some releases put live, and the one the first of them took over from."""
    found = {release.version for release in earlier if release.version is not None}
    if earlier and earlier[0].step.previous_version is not None:
        found.add(earlier[0].step.previous_version)
    return frozenset(found)


def content_of(release: Release) -> tuple[str | None, str | None]:
    """Return the hash of a release's content as the log names it, and the hash of the content itself where it was given."""
    digest = release.step.content
    if digest is None and release.step.content_sha256 is not None:
        same = [step.content for step in release.change.steps if step.content_sha256 == release.step.content_sha256 and step.content]
        digest = same[0] if same else None
    return release.step.content_sha256, digest


def same_content(one: Release, other: Release) -> bool | None:
    """Return whether two releases carry one content; None where the log does not say."""
    (named, given), (other_named, other_given) = content_of(one), content_of(other)
    if given is not None and other_given is not None and given != other_given:
        return False
    if named is not None and other_named is not None:
        return named == other_named
    return None if given is None or other_given is None else True


def overlapping(one: Step, other: Step) -> bool:
    """Return whether two steps share a channel."""
    return one.channels is None or other.channels is None or bool(set(one.channels) & set(other.channels))


@dataclass(slots=True)
class _Live:
    """Which version is live where."""

    everywhere: int | None = None
    channels: dict[str, int | None] | None = None

    def on(self, channels: tuple[str, ...] | None) -> frozenset[int]:
        own = self.channels or {}
        found = {self.everywhere, *own.values()} if channels is None else {own.get(channel, self.everywhere) for channel in channels}
        return frozenset(version for version in found if version is not None)

    def put(self, channels: tuple[str, ...] | None, version: int | None) -> None:
        if channels is None:
            self.everywhere, self.channels = version, None
        else:
            self.channels = {**(self.channels or {}), **dict.fromkeys(channels, version)}


def _target(step: Step, before: frozenset[int], earlier: Sequence[Release]) -> int | None:
    if step.action == "deployed" or step.version is None:
        return step.version
    known = known_versions(earlier)
    if step.previous_version is not None:
        target: int | None = min(step.version, step.previous_version)
    elif step.version in before:
        target = _returning(step.version, earlier)
    else:
        target = step.version
    return target if target in known else None


def _returning(withdrawn: int, earlier: Sequence[Release]) -> int | None:
    """Return what was live before the version that is taken back."""
    last = next((release for release in reversed(earlier) if release.version == withdrawn), None)
    if last is None:
        return None
    return max(last.before, default=last.step.previous_version)


def _goes_back(step: Step, version: int | None, contents: Collection[str]) -> bool:
    """Return whether a release only brings back what was live: a claim to be a rollback is not enough to skip an approval."""
    if version is None:
        return False
    if step.action == "rolled_back":
        return step.content_sha256 is None or step.content_sha256 in contents or not contents
    return step.change_type == "rollback" and step.content_sha256 in contents
