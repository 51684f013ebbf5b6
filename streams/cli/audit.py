"""`pmon audit`: whether an audit log is as it was written."""

from collections.abc import Iterator
from typing import Any

import click
import orjson

from governance.verification import Fault, Verification
from streams.cli.console import ACT, AS_JSON, print_document
from streams.cli.problem import UsageProblem
from streams.event_file import lines_of

AUDIT, INCIDENTS = "audit-log", "incidents"


@click.group("audit", short_help="Hold audit logs to their hash chains.")
def command() -> None:
    """The audit log: `verify` finds any edit, gap or wrong order in it.

    \b
    Example:
      pmon audit verify out/audit-log.jsonl out/incidents.jsonl
    """


@command.command("verify", short_help="Find any edit, gap or wrong order.")
@click.argument("paths", nargs=-1, required=True, metavar="FILE...")
@AS_JSON
def verify(paths: tuple[str, ...], as_json: bool) -> int:
    """Read the records of `audit-log` in FILE (JSON Lines as `pmon replay` and `pmon tail` write them), chain by chain.

    With records of `incidents` too, every step of every incident is held against its entry; that also finds an end that was cut off.
    The heads printed are worth noting elsewhere: what was cut off the end of a log shows against them. Exit code 1 where something
    is wrong, each fault with its file and line.

    \b
    Example:
      pmon audit verify out/audit-log.jsonl out/incidents.jsonl
    """
    verification = Verification()
    entries, faults = 0, []
    for place, record in records(paths):
        if isinstance(record, str):
            faults.append(Fault(place, None, record))
        elif record.get("topic") == AUDIT:
            entries += 1
            faults += verification.entry(place, record.get("key"), record.get("value"))
        elif record.get("topic") == INCIDENTS:
            faults += verification.incident(place, record.get("value"))
    faults += verification.rest()
    if not entries and not faults:
        raise UsageProblem(f"audit verify: no record of topic {AUDIT} in {', '.join(paths)}; name the file that holds them")
    if as_json:
        print_document(document(verification, entries, faults))
    else:
        for fault in faults:
            whose = "" if fault.initiative is None else f" [{orjson.dumps(fault.initiative).decode()}]"
            click.echo(f"{fault.place}:{whose} {fault.what}")
        for name, seen in sorted(verification.chains.items()):
            click.echo(f"{seen.sequence:>8,} entries  head {seen.head}  {orjson.dumps(name).decode()}")
        click.echo(f"{len(faults)} faults in {entries:,} entries" if faults else f"{entries:,} entries, every chain whole")
    return ACT if faults else 0


def document(verification: Verification, entries: int, faults: list[Fault]) -> dict[str, Any]:
    """Return the answer as one JSON document."""
    chains = {name: {"entries": seen.sequence, "head": seen.head} for name, seen in sorted(verification.chains.items())}
    told = [{"place": fault.place, "initiative": fault.initiative, "what": fault.what} for fault in faults]
    return {"ok": not faults, "entries": entries, "copies": verification.copies, "chains": chains, "faults": told}


def records(paths: tuple[str, ...]) -> Iterator[tuple[str, dict[str, Any] | str]]:
    """Yield (file:line, record) of every line, what is wrong with it where it is none."""
    for path in paths:
        for number, line in lines_of(path):
            place = f"{path}:{number}"
            try:
                record = orjson.loads(line)
            except orjson.JSONDecodeError:
                yield place, "is no JSON"
                continue
            yield place, record if isinstance(record, dict) else "is no record: a line must be an object with topic, key and value"
