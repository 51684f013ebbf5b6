"""TLS and SASL against an Apache Kafka that wants them, with a worker of its own: and no secret in what anybody writes."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from streams.settings import read_settings
from tests.brokers import kafka as kafka_server
from tests.brokers import secure_kafka
from tests.brokers.fixtures import leave_out
from tests.brokers.secure_kafka import PASSWORD, USER, SecureKafka
from tests.integration.fleet import ROOT

pytestmark = pytest.mark.integration
NAMES = count()
Variables = dict[str, str]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    """A broker with a listener for every protocol."""
    if reason := kafka_server.missing() or secure_kafka.missing():
        leave_out(reason)
    made = SecureKafka(tmp_path_factory.mktemp("secure-kafka"))
    made.start()
    yield made
    made.kill()


def variables(broker: SecureKafka, protocol: str, mechanism: str | None) -> Variables:
    """Return the environment of a deployment nobody else uses."""
    name = f"secure-{next(NAMES)}"
    (broker.folder / "password").write_text(PASSWORD + "\n")
    (broker.folder / "subject.key").write_bytes(b"a key of the tests")
    found = {
        "PMON_BROKER": broker.address(protocol),
        "PMON_PARTITIONS": "1",
        "PMON_GROUP": name,
        "PMON_TOPIC_PREFIX": f"{name}.",
        "PMON_WEB_PORT": "0",
        "PMON_SUBJECT_KEY_FILE": str(broker.folder / "subject.key"),
        "PMON_SECURITY_PROTOCOL": protocol,
    }
    if protocol.endswith("SSL"):
        found["PMON_SECURITY_CA_FILE"] = str(broker.folder / "ca.crt")
    if protocol == "SSL":
        found |= {f"PMON_SECURITY_{kind.upper()}_FILE": str(broker.folder / f"client.{ending}") for kind, ending in PAIR.items()}
    if mechanism is not None:
        found |= {"PMON_SECURITY_SASL_MECHANISM": mechanism, "PMON_SECURITY_USERNAME": USER}
        found["PMON_SECURITY_PASSWORD_FILE"] = str(broker.folder / "password")
    return found


PAIR = {"cert": "crt", "key": "key"}


def pmon(environment: Variables, *arguments: str, within_s: float = 90) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "streams.cli", *arguments]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PMON_")}
    return subprocess.run(command, cwd=ROOT, env=plain | environment, capture_output=True, timeout=within_s, check=False)


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("protocol", "mechanism"),
    [
        pytest.param("SSL", None, marks=pytest.mark.soak),
        ("SASL_SSL", "SCRAM-SHA-512"),
        pytest.param("SASL_SSL", "PLAIN", marks=pytest.mark.soak),
        pytest.param("SASL_PLAINTEXT", "SCRAM-SHA-256", marks=pytest.mark.soak),
    ],
)
def test_a_worker_works_over_every_protocol(broker: SecureKafka, tmp_path: Path, protocol: str, mechanism: str | None) -> None:
    """Both clients of a worker connect, Faust's and ours; a command goes the whole way; doctor finds nothing to complain of."""
    environment = variables(broker, protocol, mechanism)
    config = tmp_path / "config.yaml"
    config.write_text("version: 1\ntiming: {window: 1s, tick: 1s, allowed_lateness: 0s, settle: 1s, stalled_after: 30s}\n")
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PMON_")}
    command = [sys.executable, "-m", "streams.cli", "run", "--config", str(config)]
    with (tmp_path / "log").open("wb") as log:
        worker = subprocess.Popen(command, cwd=ROOT, env=plain | environment, stdout=log, stderr=log)
    try:
        while b'"ready"' not in (tmp_path / "log").read_bytes():
            assert worker.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.2)  # the worker says it in its log: that is read again
        seen = pmon(environment, "doctor", "--config", str(config))
    finally:
        worker.terminate()
        assert worker.wait(40) == 0
    outcomes = {line.split()[1]: line.split()[0] for line in seen.stdout.decode().splitlines()}
    assert {name: outcomes[name] for name in ("broker", "topics", "answer")} == dict.fromkeys(("broker", "topics", "answer"), "ok")
    assert PASSWORD.encode() not in (tmp_path / "log").read_bytes() + seen.stdout + seen.stderr


@pytest.mark.parametrize(
    "wrong",
    [{"PMON_SECURITY_PASSWORD": "wrong-secret-word", "PMON_SECURITY_PASSWORD_FILE": ""}, {"PMON_SECURITY_CA_FILE": ""}],
)
def test_who_is_not_let_in_is_told_so_without_the_secret(broker: SecureKafka, wrong: Variables) -> None:
    """A password that is wrong, an authority nobody here knows: exit 3."""
    ran = pmon(variables(broker, "SASL_SSL", "SCRAM-SHA-512") | wrong, "topics", "describe")
    assert (ran.returncode, ran.stdout) == (3, b"")
    assert not any(secret in ran.stderr for secret in (b"wrong-secret-word", PASSWORD.encode()))


def test_secrets_are_in_no_repr() -> None:
    own = read_settings(redis="redis://:a-redis-password@127.0.0.1:1/0")
    assert "a-redis-password" not in f"{own!r} {own}"
