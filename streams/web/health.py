"""`/healthz`: does this worker commit. `/readyz`: can it be sent to. Both from the progress of its commits, nothing else."""

from typing import Any

from streams.web.site import Progress, ShardProgress, Site

NAMED = 20


def stalled(progress: Progress, limit_s: float | None) -> list[ShardProgress]:
    """Return the shards whose last commit is older than the limit: a shard commits at every tick, changed or not.

    None while shards are being loaded: that may take long, and to be started again would not make it shorter.
    """
    return [] if limit_s is None or progress.waiting is not None else [shard for shard in progress.shards if shard.idle_s > limit_s]


def healthz(site: Site) -> tuple[int, dict[str, Any]]:
    """Return (status, body): 503 where a shard of ours has stopped committing; a supervisor should start the worker again."""
    still = stalled(site.progress(), site.stalled_after_s)
    return (503 if still else 200), {"ok": not still, "stalled": _told(still)}


def silent(progress: Progress, limit_s: float | None) -> list[int]:
    """Return the intake shards, of any worker, not heard for longer than the limit: they hold our monitor shards back."""
    return [] if limit_s is None else sorted({source for shard in progress.shards for source in shard.silent(limit_s)})


def readyz(site: Site) -> tuple[int, dict[str, Any]]:
    """Return (status, body): 503 until the shards are loaded, while one of ours is stalled, and while a silent one holds ours back."""
    progress = site.progress()
    still, held = stalled(progress, site.stalled_after_s), silent(progress, site.stalled_after_s)
    ready = progress.waiting is None and not still and not held
    return (200 if ready else 503), {"ready": ready, "waiting": progress.waiting, "stalled": _told(still), "silent": held[:NAMED]}


def _told(shards: list[ShardProgress]) -> list[dict[str, Any]]:
    return [{"stage": shard.stage, "partition": shard.partition, "idle_s": round(shard.idle_s, 1)} for shard in shards[:NAMED]]
