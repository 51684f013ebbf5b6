"""The readout calculator: one JSON line of experiment sums in, one answer out, with no state and nothing remembered.

The first arm is control; every other arm is compared with it on its own. An arm with too little evidence is answered as
`collecting`, without an interval; a line that cannot be true is answered with an error that names the field and never
repeats a value.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails, from_json

from detectors import ratio, sequence
from detectors.moments import Estimate, Moments, Number, PairedMoments, exact
from detectors.moments import mean as mean_of
from detectors.moments import proportion as proportion_of
from detectors.moments import ratio as ratio_of

MOST_USERS = 2**53  # above it a double no longer counts every user
LARGEST_SUM = 1e60  # squares of it still fit a double
SMALLEST_SHARE = 1e-9
TOLERANCE = 1e-9  # of a sum of squares: what float sums may be off by before they contradict each other

FIELDS = {"proportion": ("s",), "mean": ("s", "ss"), "ratio": ("m_s", "m_ss", "d_s", "d_ss", "md")}


class ReadoutError(ValueError):
    """A line that has no readout; never retried. `code` is for programs, the message names the field and the rule it breaks."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def whole(value: object) -> object:
    """A JSON number without a fraction is a count, however it was written (1e9)."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Count = Annotated[int, BeforeValidator(whole), Field(ge=0, le=MOST_USERS)]
Sum = Annotated[int | float, Field(ge=-LARGEST_SUM, le=LARGEST_SUM)]
Prior = Annotated[float, Field(ge=1e-6, le=1e12)]


RULES = {  # pydantic's types of error that people meet, in our words
    "missing": "is missing",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "less_than_equal": "is larger than any real experiment needs",
    "finite_number": "must be finite",
    "string_type": "must be text",
    "list_type": "must be a list",
    "model_type": "must be an object",
}
BOUNDS = {"greater_than": "must be above", "greater_than_equal": "must be at least", "less_than": "must be below"}  # with the bound


class Line(BaseModel):
    """What every part of a line has in common: types as written, no NaN, unknown fields left alone."""

    model_config = ConfigDict(frozen=True, strict=True, allow_inf_nan=False, extra="ignore")


class ArmLine(Line):
    """The sums of one arm; which of them are needed depends on the kind."""

    name: Annotated[str, Field(min_length=1, max_length=128)]
    n: Count
    s: Sum | None = None
    ss: Sum | None = None
    m_s: Sum | None = None
    m_ss: Sum | None = None
    d_s: Sum | None = None
    d_ss: Sum | None = None
    md: Sum | None = None


class ReadoutLine(Line):
    """One experiment and metric."""

    id: Annotated[str, Field(max_length=128)] | int
    kind: Literal["proportion", "mean", "ratio"]
    alpha: Annotated[float, Field(ge=1e-300, lt=1)] = 0.05
    tuning_n: Annotated[float, Field(ge=1, le=MOST_USERS)] = 20_000
    srm_k: Prior = 1000
    rate_k: Prior = 100
    weights: list[Annotated[float, Field(ge=0, le=LARGEST_SUM)]] | None = None
    arms: list[ArmLine]


KNOWN = frozenset(ReadoutLine.model_fields) | frozenset(ArmLine.model_fields)


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm after its sums were found possible."""

    name: str
    n: int
    converters: int | None
    share: float
    estimate: Estimate | None


@dataclass(frozen=True, slots=True)
class Rules:
    """How the arms of one line are compared."""

    alpha: float
    tuning_n: float
    rate_k: float
    burn_in: bool


def read_out_lines(lines: Iterable[bytes | str], *, burn_in: bool = True, adjust: bool = False) -> Iterator[dict[str, Any]]:
    """Answer every line in order; a bad line is answered with its error, a blank one is passed over."""
    return (read_out(line, burn_in=burn_in, adjust=adjust) for line in lines if line.strip())


def read_out(line: bytes | str, *, burn_in: bool = True, adjust: bool = False) -> dict[str, Any]:
    """Return the readout of one JSON line as interface §4 has it: `id`, `arms`, `srm`, `error`.

    `burn_in` False shows raw intervals of arms with little evidence; `adjust` divides alpha by the number of treatments.
    Numbers are finite or null, an interval has two different ends. In error `arms` is empty and `srm` null.
    """
    name = None
    try:
        payload, finite = parse(line)
        name = id_of(payload)
        if not finite:
            raise ReadoutError("not_json", "the line holds NaN or Infinity, which are not JSON")
        if not isinstance(payload, dict):
            raise ReadoutError("not_an_object", "the line is JSON but not an object")
        return answer(validated(payload), burn_in=burn_in, adjust=adjust)
    except ReadoutError as error:
        return {"id": name, "arms": {}, "srm": None, "error": {"code": error.code, "message": str(error)}}


def answer(asked: ReadoutLine, *, burn_in: bool, adjust: bool) -> dict[str, Any]:
    """Return the answer to a line that is well formed; ReadoutError where its sums contradict each other."""
    shares = shares_of(asked)
    try:
        arms = [checked(asked.kind, i, arm, share) for i, (arm, share) in enumerate(zip(asked.arms, shares, strict=True))]
        control, *treatments = arms
        alpha = asked.alpha / len(treatments) if adjust else asked.alpha
        rules = Rules(alpha, asked.tuning_n, asked.rate_k, burn_in)
        compared = {arm.name: comparison(arm, control, rules) for arm in treatments}
    except OverflowError:
        raise ReadoutError("out_of_range", "arms: the sums are too large or too small to be compared in double precision") from None
    return {"id": asked.id, "arms": compared, "srm": sample_ratio([arm.n for arm in arms], shares, asked.srm_k), "error": None}


def comparison(treatment: Arm, control: Arm, rules: Rules) -> dict[str, Any]:
    """Return what one treatment's row says against control."""
    a, b = treatment.estimate, control.estimate
    seen = sequence.compare(a, b)
    shown = seen if seen and (not rules.burn_in or sequence.burned_in(a, b)) else None
    both = (a, b) if a and b else None
    final = sequence.welch(a, b, rules.alpha)
    ci = sequence.interval(shown, rules.alpha, rules.tuning_n) if shown else None
    return {
        "difference": both[0].value - both[1].value if both else None,
        "ci": list(ci) if ci else None,
        "p_value": sequence.p_value(shown, rules.alpha, rules.tuning_n) if shown else None,
        "lift": sequence.lift(*both) if both else None,
        "lift_ci": pair(sequence.lift_interval(*both, rules.alpha, rules.tuning_n)) if both and shown else None,
        "status": status(ci),
        "welch": {"ci": list(final.ci) if final else None, "p_value": final.p_value if final else None},
        "rate_ratio_ci": pair(rate_ratio(treatment, control, rules)),
    }


def status(ci: sequence.Interval | None) -> str:
    """Say what the interval says; higher is better."""
    if ci is None:
        return "collecting"
    if ci[0] > 0.0:
        return "better"
    return "worse" if ci[1] < 0.0 else "undecided"


def rate_ratio(treatment: Arm, control: Arm, rules: Rules) -> sequence.Interval | None:
    """The ratio of conversion rates, exact at every look; None for other kinds, without users or a share, and without an upper end."""
    if treatment.converters is None or not control.converters or not treatment.n or not min(control.share, treatment.share):
        return None
    shares = control.share, treatment.share
    low, high = ratio.log_rate_ratio_interval(control.converters, treatment.converters, shares, k=rules.rate_k, alpha=rules.alpha)
    ends = math.exp(low), math.exp(min(high, 700.0))
    return ends if high < 700.0 and ends[0] < ends[1] else None


def sample_ratio(users: Sequence[int], shares: Sequence[float], k: float) -> dict[str, float | None]:
    """Return whether users are split as planned: the sequential test, and the chi-square test for one planned look.

    An arm that should get nobody and got nobody is no part of either; users in it are as unlikely as the smallest share makes them.
    """
    tested = [(n, max(share, SMALLEST_SHARE)) for n, share in zip(users, shares, strict=True) if n or share]
    if len(tested) < 2:
        return {"p_value": 1.0, "log_bayes_factor": 0.0, "chi_square_p": None}
    counts, planned = [n for n, _ in tested], [share for _, share in tested]
    return {
        "p_value": ratio.p_value(counts, planned, k),
        "log_bayes_factor": ratio.log_bayes_factor(counts, planned, k),
        "chi_square_p": ratio.chi_square_p(counts, planned),
    }


def pair(ends: sequence.Interval | None) -> list[float] | None:
    return None if ends is None else list(ends)


def parse(line: bytes | str) -> tuple[Any, bool]:
    """Return what a line says, and whether it is JSON: with NaN or Infinity in it it is not, but its id can be given back."""
    for finite in (True, False):
        try:
            return from_json(line, allow_inf_nan=not finite), finite
        except ValueError:
            continue
    raise ReadoutError("not_json", "the line is not one JSON value in UTF-8")


def id_of(payload: Any) -> str | int | None:
    """The id as far as it can be given back: text of at most 128 characters or a whole number."""
    found = payload.get("id") if isinstance(payload, dict) else None
    if isinstance(found, str):
        return found if len(found) <= 128 else None
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def validated(payload: dict[str, Any]) -> ReadoutLine:
    try:
        asked = ReadoutLine.model_validate(payload)
    except ValidationError as error:
        raise named(error.errors(include_url=False, include_input=False)[0]) from None
    if not asked.arms:
        raise ReadoutError("no_control", "arms: is empty; the first arm is control")
    if len(asked.arms) == 1:
        raise ReadoutError("no_treatment", "arms: has only control; at least one treatment is needed")
    seen = set[str]()
    for i, arm in enumerate(asked.arms):
        if arm.name in seen:
            raise ReadoutError("duplicate_arm", f"arms[{i}].name: is the name of an earlier arm")
        seen.add(arm.name)
    return asked


def named(found: ErrorDetails) -> ReadoutError:
    """Turn the first complaint into one that names the field's path and never holds what was written there."""
    known = [step for step in found["loc"] if isinstance(step, int) or step in KNOWN]
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in known).removeprefix(".")
    if known == ["kind"] and found["type"] != "missing":
        return ReadoutError("unknown_kind", "kind: must be proportion, mean or ratio")
    code = "missing_field" if found["type"] == "missing" else "invalid_field"
    rule = "must be a number" if found["loc"][-1:] == ("int",) and found["type"] == "int_type" else RULES.get(found["type"], found["msg"])
    if found["type"] in BOUNDS:
        bound = next(iter(found.get("ctx", {}).values()))  # the rule's own figure, never what was written
        rule = f"{BOUNDS[found['type']]} {bound:g}"
    if known == ["id"] and found["type"] != "missing":
        rule = "must be text of at most 128 characters, or a whole number"
    return ReadoutError(code, f"{path}: {rule[0].lower()}{rule[1:]}")


def shares_of(asked: ReadoutLine) -> tuple[float, ...]:
    """The planned shares, which sum to 1 whatever the weights sum to; equal where none are given."""
    weights = asked.weights if asked.weights is not None else [1.0] * len(asked.arms)
    if len(weights) != len(asked.arms):
        raise ReadoutError("weights_mismatch", f"weights: has {len(weights)} entries for {len(asked.arms)} arms")
    whole = math.fsum(weights)
    if not whole > 0.0:
        raise ReadoutError("out_of_range", "weights: at least one must be above 0")
    shares = tuple(weight / whole for weight in weights)
    for i, share in enumerate(shares):
        if weights[i] and share < SMALLEST_SHARE:
            raise ReadoutError("out_of_range", f"weights[{i}]: is less than {SMALLEST_SHARE:g} of their sum")
    return shares


def checked(kind: str, index: int, arm: ArmLine, share: float) -> Arm:
    """Return the arm with its estimate; ReadoutError where a needed sum is missing or the sums contradict each other."""
    at = f"arms[{index}]"
    for field in FIELDS[kind]:
        if getattr(arm, field) is None:
            raise ReadoutError("missing_field", f"{at}.{field}: is needed for kind {kind}")
        if arm.n == 0 and getattr(arm, field) != 0:
            raise ReadoutError("inconsistent_sums", f"{at}.{field}: must be 0 without users (n is 0)")
    if kind == "ratio":
        return Arm(arm.name, arm.n, None, share, ratio_of(paired(at, arm)))
    if kind == "mean":
        return Arm(arm.name, arm.n, None, share, mean_of(single(at, arm)))
    converters = converters_of(at, arm)
    return Arm(arm.name, arm.n, converters, share, proportion_of(Moments.of_converters(arm.n, converters)))


def converters_of(at: str, arm: ArmLine) -> int:
    s = arm.s or 0
    if s != int(s):
        raise ReadoutError("inconsistent_sums", f"{at}.s: must be a whole number of users for kind proportion")
    if not 0 <= s <= arm.n:
        raise ReadoutError("inconsistent_sums", f"{at}.s: must be between 0 and n for kind proportion")
    if arm.ss is not None and arm.ss != s:
        raise ReadoutError("inconsistent_sums", f"{at}.ss: must equal s for kind proportion")
    return int(s)


def single(at: str, arm: ArmLine) -> Moments:
    s, ss = arm.s or 0, arm.ss or 0
    spread(at, arm.n, ("s", s), ("ss", ss))
    return Moments(arm.n, s, ss)


def paired(at: str, arm: ArmLine) -> PairedMoments:
    """Return the sums of a ratio, whose covariance must fit its variances (Cauchy-Schwarz)."""
    sums = PairedMoments(arm.n, arm.m_s or 0, arm.m_ss or 0, arm.d_s or 0, arm.d_ss or 0, arm.md or 0)
    if sums.d_s < 0:
        raise ReadoutError("inconsistent_sums", f"{at}.d_s: must be at least 0; a denominator counts something")
    spread(at, arm.n, ("m_s", sums.m_s), ("m_ss", sums.m_ss))
    spread(at, arm.n, ("d_s", sums.d_s), ("d_ss", sums.d_ss))
    m, mm, d, dd, md = (exact(x) for x in (sums.m_s, sums.m_ss, sums.d_s, sums.d_ss, sums.md))
    covariance = arm.n * md - m * d
    if covariance * covariance > (arm.n * mm - m * m) * (arm.n * dd - d * d) + exact(TOLERANCE) * arm.n * arm.n * mm * dd:
        raise ReadoutError("inconsistent_sums", f"{at}.md: is larger than m_s, m_ss, d_s and d_ss allow")
    return sums


def spread(at: str, n: int, total: tuple[str, Number], squares: tuple[str, Number]) -> None:
    """Refuse a sum of squares below the square of the sum over n, which no values can have."""
    s, ss = exact(total[1]), exact(squares[1])
    slack = exact(TOLERANCE) if isinstance(total[1] + squares[1], float) else 0
    if ss < 0 or n * ss * (1 + slack) < s * s:
        raise ReadoutError("inconsistent_sums", f"{at}.{squares[0]}: is less than {total[0]} squared over n")
