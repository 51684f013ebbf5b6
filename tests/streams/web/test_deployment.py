"""The files a deployment is made of say what is there: every metric asked for is one a worker serves, every mounted file exists."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import yaml

from streams.settings import Security, Settings
from streams.web.metrics import METRICS

ROOT = Path(__file__).parents[3]
DASHBOARD = ROOT / "deploy" / "grafana" / "provisioning" / "dashboards" / "pmon.json"
LABELS = {"level", "stage", "partition", "topic", "reason", "route", "status", "version"}
OF_PROMETHEUS = {"up"}
WORDS = {"sum", "by", "rate", "time", "min", "max", "count", "deriv", "and"}


def queries() -> Iterator[str]:
    """Yield every query of the dashboard and the alert rules."""
    for panel in orjson.loads(DASHBOARD.read_bytes())["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    for group in yaml.safe_load((ROOT / "deploy" / "rules.yml").read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"])


def test_every_metric_asked_for_is_served_and_every_one_served_is_shown() -> None:
    named = set()
    for query in queries():
        plain = re.sub(r"\{[^}]*\}|\[[^]]*\]|\b\d+\b", " ", query)
        named |= set(re.findall(r"[a-z_]+", plain)) - WORDS
    assert named - LABELS - OF_PROMETHEUS == set(METRICS)


def test_the_dashboard_asks_the_data_source_that_is_provisioned() -> None:
    (source,) = yaml.safe_load((DASHBOARD.parents[1] / "datasources" / "prometheus.yml").read_text())["datasources"]
    panels = orjson.loads(DASHBOARD.read_bytes())["panels"]
    assert {target["datasource"]["uid"] for panel in panels for target in panel["targets"]} == {source["uid"]}


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return found


def test_compose_mounts_files_that_exist_and_sets_settings_that_are_read() -> None:
    """A setting with a wrong name would be ignored in silence."""
    services = compose()["services"]
    mounts = [volume.split(":")[0] for service in services.values() for volume in service.get("volumes", ())]
    assert [mount for mount in mounts if mount.startswith("./") and not (ROOT / mount).exists()] == []
    known = {f"PMON_{name.upper()}" for name in Settings.model_fields} | {f"PMON_SECURITY_{name.upper()}" for name in Security.model_fields}
    workers = [service for name, service in services.items() if name.startswith("worker")]
    assert len(workers) == 2
    assert {name for worker in workers for name in worker["environment"]} <= known


def test_everything_is_published_on_loopback_only_and_workers_are_scraped() -> None:
    services = compose()["services"]
    published = [port for service in services.values() for port in service.get("ports", ())]
    assert all(port.startswith("127.0.0.1:") for port in published)
    (job,) = yaml.safe_load((ROOT / "deploy" / "prometheus.yml").read_text())["scrape_configs"]
    targets = {target.partition(":")[0] for config in job["static_configs"] for target in config["targets"]}
    assert targets == {name for name in services if name.startswith("worker")}
