"""`pmon asyncapi`: the AsyncAPI 3 document of every topic."""

import click

from streams.asyncapi import document
from streams.cli.console import print_document
from streams.cli.version import version


@click.command("asyncapi", short_help="AsyncAPI 3 document of every topic.")
@click.option("--json", "as_json", is_flag=True, help="The same: the document is JSON anyway.")
def command(as_json: bool) -> int:
    """Print the AsyncAPI 3 document of the bus: topics, messages, schemas.

    \b
    Example:
      pmon asyncapi
    """
    del as_json
    print_document(document(version()))
    return 0
