"""What a shard keeps as long as its day rows and then forgets: closed incidents, rule changes, sign-offs, counts of initiatives."""

from governance.message.instant import parse_instant
from streams.kernel.action import SIGNATURES
from streams.kernel.cells import EXTRAS
from streams.kernel.checks import RULES
from streams.kernel.rows import Draft, key_parts, unpack
from streams.kernel.watch import INCIDENTS

OVER = ("closed", "retracted")


def forget_before(draft: Draft, time: int) -> None:
    """Drop what was over before `time`, ms; called once a day, so that a commit drops what one day left behind."""
    for kind in (RULES, EXTRAS):
        for key in draft.keys(kind):
            if key_parts(key)[1] < time:
                draft.drop(key)
    for key in draft.keys(INCIDENTS):
        incident = unpack(draft.get(key) or b"")[0]
        if incident["state"] in OVER and parse_instant(incident["updated_at"]) < time:
            draft.drop(key)
    for key in draft.keys(SIGNATURES):
        *_, (_, _, at, _) = unpack(draft.get(key) or b"")[0]
        if at < time:
            draft.drop(key)
