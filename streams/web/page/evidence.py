"""What an incident rests on, drawn: its key figure by hour against its bound, or the events of a feed that fell silent."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from detectors.cell import CONSENT
from detectors.kpi import VIOLATIONS
from detectors.window import HOUR
from governance.config import Config
from governance.message.instant import format_instant, parse_instant
from reporting.chart.series import Series, observed_series
from reporting.figure import bare_rate, clock, integer, points, rate
from reporting.likely import Range
from reporting.wording import label, sentence, where
from streams.read_model.situation import Published, Situation, Story
from streams.web.page.hours import SHOWN, Span, definitions_of, ranges, spans, troubled
from streams.web.page.mark import hours_bars

HOURS, NARROW_HOURS = 24, 14
WIDE, NARROW = 592.0, 326.0
LABELS, NARROW_LABELS = 6, 3
BAND = "The band is where 99 of 100 hours lie by the two days kept here, hours of incidents left out; it describes, detectors judge."

Picture = dict[str, Any]


def evidence(
    story: Story, situation: Situation, config: Config, bound: Mapping[str, Any] | None, suspects: Sequence[Mapping[str, Any]]
) -> Picture | None:
    """Return the chart of an incident's own place, at two widths, with the numbers beside it as a table; None where it has none."""
    data = story.now
    kpi = data["key"].get("kpi") or (bound or {}).get("kpi")
    until = situation.overview.closed if story.active else min(situation.overview.closed, parse_instant(data["updated_at"]) + HOUR)
    whole = spans(situation.hours, until, data["key"], SHOWN)
    hours = whole[-HOURS:]
    if not hours:
        return None
    breached = _breached(hours, data)
    if data["check"] == "consent_violation":
        verdicts = [data["key"]["verdict"]] if data["key"].get("verdict") else list(VIOLATIONS)
        counted = [sum(span.counts.get(CONSENT + verdict, 0) for verdict in verdicts) for span in hours]
        return _counted("Violations", counted, hours, breached, data)
    if kpi == "freshness_s":
        return _counted("Exposures", [span.counts.get("exposures", 0) for span in hours], hours, breached, data)
    definitions = definitions_of(config, situation.overview.initiative)
    if kpi is None or kpi not in definitions or definitions[kpi].numerator == "revenue_minor":
        return None
    values = [span.value(kpi, definitions) for span in hours]
    if all(value is None for value in values[-NARROW_HOURS:]):
        return None

    near = [other for other in situation.incidents if other is story or _overlaps(other, story)]
    usual = ranges(whole, kpi, definitions, troubled(whole, near))[-HOURS:]

    def series(kept: int, labels: int, name: str) -> Series:
        shown, skipped = hours[-kept:], max(0, len(hours) - kept)
        likely = usual[skipped:]
        return Series(
            label(kpi),
            [None if value is None else value * 100 for value in values[skipped:]],
            expected=[None if one is None else one.expected * 100 for one in likely],
            band=[None if one is None else (one.low * 100, one.high * 100) for one in likely],
            breached=[index - skipped for index in breached if index >= skipped and values[index] is not None],
            changes=_changes(shown, suspects),
            labels=[(index - 0.5, text) for index, text in _labels(shown, labels)],
            bound=(bound["value"] * 100, f"bound {rate(bound['value'])}") if bound else None,
            name_of_hatch=f"hatch-{name}",
        )

    known = any(one is not None for one in usual)
    against = [*(["what was expected"] if known else []), *(["its bound"] if bound else [])]
    return {
        "title": f"{label(kpi)} per hour" + (f", observed against {' and '.join(against)}" if against else ""),
        "band": BAND if known else "",
        "scope": f"{where(data['key'])}, last {len(hours)} h closed, UTC",
        "wide": Markup(observed_series(series(HOURS, LABELS, "wide"), WIDE)),
        "narrow": Markup(observed_series(series(NARROW_HOURS, NARROW_LABELS, "narrow"), NARROW)),
        "head": label(kpi),
        "rows": [
            (f"{clock(format_instant(span.end - HOUR)):%H:%M}", rate(value), _span_of(one), index in breached)
            for index, (span, value, one) in enumerate(zip(hours, values, usual, strict=True))
        ],
    }


def _overlaps(other: Story, story: Story) -> bool:
    """Return whether another incident is about the same figure in a place that holds this one, is held by it, or shares cells with it."""
    here, there = story.now["key"], other.now["key"]
    return all(here.get(name, there[name]) == there[name] for name in there)


def _span_of(one: Range | None) -> str:
    return "" if one is None else f"{bare_rate(one.low)} to {rate(one.high)}"


def explained(data: Published, minimum: int) -> str:
    """Return what the segment scan says in figures: where the segment's rate went, and how much of the whole's change is rate and mix."""
    explanation = data.get("explanation")
    kpi = data["key"].get("kpi")
    if not explanation or not kpi:
        return ""
    first = explanation.get("segments", ())[:1]
    said = [_went(kpi, segment) for segment in first if min(segment["n_before"], segment["n_after"]) >= minimum]
    if not explanation.get("segments") and explanation.get("global"):
        said.append("No segment cleared the evidence bar: the change is global.")
    effects = explanation.get("rate_effect"), explanation.get("mix_effect")
    if effects[0] is not None and effects[1] is not None:
        said.append(f"Of the whole's change, rate explains {points(effects[0])} and mix {points(effects[1])}.")
    return " ".join(said)


def _went(kpi: str, segment: Mapping[str, Any]) -> str:
    was, now = segment["k_before"] / segment["n_before"], segment["k_after"] / segment["n_after"]
    ends = segment.get("rate_ratio_ci")
    upper = f"to {ends[1]:.2f}" if ends and ends[1] is not None else "and up"
    sure = f" (rate ratio {ends[0]:.2f} {upper}, 99\u00a0%)" if ends else ""
    return f"{sentence(where(segment['where']))}: {label(kpi)} went from {rate(was)} to {rate(now)}{sure}."


def _counted(name: str, values: Sequence[int], hours: Sequence[Span], breached: Sequence[int], data: Published) -> Picture:
    place = where(data["key"])
    finding = f"{name} of {place}: {integer(values[-1])} in the last closed hour."
    return {
        "title": f"{name} per hour",
        "band": "",
        "scope": f"{place}, last {len(hours)} h closed, UTC",
        "wide": hours_bars(values, _labels(hours, LABELS), breached, finding, WIDE),
        "narrow": hours_bars(values, _labels(hours, NARROW_LABELS), breached, finding, NARROW),
        "head": name,
        "rows": [
            (f"{clock(format_instant(span.end - HOUR)):%H:%M}", integer(value), "", index in breached)
            for index, (span, value) in enumerate(zip(hours, values, strict=True))
        ],
    }


def _labels(hours: Sequence[Span], most: int) -> list[tuple[int, str]]:
    step = max(1, -(-len(hours) // most))
    named = [(index, span.end - HOUR) for index, span in enumerate(hours)]
    return [(index, f"{clock(format_instant(start)):%H:%M}") for index, start in named if (start // HOUR) % step == 0]


def _breached(hours: Sequence[Span], data: Published) -> list[int]:
    """Return the hours that hold a breached window or are part of one."""
    windows = [(parse_instant(window["start"]), parse_instant(window["end"])) for window in data["windows"]]
    return [index for index, span in enumerate(hours) if any(start < span.end and end > span.end - HOUR for start, end in windows)]


def _changes(hours: Sequence[Span], suspects: Sequence[Mapping[str, Any]]) -> list[tuple[float, str]]:
    first = hours[0].end - HOUR
    found = []
    for suspect in suspects[:1]:
        if suspect.get("at"):
            at = parse_instant(suspect["at"])
            place = (at - first) / HOUR - 0.5
            if -0.5 <= place <= len(hours) - 0.5:
                found.append((place, f"{suspect['change_id']} {clock(format_instant(at)):%H:%M}"))
    return found
