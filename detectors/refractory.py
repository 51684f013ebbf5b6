"""What follows a surprise is the same surprise: it is told once, at its beginning, and stays visible below a breach while it lasts.

    evidence ▁▁▁█▇▇▆▇▆▅▂▁▁▁▁█▁▁   said ▁▁▁█▄▄▄▄▄▃▂▁▁▁▁▄▁▁
                └ shadow: a twentieth of the rows so far, longer while it goes on ┘

A shadow is a share of a series' age, since there is no other measure of how long things take in a series that nobody has described.
"""

from dataclasses import dataclass

LEAST, SHARE = 30, 20  # rows of a shadow: a twentieth of the rows so far
ECHO, CEILING = 0.7, 0.55  # in the shadow so much of the evidence counts, up to so much of what is a breach
RISE = 0.7  # in the shadow only what is five times rarer than what cast it is told in full
LASTING = 0.42  # of what is a breach: evidence above it keeps the shadow open


@dataclass(slots=True)
class Refractory:
    """Evidence as it is said: `said` asks, `learn` learns; `half` is the evidence of a breach."""

    half: float
    rows: int = 0
    height: float = 0.0  # of what cast the shadow
    until: int = 0

    def said(self, evidence: float) -> float:
        """Return how much of a row's evidence counts: all of it outside a shadow, or far above what cast it."""
        if self.rows >= self.until or evidence > self.height + (RISE if self.height > LASTING * self.half else 0.0):
            return evidence
        return min(CEILING * self.half, ECHO * evidence)

    def told(self) -> bool:
        """Return whether the next row stands in the shadow of a breach: whatever it is, it has been told."""
        return self.rows < self.until and self.height >= self.half

    def learn(self, evidence: float) -> None:
        """Take a row's evidence in."""
        inside = self.rows < self.until
        if not inside or evidence > self.height + (RISE if self.height > LASTING * self.half else 0.0):
            self.height, self.until = evidence, max(self.until, self.rows + max(LEAST, self.rows // SHARE))
        elif evidence >= LASTING * self.half:
            self.until = max(self.until, self.rows + LEAST)
        self.rows += 1
