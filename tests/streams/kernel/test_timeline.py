"""The steps kept beside an incident: what happened once stays, what repeats itself gives way."""

from streams.kernel.timeline import OCCURRENCES, STEPS, continued


def after(names: list[str]) -> list[tuple[int, str]]:
    """Return (number, step) of what is kept of steps with these names."""
    kept: list[dict[str, object]] = []
    for number, name in enumerate(names, 1):
        kept = [dict(line) for line in continued(kept, {"sequence": number, "step": name})]
    return [(int(str(line["sequence"])), str(line["step"])) for line in kept]


def test_a_month_of_breaches_leaves_what_people_did() -> None:
    """Who opened, who acknowledged, and the last occurrences."""
    names = ["opened", *["occurrence"] * 5, "acknowledged", *["occurrence"] * 8_000]

    assert after(names) == [(1, "opened"), (7, "acknowledged"), *((number, "occurrence") for number in range(8_008 - OCCURRENCES, 8_008))]


def test_an_incident_that_comes_and_goes_keeps_its_beginning_and_its_end() -> None:
    """As many steps as fit."""
    names = ["opened", *["resolved", "reopened"] * 200]
    kept = after(names)

    assert len(kept) == STEPS
    assert kept[:2] == [(1, "opened"), (403 - STEPS, "reopened" if STEPS % 2 == 0 else "resolved")]
    assert kept[-1] == (401, "reopened")
