"""A verb that fails, to see what `pmon` makes of it."""

import click


@click.command("stumble")
@click.option("--interrupted", is_flag=True)
def command(interrupted: bool) -> None:
    """Fail.

    \b
    Example:
      pmon stumble
    """
    if interrupted:
        raise KeyboardInterrupt
    raise KeyError("secret-person")
