"""Why an incident stands, for a terminal: the segments that moved, rule changes close to it, and the records its findings name."""

from collections.abc import Mapping, Sequence
from typing import Any

from reporting import wording
from reporting.figure import NONE, carried, integer, points, rate
from reporting.safe import fit, width
from reporting.view.screen import Screen, Span
from streams.cli.incident_folder import Outputs, Story
from streams.cli.incident_view import GAP, head

SHOWN = 20  # records; --json has all


def evidence(story: Story, outputs: Outputs, screen: Screen) -> str:
    """Return what is known of why, as text; not knowing is said."""
    explanation = story.now.get("explanation")
    parts = [[head(story, outputs, screen)], _segments(explanation, screen), _suspects(explanation, screen), _records(story, screen)]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _segments(explanation: Mapping[str, Any] | None, screen: Screen) -> list[str]:
    if explanation is None:
        return [screen.line(Span("  Not explained: only incidents of rates are, against what was before them."))]
    effects = [f"{name} {points(explanation[field])}" for name, field in EFFECTS if explanation.get(field) is not None]
    said = "Global: no segment clears the bar alone." if explanation.get("global") else "Segments that moved"
    lines = [screen.line(Span("  " + said, "bold"), Span("   " + ", ".join(effects), "dim"))]
    rows = [_segment(one) for one in explanation.get("segments", ())]
    return lines + (_table([("WHERE", "BEFORE", "AFTER", "SHARE"), *rows], screen) if rows else [])


EFFECTS = (("rate", "rate_effect"), ("mix", "mix_effect"))


def _segment(one: Mapping[str, Any]) -> tuple[str, str, str, str]:
    share = one.get("share_of_change")
    return (
        wording.where(one.get("where", {})),
        _rate(one.get("k_before"), one.get("n_before")),
        _rate(one.get("k_after"), one.get("n_after")),
        NONE if share is None else carried(share),
    )


def _rate(part: int | None, whole: int | None) -> str:
    return NONE if not whole or part is None else f"{rate(part / whole)} of {integer(whole)}"


def _suspects(explanation: Mapping[str, Any] | None, screen: Screen) -> list[str]:
    suspects = (explanation or {}).get("suspects", ())
    lines = [screen.line(Span("  " + wording.suspected(one))) for one in suspects]
    return [screen.line(Span("  Rule changes close to it", "bold")), *lines] if lines else []


def _records(story: Story, screen: Screen) -> list[str]:
    places = [
        (place["topic"], str(place["partition"]), str(place["offset"]), str(place.get("event_id") or NONE))
        for finding in story.findings
        for place in finding["evidence"]
    ]
    if not places:
        return [screen.line(Span("  Its findings stand on closed windows; they name no single record.", "dim"))]
    more = [screen.line(Span(f"  and {len(places) - SHOWN} more", "dim"))] if len(places) > SHOWN else []
    return _table([("TOPIC", "PARTITION", "OFFSET", "EVENT"), *places[:SHOWN]], screen) + more


def _table(rows: Sequence[tuple[str, ...]], screen: Screen) -> list[str]:
    texts = [[screen.text(text) for text in row] for row in rows]
    room = [max(width(row[column]) for row in texts) + GAP for column in range(len(rows[0]))]
    lines = ["".join(fit(text, columns) for text, columns in zip(row, room, strict=True)).rstrip() for row in texts]
    return [screen.line(Span("  " + line, "dim" if number == 0 else "")) for number, line in enumerate(lines)]
