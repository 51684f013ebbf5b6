"""`pmon consent decode`: strict TCF and GPP decoding, one answer a string; `pmon consent verify`: the proof of one verdict."""

import click

from streams.cli.console import AS_JSON, INPUT, opened, print_answers, print_document
from streams.cli.problem import UsageProblem
from streams.cli.replay import CONFIG, INPUTS, config_of, subject_key
from streams.settings import read_settings


@click.group("consent", short_help="Decode consent strings, prove verdicts.")
def command() -> None:
    """Look into consent: what a string says, and why an exposure had consent or had not.

    \b
    Example:
      pmon consent decode CQSbk4AQSbk4ANwAAAENAwCgAAAAAAAAAAYgACPAAAAA.IDKQA4AAgAKAGQAygAAA
    """


@command.command("decode", short_help="Decode TCF and GPP strings.")
@click.argument("strings", metavar="[STRING]...", nargs=-1)
@INPUT
def decode(strings: tuple[str, ...], path: str | None) -> int:
    """Decode each STRING, or each line of a file of JSON strings or {"input": "..."}; one JSON line an answer, order kept.

    A string that breaks a rule of its specification is answered with an error and the bit it is at, never half decoded. Exit code
    1 where there was one.

    \b
    Example:
      pmon consent decode CQSbk4AQSbk4ANwAAAENAwCgAAAAAAAAAAYgACPAAAAA.IDKQA4AAgAKAGQAygAAA
    """
    from governance.consent_string.answers import as_answer, decode_lines
    from governance.consent_string.decode import decode as decode_one

    if bool(strings) == (path is not None):
        raise UsageProblem("consent decode: say either STRING arguments or --input FILE")
    if path is None:
        return print_answers((as_answer(text, decode_one(text)) for text in strings), lambda answer: not answer["ok"])
    with opened(path) as file:
        lines = (line.decode("utf-8", "replace") for line in file)
        return print_answers(decode_lines(lines), lambda answer: not answer["ok"])


@command.command("verify", short_help="Prove the verdict of one exposure.")
@click.option("--event", "event", metavar="ID", required=True, help="The event id of the exposure.")
@INPUTS
@CONFIG
@AS_JSON
def verify(event: str, paths: tuple[str, ...], config: str | None, as_json: bool) -> int:
    """Judge the consent of one exposure out of event files, and show both records by their place in the log.

    Late records are taken in as far as they may correct a verdict; what they corrected is shown.

    \b
    Example:
      echo '{"topic":"engagement-events","key":"u","value":{"event_id":"e-1","occurred_at":"2026-11-22T10:00:00Z",
        "type":"exposure","initiative":"home","subject_id":"u","channel":"web"}}' | tr -d '\\n' > shown.jsonl
      pmon consent verify --event e-1 --input shown.jsonl
    """
    from streams.cli.consent_proof import proofs, told

    settings = read_settings()
    if not paths:
        raise UsageProblem("--input: name the event files that hold the exposure and the consent records")
    found = proofs(paths, config_of(config, settings), settings.partitions, subject_key(settings), event)
    if not found:
        raise UsageProblem(f"--event: no exposure {event!r} that counts was found in the input: name the `event_id` of one")
    if as_json:
        print_document(found[0] if len(found) == 1 else found)
    else:
        click.echo("\n".join(told(one) for one in found))
    return 0
