"""The command line: one module a verb, each with `command`; `program` says which there are."""

from streams.cli.program import main

__all__ = ["main"]
