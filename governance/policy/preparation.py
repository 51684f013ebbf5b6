"""What must be there before a change goes live: a request, a plan to go back, evidence, a running experiment."""

from governance.policy.case import Case
from governance.policy.model import EvidenceGiven, LinkedExperiment, Request, RollbackPlan
from governance.policy.row import Result
from governance.release import known_versions
from governance.rule_book import Step
from governance.substance import circular, says_something, seen, versions


def request(check: Request, case: Case) -> Result:
    """Judge whether the change was asked for first, and not called off since."""
    expected = "a request by somebody named, before it goes live"
    asked = [step for step in case.before if step.action == "requested"]
    if not asked:
        late = case.change.of("requested")
        if case.release is None:
            return Result("pending", "no request", expected, "waits for a request", since=case.change.since, deadline=case.due)
        found, reason = (
            ("requested afterwards", "went live before it was requested") if late else ("no request", "went live without a request")
        )
        return Result("unmet", found, expected, reason, since=case.at, evidence=(case.step, *late))
    if not any(step.actor for step in asked):
        return Result("unmet", "a request by nobody", expected, "the request names nobody", since=asked[0].at, evidence=tuple(asked))
    off = _called_off(case)
    if off is not None:
        reason = f"went live after it was {off.action}"
        return Result("unmet", f"{off.action}, then live", expected, reason, since=case.at, evidence=(off, case.step))
    found = f"requested by {next(step.actor for step in asked if step.actor)}"
    return Result("pass", found, expected, since=asked[0].at, evidence=(asked[0],))


def rollback_plan(check: RollbackPlan, case: Case) -> Result:
    """Judge whether the last plan given says how to go back."""
    expected = f"a plan of at least {check.min_characters} characters that names a way back other than itself"
    given = [step for step in case.before if step.rollback_plan is not None]
    authors = tuple(case.authors().values())
    if not given:
        late = any(step.rollback_plan is not None for step in case.change.steps)
        if case.release is None:
            return Result("pending", "no plan", expected, "waits for a plan", authors, case.asked_at, case.due)
        reason = "the plan came after it went live" if late else "went live without a plan"
        return Result("unmet", "no plan", expected, reason, authors, case.at, None, (case.step,))
    step = given[-1]
    fault = _plan_fault(step.rollback_plan or "", check, case)
    found = f"a plan of {len(seen(step.rollback_plan or ''))} characters"
    if fault is None:
        return Result("pass", found, expected, since=step.at, evidence=(step,))
    return Result("unmet", found, expected, fault, authors, case.at if case.release else step.at, case.due, (step,))


def evidence(check: EvidenceGiven, case: Case) -> Result:
    """Judge whether each type of evidence is there for this content."""
    expected = f"evidence of {', '.join(check.types)}{', with a link,' if check.link else ''} before it goes live"
    sha256 = case.sha256
    shown: dict[str, Step] = {}
    blank: set[str] = set()
    for step in case.before:
        if step.content_sha256 not in (None, sha256) and sha256 is not None:
            continue  # evidence for a content that did not go live
        for kind, link in step.evidence:
            if check.link and not _is_link(link):
                blank.add(kind.casefold())
            else:
                shown.setdefault(kind.casefold(), step)
    lacking = [kind for kind in check.types if kind.casefold() not in shown]
    steps = tuple(dict.fromkeys(shown[kind.casefold()] for kind in check.types if kind.casefold() in shown))
    if not lacking:
        return Result("pass", ", ".join(check.types), expected, since=case.asked_at, evidence=steps)
    found = f"nothing of {', '.join(lacking)}"
    reason = _evidence_reason(lacking, blank, case)
    authors = tuple(case.authors().values())
    if case.release is None:
        return Result("pending", found, expected, reason, authors, case.asked_at, case.due, steps)
    return Result("unmet", found, expected, reason, authors, case.at, None, (*steps, case.step))


def linked_experiment(check: LinkedExperiment, case: Case) -> Result:
    """Judge whether a rule that bears experiments goes live with a running one."""
    expected = "a running experiment, named by the change"
    borne = {name for name, at in case.borne.items() if at <= case.at}
    if not borne and case.change.rule_id not in check.bearing:
        return Result("not_evaluated", "no experiment", expected, "the rule bears no experiment", applies=False)
    over = {name for name, at in case.concluded.items() if at <= case.at}
    named = {name for step in case.before if step.action != "concluded" for name in step.experiments}
    running = sorted(named - over)
    unknown = sorted(set(running) - set(case.people.experiments(case.change.initiative))) if check.configured else []
    if running and not unknown:
        return Result("pass", ", ".join(running[:5]), expected, since=case.asked_at, evidence=(case.step,))
    if not named and borne and borne <= over:
        return Result("pass", "every experiment of the rule is concluded", expected, since=case.asked_at)
    authors = tuple(case.authors().values())
    found = f"not in the config: {', '.join(unknown[:5])}" if unknown else "only concluded ones" if named else "none"
    if case.release is None:
        return Result("pending", found, expected, "waits for an experiment to be named", authors, case.asked_at, case.due)
    return Result("unmet", found, expected, "went live without a running experiment", authors, case.at, None, (case.step,))


def _called_off(case: Case) -> Step | None:
    """Return the step that called a change off before it went live all the same; a new request revives it."""
    off: Step | None = None
    for step in case.before if case.release is not None else ():
        if step == case.step:
            break
        if step.action in ("cancelled", "expired"):
            off = step
        elif step.action == "requested":
            off = None
    return off


def _plan_fault(plan: str, check: RollbackPlan, case: Case) -> str | None:
    if not says_something(plan):
        return "the plan is blank or a placeholder"
    if len(seen(plan)) < check.min_characters:
        return f"the plan is shorter than {check.min_characters} characters"
    if circular(plan, (case.change.change_id, case.change.rule_id)):
        return "the plan only refers to itself"
    named = versions(plan)
    own = next((step.version for step in (case.step, *reversed(case.before)) if step.version is not None), None)
    others = [version for version in named if version != own]
    if named and not others:
        return "the plan goes back to the version it is for"
    earlier = case.history.releases if case.release is None else case.history.before(case.release)
    known = set(known_versions(earlier)) | {step.previous_version for step in case.before}
    if check.known_target and others and earlier and not known & set(others):
        return f"the plan goes back to version {others[0]}, which was never live"
    return None


def _is_link(link: str) -> bool:
    scheme, separator, rest = link.strip().partition("://")
    return bool(separator and scheme.isascii() and scheme.isalpha() and rest.strip("/ "))


def _evidence_reason(lacking: list[str], blank: set[str], case: Case) -> str:
    if any(kind.casefold() in blank for kind in lacking):
        return "there is evidence without a link"
    given = {kind.casefold() for step in case.change.steps for kind, _ in step.evidence}
    if any(kind.casefold() in given for kind in lacking):
        return "evidence came after it went live, or is for another content"
    return "waits for evidence" if case.release is None else "went live without evidence"
