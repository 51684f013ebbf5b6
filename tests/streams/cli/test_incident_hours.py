"""`pmon incidents show` of a folder: the hours of an incident's own place, what was expected of them, and the change closest to it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from detectors.window import HOUR
from reporting.likely import Range
from reporting.view.screen import Screen
from streams.cli import main
from streams.cli.incident_bus import hours_on
from streams.cli.incident_folder import Story, read_outputs
from streams.cli.incident_hours import Hour, hours_of
from streams.cli.incident_picture import picture
from streams.event_file import partition_of, write_record
from streams.kernel.publishing import kpi_window
from streams.kernel.record import Outgoing, Record
from streams.settings import read_settings
from streams.transport.bus import Message, Topic
from streams.transport.memory_bus import MemoryBus
from tests.streams.cli.outputs import finding, incident, write

NOON = 1_795_348_800_000  # 2026-11-22T12:00:00Z
TODAY = "2026-11-22T14:32:30.000Z"
RULE = {"rule_id": "rule-42", "version": 7, "channels": ["web"]}
CHANGE = {**RULE, "change_id": "chg-311", "action": "deployed", "at": "2026-11-22T11:52:00.000Z"}


def hour(after_noon: int, value: float | None, usual: tuple[float, float] | None, *, breached: bool = False) -> Hour:
    return Hour("ctr", NOON + after_noon * HOUR, value, usual and Range(usual[0], sum(usual) / 2, usual[1]), breached)


HOURS = [
    hour(-1, 0.043, (0.03, 0.05)),
    hour(0, 0.041, (0.03, 0.05)),
    hour(1, 0.02, (0.03, 0.05), breached=True),
    hour(2, None, None),
    hour(3, 0.025, (0.03, 0.05)),
]


def test_hours_stand_on_one_axis_with_the_change_between_them() -> None:
    """A band where the figure was expected, a dot inside it, a diamond outside; a gap is a gap. Piped it is ASCII."""
    head = "  HOUR   SEEN  EXPECTED      "
    assert picture(HOURS, [CHANGE], Screen(70, colour=False, unicode=False), TODAY) == [
        "  CTR, %",
        head + "2         3         4         5",
        "  10:00  4.30  3.00 to 5.00            .............o.......",
        "  11:00  4.10  3.00 to 5.00            ...........o.........",
        "  11:52  v chg-311 deployed, rule-42 v7 on web",
        "  12:00  2.00  3.00 to 5.00  *         .....................  breached",
        "  13:00  -     -",
        "  14:00  2.50  3.00 to 5.00       *    .....................",
    ]


def test_a_narrow_screen_has_the_figures_without_the_axis() -> None:
    lines = picture(HOURS, [], Screen(44, colour=False, unicode=False), TODAY)

    assert lines[1:3] == ["  HOUR   SEEN  EXPECTED", "  10:00  4.30  3.00 to 5.00"]
    assert all(len(line) <= 44 for line in lines)


def test_a_long_incident_shows_how_it_began_and_how_it_is() -> None:
    """Five hours before the first breach, eleven rows, what was left out in a word, four rows."""
    long = [hour(number, 0.02, None, breached=number > 8) for number in range(40)]

    lines = picture(long, [], Screen(110, colour=False, unicode=True), TODAY)

    assert lines[2].startswith("  15:00 ")
    assert lines[13] == "  21 more…"
    assert len(lines) == 2 + 11 + 1 + 4


def windows() -> Iterator[Outgoing]:
    """Windows of 10 minutes over 40 hours up to 14:00, 4 % until noon and 1 % then; of another channel and initiative, too."""
    for number in range(-6 * 38, 6 * 2):
        start = NOON + number * HOUR // 6
        for initiative, channel, clicks in (
            ("plg-onboarding", "web", 1 if number >= 0 else 4),
            ("plg-onboarding", "email", 50),
            ("a", "web", 90),
        ):
            cell, counts = ("p", channel, "-", "a"), {"exposures": 100, "clicks": clicks}
            yield kpi_window(initiative, cell, start, start + HOUR // 6, counts, {}, {}, "counts")
            yield kpi_window(initiative, cell, start, start + HOUR // 6, counts, {}, {"consent.valid": 100}, "consent")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An incident of web from 12:00 on, two breached hours, and the windows around it."""
    at = {"opened_at": "2026-11-22T14:00:00.000Z", "updated_at": "2026-11-22T14:00:00.000Z"}
    write(tmp_path / "out", [incident("7c1e", **at)], [finding(0, state="pending"), finding(1, observed=0.011)])
    with (tmp_path / "out/kpi-windows.jsonl").open("wb") as file:
        for number, sent in enumerate(windows()):
            write_record(file, Record(sent.topic, 0, number, sent.timestamp, sent.key, sent.value))
    return tmp_path / "out"


def on_a_bus(story: Story, watermark: str, most: int) -> tuple[Hour, ...]:
    """Return the hours out of a bus that got everything twice."""
    sent = [Message(one.key, one.value, one.timestamp) for one in windows() if one.key == b"plg-onboarding"]
    own = read_settings(partitions=3)

    async def go() -> tuple[Hour, ...]:
        bus = MemoryBus("mem://incident-hours")
        await bus.open()
        try:
            await bus.create([Topic("kpi-windows", 3)])
            for _ in range(2):
                await bus.append("kpi-windows", partition_of(b"plg-onboarding", 3), sent)
            return await hours_on(bus, own, story, watermark, most)
        finally:
            await bus.close()

    return asyncio.run(go())


def test_what_is_drawn_is_counted_from_the_windows_of_its_place(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Each window once, 4 % until noon and 1 % in the two breached hours, which teach nothing of what is expected."""
    outputs = read_outputs(folder)
    found = hours_of(folder, outputs.find("7c1e"), outputs.watermark or "")

    assert [(one.end, one.value, one.breached) for one in found] == [
        (NOON + number * HOUR, 0.04 if number < 1 else 0.01, number >= 1) for number in range(-37, 3)
    ]
    assert all(one.usual is not None and one.usual.low < 0.04 < one.usual.high and one.usual.low > 0.01 for one in found)
    main(["incidents", "show", "7c1e", "--from", str(folder)])
    assert "  13:00  1.00  " in capfd.readouterr().out


def test_a_bus_tells_the_same_as_a_folder(folder: Path) -> None:
    """What was sent twice counts once; out of the newest records only, the first hour that may be a part of one is left out."""
    outputs = read_outputs(folder)
    story, watermark = outputs.find("7c1e"), outputs.watermark or ""
    expected = hours_of(folder, story, watermark)

    assert on_a_bus(story, watermark, 10**6) == expected
    some = on_a_bus(story, watermark, 4 * 6 * 2 + 10)  # two hours and a part of one
    assert [(one.end, one.value) for one in some] == [(one.end, one.value) for one in expected[-2:]]


@pytest.mark.parametrize("kpi", ["freshness_s", "revenue_per_exposure"])
def test_what_is_no_rate_by_the_hour_has_none(kpi: str, folder: Path) -> None:
    write(folder, [incident("7c1e", key={"channel": "web", "kpi": kpi})], [])
    outputs = read_outputs(folder)

    assert hours_of(folder, outputs.find("7c1e"), outputs.watermark or "") == ()


def test_a_file_of_something_else_is_refused(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "kpi-windows.jsonl").write_text('{"value":{"data":{"key":3}}}\n')

    assert main(["incidents", "show", "7c1e", "--from", str(folder)]) == 2
    assert "kpi-windows.jsonl" in capfd.readouterr().err
