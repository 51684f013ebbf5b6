"""`pmon` itself: which verbs there are, and what each ending means to the shell.

A verb is a module with a click command named `command` that returns its exit code (None is 0), and one line in VERBS. It is
imported when it is asked for, so that `pmon check` does not wait for numpy.
"""

import os
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import Final

import click

from governance.config import ConfigError
from streams.cli.problem import USAGE, UsageProblem
from streams.cli.version import version
from streams.collector import collect_rarely
from streams.event_file import EventFileError
from streams.settings import SettingsError

VERBS: Final[dict[str, str]] = {  # in the order of --help
    "demo": "streams.cli.demo",
    "run": "streams.cli.run",
    "produce": "streams.cli.produce",
    "tail": "streams.cli.tail",
    "topics": "streams.cli.topics",
    "doctor": "streams.cli.doctor",
    "replay": "streams.cli.replay",
    "report": "streams.cli.report",
    "incidents": "streams.cli.incidents",
    "audit": "streams.cli.audit",
    "check": "streams.cli.check",
    "schema": "streams.cli.schema",
    "asyncapi": "streams.cli.asyncapi",
    "consent": "streams.cli.consent",
    "policy": "streams.cli.policy",
    "readout": "streams.cli.readout",
    "explain": "streams.cli.explain",
    "backtest": "streams.cli.backtest",
    "score": "streams.cli.score",
    "simulate": "streams.cli.simulate",
}
DEFECT = 70
INTERRUPTED = 130
PROJECT = Path(__file__).parents[2]


class Verbs(click.Group):
    """The verbs of VERBS, imported when asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order of the table."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a verb, None where there is none of the name."""
        if cmd_name not in VERBS:
            return None
        command = import_module(VERBS[cmd_name]).command
        assert isinstance(command, click.Command)
        return command


def _show_version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked:
        click.echo(f"pmon {version()}")
        ctx.exit()


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_show_version, help="Show the version.")
def program() -> None:
    """Watch personalization programs off the event bus.

    Exit codes: 0 fine; 1 done, and there is something to act on; 2 wrong usage, config or input; 3 broker, Redis or server not
    reachable; 70 a defect of pmon; 130 interrupted.
    """


def main(arguments: list[str] | None = None) -> int:
    """Run one command line; return its exit code (interface §3) and raise nothing."""
    collect_rarely()
    try:
        code = program.main(sys.argv[1:] if arguments is None else arguments, prog_name="pmon", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.ClickException as error:
        error.show(sys.stderr)
        return error.exit_code
    except (ConfigError, SettingsError, EventFileError) as error:
        UsageProblem(str(error)).show(sys.stderr)
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # the last line of defence: told as our defect, and without the values that the error may hold
        return _defect(error)


def _defect(error: Exception) -> int:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_ours(frame.filename)]
    place = f" at {Path(frames[-1].filename).relative_to(PROJECT)}:{frames[-1].lineno}" if frames else ""
    click.echo(f"pmon: a defect of pmon, not of your input: {type(error).__name__}{place} (pmon {version()})", err=True)
    click.echo("Report it with this line and the command; PMON_TRACEBACK=1 shows where it came from.", err=True)
    if os.environ.get("PMON_TRACEBACK") == "1":
        traceback.print_tb(error.__traceback__)
    return DEFECT


def _is_ours(filename: str) -> bool:
    path = Path(filename)
    return path.is_relative_to(PROJECT) and "site-packages" not in path.relative_to(PROJECT).parts
