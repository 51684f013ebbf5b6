"""What consent adds to a closing: the verdicts of a base window, its violations and their corrections, findings about consent records.

Verdicts are due some time after their window. They go into its row and to the readers as revision `consent`; into the hour and the day
through that row, or directly where those are closed already. Violations come after, in the order (event time, subject, event id), then
corrections by stamp.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from detectors.cell import CONSENT, DIMENSIONS, Cell, Counts, add
from detectors.kpi import Ratio
from detectors.window import DAY, HOUR, end_of
from governance.identity import consent_finding_id, event_id
from streams.kernel.bulletin import SYSTEM, Adds
from streams.kernel.cells import DAYS, HOURS, KEPT_HOURS, KEPT_MINUTES, MINUTES, SLICE_CELLS, Admission, CellRows, Cells, merge, sliced
from streams.kernel.publishing import Found, finding, kpi_window
from streams.kernel.rows import Draft
from streams.kernel.violations import CHECK, Violations

ITEMS_A_PHASE = 80  # each may publish two findings of about 1 KB, a few an incident's step of 6 KB
ASSERTION = "consent_assertion"
GRAVE = ("withdrawn", "refused", "revoked", "invalidated")  # somebody said no
NOT_JUDGED = CONSENT + "not_applicable"


class Consent:
    """The consent part of one initiative's closing at `now`, ms."""

    def __init__(
        self,
        draft: Draft,
        initiative: str,
        now: int,
        base: int,
        adds: Adds,
        rows: CellRows,
        admission: Admission,
        violations: Violations,
        definitions: Mapping[str, Ratio],
        policy: Mapping[str, str],
    ) -> None:
        self._draft, self._initiative, self._now, self._base, self._adds = draft, initiative, now, base, adds
        self._rows, self._admission, self._definitions, self._policy = rows, admission, definitions, policy
        self._violations = violations

    def phases(self) -> Iterator[Callable[[], None]]:
        """Yield the phases in order."""
        verdicts: dict[int, Cells] = {}
        for (level, end, _), cells in sorted(self._adds.cells.items()):
            if level == "c":
                merge(verdicts.setdefault(end, {}), cells)
        for end, cells in verdicts.items():
            whole = self._wholes(end)
            for part, found in sorted(sliced(cells, self._admission).items()):
                yield partial(self._revise, end, part, found, whole)
        items = sorted(self._adds.items, key=lambda item: item["key"][1:])
        for at in range(0, len(items), ITEMS_A_PHASE):
            yield partial(self._take, items[at : at + ITEMS_A_PHASE])
        if verdicts:
            yield partial(self._clear, verdicts)

    def _wholes(self, end: int) -> dict[tuple[str, ...], Counts]:
        found: dict[tuple[str, ...], Counts] = {}
        for cell, counts in self._rows.read(MINUTES, end, range(-(-self._admission.cells // SLICE_CELLS))).items():
            add(found.setdefault(cell[:3], {}), counts)
        return found

    def _revise(self, end: int, part: int, verdicts: Cells, whole: Mapping[tuple[str, ...], Counts]) -> None:
        """Count one slice of a window's verdicts and publish its cells again."""
        if end > self._now - KEPT_MINUTES:
            minute = self._rows.read(MINUTES, end, (part,))
            merge(minute, verdicts)
            self._rows.write(MINUTES, end, part, minute)
            for cell in sorted(verdicts):
                counts, all_variants = minute.get(cell, {}), whole.get(cell[:3], {})
                window = (self._initiative, cell, end - self._base, end)
                self._draft.send(kpi_window(*window, counts, self._definitions, all_variants, "consent"))
        hour, day = end_of(end - 1, HOUR), end_of(end - 1, DAY)
        if self._now - KEPT_HOURS < hour <= self._now:
            self._rows.add(HOURS, hour, part, verdicts)
        if day <= self._now:
            self._rows.add(DAYS, day, part, verdicts)

    def _clear(self, verdicts: Mapping[int, Cells]) -> None:
        """Let windows with judged exposures and no violation count towards the end of incidents."""
        channels = {
            self._home(cell)[1]
            for cells in verdicts.values()
            for cell, counts in cells.items()
            if any(name != NOT_JUDGED and number > 0 for name, number in counts.items())
        }
        self._violations.clear(channels)
        self._violations.flush()

    def _home(self, cell: Sequence[str]) -> Cell:
        profile, channel, cohort, variant = cell
        return self._admission.home((profile, channel, cohort, variant))[0]

    def _take(self, items: Sequence[Mapping[str, Any]]) -> None:
        """Publish the findings of some items and take them to their incidents."""
        for item in items:
            if self._initiative == SYSTEM:
                self._find(item, item["check"], {"feed": item["feed"]}, "warning", "confirmed", item["observed"], None, 1)
            else:
                self._move(item)
        self._violations.flush()

    def _move(self, item: Mapping[str, Any]) -> None:
        old, new, step, time = item["old"], item["new"], item["step"], item["key"][5]
        cell = self._home(item["cell"])
        if old != "valid":
            step += 1
            self._violation(item, CHECK, cell, old, "retracted", step)
            self._violations.retract((cell[1], old), item["since"])
        if new != "valid":
            step += 1
            self._violation(item, CHECK, cell, new, "confirmed", step)
            self._violations.confirm((cell[1], new), item["key"], time)
        if item["asserted"] and (old == "valid") != (new == "valid"):
            verdict, state = (new, "confirmed") if old == "valid" else (old, "retracted")
            self._violation(item, ASSERTION, cell, verdict, state, step)

    def _violation(self, item: Mapping[str, Any], check: str, cell: Cell, verdict: str, state: str, step: int) -> None:
        key = {**dict(zip(DIMENSIONS, cell, strict=True)), "verdict": verdict}
        severity = "critical" if verdict in GRAVE else "high"
        self._find(item, check, key, severity, state, verdict, "valid", step)

    def _find(
        self,
        item: Mapping[str, Any],
        check: str,
        key: Mapping[str, str],
        severity: str,
        state: str,
        observed: str | None,
        expected: str | None,
        step: int,
    ) -> None:
        _, _, _, subject, _, time, event = item["key"]
        identity = consent_finding_id(check, subject, event)
        end = end_of(time, self._base)
        found = Found(
            finding_id=identity,
            check=check,
            initiative=self._initiative,
            key=key,
            start=end - self._base,
            end=end,
            state=state,
            severity=severity,
            observed=observed,
            expected=expected,
            policy=self._policy,
            evidence=[dict(zip(("topic", "partition", "offset", "event_id"), place, strict=True)) for place in item["evidence"]],
        )
        # An event id may come again once it is forgotten: its time (of a consent record the stamp) tells the two apart.
        named = event_id("finding", identity, step, item["key"][2] if "check" in item else time)
        self._draft.send(finding(found, named, self._now))
