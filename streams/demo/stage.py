"""A scenario played through every shard in this process: made, fed and published an hour of event time at a step."""

from collections import Counter
from collections.abc import Callable, Iterator
from queue import SimpleQueue

from detectors.window import HOUR
from governance.config import Config
from streams.cli.policy_files import policies_of
from streams.event_file import partition_of
from streams.event_line import Line
from streams.kernel.record import Outgoing, Record
from streams.read_model.tables import said_of
from streams.replay import Replay
from streams.simulation.delivery import Sent
from streams.simulation.run import Run
from streams.simulation.scenario import Scenario


class Stage:
    """Plays one scenario; `publish` hears every output, `fed` every record before it is fed, `asked` brings commands of the audience."""

    def __init__(
        self,
        scenario: Scenario,
        seed: int,
        config: Config,
        partitions: int,
        publish: Callable[[Outgoing], None],
        fed: Callable[[Record], None],
        asked: SimpleQueue[Line] | None = None,
    ) -> None:
        self.run = Run(scenario, seed)
        self.replay = Replay(partitions, publish, config, policies=policies_of(config, None))
        self._scenario = scenario
        self._partitions = partitions
        self._fed = fed
        self._offsets: Counter[tuple[str, int]] = Counter()
        self._asked = SimpleQueue[Line]() if asked is None else asked

    def answer(self) -> None:
        """Feed what was asked since, once the play is over."""
        self.replay.feed(self._asked_for())

    def _asked_for(self) -> list[Record]:
        found = []
        while not self._asked.empty():
            line = self._asked.get()
            found.append(self._record(Sent(line.timestamp or 0, line.topic, line.key or b"", line.value or b"")))
        return found

    def said(self) -> list[Outgoing]:
        """Return what a page is told beyond the outputs, as the tables stand now."""
        return [one for station in self.replay.stations for one in said_of(station.monitor)]

    def play(self) -> Iterator[int]:
        """Yield event time (ms) after each hour, everything stamped before it fed; at the end the clock runs on until all is closed."""
        until, waiting = self._scenario.start + HOUR, list[Record]()
        for sent in self.run.records():
            while sent.stamp >= until:
                self.replay.feed(waiting)
                yield until
                until, waiting = until + HOUR, self._asked_for()
            waiting.append(self._record(sent))
        self.replay.feed(waiting)
        self.replay.drain()
        yield max(self._scenario.end, until)

    def _record(self, sent: Sent) -> Record:
        place = (sent.topic, partition_of(sent.key, self._partitions))
        record = Record(*place, self._offsets[place], sent.stamp, sent.key, sent.value)
        self._offsets[place] += 1
        self._fed(record)
        return record
