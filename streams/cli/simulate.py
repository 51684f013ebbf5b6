"""`pmon simulate`: an event file with a known truth beside it."""

from pathlib import Path

import click

from streams.cli.problem import UsageProblem
from streams.simulation.file import write, write_mixture
from streams.simulation.mixture import DAYS, Mixture
from streams.simulation.scenario import RATE, RECIPES, Scenario, scenario

MIXTURES = {"mixture": True, "mixture-quiet": False}  # name, whether there are faults


@click.command("simulate", short_help="Write made-up events with a known truth beside them.")
@click.option("--out", metavar="FILE", required=True, help="The event file; packed where it ends in .gz.")
@click.option(
    "--scenario", "name", type=click.Choice([*RECIPES, *MIXTURES]), default="fortnight", show_default=True, help="What goes wrong."
)
@click.option("--seed", type=int, default=7, show_default=True, help="The same seed gives the same bytes.")
@click.option("--days", type=int, default=None, help="Default: 14 for the fortnight, 42 for a mixture, else 2.")
@click.option("--rate", type=int, default=RATE, show_default=True, help="Engagement events an hour, on average; a mixture has its own.")
def command(out: str, name: str, seed: int, days: int | None, rate: int) -> int:
    """Write an event file of all streams to FILE, what really happened to FILE.truth.json, and a config that fits to FILE.config.yaml.

    The truth lists incidents by kind, key, start and end, and consent violations by event id. A mixture is what detectors are measured on:
    tallies of thirty cells of all sizes over six weeks, and of each fault whether one who knows it beforehand could be sure of it.

    \b
    Example:
      pmon simulate --out events.jsonl --scenario ctr-drop --days 1
      pmon replay --config events.jsonl.config.yaml --input events.jsonl --out out && pmon incidents --from out
    """
    try:
        if name in MIXTURES:
            story: Mixture | Scenario = Mixture(seed, days=DAYS if days is None else days, faults=MIXTURES[name])
        else:
            story = scenario(name, days, rate)
    except ValueError as error:
        raise UsageProblem(f"--{error}") from None
    try:
        path = Path(out)
        truth, config = write_mixture(story, path) if isinstance(story, Mixture) else write(story, seed, path)
    except OSError as error:
        raise UsageProblem(f"--out: {out} cannot be written: {error.strerror}") from None
    click.echo(f"{out}\n{truth}\n{config}")
    return 0
