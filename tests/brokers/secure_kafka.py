"""A Kafka that speaks TLS and asks who one is, with a certificate authority made for it."""

import shutil
import subprocess
from pathlib import Path

from tests.brokers.kafka import Kafka
from tests.brokers.process import free_port

USER, PASSWORD = "pmon-worker", "correct-horse-battery"
LISTENERS = """\
listeners=PLAINTEXT://127.0.0.1:{{port}},CONTROLLER://127.0.0.1:{{controller}},SSL://127.0.0.1:{ssl},\
SASL_SSL://127.0.0.1:{sasl_ssl},SASL_PLAINTEXT://127.0.0.1:{sasl_plaintext}
advertised.listeners=PLAINTEXT://127.0.0.1:{{port}},SSL://127.0.0.1:{ssl},SASL_SSL://127.0.0.1:{sasl_ssl},\
SASL_PLAINTEXT://127.0.0.1:{sasl_plaintext}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL,SASL_PLAINTEXT:SASL_PLAINTEXT
inter.broker.listener.name=PLAINTEXT
ssl.keystore.type=PEM
ssl.keystore.location={folder}/server.pem
ssl.truststore.type=PEM
ssl.truststore.location={folder}/ca.crt
listener.name.ssl.ssl.client.auth=required
sasl.enabled.mechanisms=SCRAM-SHA-512,SCRAM-SHA-256,PLAIN
"""
JAAS = """\
listener.name.{listener}.{scram}.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
"""
PLAIN = """\
listener.name.{listener}.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_{user}="{password}";
"""


def missing() -> str | None:
    """Return what this machine lacks to make certificates, None for nothing."""
    return None if shutil.which("openssl") else "no openssl to make certificates with"


def certificates(folder: Path) -> None:
    """Make `ca.crt`, a server's key and certificate in `server.pem`, a client's in `client.key` and `client.crt`."""
    _openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=pmon tests")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    for name in ("server", "client"):
        _openssl(folder, "req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        signed = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names", "-out", f"{name}.crt")
        _openssl(folder, "x509", "-req", "-in", f"{name}.csr", *signed)
    (folder / "server.pem").write_bytes((folder / "server.key").read_bytes() + (folder / "server.crt").read_bytes())


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, timeout=60, check=True)


class SecureKafka(Kafka):
    """One broker with a listener for every protocol; `SSL` wants a client certificate."""

    def __init__(self, folder: Path) -> None:
        certificates(folder)
        self.folder = folder
        self.ports = {name: free_port() for name in ("ssl", "sasl_ssl", "sasl_plaintext")}
        more = LISTENERS.format(folder=folder, **self.ports)
        for listener in ("sasl_ssl", "sasl_plaintext"):
            more += "".join(JAAS.format(listener=listener, scram=scram) for scram in ("scram-sha-512", "scram-sha-256"))
            more += PLAIN.format(listener=listener, user=USER, password=PASSWORD)
        users = [f"--add-scram={kind}=[name={USER},password={PASSWORD}]" for kind in ("SCRAM-SHA-512", "SCRAM-SHA-256")]
        super().__init__(folder, more, users)

    def address(self, protocol: str) -> str:
        """Return PMON_BROKER for a protocol."""
        return f"kafka://127.0.0.1:{self.ports[protocol.lower()]}"
