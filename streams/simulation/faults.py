"""Which fault is at work at a time, and which rule version is live: questions asked once per exposure."""

from streams.simulation.scenario import Deployment, Fault, FaultKind, Program, Scenario


class Faults:
    """The faults of a scenario by kind and place."""

    def __init__(self, scenario: Scenario) -> None:
        self._by_place: dict[tuple[FaultKind, str, str], list[Fault]] = {}
        for fault in scenario.faults:
            self._by_place.setdefault((fault.kind, fault.initiative, fault.channel), []).append(fault)

    def at(self, kind: FaultKind, initiative: str, channel: str, time: int) -> Fault | None:
        """Return the fault of this kind at work on a channel at a time in ms."""
        for fault in self._by_place.get((kind, initiative, channel), ()):
            if fault.start <= time < fault.end:
                return fault
        return None


class Versions:
    """The rule version live per program, channel and time."""

    def __init__(self, scenario: Scenario) -> None:
        self._changes: dict[tuple[str, str], list[Deployment]] = {}
        for change in scenario.deployments:
            for channel in change.channels:
                self._changes.setdefault((change.initiative, channel), []).append(change)

    def at(self, program: Program, channel: str, time: int) -> int:
        """Return the version that an exposure at a time in ms is shown by."""
        for change in self._changes.get((program.key, channel), ()):
            if change.deployed <= time and (change.rolled_back is None or time < change.rolled_back):
                return change.version
        return program.version
