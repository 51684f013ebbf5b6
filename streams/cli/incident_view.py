"""Incidents for a terminal: a table, and one incident with its windows, steps and what to do. One line is one fact and is never wrapped."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from textwrap import wrap
from typing import Any

from detectors.window import MINUTE
from governance.message.instant import parse_instant
from reporting import wording
from reporting.figure import NONE, age, clock, integer, moment
from reporting.safe import fit, width
from reporting.view.screen import Screen, Span
from streams.cli.excerpt import left_out, shortened
from streams.cli.incident_folder import Outputs, Story, bound_of
from streams.cli.incident_hours import Hour
from streams.cli.incident_picture import picture

LEVEL_STYLE = {3: "bad", 2: "warn"}
STATE_STYLE = {"open": "bad", "acknowledged": "info", "resolved": "good", "retracted": "dim", "closed": "dim"}
STEP_MARK = {"opened": "◆", "occurrence": "◆", "reopened": "◆", "escalated": "▲", "resolved": "●", "closed": "●"}
STEP_STYLE = {"opened": "bad", "occurrence": "bad", "reopened": "bad", "escalated": "warn", "resolved": "good", "closed": "dim"}
GAP, GAP_OF_FACTS = 2, "   "
GIVES_WAY = ("age", "reason", "in", "id")  # a narrow screen does without these, in this order
FIRST_ROWS, LAST_ROWS = 5, 15  # of a long list: how it began, and how it is now; `--json` has all
LEAST_WHAT = 32  # columns of a title that still say what and where; before it is cut further the next thing gives way


def table(outputs: Outputs, screen: Screen, folder: Path | None) -> str:
    """Return the list as text: a header line, a row an incident, the next useful command."""
    names = sorted({story.now["initiative"] for story in outputs.stories})
    lines = [_header(outputs, screen, names[0] if len(names) == 1 else f"{len(names)} initiatives")]
    if not outputs.stories:
        return "\n".join([*lines, "", screen.line(Span("Nothing is open, and no incident was opened here."))]) + "\n"
    lines += ["", *_rows(outputs, screen, many=len(names) > 1), ""]
    first = outputs.stories[0]
    where = "" if folder is None else f" --from {quote(str(folder))}"
    command = screen.text(f"pmon incidents show {first.name}{where}")  # never cut: it is there to be copied
    lines.append(screen.paint("Next", "dim") + "  " + command)
    return "\n".join(lines) + "\n"


def _header(outputs: Outputs, screen: Screen, name: str) -> str:
    active = sum(story.active for story in outputs.stories)
    over = len(outputs.stories) - active
    return screen.line(
        Span(name, "bold"),
        Span(f"   watermark {_mark(outputs.watermark, screen)}   ", "dim"),
        Span(f"{active} open", "bad" if active else "good"),
        Span(f", {over} over", "dim"),
    )


def _mark(watermark: str | None, screen: Screen) -> str:
    if watermark is None:
        return "unknown"
    return f"{clock(watermark):%-d %b %H:%M:%S} UTC" if screen.unicode else watermark


def _rows(outputs: Outputs, screen: Screen, *, many: bool) -> list[str]:
    today = outputs.watermark or outputs.stories[0].now["updated_at"]
    heads = {"level": "LEVEL", "id": "ID", "what": "WHAT", "in": "INITIATIVE", "state": "STATE", "owner": "OWNER"}
    heads |= {"since": "SINCE (UTC)" if screen.unicode else "SINCE", "age": ""}
    if not many:
        del heads["in"]
    cells = [_cells(story, screen, today) for story in outputs.stories]
    for gone in ("", *GIVES_WAY):
        heads.pop(gone, None)
        if gone == "reason":
            cells = [{**row, "owner": Span(_owner(story.now))} for story, row in zip(outputs.stories, cells, strict=True)]
        room = _room(heads, cells, screen)
        over = sum(room.values()) + GAP * (len(room) - 1) - screen.width
        if over <= 0 or (gone not in ("", "age") and room["what"] - over >= LEAST_WHAT):
            break
    room["what"] = max(8, room["what"] - max(0, over))
    lines = [_line(screen, room, {name: Span(head, "dim") for name, head in heads.items()})]
    for story, row in zip(outputs.stories, cells, strict=True):
        lines.append(_line(screen, room, row))
        lines += _beneath(story, screen, room)
    return lines


def _cells(story: Story, screen: Screen, today: str) -> dict[str, Span]:
    now = story.now
    level_style = LEVEL_STYLE.get(now["level"], "") if story.active else "dim"
    gone = max(0, parse_instant(today) - parse_instant(now["opened_at"]))
    return {
        "level": Span(_level(now["level"], screen), level_style),
        "id": Span(story.name, "dim"),
        "what": Span(story.title(), "bold" if story.active else "dim"),
        "in": Span(now["initiative"]),
        "state": Span(wording.state({**now, "kind": "incident"}).lower(), STATE_STYLE.get(now["state"], "")),
        "owner": Span(_owner_and_why(now, screen)),
        "since": Span(moment(now["opened_at"], today)),
        "age": Span(age(gone // MINUTE * MINUTE if gone >= MINUTE else gone), "dim"),
    }


def _room(heads: Mapping[str, str], cells: Sequence[Mapping[str, Span]], screen: Screen) -> dict[str, int]:
    return {name: max(width(head), *(width(screen.text(row[name].text)) for row in cells)) for name, head in heads.items()}


def _line(screen: Screen, room: Mapping[str, int], row: Mapping[str, Span]) -> str:
    more = "…" if screen.unicode else "~"
    spans = [Span(fit(screen.text(row[name].text), columns, more) + " " * GAP, row[name].style) for name, columns in room.items()]
    spans[-1] = Span(spans[-1].text.rstrip(), spans[-1].style)  # what is blank at the end of a row is not cut off it
    return screen.line(*spans).rstrip()


def _beneath(story: Story, screen: Screen, room: Mapping[str, int]) -> list[str]:
    """Return the line under an active incident that is explained: which segment, which change was close."""
    if not story.active or not screen.unicode or not story.now.get("explanation"):
        return []
    indent = sum(room[name] + GAP for name in ("level", "id") if name in room)
    said = _explained(story.now["explanation"])
    return [screen.line(Span(" " * indent + f"└ {said}", "dim"))] if said else []


def _explained(explanation: Mapping[str, Any]) -> str:
    said = []
    if explanation.get("segments"):
        said.append(f"{wording.where(explanation['segments'][0].get('where', {}))} is the segment that moved")
    elif explanation.get("global"):
        said.append("global: no segment cleared the bar")
    said += [wording.close_by(suspect) for suspect in explanation.get("suspects", ())[:1]]
    return "; ".join(said)


def _level(level: int, screen: Screen) -> str:
    return f"{'■' * level}{'·' * (3 - level)} L{level}" if screen.unicode else f"L{level}"


def _owner(now: Mapping[str, Any]) -> str:
    holder = now.get("owner")
    return wording.sentence(holder["person"]) if holder else NONE


def _owner_and_why(now: Mapping[str, Any], screen: Screen) -> str:
    instead_of = (now.get("owner") or {}).get("substitute_for")
    return f"{_owner(now)}{',' if screen.unicode else ''} for {wording.sentence(instead_of)}" if instead_of else _owner(now)


def show(story: Story, outputs: Outputs, screen: Screen, hours: Sequence[Hour] = ()) -> str:
    """Return one incident as text: what it is, its figure by hour where that is known, the windows judged, its steps, what to do."""
    today = outputs.watermark or story.now["updated_at"]
    windows, steps = _windows(story, screen, today), _steps(story, screen, today)
    drawn = picture(hours, _suspects(story), screen, today) if hours else []
    parts = [[head(story, outputs, screen)], drawn, windows, steps, _explanation(story, screen), _to_do(story, screen, today)]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def head(story: Story, outputs: Outputs, screen: Screen) -> str:
    """Return what an incident is in one line, or in two where it would be cut."""
    now, today = story.now, outputs.watermark or story.now["updated_at"]
    state = wording.state({**now, "kind": "incident"}).lower()
    facts = [now["check"], wording.where(now["key"]), state, _owner_and_why(now, screen), f"since {moment(now['opened_at'], today)}"]
    level = Span(_level(now["level"], screen) + "  ", LEVEL_STYLE.get(now["level"], "") if story.active else "dim")
    name, said = Span(story.title(), "bold"), ", ".join(facts)
    if width(screen.text(level.text + name.text + said)) + len(GAP_OF_FACTS) > screen.width:
        return "\n".join([screen.line(level, name), screen.line(Span("  " + said, "dim"))])
    return screen.line(level, name, Span(GAP_OF_FACTS + said, "dim"))


def _windows(story: Story, screen: Screen, today: str) -> list[str]:
    """Return the windows in which this key was beyond its bound, numbered as the rule of M of N counts them."""
    listed = [(window["start"], window["end"]) for window in story.now["windows"]]  # times of one form, so texts compare as times
    ends = {finding["window"]["end"] for finding in story.findings if finding["window"]}
    held = sorted(end for end in ends if any(start < end <= until for start, until in listed))
    first = max(1, wording.breached_windows(story.now) - len(held) + 1)  # a topic may no longer hold the oldest
    numbers = {end: number for number, end in enumerate(held, first)}
    judged = {finding["finding_id"]: finding for finding in story.findings if (finding["window"] or {}).get("end") in numbers}
    rows, gap = shortened(list(judged.values()), FIRST_ROWS, LAST_ROWS)
    if not rows:
        return []
    told = [(*_judged(finding, today), f"breach {numbers[finding['window']['end']]}") for finding in rows]
    table = [[screen.text(text) for text in row] for row in (("FROM", "TO", "SEEN", "BOUND", ""), *told)]
    room = [max(width(row[column]) for row in table) + GAP for column in range(5)]
    (*heads, _), *filled = [[fit(text, columns) for text, columns in zip(row, room, strict=True)] for row in table]
    lines = [screen.line(Span("  " + "".join(heads), "dim"))]
    for start, end, observed, bound, number in filled:
        lines.append(screen.line(Span(f"  {start}{end}"), Span(observed, "bad"), Span(bound, "dim"), Span(number, "bad")))
    return _with_gap([line.rstrip() for line in lines], gap, screen)


def _with_gap(lines: list[str], gap: int, screen: Screen) -> list[str]:
    """Return lines under a heading with a word about what was left out of them."""
    return [*lines[: FIRST_ROWS + 1], left_out(gap, screen), *lines[FIRST_ROWS + 1 :]] if gap else lines


def _judged(finding: Mapping[str, Any], today: str) -> tuple[str, str, str, str]:
    bound, window = bound_of(finding), finding["window"]
    times = moment(window["start"], today), moment(window["end"], today)
    if finding["check"] in wording.DETECTED:  # its threshold is a chance, its figures are weighed over cells
        chance = 1 - finding["score"] if finding.get("score") is not None else 0
        known = finding.get("expected") and finding["observed"] is not None
        seen = wording.off(finding["observed"], finding["expected"]) if known else NONE
        return (*times, seen, f"by chance 1 in {integer(round(1 / chance))}" if chance > 0 else NONE)
    if bound is None:
        return (*times, NONE, NONE)
    wanted = "at least" if bound["op"] == "<" else "at most"
    return (*times, wording.amount(bound["kpi"], finding["observed"]), f"{wanted} {wording.amount(bound['kpi'], bound['value'])}")


def _steps(story: Story, screen: Screen, today: str) -> list[str]:
    shown, gap = shortened(story.steps, FIRST_ROWS, LAST_ROWS)
    rows = [(moment(step["updated_at"], today), step) for step in shown]
    room = max(width(screen.text(when)) for when, _ in rows) + GAP
    lines = [screen.line(Span("  STEPS", "dim"))]
    for when, step in rows:
        said = wording.STEPS.get(step["step"], step["step"])
        mark = STEP_MARK.get(step["step"], "▼") if screen.unicode else " "
        to = f"to {_owner_and_why(step, screen)}" if step.get("owner") else "to nobody: no owner at any level"
        lines.append(
            screen.line(
                Span("  " + fit(screen.text(when), room), "dim"),
                Span(f"{mark} {fit(said, 20)}", STEP_STYLE.get(step["step"], "wait")),
                Span(f"L{step['level']}  {to if step['step'] in ('opened', 'escalated', 'reopened', 'reassigned') else ''}"),
            ).rstrip()
        )
    return _with_gap(lines, gap, screen)


def _explanation(story: Story, screen: Screen) -> list[str]:
    said = _explained(story.now.get("explanation") or {})
    told = wrap(screen.text(said), screen.width - 8)
    heads = [Span("  Near  ", "bold"), *([Span(" " * 8)] * len(told))]
    return [screen.line(name, Span(line)) for name, line in zip(heads, told, strict=False)]


def _suspects(story: Story) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = (story.now.get("explanation") or {}).get("suspects", ())
    return found


def _to_do(story: Story, screen: Screen, today: str) -> list[str]:
    now = story.now
    suspects = _suspects(story)
    action = (wording.undoing(suspects) if story.active else None) or now.get("recommended_action")
    lines = [screen.line(Span("  Do    ", "bold"), Span(action))] if action else []
    playbook = now.get("playbook") or {}
    for number, (step, taken) in enumerate(wording.steps(now, today), 1):
        lines.append(screen.line(Span(f"     {number}  ", "dim"), Span(step)))
        lines += [screen.line(Span(f"        taken: {taken}", "good"))] if taken else []
    links = [playbook[name] for name in ("runbook", "sop") if playbook.get(name)]
    return [*lines, *(screen.line(Span("  See   ", "bold"), Span(link, "info")) for link in links)]
