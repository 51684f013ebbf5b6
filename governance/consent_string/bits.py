"""A run of bits read from left to right, out of text that carries six bits a character. Reading past the end is an error.

The decoders everybody has take bytes: base64 drops what it does not know and slices run out silently, so a string cut short
reads as consent to all. Here a field is there in its full width or the string is refused, and so is any bit nobody asked for.

    text   C      Q      S    …       one character, six bits (RFC 4648 §5, without "=")
    bits   000010 010000 010010 …     field by field, most significant bit first; what is left over must be zeros
"""

from string import ascii_uppercase

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
SIX_BITS = {letter: f"{value:06b}" for value, letter in enumerate(ALPHABET)}
# With its end mark a code word of 22 places reaches 28656; the register of sections ends at 27.
FIBONACCI_PLACES = 22


class ConsentStringError(ValueError):
    """A string that is refused: `code` says why, `at_bit` where within the part that the message names (null: nowhere in particular)."""

    def __init__(self, code: str, message: str, at_bit: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.at_bit = at_bit


class Bits:
    """The bits of one dot-separated part of a string, and how far they are read."""

    __slots__ = ("_at", "_bits", "_part")

    def __init__(self, text: str, part: str) -> None:
        """Take text of the URL-safe base64 alphabet; `part` names it in messages. Raises ConsentStringError (`empty`, `not_base64url`)."""
        if not text:
            raise ConsentStringError("empty", f"{part} is empty", 0)
        self._bits = "".join([SIX_BITS.get(letter, "!") for letter in text])
        self._part = part
        self._at = 0
        wrong = self._bits.find("!")
        if wrong >= 0:  # all letters before the first wrong one gave six bits each
            raise ConsentStringError("not_base64url", f"{part} has a character outside A-Z a-z 0-9 - _ at position {wrong // 6}", wrong)

    @property
    def at(self) -> int:
        """How many bits are read."""
        return self._at

    def run(self, width: int) -> str:
        """Read `width` bits as text of 0 and 1. Raises ConsentStringError (`truncated`)."""
        start, end = self._at, self._at + width
        if end > len(self._bits):
            raise self._truncated(width)
        self._at = end
        return self._bits[start:end]

    def number(self, width: int) -> int:
        """Read an unsigned integer, most significant bit first. Raises ConsentStringError (`truncated`)."""
        return int(self.run(width), 2)

    def flag(self) -> bool:
        """Read one bit. Raises ConsentStringError (`truncated`)."""
        if self._at >= len(self._bits):
            raise self._truncated(1)
        self._at += 1
        return self._bits[self._at - 1] == "1"

    def ids(self, width: int) -> tuple[int, ...]:
        """Read a bit field: the numbers, counted from 1, of the bits that are set. Raises ConsentStringError (`truncated`)."""
        return tuple(number for number, bit in enumerate(self.run(width), 1) if bit == "1")

    def letters(self) -> str:
        """Read two capital letters of six bits each, A = 0. Raises ConsentStringError (`truncated`, `letter`)."""
        start = self._at
        pair = (self.number(6), self.number(6))
        if max(pair) >= len(ascii_uppercase):
            raise self.wrong("letter", "a two-letter code has a letter beyond Z", start)
        return "".join(ascii_uppercase[value] for value in pair)

    def spans(self, count: int, highest: int) -> tuple[tuple[int, int], ...]:
        """Read that many ids of 16 bits, each a single one (bit 0) or first and last of a range (bit 1), within 1 to `highest`.

        Raises ConsentStringError (`truncated`, `vendor_range`, `vendor_above_max`).
        """
        bits, at, found = self._bits, self._at, []
        for _ in range(count):  # thousands in one string, hence no call for each field
            width = 33 if bits[at : at + 1] == "1" else 17
            if at + width > len(bits):
                self._at = at
                raise self._cut_span()
            first = int(bits[at + 1 : at + 17], 2)
            last = first if width == 17 else int(bits[at + 17 : at + 33], 2)
            if not 0 < first <= last <= highest:
                raise self._bad_span(first, last, at)
            found.append((first, last))
            at += width
        self._at = at
        return tuple(found)

    def fibonacci(self) -> int:
        """Read a Fibonacci coded integer, 1 or more: places weigh 1, 2, 3, 5, 8…, and 11 ends it (GPP, Consent String Specification).

        Raises ConsentStringError (`truncated`, `fibonacci`).
        """
        start = self._at
        total, weight, following, last = 0, 1, 2, False
        for _ in range(FIBONACCI_PLACES):
            bit = self.flag()
            if bit and last:
                return total
            total += weight if bit else 0
            weight, following, last = following, weight + following, bit
        raise self.wrong("fibonacci", f"a Fibonacci code word does not end within {FIBONACCI_PLACES} places", start)

    def finish(self) -> None:
        """Make sure that only zeros are left. Raises ConsentStringError (`trailing_bits`).

        Encoders round up to 6, 8 or 24 bits and some that are in use to more; zeros say nothing, so their number is free.
        """
        first = self._bits.find("1", self._at)
        if first >= 0:
            raise self.wrong("trailing_bits", "has bits set after its last field", first)

    def wrong(self, code: str, message: str, at_bit: int) -> ConsentStringError:
        """Return the error that names this part; raise it."""
        return ConsentStringError(code, f"{self._part} {message}", at_bit)

    def _truncated(self, width: int) -> ConsentStringError:
        return self.wrong("truncated", f"ends at bit {len(self._bits)}, inside a field of {width} bits", self._at)

    def _cut_span(self) -> ConsentStringError:
        """The first field of the span that is not there whole: its mark, its first id or its last."""
        left = len(self._bits) - self._at
        self._at += 0 if left == 0 else 1 if left < 17 else 17
        return self._truncated(1 if left == 0 else 16)

    def _bad_span(self, first: int, last: int, at: int) -> ConsentStringError:
        if first == 0 or last < first:
            return self.wrong("vendor_range", "has a vendor range that starts at 0 or runs backwards", at)
        return self.wrong("vendor_above_max", "has a vendor id above its MaxVendorId", at)
