"""`pmon audit verify`: any edit, gap, wrong order and cut-off end of a real log is found, with its place."""

import gzip
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.verification import Fault, Verification
from streams.cli import main
from tests.streams.test_commands import BAD, CONFIG, Acted, command, minute


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The outputs of two initiatives with incidents, acted on."""
    out = tmp_path_factory.mktemp("audit")
    lines = [*BAD, *[line for number in range(3) for line in minute(number, initiative="eu")]]
    first = Acted(lines, out / "first", CONFIG)
    lines.append(command("log_remediation", 3.5, incident_id=first.incidents[0].incident_id, note="rolled back"))
    return Acted(lines, out / "second", CONFIG, drain=True).out


def lines(folder: Path, topic: str = "audit-log") -> list[bytes]:
    return (folder / f"{topic}.jsonl").read_bytes().splitlines()


def faults(audit: list[bytes], incidents: list[bytes]) -> list[Fault]:
    verification = Verification()
    found: list[Fault] = []
    for number, line in enumerate(audit):
        record = orjson.loads(line)
        found += verification.entry(str(number), record["key"], record["value"])
    for number, line in enumerate(incidents):
        found += verification.incident(f"i{number}", orjson.loads(line)["value"])
    return [*found, *verification.rest()]


def test_a_log_as_it_was_written_is_whole(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Several chains, mixed; redelivered copies are no fault; gzip is read; the heads are printed for noting down."""
    assert main(["audit", "verify", str(folder / "audit-log.jsonl"), str(folder / "incidents.jsonl")]) == 0
    assert "every chain whole" in capfd.readouterr().out

    doubled = folder / "doubled.gz"
    doubled.write_bytes(gzip.compress(b"\n".join([*lines(folder), *lines(folder)])))
    assert main(["audit", "verify", str(doubled), "--json"]) == 0
    answer = orjson.loads(capfd.readouterr().out)
    assert (answer["ok"], answer["copies"]) == (True, len(lines(folder)))
    assert set(answer["chains"]) == {"home", "eu"}


def test_no_field_of_any_entry_can_be_edited_unseen(folder: Path) -> None:
    """Every leaf of every record's key and value, one after the other, changed by a little."""
    audit, edits = lines(folder), 0
    for number, line in enumerate(audit):
        record = orjson.loads(line)
        for path in leaves({"key": record["key"], "value": record["value"]}):
            edited = orjson.loads(line)
            change(edited, path)
            assert faults([*audit[:number], orjson.dumps(edited), *audit[number + 1 :]], []), path
            edits += 1
    assert edits > 100


def test_no_field_of_an_incident_can_be_edited_unseen(folder: Path) -> None:
    """The steps of incidents are held against their entries."""
    audit, incidents = lines(folder), lines(folder, "incidents")
    for path in leaves(orjson.loads(incidents[0])["value"]["data"]):
        edited = orjson.loads(incidents[0])
        change(edited["value"]["data"], path)
        assert faults(audit, [orjson.dumps(edited), *incidents[1:]]), path


def leaves(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    if isinstance(value, dict):
        return [leaf for name, inner in value.items() for leaf in leaves(inner, (*path, name))]
    if isinstance(value, list) and value:
        return [leaf for index, inner in enumerate(value) for leaf in leaves(inner, (*path, index))]
    return [path]


def change(record: object, path: tuple[str | int, ...]) -> None:
    into = record
    for part in path[:-1]:
        into = into[part]  # type: ignore[index]
    old = into[path[-1]]  # type: ignore[index]
    into[path[-1]] = old + 1 if isinstance(old, int) and not isinstance(old, bool) else f"{old}!"  # type: ignore[index]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_entry_can_be_taken_out_or_moved_unseen(folder: Path, data: st.DataObject) -> None:
    """Any subset of the middle, any other order within a chain; an end cut off shows against the incidents."""
    audit, incidents = lines(folder), lines(folder, "incidents")
    keep = data.draw(st.lists(st.booleans(), min_size=len(audit), max_size=len(audit)))
    kept = [line for line, stays in zip(audit, keep, strict=True) if stays]
    order = data.draw(st.permutations(range(len(kept))))
    moved = [kept[index] for index in order]
    whole = all(keep) and by_chain(moved) == by_chain(audit)
    told = {orjson.loads(line)["value"]["data"]["hash"] for line in incidents}
    cut = [line for line, stays in zip(audit, keep, strict=True) if not stays and orjson.loads(line)["value"]["data"]["hash"] in told]

    found = faults(moved, incidents)

    assert not (whole and found)
    if not whole and (cut or by_chain(moved) != prefixes(moved, audit)):
        assert found


def by_chain(audit: list[bytes]) -> dict[str, list[bytes]]:
    chains: dict[str, list[bytes]] = {}
    for line in audit:
        chains.setdefault(orjson.loads(line)["key"], []).append(line)
    return chains


def prefixes(some: list[bytes], audit: list[bytes]) -> dict[str, list[bytes]]:
    """Return the beginnings of the true chains that are as long as those at hand: a cut end alone leaves the rest whole."""
    whole = by_chain(audit)
    return {name: whole[name][: len(chain)] for name, chain in by_chain(some).items()}


SWAPS: dict[str, tuple[Callable[[list[bytes]], list[bytes]], str]] = {
    "gap": (lambda audit: [audit[0], *audit[2:]], "missing before entry 3"),
    "order": (lambda audit: [audit[0], audit[2], audit[1], *audit[3:]], "out of order"),
    "head": (lambda audit: audit[1:], "begins at entry 2"),
    "broken": (lambda audit: [audit[0], b"{", *audit[1:]], "is no JSON"),
}


@pytest.mark.parametrize("kind", list(SWAPS))
def test_a_fault_is_named_by_file_and_line(folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], kind: str) -> None:
    """With exit code 1."""
    make, told = SWAPS[kind]
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"\n".join(make([line for line in lines(folder) if orjson.loads(line)["key"] == "home"])))

    code = main(["audit", "verify", str(path)])

    out = capfd.readouterr().out
    assert code == 1
    assert any(line.startswith(f"{path}:") and told in line for line in out.splitlines())


def test_what_is_no_audit_log_is_a_wrong_question(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing verified is not the same as all well."""
    empty = tmp_path / "incidents.jsonl"
    empty.write_bytes(b"")

    assert main(["audit", "verify", str(empty)]) == 2
    assert main(["audit", "verify", str(tmp_path / "none.jsonl")]) == 2
    assert "no record of topic audit-log" in capfd.readouterr().err
