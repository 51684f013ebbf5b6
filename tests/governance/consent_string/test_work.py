"""The work for one string is bounded by its length: bytecodes are counted, not seconds, so the test reads the same on any machine."""

import sys
from types import FrameType
from typing import Any

import pytest

from governance.consent_string.decode import decode
from tests.governance.consent_string.packing import core, fibonacci, gpp, number, ranges, tc, text_of

HEADER = number(3, 6) + number(1, 6)
# Measured on 3.11: 39 a character for single vendor ids, the densest field; 31,000 in all for a full header or all restrictions.
PER_CHARACTER, AT_LEAST = 60, 40_000
WORST = {
    "vendor bit field": tc(core(vendors=number(48_000, 16) + "0" + "10" * 24_000)),
    "all vendors of a bit field": tc(core(vendors=number(48_000, 16) + "0" + "1" * 48_000)),
    "400 ranges over all vendors": tc(core(vendors=ranges(*[(1, 65_535)] * 400))),
    "as many ranges as fit": tc(core(vendors=ranges(*[(1, 65_535)] * 1_470))),
    "as many vendors as fit": tc(core(vendors=ranges(*[(7, 7)] * 2_850))),
    "the same restriction again": tc(core(restrictions=number(2_400, 12) + (number(2, 6) + "00" + number(0, 12)) * 2_400)),
    "every restriction there is": tc(
        core(
            restrictions=number(72, 12)
            + "".join(number(purpose, 6) + number(kind, 2) + ranges((3, 3))[17:] for purpose in range(1, 25) for kind in range(3))
        )
    ),
    "dots": "C" + "." * 8_191,
    "zeros": "C" + "A" * 8_191,
    "header of ones": "DB" + "_" * 16_000,
    "header of zeros": "DBAB" + "A" * 16_000,
    "many sections": gpp(dict.fromkeys(range(9, 109), "A")),
    "more sections than are read": text_of(HEADER + number(4_095, 12) + "011" * 4_095) + "~A" * 4_095,
    "a group of 17,000": text_of(HEADER + number(1, 12) + "1" + fibonacci(4) + fibonacci(17_000)) + "~A" * 50,
    "longer than anything": "C" * 1_000_000,
}


def bytecodes(text: str) -> int:
    """How many bytecodes the decoder runs for a text."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        decode(text)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("name", WORST)
def test_the_work_is_bounded_by_the_length(name: str) -> None:
    """At most so many bytecodes a character, on the strings that cost the most."""
    text = WORST[name]

    assert bytecodes(text) <= AT_LEAST + PER_CHARACTER * min(len(text), 16_384)
