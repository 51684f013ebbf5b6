"""`pmon explain`: which segment moved between two tables of counts, how sure that is, and what was only mix."""

from collections.abc import Mapping
from typing import Any

import click

from streams.cli.console import INPUT, opened, print_answers, text_of
from streams.cli.problem import UsageProblem


class Chance(click.FloatRange):
    """A number between 0 and 1, ends excluded; NaN, which is neither below nor above anything, is none."""

    def __init__(self) -> None:
        super().__init__(0.0, 1.0, min_open=True, max_open=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        return number if number == number else self.fail("must be a number between 0 and 1", param, ctx)


@click.command("explain", short_help="Which segment moved, and what was only mix?")
@click.option("--before", metavar="A.csv", help="Counts before; with a header line, - is standard input.")
@click.option("--after", metavar="B.csv", help="Counts after.")
@click.option("--numerator", metavar="K", help="The column that is counted, such as clicks.")
@click.option("--denominator", metavar="N", help="The column it is counted of, such as exposures.")
@click.option("--dimensions", metavar="a,b,c", help="The columns that name segments; default: the others that are not numbers.")
@click.option("--direction", type=click.Choice(["up", "down", "both"]), default=None, help="Which way it moved; default both.")
@click.option("--alpha", type=Chance(), default=0.01, show_default=True, help="The chance of naming a segment where none moved.")
@INPUT
def command(
    before: str | None,
    after: str | None,
    numerator: str | None,
    denominator: str | None,
    dimensions: str | None,
    direction: Any,
    alpha: float,
    path: str | None,
) -> int:
    """Explain a change between two CSV files, or each cube of a file of JSON lines; one JSON line an answer.

    Exit code 1 where a line was in error.

    \b
    Example:
      echo '{"dimensions":["channel"],"before":[[["web"],300,9000]],"after":[[["web"],150,9000]]}' | pmon explain
    """
    from governance.explanation import explain_lines

    given = {"--before": before, "--after": after, "--numerator": numerator, "--denominator": denominator}
    if not any(given.values()) and dimensions is None:
        with opened(path or "-") as file:
            return print_answers(explain_lines(file, alpha=alpha, direction=direction), wrong)
    missing = [name for name, value in given.items() if value is None]
    if missing or path is not None:
        name = (missing or ["--input"])[0]
        raise UsageProblem(f"{name}: two CSV files need --before, --after, --numerator and --denominator, and no --input")
    names = None if dimensions is None else [name.strip() for name in dimensions.split(",")]
    if numerator == denominator:
        raise UsageProblem("--denominator: must be another column than the numerator's")
    if names is not None and (len(set(names)) != len(names) or {numerator, denominator} & set(names)):
        raise UsageProblem("--dimensions: must name each column once, and neither of the two that are counted")
    return print_answers([csv_answer(before or "", after or "", numerator or "", denominator or "", names, direction, alpha)], wrong)


def csv_answer(
    before: str, after: str, numerator: str, denominator: str, names: list[str] | None, direction: Any, alpha: float
) -> Mapping[str, Any]:
    """Return the answer to two CSV files; raises UsageProblem naming file, line and column."""
    from governance.explanation import ExplanationError, cube_of_csv, explain_cube

    try:
        cube = cube_of_csv(text_of(before), text_of(after), numerator=numerator, denominator=denominator, dimensions=names)
    except ExplanationError as error:
        raise UsageProblem(f"--{error}") from None
    return explain_cube(cube, alpha=alpha, direction=direction)


def wrong(answer: Mapping[str, Any]) -> bool:
    """Return whether an answer is an error."""
    return answer["error"] is not None
