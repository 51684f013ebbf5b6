"""What one matured user adds to the sums of an arm: a function of what was counted of the user and of the metrics that are asked for.

    n                                     the user
    converted, clicked                    1 where there was any
    revenue.EUR.s, .ss, .sss              money, its square and cube per currency, capped by the cap fixed before the start
    raw.EUR.s, raw.EUR.ss                 the same without the cap
    ratio.NAME.d, .dd, .ddd               denominator, its square and cube of a named ratio
    ratio.NAME.m, .mm, .md                numerator, its square and the product; money with its currency: ratio.NAME.EUR.m, …
    ratio.NAME.mmm, .mmd, .mdd            the products of three: how lopsided the figure is

The same under `soon.` are the sums of users who have not matured yet: a preview, which enters no verdict.

Everything is an integer, so sums are exact, free of order and can be taken back. Squares of money exceed 64 bits at the extremes:
`plain` writes what 64 bits do not hold as decimal text, `exact` reads it back.
"""

from collections.abc import Iterator, Mapping

from detectors.cell import REVENUE, Counts
from detectors.kpi import BUILT_IN, Ratio
from governance.config import Experiment, Initiative

CONVERTED, CLICKED, REVENUE_PER_SUBJECT = "converted_subjects", "clicked_subjects", "revenue_per_subject"
SOON = "soon."
OF_A_USER = frozenset(  # counts kept per user; a ratio of anything else has no readout
    {"exposures", "clicks", "conversions", "technical_fallbacks", "consent_fallbacks", "no_match_fallbacks", "subjects", "revenue_minor"}
)
LARGEST_WRITTEN = 2**63 - 1


def cap_of(experiment: Experiment) -> int | None:
    """Return the cap on a user's money in minor units: the smallest of the guardrails on revenue, None where none has one."""
    caps = [found.cap_minor for found in experiment.guardrails if found.kpi == REVENUE_PER_SUBJECT and found.cap_minor is not None]
    return min(caps, default=None)


def ratios_of(experiment: Experiment, own: Initiative | None) -> dict[str, Ratio]:
    """Return the named ratios among an experiment's goals and guardrails that can be counted per user."""
    known = dict(BUILT_IN)
    if own is not None:
        known |= {name: Ratio(found.numerator, found.denominator, found.better) for name, found in own.kpis.items()}
    asked = dict.fromkeys([*experiment.goals, *(guardrail.kpi for guardrail in experiment.guardrails)])
    return {name: known[name] for name in asked if name in known and countable(known[name])}


def countable(ratio: Ratio) -> bool:
    """Return whether both sides of a ratio are counted per user, the lower one not money."""
    return (ratio.numerator in OF_A_USER or ratio.numerator.startswith(REVENUE)) and (
        ratio.denominator in OF_A_USER and ratio.denominator != "revenue_minor"
    )


def contribution(counted: Mapping[str, int], ratios: Mapping[str, Ratio], cap: int | None) -> Counts:
    """Return what a user with these counts within the attribution adds.

    >>> contribution({"conversions": 2, "revenue_minor.EUR": 700}, {}, 500)["revenue.EUR.ss"]
    250000
    """
    found: Counts = {"n": 1}
    if counted.get("conversions"):
        found["converted"] = 1
    if counted.get("clicks"):
        found["clicked"] = 1
    for currency, amount in money(counted):
        capped = amount if cap is None else min(amount, cap)
        found |= {f"revenue.{currency}.s": capped, f"revenue.{currency}.ss": capped * capped, f"revenue.{currency}.sss": capped**3}
        found |= {f"raw.{currency}.s": amount, f"raw.{currency}.ss": amount * amount}
    for name, ratio in ratios.items():
        below = 1 if ratio.denominator == "subjects" else counted.get(ratio.denominator, 0)
        found |= {f"ratio.{name}.d": below, f"ratio.{name}.dd": below * below, f"ratio.{name}.ddd": below**3}
        for suffix, above in numerators(ratio.numerator, counted):
            at = f"ratio.{name}{suffix}"
            found |= {f"{at}.m": above, f"{at}.mm": above * above, f"{at}.md": above * below}
            found |= {f"{at}.mmm": above**3, f"{at}.mmd": above * above * below, f"{at}.mdd": above * below * below}
    return {name: number for name, number in found.items() if number}


def numerators(name: str, counted: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """Yield (suffix, amount) of a numerator: one without a suffix, or one per currency."""
    if name == "revenue_minor":
        yield from ((f".{currency}", amount) for currency, amount in money(counted))
    elif name.startswith(REVENUE):
        yield "." + name.removeprefix(REVENUE), counted.get(name, 0)
    else:
        yield "", 1 if name == "subjects" else counted.get(name, 0)


def money(counted: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """Yield (currency, minor units) in order of currency."""
    yield from ((name.removeprefix(REVENUE), counted[name]) for name in sorted(counted) if name.startswith(REVENUE))


def negative(counts: Mapping[str, int]) -> Counts:
    """Return what takes counts back."""
    return {name: -number for name, number in counts.items()}


def written(number: int) -> int | str:
    """Return an integer as a JSON value: one that 64 bits do not hold is written as decimal text."""
    return number if -LARGEST_WRITTEN <= number <= LARGEST_WRITTEN else str(number)


def plain(counts: Mapping[str, int]) -> dict[str, int | str]:
    """Return counts as JSON values."""
    if not counts or -LARGEST_WRITTEN <= min(counts.values()) <= max(counts.values()) <= LARGEST_WRITTEN:
        return dict(counts)
    return {name: written(number) for name, number in counts.items()}


def exact(counts: Mapping[str, int | str]) -> Counts:
    """Return the counts that `plain` wrote."""
    return {name: int(number) for name, number in counts.items()}
