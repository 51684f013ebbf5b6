"""Key figures, computed from integer counts at the edge and nowhere else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from detectors.cell import CONSENT, LAST_MS, REVENUE

Better = Literal["up", "down"]
VIOLATIONS = ("withdrawn", "refused", "revoked", "expired", "invalidated", "no_record")
VIOLATED, VALID = tuple(CONSENT + verdict for verdict in VIOLATIONS), CONSENT + "valid"
DERIVED = frozenset({"revenue_minor", "consent_violations", "consent_judged"})  # counts that are made of others


@dataclass(frozen=True, slots=True)
class Ratio:
    """A key figure that is one count over another."""

    numerator: str
    denominator: str
    better: Better = "up"


BUILT_IN: Mapping[str, Ratio] = {
    "ctr": Ratio("clicks", "exposures"),
    "conversion_rate": Ratio("conversions", "exposures"),
    "revenue_per_exposure": Ratio("revenue_minor", "exposures"),
    "technical_fallback_rate": Ratio("technical_fallbacks", "exposures", "down"),
    "consent_fallback_rate": Ratio("consent_fallbacks", "exposures", "down"),
    "consent_violation_rate": Ratio("consent_violations", "consent_judged", "down"),
}
FRESHNESS = "freshness_s"
VARIANT_SHARE = "variant_share"
OPERATORS = ("<", "<=", ">", ">=")


def count(name: str, counts: Mapping[str, int]) -> int | None:
    """Return one count by name, the derived ones included; None for money in several currencies, which is never added.

    >>> count("revenue_minor", {"revenue_minor.EUR": 5}), count("revenue_minor", {"revenue_minor.EUR": 5, "revenue_minor.USD": 1})
    (5, None)
    """
    if name not in DERIVED:
        return counts.get(name, 0)
    if name == "revenue_minor":
        amounts = [number for key, number in counts.items() if key.startswith(REVENUE)]
        return None if len(amounts) > 1 else sum(amounts)
    violated = sum([counts.get(verdict, 0) for verdict in VIOLATED])
    return violated if name == "consent_violations" else violated + counts.get(VALID, 0)


def ratio(definition: Ratio, counts: Mapping[str, int]) -> float | None:
    """Return the figure, None where nothing was counted below the line or it has no single currency."""
    below = count(definition.denominator, counts)
    if not below:
        return None
    above = count(definition.numerator, counts)
    return None if above is None else above / below


def kpi(
    name: str,
    counts: Mapping[str, int],
    definitions: Mapping[str, Ratio] = BUILT_IN,
    window_end: int | None = None,
    whole: Mapping[str, int] | None = None,
) -> float | None:
    """Return the key figure `name` of `counts`, None where it is not defined.

    `window_end` (ms) is needed for `freshness_s`, `whole` (the counts over all variants) for `variant_share`.
    Raises KeyError for an unknown name.
    """
    if name == FRESHNESS:
        last = counts.get(LAST_MS)
        return None if last is None or window_end is None else max(0, window_end - last) / 1000
    if name == VARIANT_SHARE:
        return None if not whole or not whole.get("exposures") else counts.get("exposures", 0) / whole["exposures"]
    return ratio(definitions[name], counts)


def denominator(name: str, counts: Mapping[str, int], definitions: Mapping[str, Ratio], whole: Mapping[str, int] | None = None) -> int:
    """Return how much evidence stands under the figure: what `min_denominator` is held against."""
    if name == VARIANT_SHARE:
        return (whole or {}).get("exposures", 0)
    return count(definitions[name].denominator, counts) or 0


def breached(value: float, op: str, bound: float) -> bool:
    """Return whether `value op bound` holds; raises KeyError for an operator other than < <= > >=.

    >>> breached(0.01, "<", 0.02), breached(0.02, "<", 0.02)
    (True, False)
    """
    return {"<": value < bound, "<=": value <= bound, ">": value > bound, ">=": value >= bound}[op]
