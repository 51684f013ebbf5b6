"""Consent violations that late evidence took back, said from a shard's tables, as `waiting` says what waits. No bus has this topic.

Of the incidents that may still change: a case is kept until its last violation is past correction.
"""

from collections.abc import Iterable, Iterator

import orjson

from governance.breach import Episode
from streams.kernel.record import Outgoing
from streams.kernel.rows import Draft, Rows, unpack
from streams.kernel.violations import GROUPS
from streams.read_model.changed import initiatives

RETRACTED = "@retracted"


def retracted_of(rows: Rows, keys: Iterable[bytes] | None = None) -> Iterator[Outgoing]:
    """Yield for each initiative with consent incidents, of `keys` or of all, what was taken back: how many of each, in which windows."""
    draft = Draft(rows)
    for initiative in initiatives(rows, GROUPS, keys):
        found, taken_back = {}, []
        for key in draft.group(GROUPS, initiative):
            cases, *_ = unpack(rows.get(key) or b"")
            for _, standing, _, episode, *ends in cases:
                case = Episode.of(episode)
                if case.occurrences > standing:
                    found[case.incident_id] = case.occurrences - standing
                taken_back += [end for some in ends for end in some]
        told = {"initiative": initiative, "retracted": found, "taken_back": sorted(taken_back)}
        yield Outgoing(RETRACTED, None, None, orjson.dumps({"data": told}), 0)
