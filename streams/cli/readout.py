"""`pmon readout`: experiment sums in, readouts out that stay valid however often one looks."""

import click

from streams.cli.console import INPUT, opened, print_answers


@click.command("readout", short_help="Read out experiments from their sums.")
@INPUT
@click.option("--burn-in/--no-burn-in", default=True, help="Hold back intervals of arms with too little evidence (default).")
@click.option("--adjust", is_flag=True, help="Divide alpha by the number of treatments.")
def command(path: str | None, burn_in: bool, adjust: bool) -> int:
    """Answer each JSON line of experiment sums with its readout, order kept; exit code 1 where a line was in error.

    Fields of a line: id, kind (proportion, mean, ratio), arms (the first is control), and optionally alpha, tuning_n, srm_k,
    rate_k, weights.

    \b
    Example:
      echo '{"id":"exp-7","kind":"proportion","arms":[{"name":"a","n":9000,"s":310},{"name":"b","n":9000,"s":390}]}' | pmon readout
    """
    from governance.readout import read_out_lines

    with opened(path or "-") as file:
        return print_answers(read_out_lines(file, burn_in=burn_in, adjust=adjust), lambda answer: answer["error"] is not None)
