"""What to do about an incident, per kind of check; a config's `playbooks` replace these by check or by kind."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from governance.config import Playbook

STEP = re.compile(r"\s*step\s+([1-9]\d?)\b", re.IGNORECASE)
PLAYBOOKS: dict[str, dict[str, Any]] = {
    "threshold": {
        "title": "A key figure crossed its threshold twice",
        "steps": [
            "Look at which profile, channel and variant carry the change in the report's segments.",
            "Look at the rule changes deployed shortly before the first breached window.",
            "If one fits, ask its author for the rollback its plan names.",
            "If none fits, check the feed: fallbacks, latency and refused records of the same windows.",
        ],
        "action": "Find the segment that moved and the change closest before it; roll that change back if it fits.",
    },
    "request": {
        "title": "A figure asked for in a report is past the bound given with it",
        "steps": [
            "Open the report's segments for the dimension asked for.",
            "Decide with the owner whether the bound becomes a threshold of the config.",
        ],
        "action": "Decide whether the bound becomes a standing threshold, and act on the segment named.",
    },
    "freshness": {
        "title": "A feed or channel has gone quiet",
        "steps": [
            "Check whether the source sends at all: its own logs, its deployment, its credentials.",
            "Check dead letters of the same hour: a changed field name refuses every record.",
            "Nothing else of this scope can be judged until it speaks again.",
        ],
        "action": "Bring the feed back; judge nothing of its scope before.",
    },
    "consent_violation": {
        "title": "Personalised content was shown without valid consent",
        "steps": [
            "Stop personalised delivery on the channel, or serve its fallback, until the cause is known.",
            "Look at one finding's two records: the exposure, and the consent record that decided.",
            "Check whether the channel decides on a cached consent state, and how old that may be.",
            "Tell the people concerned where the law asks for it; log what was done.",
        ],
        "action": "Serve the fallback on this channel until it asks for consent at the time it shows something.",
    },
    "srm": {
        "title": "Users are not split as planned",
        "steps": [
            "Read no goal of this experiment: a split that is off means that the arms hold different people.",
            "Look at the channels and profiles named in the report's memo: the fault is often in one of them.",
            "Look for redirects, crashes or bot filters in one arm, for caching, and for exposures logged after something may fail.",
            "Repair it and start the experiment anew; who was assigned before stays out.",
        ],
        "action": "Stop the experiment, find where assignment or logging loses users, and start anew.",
    },
    "contamination": {
        "title": "People have seen more than one arm",
        "steps": [
            "Check that assignment is by a stable id: sign-in, cookie loss and several devices change it.",
            "Check whether a change of the split moved people from one arm to another.",
            "People seen in two arms are out of all of them; read nothing before the cause is known.",
        ],
        "action": "Stop the experiment and make assignment sticky before it starts anew.",
    },
    "guardrail": {
        "title": "A guardrail of an experiment is harmed",
        "steps": [
            "Roll the named variant back now: the bound holds at every look, waiting only costs users.",
            "Look at the memo for the interval and at the segments for who is harmed.",
            "Decide with the owner of the guardrail whether anything of the variant is kept.",
        ],
        "action": "Roll the variant back at once.",
    },
    "policy": {
        "title": "A rule went live without what the policy asks for",
        "steps": [
            "Read the finding: what the policy expects, what was found, and who can mend it until when.",
            "Where the evidence or approval exists and was not logged, log it: the finding is then retracted.",
            "Where it does not exist, roll the rule back by the plan it names, or get the follow-up the policy asks for.",
        ],
        "action": "Supply what is missing, or roll the rule back.",
    },
    "shadow_change": {
        "title": "People see a rule version that the change log does not account for",
        "steps": [
            "Ask who runs the decision engine which version is live, and who put it there.",
            "Announce it with its real times if it was meant: the finding is retracted if it was announced in time.",
            "Roll it back if nobody answers for it.",
        ],
        "action": "Find who put the version live; announce it or roll it back.",
    },
    "dip": {
        "title": "A key figure fell below what its own past makes likely",
        "steps": [
            "Look at the segment the incident names; where it says global, look at what all channels share: the page, the feed, the day.",
            "Look at the rule changes listed as suspects, the closest first, and at whom they reach.",
            "Hold clicks against exposures: fewer clicks is the experience, fewer of both is the feed.",
            "Roll the change back that fits; where none fits, ask the segment's channel owner what changed there.",
        ],
        "action": "Find the segment that moved and the change closest before it; roll that change back if it fits.",
    },
    "suppression": {
        "title": "A variant is shown less than its share",
        "steps": [
            "Check whether somebody paused the variant, changed its allocation or its audience: the rule changes of the hour before.",
            "Check fallbacks by reason: a variant that fails to render is shown as a technical fallback.",
            "Check whether a filter ahead of the decision (consent, eligibility, frequency cap) now takes its audience.",
            "Read no experiment that holds this variant before the share is back.",
        ],
        "action": "Bring the variant back to its share, or change the configured allocation if the new one is meant.",
    },
    "drift": {
        "title": "A key figure has settled at another level",
        "steps": [
            "Look at the day the level changed and at what was deployed, promoted or priced that day.",
            "Decide whether the new level is meant: a redesign or a season is no fault.",
            "If it is meant, restate the thresholds that were set for the old level.",
            "If not, look for the cause as for a dip, by segment and by change.",
        ],
        "action": "Decide whether the new level is meant; restate the thresholds, or find and undo its cause.",
    },
    "consent_assertion": {
        "title": "The sender says there was consent where the ledger has none",
        "steps": [
            "Compare one exposure's asserted consent with the record the finding names.",
            "Check how old the consent state may be that the sender caches.",
            "Check that consent records of this channel reach the ledger: a late or lost feed looks the same.",
        ],
        "action": "Make the sender read consent at the time it decides, from the same source as the ledger.",
    },
    "consent_string": {
        "title": "Consent strings that say nothing valid",
        "steps": [
            "Decode one string with `pmon consent decode` and read its findings.",
            "Check the version of the consent platform that wrote it and whether something cuts strings on the way.",
            "Until it is mended its users count as without consent.",
        ],
        "action": "Have the consent platform's strings mended at their source.",
    },
    "late_evidence": {
        "title": "Consent records arrive after anything can be corrected",
        "steps": [
            "Look at how long the records took and which source they came from.",
            "Bring that feed within the correction horizon, or raise `timing.correction_horizon` knowingly.",
            "Go through the exposures concerned by hand: their verdicts stand as published.",
        ],
        "action": "Bring the consent feed in on time and check the exposures concerned by hand.",
    },
    "schema_change": {
        "title": "Fields of a feed appeared or vanished",
        "steps": [
            "Ask the producer whether the change was meant, and what stands for the field now.",
            "Look at what depends on it: segments that become -, experiments without arms, consent without a purpose.",
            "Map the new name in `sources`, or have the producer restore the old one.",
        ],
        "action": "Settle the field with its producer: map it, or have it restored.",
    },
    "misrouted": {
        "title": "Records stand in a partition that is not their key's",
        "steps": [
            "Find the producer: it does not partition by murmur2 of the key, or writes with another number of partitions.",
            "Verdicts and subject counts of these keys are not to be trusted until it does.",
        ],
        "action": "Have the producer partition by its key as Kafka's default does.",
    },
    "stalled": {
        "title": "An intake shard no longer moves the clock",
        "steps": [
            "See which worker owns the shard, and whether it is up, recovering or cut off from the broker.",
            "Restart it or add a worker; nothing is lost, decisions wait for it.",
        ],
        "action": "Bring the shard's worker back: every decision waits for it.",
    },
    "job_failed": {
        "title": "A job failed after all its retries",
        "steps": [
            "Read which job it is. Of a sink or the read model the worker's log says what was not reached: mend that, what waits is sent.",
            "A detector is frozen, a report's coverage says which series and what it raised: after an upgrade of pmon resolve this incident"
            " to have it tried again, or change its settings to have it begin anew.",
            "A feed is read again with its next record: its dead letters name the field; mend the map in `sources`, or the producer.",
            "A config that is none replaces nothing: publish one that `pmon check` passes.",
            "A report is built with the next request, an incident explained at its next step: look at the rows they could not read.",
            "Until then nobody hears through this way: tell those it would have told.",
        ],
        "action": "Mend what the job could not reach or read; tell by hand those it would have told.",
    },
    "storm": {
        "title": "More incidents than people can be asked about",
        "steps": [
            "List the open incidents of the initiative: all of them are there, only the asking is held back.",
            "Look for the one cause they share: a feed, a deployment, a threshold set too tight.",
            "Mend or silence that cause; acknowledge what is left one by one.",
        ],
        "action": "Find the one cause the open incidents share before looking at any of them.",
    },
    "decision": {
        "title": "An experiment reached a decision",
        "steps": ["Read the memo: the decision, its reason and the interval behind it.", "Carry it out, or write down why not."],
        "action": "Carry the decision out, or write down why not.",
    },
    "refused_input": {
        "title": "Many records are refused",
        "steps": [
            "Read the dead letters: reason code and error path name the field.",
            "Ask the producer named by the topic for the change of that field.",
        ],
        "action": "Get the producer to send what the schema says; refused records are not counted.",
    },
    "cardinality": {
        "title": "More values of a dimension than its cap",
        "steps": [
            "Look at the values: ids or free text in a dimension are a producer's fault.",
            "Raise the cap in `limits` if the values are meant.",
        ],
        "action": "Clean the dimension at its source, or raise its cap.",
    },
}


def playbook(check: str, kpi: str | None, configured: Mapping[str, Playbook]) -> tuple[dict[str, Any], str]:
    """Return (playbook, recommended action) for a check such as `threshold:low-ctr`; a config's own entry wins."""
    kind = check.split(":", 1)[0]
    name = "freshness" if kpi == "freshness_s" else kind
    own = configured.get(check) or configured.get(kind)
    known = PLAYBOOKS.get(name, PLAYBOOKS["threshold"])
    found = {
        "id": name if own is None else check if check in configured else kind,
        "title": known["title"] if own is None else own.title,
        "steps": list(known["steps"] if own is None or not own.steps else own.steps),
        "runbook": None if own is None else own.runbook,
        "sop": None if own is None else own.sop,
    }
    action: str = known["action"]
    return found, action if own is None or own.recommended_action is None else own.recommended_action


def steps_taken(steps: Sequence[str], remediation: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any] | None]:
    """Return for each step the newest remediation entry that says it was taken, None for none: one that begins with its number.

    >>> steps_taken(["Look.", "Roll back."], [{"action": "Step 2: rolled rule-42 back"}, {"action": "took two steps"}])
    [None, {'action': 'Step 2: rolled rule-42 back'}]
    """
    found: list[Mapping[str, Any] | None] = [None] * len(steps)
    for entry in remediation:
        named = STEP.match(str(entry.get("action", "")))
        if named is not None and int(named[1]) <= len(steps):
            found[int(named[1]) - 1] = entry
    return found
