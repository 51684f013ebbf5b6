"""Scheduled reports on their way to people: told that they wait, told once they are signed; their plans as files."""

import json
from pathlib import Path
from typing import Any

import pytest

from governance.config import load_config
from streams.jobs import Jobs
from streams.kernel.record import Record
from streams.sinks.plan import plan_courier
from streams.transport.memory_bus import MemoryBus
from tests.streams.sinks.deployment import Sent, follow, outputs, publish, tell
from tests.streams.sinks.test_courier import Heard, heard, on_a_bus
from tests.streams.test_commands import HOUR, NOON, Acted
from tests.streams.test_schedule import SCHEDULED, TWO_HOURS, reports, signed


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    """Two scheduled reports, of which the first is signed by both."""
    first = Acted(TWO_HOURS, tmp_path_factory.mktemp("first"), SCHEDULED)
    lines = signed(reports(first)[0]["report_id"], (70, "ana"), (80, "chi"))
    return outputs(Acted(lines, tmp_path_factory.mktemp("said"), SCHEDULED).out)


def sent(plan_directory: Path | None = None) -> Sent:
    more = "" if plan_directory is None else f"plan_directory: {plan_directory}\n"
    return Sent(load_config(SCHEDULED + more), NOON + 2 * HOUR, Jobs())


def test_a_sink_hears_that_a_report_waits_and_its_recap_once_it_is_signed(said: list[Record]) -> None:
    """What blocks and whose signature is missing; then the four sentences, owners and dashboards. Between the signatures nothing."""
    team = Heard()
    config = SCHEDULED.replace("'http://127.0.0.1:9/'", "'http://127.0.0.1:9/', max_age: 3h")
    heard(said, team, Sent(load_config(config), NOON + 2 * HOUR, Jobs()))
    kinds = [one.title.split("]")[0].removeprefix("[") for one in team.notices]

    assert sorted(kinds) == ["report", "report waits", "report waits"]
    waits, recap = (
        next(one.body for one, kind in zip(team.notices, kinds, strict=True) if kind == name) for name in ("report waits", "report")
    )
    assert "- sign_off:testing_lead" in waits
    assert "testing lead (ana): readout interpreted, waiting" in waits
    assert "Sign: pmon report --initiative home --sign-off " in waits
    assert "60 exposures" in recap
    assert "Owners: testing lead: ana" in recap
    assert "Grafana: https://grafana.example/d/1" in recap


def test_a_sink_the_report_does_not_name_hears_nothing(said: list[Record]) -> None:
    config = SCHEDULED.replace("sinks: {team:", "sinks: {other: {url: 'http://127.0.0.1:9/'}, team:")
    other = Heard()

    async def use(bus: MemoryBus) -> None:
        await publish(bus, said)
        await tell(bus, "other", other, Sent(load_config(config), NOON + 2 * HOUR, Jobs()))

    on_a_bus(use)
    assert other.notices == []


def test_plans_of_scheduled_reports_are_filed_as_they_stand_after_the_last_signature(said: list[Record], tmp_path: Path) -> None:
    one = sent(tmp_path / "plans")

    async def use(bus: MemoryBus) -> None:
        await publish(bus, said)
        await follow(bus, plan_courier(one.errand(bus)), one)

    on_a_bus(use)
    found: dict[str, Any] = {path.name: json.loads(path.read_bytes()) for path in (tmp_path / "plans").iterdir()}
    assert sorted(found) == ["plan-home-20261122T130000Z.json", "plan-home-20261122T140000Z.json"]
    assert [found[name]["review"]["distributed"] for name in sorted(found)] == [True, False]


def test_a_directory_that_cannot_be_written_is_a_failed_job(said: list[Record], tmp_path: Path) -> None:
    (tmp_path / "plans").write_text("in the way")
    one = sent(tmp_path / "plans")

    async def use(bus: MemoryBus) -> None:
        await publish(bus, said)
        await follow(bus, plan_courier(one.errand(bus)), one)

    on_a_bus(use)
    assert one.jobs.take() == {"sink:plan_directory": {"ok": 0, "failed": 4}}
