"""The experiments on the page: each one's decision, and its interval on an axis that all of them share."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from governance.config import Config
from reporting.chart.interval import Row, reach_of, whisker, whisker_axis
from reporting.figure import NBSP, integer
from reporting.view.experiment import ACTIONS, UNFIT, name_of, scale, signed
from streams.read_model.situation import Published, Situation

WIDTH = 320.0  # what fits beside the incidents and on a phone
COLOURS = {"ship": ("pass", "good"), "rollback": ("fail", "bad"), "stop": ("fail", "bad"), "continue": ("pending", "info")}
POINTS = "pp"


def trials(situation: Situation, config: Config) -> dict[str, Any]:
    """Return each experiment as the latest report read it out; those the config names and nobody has read out are said to be so."""
    report = situation.overview.report or {}
    found = list(report.get("experiments") or ())
    if found:
        drawn = [(one, row_of(one)) for one in found]
        reach = reach_of([row for _, row in drawn if row is not None])
        rows = [_row(one, row, reach) for one, row in drawn]
        axis = Markup(whisker_axis(reach, WIDTH)) if any(row is not None for _, row in drawn) else ""
        return {"rows": rows, "why": None, "axis": axis, "scope": "95\u00a0%, valid at every look"}
    own = config.initiatives.get(situation.overview.initiative)
    names = list(own.experiments) if own is not None else []
    why = None if names else "None configured."
    rows = [_told(name, "", "Not evaluated", "none", "plain", "no report has read it out yet") for name in names]
    return {"rows": rows, "why": why, "axis": "", "scope": ""}


def row_of(experiment: Published) -> Row | None:
    """Return the first treatment on the first goal, in points; None where there is none or its unit is another."""
    metrics = (experiment.get("readout") or {}).get("metrics") or ()
    if not metrics or scale(metrics[0])[1] != POINTS or not metrics[0]["arms"]:
        return None
    factor = scale(metrics[0])[0]
    arm, one = next(iter(metrics[0]["arms"].items()))
    fixed = one["fixed_horizon"]["ci"] if one["users"] is not None else None
    good = {"better": True, "worse": False, "harmed": False}.get(one["status"])
    return Row(
        f"{experiment['id']}, {arm}",
        None if one["difference"] is None else one["difference"] * factor,
        _times(one["ci"], factor),
        _times(fixed, factor),
        str(one["status"]),
        (experiment.get("decision") or {}).get("reason") not in UNFIT,
        good,
    )


def _times(ends: Sequence[float] | None, factor: float) -> tuple[float, float] | None:
    return None if ends is None else (ends[0] * factor, ends[1] * factor)


def _row(experiment: Published, row: Row | None, reach: tuple[float, float]) -> dict[str, Any]:
    decision = experiment.get("decision")
    action = decision["action"] if decision else None
    shape, colour = COLOURS.get(str(action), ("none", "plain"))
    metrics = (experiment.get("readout") or {}).get("metrics") or ()
    told = _told(
        str(experiment["id"]),
        name_of(metrics[0]) if metrics else "",
        ACTIONS.get(str(action), "Not decided"),
        shape,
        colour,
        _why(experiment, decision),
    )
    if row is not None:
        told["chart"] = Markup(whisker(row, reach, WIDTH))
        if row.value is not None and row.ends is not None:
            told["difference"] = f"{signed(row.value)}{NBSP}pp" + ("" if row.usable else ", not usable")
    return told


def _why(experiment: Published, decision: Mapping[str, Any] | None) -> str:
    if decision is None:
        return str(experiment.get("why") or "nothing is decided")
    togo = (experiment.get("readout") or {}).get("users_to_go")
    reason = str(decision["reason"]).replace("_", " ")
    return f"{reason}, about {integer(togo)} people to go" if togo and decision["action"] == "continue" else reason


def _told(name: str, metric: str, decision: str, shape: str, colour: str, said: str) -> dict[str, Any]:
    return {
        "name": name,
        "metric": metric,
        "decision": decision,
        "shape": shape,
        "colour": colour,
        "said": said,
        "chart": "",
        "difference": "",
    }
