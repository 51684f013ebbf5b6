"""Why a verb cannot do what was asked, as an exit code and a message: what, where, what would be right."""

from typing import IO, Any

import click

from reporting.safe import plain

USAGE = 2
NOT_REACHABLE = 3


class UsageProblem(click.ClickException):
    """Wrong usage, config or input; the message names the place and what would be right."""

    exit_code = USAGE

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message, one line a fault, each behind the program's name; what it quotes cannot steer a terminal."""
        for line in self.message.splitlines():
            click.echo(f"pmon: {plain(line)}", file=file, err=file is None)


class NotReachable(UsageProblem):
    """Broker, Redis or server does not answer; the message names the address and how to start or name another."""

    exit_code = NOT_REACHABLE
