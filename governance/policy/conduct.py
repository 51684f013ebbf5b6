"""How a change goes live and what becomes of it: when, after what, how often as an emergency, and until when."""

from governance.message.duration import format_duration
from governance.message.instant import format_instant
from governance.policy.case import Case
from governance.policy.model import ChangeWindow, EmergencyRate, Expiry, VersionContinuity
from governance.policy.row import Result
from governance.policy.wall_clock import beginning, end, in_window, shown
from governance.release import Release, known_versions, overlapping, same_content
from governance.rule_book import OVER, RELEASING, Change, Step


def change_window(check: ChangeWindow, case: Case) -> Result:
    """Judge when it went live by the wall clock of the window's zone; a schedule that lies outside warns ahead."""
    expected = f"{', '.join(check.days)} from {check.from_} to {check.to} {check.timezone}, outside freezes"
    at = case.due if case.release is None else case.at
    if at is None:
        return Result("not_evaluated", "not live yet", expected, "not live yet and not scheduled")
    found = f"{shown(at, check.timezone):%a %Y-%m-%d %H:%M} {check.timezone}"
    fault = _outside(check, at)
    if fault is None:
        if case.release is None:
            return Result("not_evaluated", f"scheduled for {found}", expected, "not live yet")
        return Result("pass", found, expected, since=at, evidence=(case.step,))
    if case.release is None:
        authors = tuple(case.authors().values())
        return Result("warn", f"scheduled for {found}", expected, f"is scheduled {fault}", authors, case.asked_at, at)
    if case.emergency and check.emergencies == "allowed":
        return Result("warn", found, expected, f"an emergency {fault}", since=at, evidence=(case.step,))
    return Result("unmet", found, expected, f"went live {fault}", since=at, evidence=(case.step,))


def version_continuity(check: VersionContinuity, case: Case) -> Result:
    """Judge whether a version follows what was live."""
    expected = "the next version, based on what is live; a way back to a version that was live"
    if case.release is None:
        return _open_at_once(case, expected)
    release, earlier = case.release, case.history.before(case.release)
    found = f"version {release.step.version} after {_listed(known_versions(earlier) and release.before) or 'nothing known'}"
    faults = _faults(check, release, earlier, case)
    if not faults:
        return Result("pass", found, expected, since=case.at, evidence=(case.step,))
    steps = tuple(dict.fromkeys((case.step, *(step for _, step in faults if step is not None))))
    return Result("unmet", found, expected, "; ".join(text for text, _ in faults), since=case.at, evidence=steps)


def emergency_rate(check: EmergencyRate, case: Case) -> Result:
    """Judge whether emergencies have become the rule."""
    expected = f"at most {check.at_most} emergencies in {format_duration(check.period)}"
    if case.release is None or not case.emergency:
        return Result("not_evaluated", "no emergency", expected, "did not go live as an emergency", applies=False)
    near = {release.change.key: release.step for release in case.emergencies if case.at - check.period < release.at <= case.at}
    found = f"{len(near)} in {format_duration(check.period)}"
    evidence = tuple(near.values())
    if len(near) <= check.at_most:
        return Result("pass", found, expected, since=case.at, evidence=evidence)
    return Result("unmet", found, expected, "emergencies have become the rule", since=case.at, evidence=evidence)


def expiry(check: Expiry, case: Case) -> Result:
    """Judge whether what has expired is gone, and what stays live was looked at again."""
    expected = f"not live more than {format_duration(check.grace)} after it expired"
    if check.review_after is not None:
        expected += f", signed off again every {format_duration(check.review_after)}"
    if case.release is None:
        return Result("not_evaluated", "not live yet", expected, "not live yet")
    expired = next((step for step in case.change.of("expired")), None)
    gone = _superseded(case)
    owners = tuple(case.people.owners(case.change.initiative))
    if expired is not None:
        deadline = max(expired.at, case.at) + check.grace
        if gone is not None and gone <= deadline:
            return Result("pass", "expired and gone", expected, since=expired.at, evidence=(expired,))
        found = f"expired {format_instant(expired.at)}, " + ("still live" if gone is None else f"live until {format_instant(gone)}")
        if gone is None and case.now < deadline:
            return Result("pending", found, expected, "has expired and is to be taken back", owners, expired.at, deadline, (expired,))
        return Result("unmet", found, expected, "live past its expiry", owners, expired.at, deadline, (expired, case.step))
    if check.review_after is None or gone is not None:
        return Result("pass", "has not expired", expected, since=case.at)
    return _reviewed(check.review_after, case, expected, owners)


def _reviewed(every: int, case: Case, expected: str, owners: tuple[str, ...]) -> Result:
    last = max([case.at, *(step.at for step in case.change.of("signed_off"))])
    found = f"last looked at {format_instant(last)}"
    if case.now < last + every:
        return Result("pass", found, expected, since=last, deadline=last + every)
    return Result("unmet", found, expected, "live for long without anybody signing it off again", owners, last, last + every, (case.step,))


def _outside(check: ChangeWindow, at: int) -> str | None:
    for freeze in check.freezes:
        if beginning(freeze.from_, check.timezone) <= at < end(freeze.to, check.timezone):
            return f"during the freeze {freeze.title or freeze.from_}"
    return None if in_window(at, check.timezone, check.days, check.from_, check.to) else "outside the window"


def _open_at_once(case: Case, expected: str) -> Result:
    others = [one for one in case.siblings if one.key != case.change.key and _is_open(one) and overlapping(one.steps[-1], case.step)]
    if not others:
        return Result("not_evaluated", "not live yet", expected, "not live yet")
    found = f"also open: {', '.join(one.change_id for one in others[:5])}"
    return Result("warn", found, expected, "two changes of one rule are open at once", evidence=tuple(one.steps[0] for one in others))


def _is_open(change: Change) -> bool:
    return change.state() not in OVER and not change.of(*RELEASING)


def _faults(check: VersionContinuity, release: Release, earlier: tuple[Release, ...], case: Case) -> list[tuple[str, Step | None]]:
    """Return what breaks the line of versions, each with the step it collides with."""
    if release.step.action == "rolled_back" or release.rollback:
        return _rollback_faults(release, earlier)
    version = release.version
    assert version is not None  # a deployment without one is no message
    known = known_versions(earlier)
    if not known:
        if release.step.change_type == "rollback":
            return [("goes back to a version that was never live", None)]
        return []
    if release.step.change_type == "rollback" and version not in known and version <= max(known):
        return [(f"goes back to version {version}, which was never live", None)]
    return [*_number_faults(check, release, earlier), *_base_faults(release, earlier, case)]


def _rollback_faults(release: Release, earlier: tuple[Release, ...]) -> list[tuple[str, Step | None]]:
    if release.version is None:
        named = " and ".join(str(one) for one in (release.step.version, release.step.previous_version) if one is not None)
        return [(f"rolled back by naming {named}, of which no target was ever live", None)]
    if release.rollback:
        return []
    return [("rolled back to a content that was never live", next((one.step for one in earlier if one.version == release.version), None))]


def _number_faults(check: VersionContinuity, release: Release, earlier: tuple[Release, ...]) -> list[tuple[str, Step | None]]:
    version, known = release.version or 0, known_versions(earlier)
    highest = max(known)
    twice = [one for one in earlier if one.version == version]
    for one in twice:
        same = same_content(one, release)
        if not same:
            how = "with different content" if same is False else "and nothing shows that it is the same"
            return [(f"version {version} twice, {how}", one.step)]
    newer = max(release.before, default=0)
    if twice and newer > version:
        return [(f"version {version} replaces {newer} without being called a rollback", earlier[-1].step)]
    if twice:
        return []
    if version <= highest:
        return [(f"version {version} is not above {highest}", earlier[-1].step)]
    if version > highest + 1 and not check.allow_gaps:
        return [(f"version {version} leaves a gap after {highest}", earlier[-1].step)]
    return []


def _base_faults(release: Release, earlier: tuple[Release, ...], case: Case) -> list[tuple[str, Step | None]]:
    base, known = release.step.previous_version, known_versions(earlier)
    if any(one.version == release.version for one in earlier):
        return []  # the same version on further channels: its base was judged the first time
    if base is not None:
        if base in release.before or base == max(known):
            return []
        return [(f"based on version {base} while {_listed(release.before)} was live: another change came in between", earlier[-1].step)]
    for one in earlier:
        if one.change.key != release.change.key and case.asked_at < one.at and overlapping(one.step, release.step):
            return [(f"{one.change.change_id} went live between its request and its release", one.step)]
    return []


def _superseded(case: Case) -> int | None:
    """Return when other versions had taken over every channel of a release, ms; None where some still shows it."""
    assert case.release is not None
    left = None if case.release.step.channels is None else set(case.release.step.channels)
    for later in case.history.after(case.release):
        if later.version == case.release.version:
            continue
        if later.step.channels is None:
            return later.at
        if left is not None:
            left -= set(later.step.channels)
            if not left:
                return later.at
    return None


def _listed(versions: frozenset[int]) -> str:
    return ", ".join(str(version) for version in sorted(versions))
