"""What a consent record says: its strings name purposes, deny beyond appeal, and grant nothing where they do not decode."""

import pytest

from governance.consent_string.purposes import DOCUMENTED
from governance.ledger import ANY, Source, Statement
from governance.message.consent import ConsentEvent
from governance.statement import statement

ALL = "CQlH_MAQlH_MANwABBENB4FsAP_gAEPgAAYgGMwBIAAgAEAAoBeYDGQAKICAAAAA.IGMwBIAAgAEAAoBeYDGQ.f_wAAAAAAAAA"
NONE = "CQlH_MAQlH_MANwABBENB4FgAAAAAAAAAAYgAAAAAAAA.IGMwBIAAgAEAAoBeYDGQ.YAAAAAAAAAAA"
AT = 1_795_348_800_000  # 2026-11-22T12:00:00Z, within the 13 months after the strings were made
SOURCE = Source("consent-events", 0, 7, "c-1")


def said(state: str, **more: object) -> tuple[Statement | None, tuple[str, ...]]:
    """Return what a record says, in the EU."""
    event = ConsentEvent.model_validate({"event_id": "c-1", "occurred_at": AT, "subject_id": "u-1", "state": state, **more})
    return statement(event, AT + 5, SOURCE, DOCUMENTED, opt_in=True)


def states(state: str, **more: object) -> dict[tuple[str, str], str]:
    """Return the states a record sets."""
    found, _ = said(state, **more)
    return {} if found is None else dict(found.states)


def test_a_string_names_the_purposes_it_grants_and_those_it_denies() -> None:
    """Reject all is a refusal of each purpose, not silence."""
    granted, denied = states("given", tcf=ALL), states("given", tcf=NONE)

    assert granted["personalised_content", ANY] == granted["personalised_advertising", ANY] == "given"
    assert denied["personalised_content", ANY] == "refused"
    assert "given" not in denied.values()


def test_a_listed_purpose_that_the_string_denies_is_denied() -> None:
    """The producer's own list does not overrule the string it rests on; a purpose strings do not know stands by itself."""
    found = states("given", tcf=NONE, purposes=["personalised_content", "loyalty"], channels=["web"])

    assert (found["personalised_content", "web"], found["loyalty", "web"]) == ("refused", "given")


@pytest.mark.parametrize("length", range(1, len(ALL)))
def test_a_string_that_was_cut_off_grants_nothing_the_whole_one_does_not(length: int) -> None:
    """Nearly all of them do not decode: they are named as a finding, and nothing is granted, listed or not."""
    found, failures = said("given", tcf=ALL[:length], purposes=["personalised_content"])
    whole = states("given", tcf=ALL)

    assert (found is None) == (bool(failures) and failures != ("tcf:disclosed_vendors_missing",))
    assert [scope for scope, state in (found.states if found else {}).items() if state == "given" and whole.get(scope) != "given"] == []
    assert failures or length >= len(ALL.partition(".")[0]) - 3  # the last digits of its core are zeros, they may be left out


def test_a_void_string_is_reported_and_denies_what_it_could_have_granted() -> None:
    """It was written by somebody who asked, wrongly: an older grant does not stand for it."""
    found, faults = said("given", tcf="COtybn4PA_zT4KjACBENAPCIAEBAAECAAIAAAAAAAAAA", purposes=["loyalty"])

    assert faults == ("tcf:not_service_specific", "tcf:expired")
    assert found is not None
    assert (found.states["service_improvement", ANY], found.states["loyalty", ANY]) == ("refused", "given")


def test_the_date_in_a_string_is_not_the_time_of_consent() -> None:
    """It is of the day at best and by another clock; the record's own time counts."""
    long_ago = 1_700_000_000_000
    early = ConsentEvent.model_validate({"event_id": "c-1", "occurred_at": long_ago, "subject_id": "u-1", "state": "given", "tcf": ALL})
    found, faults = statement(early, long_ago, SOURCE, DOCUMENTED, opt_in=True)

    assert faults == ()
    assert found is not None
    assert (found.effective, found.states["personalised_content", ANY]) == (long_ago, "given")


def test_a_string_in_the_wrong_field_does_not_decode() -> None:
    """A TC string is no GPP string."""
    found, failures = said("given", gpp=ALL)
    assert (found, failures) == (None, ("gpp:wrong_kind",))


def test_a_record_that_takes_consent_away_needs_no_string_and_no_purpose() -> None:
    """Nothing named means everything; a string that does not decode does not soften it; an erasure is of everything whatever it names."""
    assert states("withdrawn") == {(ANY, ANY): "withdrawn"}
    assert states("withdrawn", purposes=["loyalty"], tcf="garbage") == {("loyalty", ANY): "withdrawn"}
    assert states("refused", channels=["web"]) == {(ANY, "web"): "refused"}
    assert states("erased", purposes=["loyalty"], channels=["web"]) == {(ANY, ANY): "erased"}


@pytest.mark.parametrize("state", ["requested", "deferred"])
def test_a_prompt_says_nothing(state: str) -> None:
    """It records that somebody was asked."""
    assert said(state, purposes=["loyalty"]) == (None, ())
