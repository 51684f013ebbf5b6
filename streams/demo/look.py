"""How a terminal is written to: colour, bold and marks where it can show them, plain ASCII where it cannot."""

from dataclasses import dataclass

CODES = {"bold": "1", "grey": "90", "bad": "91", "warn": "93", "good": "92", "wait": "95", "info": "94"}
# Marks of one column for marks of one column, so that the columns stay.
ASCII = str.maketrans(
    "\u2501\u2500\u25bc\u25c6\u2715\u25b2\u2713\u00d7\u2212\u00a0\u2013\u2026\u25a0\u00b7\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588\u2591\u25cb",
    "#-v*!^+x- -~#._.:-=+*#.o",
)


@dataclass(frozen=True, slots=True)
class Look:
    """What the reader's terminal shows; colour never carries anything alone."""

    colour: bool = False
    unicode: bool = False

    def paint(self, text: str, *styles: str) -> str:
        """Return text in the styles (names of `CODES`), as it is where there is no colour."""
        codes = ";".join(CODES[style] for style in styles if style)
        return f"\x1b[{codes}m{text}\x1b[0m" if self.colour and codes and text.strip() else text

    def letters(self, line: str) -> str:
        """Return a line with the marks that the terminal can show."""
        return line if self.unicode else line.translate(ASCII).replace("\u20ac", "EUR ").encode("ascii", "replace").decode()
