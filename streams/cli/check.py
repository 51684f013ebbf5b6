"""`pmon check`: is a config right, and what does it come to with every default filled in."""

import click
import yaml

from governance.config import ConfigError, load_config
from governance.config.problem import Problem
from streams.cli.console import AS_JSON, print_document, text_of
from streams.cli.problem import USAGE, UsageProblem
from streams.sinks import unusable


@click.command("check", short_help="Is a config right? Prints it with every default filled in.")
@click.argument("config", metavar="CONFIG")
@AS_JSON
def command(config: str, as_json: bool) -> int:
    """Check CONFIG (YAML; - is standard input); print the effective config and its sha256.

    Faults come one a line, with file, line and path, and end in exit code 2. What is printed is a config that can be checked again, but
    for the addresses of sinks: they are masked.

    \b
    Example:
      echo 'version: 1' | pmon check -
    """
    source = "standard input" if config == "-" else config
    try:
        found = load_config(text_of(config), source)
        faults = [Problem(path, None, message) for path, message in unusable(found)]
        if faults:
            raise ConfigError(source, faults)
    except ConfigError as error:
        if as_json:
            problems = [{"path": problem.path, "line": problem.line, "message": problem.message} for problem in error.problems]
            print_document({"ok": False, "sha256": None, "config": None, "problems": problems})
        UsageProblem(str(error)).show()
        return USAGE
    if as_json:
        print_document({"ok": True, "sha256": found.sha256, "config": found.effective(), "problems": []})
    else:
        click.echo(f"# sha256: {found.sha256}")
        if found.sinks:
            click.echo("# Addresses of sinks are masked (***): write the real ones back before this is used as a config.")
        click.echo(yaml.safe_dump(found.effective(), sort_keys=False, allow_unicode=True, width=140), nl=False)
    return 0
