"""The page as HTML: everything an initiative's reader sees, from the read model alone."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from detectors.window import DAY, MINUTE, SECOND
from governance.message.instant import format_instant, parse_instant
from reporting.chart.mark import quoted
from reporting.figure import age, carried, clock, day
from reporting.wording import STEPS, close_by, count_of, where
from streams.read_model.situation import Overview, Situation, Story
from streams.web.health import stalled
from streams.web.operators import Viewer
from streams.web.page import mark, side
from streams.web.page.desk import desk
from streams.web.page.incident import ASKING, opened, pending, row, suspects_of, title_of
from streams.web.page.tile import tiles
from streams.web.page.trial import trials
from streams.web.site import Site

PAST_SHOWN = 6
FEEDS = {"engagement-events": "engagement", "consent-events": "consent", "rule-changes": "rules"}
FRESH = 10 * MINUTE  # only the dot beside it: silence itself is judged by the freshness detector
ACTIVE_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks for: an initiative (None: the most urgent), the opened incident, and what became of what was just done."""

    initiative: str | None = None
    open_id: str | None = None
    request_id: str | None = None
    problem: str | None = None


def asked_of(query: Mapping[str, str]) -> Asked:
    """Return what the query of an address asks for."""
    return Asked(query.get("initiative"), query.get("open"), query.get("asked"), query.get("problem"))


async def render(site: Site, asked: Asked, viewer: Viewer | None = None) -> tuple[int, str]:
    """Return (status, HTML) of the page as `viewer` sees it."""
    overviews = await site.model.overviews()
    chosen = asked.initiative if asked.initiative is not None else _most_urgent(overviews, site)
    situation = await site.model.situation(chosen) or Situation(Overview(chosen, 0, 0), (), ())
    known = chosen in site.config.initiatives or any(one.initiative == chosen for one in overviews)
    answer = await site.model.answer(asked.request_id) if asked.request_id else None
    values = view(site, overviews, situation, asked.open_id, known=known)
    values["desk"] = desk(site, asked.request_id, asked.problem, answer, viewer)
    return (200 if known or asked.initiative is None else 404), _environment().get_template("page.html.jinja").render(values)


def _most_urgent(overviews: Sequence[Overview], site: Site) -> str:
    ranked = {name: -rank for rank, name in enumerate(site.config.initiatives)}
    known = sorted(overviews, key=lambda one: (one.active, ranked.get(one.initiative, -len(ranked))), reverse=True)
    return known[0].initiative if known else next(iter(site.config.initiatives), "")


def view(site: Site, overviews: Sequence[Overview], situation: Situation, open_id: str | None, *, known: bool) -> dict[str, Any]:
    """Return everything the template shows."""
    now, overview = site.now(), situation.overview
    active = [story for story in situation.incidents if story.active]
    past = [story for story in situation.incidents if not story.active]
    listed = [*active[:ACTIVE_SHOWN], *past[:PAST_SHOWN]]
    chosen = open_id if open_id is not None else (str(active[0].now["incident_id"]) if active else "")
    shown = [story for story in situation.incidents if story.now["incident_id"] == chosen]
    listed += [story for story in shown if story not in listed]
    today, still = format_instant(now), _standing_still(site, overview, now)
    return {
        "initiative": overview.initiative,
        "known": known,
        "title": side.title_of(overview.initiative, site.config) if overview.initiative else "No initiative yet",
        "initiatives": side.initiatives(overviews, site.config, overview.initiative),
        "header": _header(overview, now),
        "feeds": _feeds(site.newest(), now),
        "levels": _levels(active),
        "sentence": _sentence(site, situation, active, past, today),
        "banners": [*still, *_reach(site), *side.frozen(overview.frozen, today)],
        "tiles": tiles(situation, site.config, _stopped_at(overview) if still else None),
        "counts": _counts(active, past, overview, now),
        "sight": side.sight(overview.report),
        "rows": [row(story, site.config, now, overview.retracted.get(str(story.now["incident_id"]), 0)) for story in listed],
        "opened": {
            story.now["incident_id"]: opened(story, situation, site.config, site.changes(overview.initiative), now) for story in shown
        },
        "pending": [pending(finding, today) for finding in overview.pending[-5:]],
        "consent": side.consent(situation),
        "checklist": side.checklist(overview.report, today),
        "experiments": trials(situation, site.config),
        "report": side.latest(overview.report, now),
        "said": _said(situation, site),
        "foot": {"config": site.config.sha256[:8], "about": site.about, "updated": f"{clock(today):%H:%M:%S}"},
    }


def _header(overview: Overview, now: int) -> dict[str, str] | None:
    if not overview.closed:
        return None
    closed = format_instant(overview.closed)
    return {"hour": side.last_hour(overview.closed), "day": day(closed), "closed": closed[11:19], "behind": age(now - overview.closed)}


def _feeds(newest: Mapping[str, int], now: int) -> dict[str, Any] | None:
    """Return how old the newest record of each feed is and whether engagement goes on, None where this worker has read none."""
    known = {name: newest[topic] for topic, name in FEEDS.items() if topic in newest}
    if not known:
        return None
    said = ", ".join(f"{name} {age(max(0, now - at))}" if (at := known.get(name)) else f"{name} none yet" for name in FEEDS.values())
    return {"said": said, "fresh": "engagement" in known and now - known["engagement"] <= FRESH}


def _levels(active: Sequence[Story]) -> list[tuple[int, int]]:
    found = Counter(story.now["level"] for story in active)
    return [(level, found[level]) for level in (3, 2, 1) if found[level]]


def _sentence(site: Site, situation: Situation, active: Sequence[Story], past: Sequence[Story], today: str) -> tuple[str, str]:
    """Return what is wrong now (strong) and what is close to it; or that nothing is, and what was last."""
    if not situation.overview.closed:
        return "No window is closed yet.", "Key figures appear with the first events, incidents with their second breach."
    if not active:
        hours = len(situation.hours)
        last = f"The last incident, {title_of(past[0].now, site.config)}, ended {_at(past[0].now['updated_at'], today)}." if past else ""
        return "Nothing is open.", last or f"No incident so far; {count_of(hours, 'hour')} of figures are kept here."
    first = active[0].now
    more = [f"{count_of(len(active) - 1, 'more incident')} open"] if len(active) > 1 else []
    close = [close_by(suspect) for suspect in suspects_of(active[0], situation, site.changes(situation.overview.initiative))[:1]]
    explanation = first.get("explanation") or {}
    segments = [
        f"{where(segment['where'])} carries {carried(segment['share_of_change'])} of the change"
        for segment in explanation.get("segments", ())[:1]
        if segment.get("share_of_change") is not None
    ]
    said = "; ".join([*segments, *close, *more])
    return f"{title_of(first, site.config)} since {_at(first['opened_at'], today)}.", f"{said[:1].upper()}{said[1:]}." if said else ""


def _at(instant: str, today: str) -> str:
    at = clock(instant)
    return f"{at:%H:%M}" if at.date() == clock(today).date() else f"{day(instant)} {at:%H:%M}"


def _standing_still(site: Site, overview: Overview, now: int) -> list[tuple[str, str]]:
    """Return the banner for numbers that stand still: shards that do not commit, or a time that does not move on."""
    still = stalled(site.progress(), site.stalled_after_s)
    if still:
        first = still[0]
        who = f"{first.stage.capitalize()} shard {first.partition} has been silent for {age(int(first.idle_s * SECOND))}"
        others = f", {len(still) - 1} more with it" if len(still) > 1 else ""
        return [
            (f"Numbers stand still at {_stopped_at(overview)}.", f"{who}{others}. Nothing is judged until it is back; nothing is lost.")
        ]
    limit = site.config.timing.stalled_after + site.config.timing.window + site.config.timing.allowed_lateness
    if site.stalled_after_s is not None and overview.closed and now - overview.closed > limit + site.config.timing.window:
        gone = age(now - overview.closed)
        return [(f"Nothing has closed since {_stopped_at(overview)}.", f"That is {gone}: no event came, or a shard waits.")]
    return []


def _stopped_at(overview: Overview) -> str:
    return format_instant(overview.closed)[11:19] if overview.closed else "the start"


def _reach(site: Site) -> list[tuple[str, str]]:
    if site.model.reaches():
        return []
    return [("Redis does not answer.", "This page shows what this worker owns; other initiatives may be missing or old. Nothing is lost.")]


def _counts(active: Sequence[Story], past: Sequence[Story], overview: Overview, now: int) -> str:
    ended = sum(now - parse_instant(story.now["updated_at"]) < DAY for story in past)
    parts = [f"{len(active)} open", *([f"{len(overview.pending)} pending"] if overview.pending else []), f"{ended} ended in the last 24 h"]
    return ", ".join(parts)


def _said(situation: Situation, site: Site) -> str:
    """Return what a screen reader is told: the newest opening or escalation, nothing else."""
    asked = [
        (str(step["at"]), int(step["sequence"]), story, step)
        for story in situation.incidents
        for step in story.steps
        if step["step"] in ASKING
    ]
    if not asked:
        return ""
    _, _, story, step = max(asked, key=lambda one: one[:2])
    return f"{STEPS[step['step']]}, level {step['level']}: {title_of(story.now, site.config)}"


@cache
def _environment() -> Environment:
    """Return the one environment: autoescape on, an unknown name is an error, every text passes `_shown`."""
    environment = Environment(
        loader=PackageLoader("streams.web.page", "template"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(icon=mark.icon, bars=mark.levels, key=mark.key)
    return environment


def _shown(value: Any) -> Any:
    """Make text harmless beyond escaping: control and direction marks are shown as what they are."""
    return value if isinstance(value, Markup) else Markup(quoted(value))
