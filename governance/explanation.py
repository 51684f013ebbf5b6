"""The explain calculator: one JSON line with a cube in, one answer out: which segment moved, and what was only mix.

A cube has counts before and after per cell (`detectors.segment` finds the segment). A line that cannot be true is answered
with an error that names the field and never repeats a value.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, combinations
from typing import Any, get_args

from pydantic_core import from_json

from detectors.cube import Cube, InvalidCubeError, Row, Value, Where, cube_of
from detectors.lattice import DEEPEST
from detectors.scan import Direction
from detectors.segment import Segment, attribute

LARGEST_COUNT = 10**15
LARGEST_SCAN = 20_000_000  # rows × combinations of dimensions: some seconds and 300 MB
NOTHING: dict[str, Any] = {
    "before_rate": None,
    "after_rate": None,
    "rate_effect": None,
    "mix_effect": None,
    "global": None,
    "segments": [],
    "candidates": [],
}
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|nan|[+-]?inf(inity)?", re.IGNORECASE)
LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")  # with its end, which belongs to a value in quotes; no other mark ends one
WHOLE = re.compile(r"\d{1,16}(\.0*)?")


class ExplanationError(ValueError):
    """A cube that cannot be explained; never retried. `code` is for programs, the message names the field and the rule it breaks."""

    def __init__(self, code: str, field: str, rule: str) -> None:
        super().__init__(f"{field}: {rule}")
        self.code = code


def explain_lines(lines: Iterable[bytes | str], *, alpha: float = 0.01, direction: Direction | None = None) -> Iterator[dict[str, Any]]:
    """Answer every line in order; a bad line is answered with its error, a blank one is passed over."""
    return (explain_line(line, alpha=alpha, direction=direction) for line in lines if line.strip())


def explain_line(line: bytes | str, *, alpha: float = 0.01, direction: Direction | None = None) -> dict[str, Any]:
    """Return the answer to one cube as interface §4 has it, with `error` null or `{code, message}`.

    `alpha` in (0, 1) is the chance to name a segment where none stands out; `direction` goes before the cube's own, which
    is `both` where it has none.
    """
    try:
        cube = from_json(line, allow_inf_nan=True)
    except ValueError:
        return failed(None, ExplanationError("not_json", "line", "must be one JSON value in UTF-8"))
    return explain_cube(cube, alpha=alpha, direction=direction)


def explain_cube(cube: object, *, alpha: float = 0.01, direction: Direction | None = None) -> dict[str, Any]:
    """Return the answer to a cube that is already read: an object with dimensions, before, after, and maybe id and direction."""
    if not isinstance(cube, Mapping):
        return failed(None, ExplanationError("not_an_object", "line", "must be a JSON object"))
    name = id_of(cube)
    try:
        return {"id": name, **answer(cube, alpha, direction), "error": None}
    except ExplanationError as error:
        return failed(name, error)


def failed(name: str | int | None, error: ExplanationError) -> dict[str, Any]:
    return {"id": name, **NOTHING, "error": {"code": error.code, "message": str(error)}}


def id_of(cube: Mapping[str, Any]) -> str | int | None:
    """The id as far as it can be given back: text of at most 128 characters or a whole number."""
    found = cube.get("id")
    if isinstance(found, str):
        return found if len(found) <= 128 else None
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def answer(asked: Mapping[str, Any], alpha: float, direction: Direction | None) -> dict[str, Any]:
    """Return what is said of a cube apart from its id; ExplanationError where it cannot be."""
    names = names_of(asked)
    cube = checked(names, rows_of(asked, "before"), rows_of(asked, "after"))
    found = attribute(cube, direction=direction or direction_of(asked), alpha=alpha)
    return {
        "before_rate": found.before.rate,
        "after_rate": found.after.rate,
        "rate_effect": found.effects.rate if found.effects else None,
        "mix_effect": found.effects.mix if found.effects else None,
        "global": not found.segments,
        "segments": [row_of(segment, names) for segment in found.segments],
        "candidates": [
            {"where": placed(candidate.where, names), "log_likelihood_ratio": candidate.log_likelihood_ratio}
            for candidate in found.candidates
        ],
    }


def row_of(segment: Segment, names: Sequence[str]) -> dict[str, Any]:
    return {
        "where": placed(segment.where, names),
        "log_likelihood_ratio": segment.log_likelihood_ratio,
        "bar": segment.bar,
        "k_before": segment.before.k,
        "n_before": segment.before.n,
        "k_after": segment.after.k,
        "n_after": segment.after.n,
        "share_of_change": segment.share_of_change,
        "rate_ratio_ci": list(segment.rate_ratio_ci) if segment.rate_ratio_ci else None,
    }


def placed(where: Where, names: Sequence[str]) -> dict[str, Value]:
    """Return the fixed values in the order of the cube's dimensions."""
    fixed = dict(where)
    return {name: fixed[name] for name in names if name in fixed}


def checked(names: Sequence[str], before: Sequence[Row], after: Sequence[Row]) -> Cube:
    scanned = sum(1 for depth in range(1, DEEPEST + 1) for _ in combinations(names[:64], depth))
    if len(names) > 64 or scanned * (len(before) + len(after)) > LARGEST_SCAN:
        raise ExplanationError("too_large", "dimensions", "are too many for so many rows; leave some out and add up the rows")
    try:
        return cube_of(names, before, after)
    except InvalidCubeError as error:
        raise ExplanationError("invalid_field", error.field, str(error)) from None


def names_of(asked: Mapping[str, Any]) -> list[str]:
    found = asked.get("dimensions")
    if found is None:
        raise ExplanationError("missing_field", "dimensions", "is missing")
    if not isinstance(found, list):
        raise ExplanationError("invalid_field", "dimensions", "must be a list of names")
    for i, name in enumerate(found):
        if not isinstance(name, str) or not name:
            raise ExplanationError("invalid_field", f"dimensions[{i}]", "must be a name")
    return found


def direction_of(asked: Mapping[str, Any]) -> Direction:
    found = asked.get("direction")
    for known in get_args(Direction):
        if found == known:
            return known  # type: ignore[no-any-return]
    if found is not None:
        raise ExplanationError("invalid_field", "direction", "must be up, down or both")
    return "both"


def rows_of(asked: Mapping[str, Any], side: str) -> list[Row]:
    found = asked.get(side)
    if found is None:
        raise ExplanationError("missing_field", side, "is missing")
    if not isinstance(found, list):
        raise ExplanationError("invalid_field", side, "must be a list of rows")
    if well_formed(found):
        return found
    return [row_at(f"{side}[{i}]", row) for i, row in enumerate(found)]


def well_formed(rows: list[Any]) -> bool:
    """Say in a few passes whether nothing has to be changed or complained about; most cubes are thousands of such rows."""
    if set(map(type, rows)) != {list} or set(map(len, rows)) != {3}:
        return False
    keys, k, n = zip(*rows, strict=True)
    if set(map(type, keys)) != {list} or set(map(type, chain(k, n))) != {int}:
        return False
    return bool(min(*k, *n) >= -LARGEST_COUNT and max(*k, *n) <= LARGEST_COUNT)


def row_at(field: str, row: object) -> Row:
    """Return [[value, …], k, n] as a row; whole numbers only, however they are written."""
    if not isinstance(row, list) or len(row) != 3:
        raise ExplanationError("invalid_field", field, "must be a list of three: the cell's values, numerator, denominator")
    key, k, n = row
    if not isinstance(key, list):
        raise ExplanationError("invalid_field", f"{field}[0]", "must be the list of the cell's values")
    return key, count_at(field, 1, k), count_at(field, 2, n)


def count_at(field: str, place: int, value: object) -> int:
    if type(value) is int and -LARGEST_COUNT <= value <= LARGEST_COUNT:
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) <= LARGEST_COUNT:
        return int(value)
    name = "numerator" if place == 1 else "denominator"
    raise ExplanationError("invalid_field", f"{field}[{place}]", f"must be the {name}, a whole number of at most 10^15")


def cube_of_csv(before: str, after: str, *, numerator: str, denominator: str, dimensions: Sequence[str] | None = None) -> dict[str, Any]:
    """Return the cube of two CSV texts with a header line, ready for `explain_cube`; values of dimensions stay text.

    `dimensions` None takes every other column that both texts have and that holds something else than numbers somewhere.
    Raises ExplanationError naming the text, line and column.
    """
    tables = {"before": table_of("before", before), "after": table_of("after", after)}
    for field, (header, _) in tables.items():
        for column in (numerator, denominator, *(dimensions or ())):
            if column not in header:
                raise ExplanationError("missing_field", field, f"has no column {column!r}")
    names = list(dimensions) if dimensions is not None else telling_columns(tables, {numerator, denominator})
    if not names:
        raise ExplanationError("missing_field", "dimensions", "name some: all columns that both texts have are numbers")
    rows = {field: csv_rows(field, table, names, numerator, denominator) for field, table in tables.items()}
    return {"id": None, "dimensions": names, **rows}


Table = tuple[list[str], list[tuple[int, list[str]]]]  # header, (line number, values)


def table_of(field: str, text: str) -> Table:
    reader = csv.reader(LINE.findall(text.removeprefix("\ufeff")), strict=True)
    lines = []
    try:
        for values in reader:
            if any(value.strip() for value in values):
                lines.append((reader.line_num, [value.strip() for value in values]))
    except csv.Error:
        raise ExplanationError("invalid_field", f"{field}, line {reader.line_num}", "is not CSV") from None
    if not lines:
        raise ExplanationError("missing_field", field, "has no header line")
    (_, header), *rows = lines
    if len(set(header)) != len(header):
        raise ExplanationError("invalid_field", f"{field}, line 1", "must not name a column twice")
    for number, values in rows:
        if len(values) != len(header):
            rule = f"must have {len(header)} values like the header, has {len(values)}"
            raise ExplanationError("invalid_field", f"{field}, line {number}", rule)
    return header, rows


def telling_columns(tables: Mapping[str, Table], counts: set[str]) -> list[str]:
    """Return the columns both tables have, apart from the counts, that are not all numbers, in the order of the first."""
    first, second = tables["before"], tables["after"]
    return [name for name in first[0] if name in second[0] and name not in counts and not (numeric(first, name) and numeric(second, name))]


def numeric(table: Table, name: str) -> bool:
    place = table[0].index(name)
    return all(NUMBER.fullmatch(values[place]) for _, values in table[1])


def csv_rows(field: str, table: Table, names: Sequence[str], numerator: str, denominator: str) -> list[list[Any]]:
    header, rows = table
    places = [header.index(name) for name in names]
    k, n = header.index(numerator), header.index(denominator)
    for number, values in rows:
        for name, place in ((numerator, k), (denominator, n)):
            if not WHOLE.fullmatch(values[place]):
                raise ExplanationError("invalid_field", f"{field}, line {number}, {name}", "must be a whole number, 0 or more")
        if count(values[k]) > count(values[n]):
            raise ExplanationError("invalid_field", f"{field}, line {number}, {numerator}", f"must be at most {denominator}")
    return [[[values[place] for place in places], count(values[k]), count(values[n])] for _, values in rows]


def count(text: str) -> int:
    return int(text.partition(".")[0])
