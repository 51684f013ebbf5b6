"""What time costs in which nothing happens: processor time of a replay over days without events, as a year of them would take.

    python -m benchmarks.idle [--days 20] [--hours 3]

Two initiatives with all detectors and windows of five minutes; `--hours` of events come first. After some days of them a silence is an
incident, which publishes a step at every evaluation until the hours are known to be dead: that is what costs then (`--days 30 --hours 96`).
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from time import process_time
from typing import Any

from benchmarks.shard import START, record_of
from detectors.window import DAY, HOUR, MINUTE
from governance.config import load_config
from streams.kernel.record import Outgoing, Record
from streams.replay import Replay

CONFIG = """
version: 1
timing: {window: 5m, tick: 1m}
initiatives:
  home:
    thresholds: [{id: low-ctr, kpi: ctr, op: "<", value: 0.04, window: 1h, group_by: [channel], min_denominator: 60}]
  nudge: {}
"""


def minute(number: int, offset: int) -> Record:
    """Return the event of a minute since the start."""
    event: dict[str, Any] = {"type": "click" if number % 10 == 0 else "exposure", "initiative": ("home", "nudge")[number % 2]}
    place = {"channel": f"c{number % 3}", "profile": f"p{number % 5}", "variant": f"v{number % 2}"}
    return record_of(offset, START + number * MINUTE, {**event, **place, "subject_id": f"u-{number % 500}"})


def events(hours: int) -> Iterator[Record]:
    """Yield an event a minute."""
    yield from (minute(number, number) for number in range(hours * HOUR // MINUTE))


def main() -> None:
    """Print processor time, and what was published meanwhile."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--days", type=int, default=20, help="without events")
    parser.add_argument("--hours", type=int, default=3, help="of events before")
    asked = parser.parse_args()
    sent: Counter[str] = Counter()
    sizes: Counter[str] = Counter()

    def publish(message: Outgoing) -> None:
        sent[message.topic] += 1
        sizes[message.topic] += len(message.value or b"")

    replay = Replay(1, publish, load_config(CONFIG))
    replay.feed(events(asked.hours))
    sent.clear()
    sizes.clear()
    begun, last = process_time(), asked.hours * HOUR // MINUTE
    replay.feed([minute(last + asked.days * DAY // MINUTE, last)])
    spent = process_time() - begun
    days = f"{asked.days} days without events after {asked.hours} hours of them"
    print(f"{days}: {spent:.2f} s of processor time, {spent * 365 / asked.days:.1f} s a year")
    print(", ".join(f"{topic} {number} ({sizes[topic] / 1e6:.1f} MB)" for topic, number in sorted(sent.items())))


if __name__ == "__main__":
    main()
