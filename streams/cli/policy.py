"""`pmon policy`: rule changes held to the policies, and the policies themselves."""

import sys
from collections.abc import Iterator
from typing import Any

import click

from governance.checklist import Checklist, checklist
from governance.config import Config
from governance.config.sources import map_record
from governance.difference import version_differences
from governance.message.reading import RULES, Refusal, read
from governance.message.rule_change import RuleChange
from governance.policy import InForce, Policy
from governance.rule_book import RuleBook
from streams.cli.checklist_view import table
from streams.cli.console import ACT, AS_JSON, print_answers, print_document, screen
from streams.cli.policy_files import policies_of, shipped_text
from streams.cli.problem import UsageProblem
from streams.cli.replay import CONFIG, INPUTS, config_of, instant
from streams.event_file import BrokenLine, read_events
from streams.file_replay import own_time_of
from streams.kernel.record import Record
from streams.settings import read_settings


@click.group("policy", short_help="Hold rule changes to the policies.")
def command() -> None:
    """Policies: `test` holds rule changes to them, `show` prints the one that is shipped.

    \b
    Example:
      pmon policy show
    """


@command.command("show", short_help="Print the policy that is shipped.")
def show() -> None:
    """Print the policy file that holds where a config names none, to start one of your own from.

    \b
    Example:
      pmon policy show
    """
    click.echo(shipped_text(), nl=False)


@command.command("test", short_help="Rule changes through the policies: the checklist.")
@CONFIG
@INPUTS
@click.option("--at", metavar="TIME", help="What is waited for is judged as of then; default: the largest stamp of the input.")
@click.option("--table", "as_table", is_flag=True, help="A table, as on a terminal, where the output is a pipe.")
@AS_JSON
def test(config: str | None, paths: tuple[str, ...], at: str | None, as_table: bool, as_json: bool) -> int:
    """Hold every rule change of event files to the policies of a config; without policy files, to the one that is shipped.

    On a terminal a table, in a pipe one JSON line a row (a check of a change), with --json one document. Exit code 1 where a check fails
    or a rule change could not be read.

    \b
    Example:
      echo '{"topic":"rule-changes","key":"home","value":{"event_id":"r-1","occurred_at":"2026-11-22T09:00:00Z","change_id":"chg-1",\\
        "initiative":"home","rule_id":"rule-1","version":2,"action":"deployed"}}' | pmon policy test --input - --table
    """
    if not paths:
        raise UsageProblem("--input: name at least one event file")
    settings = read_settings()
    path = config or (str(settings.config) if settings.config else None)
    found = config_of(config, settings) or Config(version=1)
    policies = policies_of(found, path)
    intake = _Intake(found)
    book = RuleBook.of(intake.changes(paths, settings.partitions))
    given = instant("--at", at)
    now = intake.last if given is None else given
    judged = checklist(book, InForce.only(found, policies), now)
    if as_json:
        print_document(_document(judged, book.until(now), policies, intake.refused))
    elif as_table or sys.stdout.isatty():
        click.echo(table(judged, version_differences(book.until(now)), intake.refused, screen()), nl=False)
    else:
        print_answers([*lines(judged), *intake.refused], lambda answer: False)
    return ACT if judged.failed() or intake.refused else 0


def lines(judged: Checklist) -> Iterator[dict[str, Any]]:
    """Yield every row with the change it is about, a change after the other."""
    for one in judged.changes:
        about = {"change_id": one.change.change_id, "rule_id": one.change.rule_id, "initiative": one.change.initiative}
        for row in one.rows:
            yield {**row.plain(), **about, "version": one.version, "state": one.state, "error": None}


class _Intake:
    """Reads the rule changes out of event files, counting on the way how late it is and what could not be read."""

    def __init__(self, config: Config) -> None:
        self.last = 0
        self.refused: list[dict[str, Any]] = []
        self._own_time = own_time_of(config)
        self._sources = {source.topic: source for source in config.sources}

    def changes(self, paths: tuple[str, ...], partitions: int) -> Iterator[tuple[RuleChange, int, int]]:
        """Yield each rule change with its partition and offset."""
        for record in read_events(paths, partitions, self._own_time):
            self.last = max(self.last, record.timestamp)
            if isinstance(record, BrokenLine):
                self._refuse("broken_line", record.reason, line=record.line_number)
                continue
            found = self._read(record)
            if isinstance(found, Refusal):
                message = found.message or f"{found.path or 'the record'} is {found.code}"
                self._refuse(found.code, message, topic=record.topic, partition=record.partition, offset=record.offset)
            elif found is not None:
                yield found, record.partition, record.offset

    def _read(self, record: Record) -> RuleChange | Refusal | None:
        source = self._sources.get(record.topic)
        topic = record.topic if source is None else source.as_
        if topic != RULES or record.value is None:
            return None
        value = record.value if source is None else map_record(source, record.value)
        if isinstance(value, Refusal):
            return value
        found = read(RULES, record.key, value)
        assert isinstance(found, RuleChange | Refusal)
        return found

    def _refuse(self, code: str, message: str, **place: Any) -> None:
        empty: dict[str, Any] = {"check": None, "status": None, "change_id": None, "rule_id": None}
        self.refused.append({**empty, "error": {"code": code, "message": message}, **place})


def _document(judged: Checklist, book: RuleBook, policies: tuple[Policy, ...], refused: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "counts": judged.counts(),
        "checks": [row.plain() for row in judged.rows()],
        "changes": [one.plain() for one in judged.changes],
        "diffs": version_differences(book),
        "policies": [{"id": one.id, "policy_version": one.policy_version, "sha256": one.sha256} for one in policies],
        "refused": refused,
    }
