"""Strings of the specifications and of the official libraries: field by field, or refused at the named bit."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from governance.consent_string.answers import as_answer, decode_lines
from governance.consent_string.decode import DecodeFailure, decode
from tests.governance.consent_string.packing import REFUSED, VALID


def differences(expected: Any, found: Any, path: str = "") -> Iterator[str]:
    if not isinstance(expected, dict):
        if expected != found:
            yield f"{path}: {expected} is not {found}"
        return
    for key, value in expected.items():
        if not isinstance(found, dict) or key not in found:
            yield f"{path}/{key} is missing"
        else:
            yield from differences(value, found[key], f"{path}/{key}")


@pytest.mark.parametrize("vector", VALID, ids=lambda vector: vector["name"])
def test_a_valid_string_reads_field_by_field(vector: dict[str, Any]) -> None:
    """Every field of the vector is in the answer under its name, and what is wrong with the string is found."""
    answer = json.loads(json.dumps(as_answer(vector["text"], decode(vector["text"]))))

    assert (vector["text"], True) == (answer["input"], answer["ok"])
    assert list(differences(vector["expect"], answer["decoded"])) == []
    assert vector["findings"] == [finding["code"] for finding in answer["findings"]]


@pytest.mark.parametrize("vector", REFUSED, ids=lambda vector: vector["name"])
def test_a_broken_string_is_refused_with_code_and_bit(vector: dict[str, Any]) -> None:
    """Nothing of it is decoded: the answer has the reason and the place, and nothing else."""
    result = decode(vector["text"])
    assert isinstance(result, DecodeFailure)
    answer = as_answer(vector["text"], result)

    assert {"input", "ok", "error"} == set(answer)
    assert (vector["code"], vector["at_bit"]) == (answer["error"]["code"], answer["error"]["at_bit"])


def test_lines_are_answered_in_order_and_a_bad_one_stops_nothing() -> None:
    """Strings and objects alike; each line has its own answer, which JSON can say."""
    lines = [json.dumps(VALID[0]["text"]), "{", json.dumps({"input": "DBABTA~1YNN", "id": 7}), "\n", "7", '{"input":"a","input":"b"}']
    lines += ['{"text":"x"}', "[" * 100_000, "9" * 5_000, '"' + "A" * 300_000 + '"', '"\\ud800"', json.dumps(VALID[4]["text"]) + "\n"]
    answers = [json.loads(json.dumps(answer, ensure_ascii=False).encode()) for answer in decode_lines(lines)]

    assert [answer["ok"] for answer in answers] == [True, False, True, False, False, False, False, False, False, False, True]
    assert [answer["kind"] for answer in answers if answer["ok"]] == ["tcf", "gpp", "tcf"]
    wrong = ["not_json", "not_text", "duplicate_key", "not_text", "not_json", "not_json", "too_long", "not_base64url"]
    assert wrong == [answer["error"]["code"] for answer in answers if not answer["ok"]]


def test_messages_hold_nothing_of_the_string() -> None:
    """An error is read by people who may not see the string: it names fields and positions."""
    for secret in ("Zaphod", "CQlH_MAQlH.Zaphod", "DBABTA~Zaphod", "DBABLA~Zaphod.QA"):
        result = decode(secret)

        assert isinstance(result, DecodeFailure)
        assert "Zaphod" not in result.message
