"""The HTML view: one file without script, charts inside, nothing fetched; light and dark on a screen, light on paper."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from reporting import figure, wording
from reporting.chart.mark import quoted
from reporting.recap import pace, recap
from reporting.view import experiment, picture, table
from reporting.view.canonical import digest
from reporting.view.checks import checks
from reporting.view.difference import differences


def render(report: Mapping[str, Any]) -> str:
    """Return the report as one HTML document; whatever a name or a reason holds is shown as text."""
    template = _environment().get_template("report.html.jinja")
    return template.render(
        report=report,
        recap=recap(report),
        pace=pace(report),
        table={**table.performance(report), **table.header(report)},
        tiles=table.tiles(report),
        checks=checks(report),
        differences=differences(report["governance"]["diffs"]),
        paths=table.paths(report),
        sight={"heads": table.SIGHT, "rows": table.sight(report), "frozen": table.frozen(report)},
        feeds=table.feeds(report),
        picture=picture.pictures(report),
        experiments={"lead": experiment.lead(report), "memos": experiment.memos(report, picture.WIDE, picture.NARROW)},
        digest=digest(report),
        today=report["period"]["watermark"],
        currency=table.currency(report["performance"]["totals"]["counts"]),
    )


@cache
def _environment() -> Environment:
    """Return the one environment: autoescape on, an unknown name is an error, every text passes `_shown`."""
    environment = Environment(
        loader=PackageLoader("reporting.view", "template"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(figure=figure, wording=wording, icon=picture.icon, level_bars=picture.level_bars, level_words=wording.levels)
    return environment


def _shown(value: Any) -> Any:
    """Make text harmless beyond what escaping does: control and direction marks, and braces a later template might read."""
    return value if isinstance(value, Markup) else Markup(quoted(value))
