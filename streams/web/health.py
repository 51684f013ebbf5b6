"""`/healthz`: does this worker commit. `/readyz`: can it be sent to. Both from the progress of its commits, nothing else."""

from typing import Any

from streams.web.site import Progress, ShardProgress, Site

NAMED = 20


def stalled(progress: Progress, limit_s: float | None) -> list[ShardProgress]:
    """Return the shards whose last commit is older than the limit: a shard commits at every tick, changed or not."""
    return [] if limit_s is None else [shard for shard in progress.shards if shard.idle_s > limit_s]


def healthz(site: Site) -> tuple[int, dict[str, Any]]:
    """Return (status, body): 503 where a shard of ours has stopped committing; a supervisor should start the worker again."""
    still = stalled(site.progress(), site.stalled_after_s)
    return (503 if still else 200), {"ok": not still, "stalled": _told(still)}


def readyz(site: Site) -> tuple[int, dict[str, Any]]:
    """Return (status, body): 503 until the shards are loaded, and while one is stalled."""
    progress = site.progress()
    still = stalled(progress, site.stalled_after_s)
    ready = progress.waiting is None and not still
    return (200 if ready else 503), {"ready": ready, "waiting": progress.waiting, "stalled": _told(still)}


def _told(shards: list[ShardProgress]) -> list[dict[str, Any]]:
    return [{"stage": shard.stage, "partition": shard.partition, "idle_s": round(shard.idle_s, 1)} for shard in shards[:NAMED]]
