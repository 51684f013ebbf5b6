"""Lists of vendor ids as TCF packs them: a bit for each vendor up to a maximum, or single ids and ranges.

A list stays as packed as it came. Four hundred ranges over all vendors are two kilobytes of text, and whoever unfolds them
into sets does the work of twenty-six million ids; here they stay four hundred pairs.
"""

from dataclasses import dataclass
from functools import cache
from itertools import compress

from governance.consent_string.bits import Bits

HIGHEST_VENDOR = 65_535  # 16 bits
BITS_OF = str.maketrans("01", "\x00\x01")


@dataclass(frozen=True, slots=True)
class VendorIds:
    """The vendors of one list: in `field` a 0 or 1 for each vendor from 1 on, or in `ranges` inclusive pairs as written."""

    field: str = ""
    ranges: tuple[tuple[int, int], ...] = ()

    def pairs(self) -> list[tuple[int, int]]:
        """Inclusive (from, to) pairs in the order of the string; a vendor of a bit field is a pair of its own."""
        return [*self.ranges, *compress(singles(), self.field.translate(BITS_OF).encode())] if self.field else [*self.ranges]

    def has(self, vendor: int) -> bool:
        """Whether the list names the vendor."""
        if self.field:
            return 1 <= vendor <= len(self.field) and self.field[vendor - 1] == "1"
        return any(first <= vendor <= last for first, last in self.ranges)

    def in_order(self) -> bool:
        """Whether the ranges ascend without overlap, as an encoder writes them; a bit field always does."""
        return all(before[1] < after[0] for before, after in zip(self.ranges, self.ranges[1:], strict=False))


@cache
def singles() -> tuple[tuple[int, int], ...]:
    """Return every vendor as a pair of its own: made once, as a string may name 48,000 of them and they cost more than all else in it."""
    return tuple((vendor, vendor) for vendor in range(1, HIGHEST_VENDOR + 1))


def read_vendors(bits: Bits) -> VendorIds:
    """Read MaxVendorId, the kind of encoding and the list (TCF v2, vendor sections and DisclosedVendors).

    Raises ConsentStringError (`truncated`, `vendor_range`, `vendor_above_max`).
    """
    highest = bits.number(16)
    if not bits.flag():
        return VendorIds(field=bits.run(highest))
    return VendorIds(ranges=read_ranges(bits, highest))


def read_ranges(bits: Bits, highest: int = HIGHEST_VENDOR) -> tuple[tuple[int, int], ...]:
    """Read NumEntries and that many single ids or ranges; none may be 0, run backwards or pass `highest`.

    Raises ConsentStringError (`truncated`, `vendor_range`, `vendor_above_max`).
    """
    return bits.spans(bits.number(12), highest)
