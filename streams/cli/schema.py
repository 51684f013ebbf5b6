"""`pmon schema`: the JSON Schema of every message and of the config."""

import difflib
from pathlib import Path

import click

from governance.message.schema import MODELS, schema_text, schemas
from streams.cli.console import print_document
from streams.cli.problem import UsageProblem


@click.command("schema", short_help="JSON Schema of a message or of the config.")
@click.argument("name", metavar="[NAME]", required=False)
@click.option("--all", "everything", is_flag=True, help="Every schema: one document by name, or one file each with --out.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Write NAME.json files into DIR.")
def command(name: str | None, everything: bool, out: Path | None) -> int:
    """Print the JSON Schema (2020-12) of NAME; without a name the names there are.

    \b
    Example:
      pmon schema incident
    """
    if everything == (name is not None) and (everything or out):
        raise UsageProblem("schema: say either a NAME or --all; `pmon schema` lists the names")
    if name is not None and name not in MODELS:
        close = difflib.get_close_matches(name, list(MODELS), n=1)
        raise UsageProblem(f"schema: no such name; {f'did you mean {close[0]}' if close else 'known are ' + ', '.join(sorted(MODELS))}")
    if out is not None:
        for found in sorted(MODELS) if name is None else [name]:
            _write(out / f"{found}.json", schema_text(found))
    elif name is not None:
        click.echo(schema_text(name), nl=False)
    elif everything:
        print_document(schemas())
    else:
        click.echo("\n".join(sorted(MODELS)))
    return 0


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageProblem(f"{path}: cannot be written: {error.strerror}") from None
