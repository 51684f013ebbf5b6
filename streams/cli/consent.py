"""`pmon consent decode`: strict TCF and GPP decoding, one answer a string."""

import click

from streams.cli.console import INPUT, opened, print_answers
from streams.cli.problem import UsageProblem


@click.group("consent", short_help="Decode consent strings.")
def command() -> None:
    """Look into consent: what a string says.

    \b
    Example:
      pmon consent decode CQSbk4AQSbk4ANwAAAENAwCgAAAAAAAAAAYgACPAAAAA.IDKQA4AAgAKAGQAygAAA
    """


@command.command("decode", short_help="Decode TCF and GPP strings.")
@click.argument("strings", metavar="[STRING]...", nargs=-1)
@INPUT
def decode(strings: tuple[str, ...], path: str | None) -> int:
    """Decode each STRING, or each line of a file of JSON strings or {"input": "..."}; one JSON line an answer, order kept.

    A string that breaks a rule of its specification is answered with an error and the bit it is at, never half decoded. Exit code
    1 where there was one.

    \b
    Example:
      pmon consent decode CQSbk4AQSbk4ANwAAAENAwCgAAAAAAAAAAYgACPAAAAA.IDKQA4AAgAKAGQAygAAA
    """
    from governance.consent_string.answers import as_answer, decode_lines
    from governance.consent_string.decode import decode as decode_one

    if bool(strings) == (path is not None):
        raise UsageProblem("consent decode: say either STRING arguments or --input FILE")
    if path is None:
        return print_answers((as_answer(text, decode_one(text)) for text in strings), lambda answer: not answer["ok"])
    with opened(path) as file:
        lines = (line.decode("utf-8", "replace") for line in file)
        return print_answers(decode_lines(lines), lambda answer: not answer["ok"])
