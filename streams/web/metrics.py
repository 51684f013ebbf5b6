"""`/metrics` in the Prometheus text format. Every name with its meaning is in METRICS; labels are partitions, topics, reason codes, levels
and our own routes: none grows with traffic, none names an initiative or a person.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from reporting.issues import ACTIVE
from streams.web.site import Site

METRICS: Final[Mapping[str, tuple[str, str]]] = {  # name: (type, help)
    "pmon_info": ("gauge", "1; the label says which version runs."),
    "pmon_ready": ("gauge", "1 once the shards are loaded."),
    "pmon_shard_commits_total": ("counter", "Commits of a shard since this worker owns it."),
    "pmon_shard_commit_age_seconds": ("gauge", "Time since a shard's last commit; it commits at every tick."),
    "pmon_input_lag_records": ("gauge", "Records that this worker's shards have not read yet, by topic."),
    "pmon_watermark_timestamp_seconds": ("gauge", "Watermark of a monitor shard, the smallest over all intake shards, event time."),
    "pmon_published_total": ("counter", "Messages published by this worker's shards, by topic."),
    "pmon_dead_letters_total": ("counter", "Records refused by this worker's shards, by reason code."),
    "pmon_closed_timestamp_seconds": ("gauge", "End of the latest window closed by this worker's shards, event time."),
    "pmon_initiatives": ("gauge", "Initiatives this worker's shards have published about."),
    "pmon_incidents_active": ("gauge", "Incidents that are not over in this worker's shards, by level."),
    "pmon_read_model_reaches": ("gauge", "1 while the shared read model answers, or there is none to reach."),
    "pmon_read_model_pending": ("gauge", "Documents that wait to be written to the shared read model."),
    "pmon_web_requests_total": ("counter", "Requests answered, by route and status."),
    "pmon_web_live_pages": ("gauge", "Pages that listen for changes."),
}
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Sample = tuple[str, Mapping[str, str | int], float]


def render(site: Site, requests: Counter[tuple[str, int]], live: int) -> str:
    """Return the whole text."""
    found: dict[str, list[Sample]] = {name: [] for name in METRICS}
    for sample in _samples(site, requests, live):
        found[sample[0]].append(sample)
    lines = []
    for name, (kind, meaning) in METRICS.items():
        lines += [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]
        lines += [f"{name}{_labels(labels)} {value:.17g}" for _, labels, value in found[name]]
    return "\n".join(lines) + "\n"


def _samples(site: Site, requests: Counter[tuple[str, int]], live: int) -> Iterator[Sample]:
    progress, fold = site.progress(), site.model.fold
    yield "pmon_info", {"version": site.version}, 1
    yield "pmon_ready", {}, progress.waiting is None
    for shard in progress.shards:
        labels: dict[str, str | int] = {"stage": shard.stage, "partition": shard.partition}
        yield "pmon_shard_commits_total", labels, shard.commits
        yield "pmon_shard_commit_age_seconds", labels, shard.idle_s
        if shard.watermarks:
            yield "pmon_watermark_timestamp_seconds", {"partition": shard.partition}, min(shard.watermarks.values()) / 1000
    yield from (("pmon_input_lag_records", {"topic": topic}, number) for topic, number in sorted(progress.lag.items()))
    yield from (("pmon_published_total", {"topic": topic}, number) for topic, number in sorted(_topics(fold.published)))
    yield from (("pmon_dead_letters_total", {"reason": reason}, number) for reason, number in sorted(fold.refused.items()))
    places = fold.places()
    if places:
        yield "pmon_closed_timestamp_seconds", {}, max(place.closed for place in places) / 1000
    yield "pmon_initiatives", {}, len(places)
    levels = Counter(
        incident["now"]["level"] for place in places for incident in place.incidents.values() if incident["now"]["state"] in ACTIVE
    )
    yield from (("pmon_incidents_active", {"level": str(level)}, levels[level]) for level in (1, 2, 3))
    yield "pmon_read_model_reaches", {}, site.model.reaches()
    yield "pmon_read_model_pending", {}, len(fold.changed)
    yield from (
        ("pmon_web_requests_total", {"route": route, "status": str(status)}, many) for (route, status), many in sorted(requests.items())
    )
    yield "pmon_web_live_pages", {}, live


OUR_TOPICS = frozenset({"incidents", "escalations", "findings", "kpi-windows", "reports", "audit-log", "dead-letters", "monitor-signals"})


def _topics(published: Mapping[str, int]) -> Iterable[tuple[str, int]]:
    """Return counts by topic; topics that a `reply_to` named share one label."""
    found: Counter[str] = Counter()
    for topic, number in published.items():
        found[topic if topic in OUR_TOPICS else "other"] += number
    return found.items()


def _labels(labels: Mapping[str, str | int]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_quoted(str(value))}"' for name, value in labels.items()) + "}"


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
