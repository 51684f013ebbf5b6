"""The PMON_* environment: defaults, flags before environment, faults named by variable, secrets in no text."""

from pathlib import Path

import pytest

from streams.settings import Settings, SettingsError, read_settings


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.upper().startswith("PMON_")]:
        monkeypatch.delenv(name)


def test_nothing_set_is_everything_in_one_process() -> None:
    """The defaults need no broker, no Redis address and no key file."""
    settings = read_settings()

    assert (settings.broker, settings.partitions, settings.clock, settings.web_host) == ("mem://", 8, "wall", "127.0.0.1")
    assert settings.redis.get_secret_value() == "embedded"


def test_a_flag_overrides_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Environment overrides defaults, a flag overrides both; a flag not given is None."""
    monkeypatch.setenv("PMON_PARTITIONS", "3")
    monkeypatch.setenv("PMON_CONFIG", "c.yaml")

    assert read_settings().partitions == 3
    assert read_settings(partitions=5, config=None).partitions == 5
    assert read_settings(partitions=5, config=None).config == Path("c.yaml")


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("PMON_BROKER", "localhost:9092", "mem:// or kafka://host:port"),
        ("PMON_BROKER", "kafka://user:hunter2@h:9092", "mem:// or kafka://host:port"),
        ("PMON_REDIS", "hunter2", "redis://host:6379"),
        ("PMON_PARTITIONS", "0", "greater than or equal to 1"),
        ("PMON_PARTITIONS", "hunter2", "must be a whole number"),
        ("PMON_CLOCK", "hunter2", "must be 'wall' or 'log'"),
        ("PMON_WEB_PORT", "99999", "less than or equal to 65535"),
        ("PMON_TOPIC_PREFIX", "a b", "match"),
        ("PMON_SECURITY_PROTOCOL", "TLS", "SASL_SSL"),
        ("PMON_SECURITY", "hunter2", "PMON_SECURITY_PROTOCOL"),
        ("PMON_SECURITY_ALLOW_PLAINTEXT", "hunter2", "true or false"),
    ],
)
def test_a_fault_names_the_variable_and_what_would_be_right(monkeypatch: pytest.MonkeyPatch, name: str, value: str, right: str) -> None:
    """And never what was in it, which may be a secret in the wrong place."""
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError) as error:
        read_settings()

    assert str(error.value).startswith(f"{name}: ")
    assert right in str(error.value)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"PMON_BROKER": "kafka://127.0.0.1:9092"}, "PMON_SUBJECT_KEY_FILE"),
        ({"PMON_BROKER": "kafka://b-1:9092", "PMON_SUBJECT_KEY_FILE": "k"}, "PMON_SECURITY_PROTOCOL"),
        ({"PMON_BROKER": "kafka://localhost:1;b-1:9092", "PMON_SUBJECT_KEY_FILE": "k"}, "PMON_SECURITY_PROTOCOL"),
        ({"PMON_SECURITY_PROTOCOL": "SASL_SSL"}, "PMON_SECURITY_USERNAME"),
        ({"PMON_SECURITY_CERT_FILE": "c"}, "PMON_SECURITY_CERT_FILE"),
    ],
)
def test_what_is_unsafe_is_refused(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], named: str) -> None:
    """No fleet without a key for subject ids, no plaintext to another machine unless it is allowed."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError, match=named):
        read_settings()


@pytest.mark.parametrize(
    "more",
    [
        {"PMON_BROKER": "kafka://localhost:9092;127.0.0.1:9093"},
        {"PMON_BROKER": "kafka://b-1:9092", "PMON_SECURITY_ALLOW_PLAINTEXT": "true"},
        {"PMON_BROKER": "kafka://b-1:9092", "PMON_SECURITY_PROTOCOL": "SSL"},
    ],
)
def test_what_is_safe_is_taken(monkeypatch: pytest.MonkeyPatch, more: dict[str, str]) -> None:
    """Loopback, plaintext that was allowed, and encryption."""
    for name, value in ({"PMON_SUBJECT_KEY_FILE": "k"} | more).items():
        monkeypatch.setenv(name, value)

    assert read_settings().broker == more["PMON_BROKER"]


def test_secrets_are_in_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a password nor an address that holds one."""
    monkeypatch.setenv("PMON_REDIS", "redis://:hunter2@h:6379/0")
    monkeypatch.setenv("PMON_SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("PMON_SECURITY_USERNAME", "pmon")
    monkeypatch.setenv("PMON_SECURITY_PASSWORD", "hunter2")

    settings: Settings = read_settings()

    assert "hunter2" not in f"{settings!r} {settings} {settings.model_dump_json()}"
    assert settings.security.password is not None
    assert settings.security.password.get_secret_value() == "hunter2"
