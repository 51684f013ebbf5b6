"""The config: defaults as documented, every fault with its line and path, nothing that can hurt."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from governance.config import Config, ConfigError, load_config
from governance.identity import compact
from governance.message.schema import schema
from tests.governance.config.examples import FULL, faults, one

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


def test_the_documented_config_is_read() -> None:
    """The example of the interface, with durations in milliseconds and names as they are."""
    config = load_config(FULL)
    plg = config.initiatives["plg-onboarding"]

    assert (config.timing.window, config.timing.dedup_horizon, config.privacy.erase_after) == (MINUTE, 48 * HOUR, 400 * DAY)
    assert (plg.thresholds[0].window, plg.thresholds[0].op, plg.thresholds[0].group_by) == (HOUR, "<", ("channel",))
    assert (plg.owners["testing_lead"].person, plg.owners["testing_lead"].substitutes) == ("ana", ("ben",))
    assert (plg.experiments["exp-7"].attribution, plg.reports[0].cadence, plg.reports[0].window) == (DAY, 7 * DAY, "7d")
    assert (config.sources[0].as_, config.sinks["team"].for_) == ("engagement-events", ("testing_lead",))


@pytest.mark.parametrize("text", ["", "# nothing\n", "version: 1\n", "---\n...\n", "initiatives: {}\n"])
def test_an_empty_config_is_all_defaults(text: str) -> None:
    """What a file leaves out has the value shown in the interface; a file without initiatives watches whatever arrives."""
    full, bare = load_config(FULL), load_config(text)

    for section in ("timing", "privacy", "limits", "detection", "incidents", "consent", "plan_directory"):
        assert getattr(bare, section) == getattr(full, section)
    assert bare.initiatives == {}
    assert bare.initiative("anything").detectors == full.initiatives["plg-onboarding"].detectors


def test_an_experiment_has_its_documented_defaults() -> None:
    """alpha, tuning_n, margin, minimum_runtime, minimum_effect and attribution as shown; no plan, no end, no cap."""
    config = load_config(one("{experiments: {e: {}}, thresholds: [{id: t, kpi: ctr, op: '<', value: 1, window: 1h}]}"))
    bare, full = config.initiatives["x"], load_config(FULL).initiatives["plg-onboarding"]

    for name in ("alpha", "tuning_n", "margin", "minimum_runtime", "minimum_effect", "attribution", "ends_at"):
        assert getattr(bare.experiments["e"], name) == getattr(full.experiments["exp-7"], name)
    assert (bare.experiments["e"].goals, bare.experiments["e"].planned_subjects) == ((), None)
    threshold = bare.thresholds[0]
    assert (threshold.min_denominator, threshold.datapoints_to_alarm, threshold.evaluation_periods, threshold.group_by) == (1, 2, 2, ())


@pytest.mark.parametrize("text", [FULL, "", one("{detectors: {dip: false, drift: false}}"), "effective_at: 2026-11-22T10:00:00+01:00"])
def test_the_effective_config_reads_back(text: str) -> None:
    """Every default filled in, it means the same, has the same hash, and is valid by the published schema."""
    config = load_config(text)
    again = Config.model_validate(config.effective())

    assert again.effective() == config.effective()
    assert again.sha256 == config.sha256
    assert list(Draft202012Validator(schema("config")).iter_errors(config.effective())) == []
    assert load_config(compact(config.effective())).sha256 == config.sha256


def test_the_hash_is_of_the_meaning() -> None:
    """Order, comments and spelling of durations do not change it; a threshold does."""
    plain = load_config("timing: {tick: 10s, window: 60s}\n")

    assert plain.sha256 == load_config("# a comment\ntiming:\n  window: PT1M\n  tick: 10s\n").sha256 == load_config("").sha256
    assert plain.sha256 != load_config("timing: {window: 5m}").sha256


def test_addresses_are_not_published() -> None:
    """The effective config is printed and goes to the bus: it shows that there is a sink, not its token."""
    config = load_config("sinks: {team: {url: 'https://hooks.example/T0/secret'}}")

    assert config.sinks["team"].url == "https://hooks.example/T0/secret"
    assert config.effective()["sinks"]["team"]["url"] == "https://***"


def test_a_detector_is_turned_off_by_false() -> None:
    """`false` is off, left out is on; an empty key or true is neither."""
    detectors = load_config(one("{detectors: {dip: false}}")).initiatives["x"].detectors

    assert detectors.dip is None
    assert detectors.drift is not None
    assert faults(one("{detectors: {dip: true}}")) == [("initiatives.x.detectors.dip", 2)]
    assert faults(one("{detectors: {dip: }}")) == [("initiatives.x.detectors.dip", 2)]


def test_an_initiative_is_found_by_name_or_title() -> None:
    """Requests may use either."""
    config = load_config(FULL)

    assert config.resolve("plg-onboarding") == config.resolve("PLG Onboarding") == "plg-onboarding"
    assert config.resolve("plg") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("timing:\n  window: 1m\n  ticks: 5s\n", [("timing.ticks", 3)]),
        ("timing:\n  window: 60\n", [("timing.window", 2)]),
        ("timing:\n  window: 0s\n", [("timing.window", 2)]),
        ("version: 2\n", [("version", 1)]),
        ("version: '1'\n", [("version", 1)]),
        ("limits: {cells: '20000'}", [("limits.cells", 1)]),
        ("limits: {cells: 1.0}", [("limits.cells", 1)]),
        ("limits: {cells: 0}", [("limits.cells", 1)]),
        ("limits: {refused_share: .inf}", [("limits.refused_share", 1)]),
        ("detection: {fdr: 1}", [("detection.fdr", 1)]),
        ("people: {ana: {active: 'yes'}}", [("people.ana.active", 1)]),
        ("people: {ana: {active: yes}}", [("people.ana.active", 1)]),
        ("people: {ana: {active: 1}}", [("people.ana.active", 1)]),
        ("privacy: {opt_in_jurisdictions: [EU, 5]}", [("privacy.opt_in_jurisdictions[1]", 1)]),
        ("privacy: {opt_in_jurisdictions: EU}", [("privacy.opt_in_jurisdictions", 1)]),
        ("effective_at: 2026-11-22", [("effective_at", 1)]),
        ("initiatives:\n  x:\n    owners:\n      boss: {person: ana}\n", [("initiatives.x.owners.boss", 4)]),
        ("initiatives:\n  x:\n    owners:\n      testing_lead:\n        substitutes: []\n",
         [("initiatives.x.owners.testing_lead.person", 4)]),
        ("initiatives:\n  x:\n    thresholds:\n      - id: a\n        kpi: ctr\n        op: '=>'\n        value: 1\n        window: 1h\n",
         [("initiatives.x.thresholds[0].op", 6)]),
        ("initiatives:\n  x: null\n", [("initiatives.x", 2)]),
        ("initiatives:\n  - x\n", [("initiatives", 1)]),
        ("sources:\n- topic: a\n  as: clicks\n", [("sources[0].as", 3)]),
        ("plan_directory: null", [("plan_directory", 1)]),
        ("- a\n", [("", 1)]),
        ("just text", [("", 1)]),
        ("timing: [\n", [("", 2)]),
        ("a: b: c\n", [("", 1)]),
        ("\ttiming: {}\n", [("", 1)]),
        ("timing: {}\n---\ntiming: {}\n", [("", 2)]),
        ("timing: {}\nlimits: {}\ntiming: {}\n", [("timing", 3)]),
        ("limits: {cells: 5, 'cells': 6}", [("limits.cells", 1)]),
        ("? [a]\n: b\n", [("", 1)]),
        ("? {a: b}\n: b\n", [("", 1)]),
        ("plan_directory: \"a\\0b\"", [("plan_directory", 1)]),
        ("timing: {}\nplan_directory: a\x00b", [("", 2)]),
        ("timing: {}\n\n# \ud800", [("", 3)]),
        ("x: &a [1]\ny: *a\n", [("y", 2)]),
        ("timing: &t {window: 1m}\nlimits:\n  <<: *t\n", [("limits.<<", 3)]),
        ("timing: !!python/object/apply:os.system ['true']", [("timing", 1)]),
        ("timing: !custom {}", [("timing", 1)]),
        ("plan_directory: !!binary aGk=", [("plan_directory", 1)]),
    ],
)  # fmt: skip
def test_a_fault_has_its_path_and_line(text: str, expected: list[tuple[str, int]]) -> None:
    """Wrong types, unknown keys, broken YAML, tags, aliases, keys twice: each is refused where it stands."""
    assert faults(text) == expected


def test_all_faults_are_told_at_once() -> None:
    """One line each, in the order of the file, with what would be right; a misspelt key with the one that was meant."""
    text = "limits:\n  cell: 5\ntiming:\n  window: soon\nprivacy: {minimum_subjects: -1}\n"

    with pytest.raises(ConfigError) as caught:
        load_config(text, "my.yaml")

    assert str(caught.value).splitlines() == [
        "my.yaml:2: limits.cell: is no key of the config; did you mean cells?",
        'my.yaml:4: timing.window: must be a duration such as 30s, 5m, 1h, 7d or P7D, was "soon"',
        "my.yaml:5: privacy.minimum_subjects: must be greater than or equal to 1, was -1",
    ]


def test_a_secret_is_not_repeated() -> None:
    """What is wrong with a sink is told without its address."""
    with pytest.raises(ConfigError) as caught:
        load_config("sinks: {team: {url: 'https://token@example.org', max_age: token, fro: [token]}}")

    assert "token" not in str(caught.value)
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(
    "word", ["no", "NO", "on", "y", "12:30", "0o17", "0x1f", "1_000", "2026-11-22", "1e", ".nan", "-.inf", "9" * 5000, "=", "<<"]
)
def test_a_word_is_not_turned_into_something_else(word: str) -> None:
    """Norway stays a country, a time stays a text: YAML 1.2 words, nothing older."""
    if len(word) > 128:
        assert faults(f"privacy: {{default_jurisdiction: {word}}}") == [("privacy.default_jurisdiction", 1)]
    else:
        assert load_config(f"privacy: {{default_jurisdiction: {word}}}").privacy.default_jurisdiction == word


def test_keys_are_texts_however_they_look() -> None:
    """A variant may be called 1 or true."""
    allocation = load_config(one("{allocation: {1: 0.5, true: 0.25, null: 0.25}}")).initiatives["x"].allocation

    assert allocation == {"1": 0.5, "true": 0.25, "null": 0.25}


BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (BOMB, "aliases"),
        ("[" * 200_000, "deeper"),
        ("a: " + "{a: " * 100_000, "deeper"),
        ("- " * 100_000, "deeper"),
        ("x: " + "a" * (1024 * 1024), "bytes"),
        ("limits:\n" + "".join(f"  k{n}: 1\n" for n in range(3_000)), "no key"),
    ],
    ids=["alias bomb", "lists", "mappings", "blocks", "large", "many unknown keys"],
)
def test_no_config_is_a_bomb(text: str, word: str) -> None:
    """A kilobyte may not become a gigabyte, nor a minute."""
    began = time.process_time()
    with pytest.raises(ConfigError, match=word):
        load_config(text)

    assert time.process_time() - began < 5


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60) | st.text(alphabet="ab:{}[]&*!#|>-'\"\n ,?%@", max_size=60))
def test_no_text_makes_loading_fail_otherwise(text: str) -> None:
    """Any text is a config or a ConfigError."""
    assert all(path is not None for path, _ in faults(text))
