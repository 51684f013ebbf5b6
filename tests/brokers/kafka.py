"""Apache Kafka without Docker: the jars by Maven, kept outside the tree, one node in KRaft mode on loopback."""

import shutil
import subprocess
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from tests.brokers.process import Server, ServerError, free_port

POM = Path(__file__).with_name("pom.xml")
LIBS = Path.home() / ".cache" / "pmon-tests" / "kafka-4.1.0"

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
log.dirs={data}
num.partitions=1
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
log.cleaner.dedupe.buffer.size=8388608
"""


def missing() -> str | None:
    """Return what this machine lacks to run Kafka, None for nothing."""
    if shutil.which("java") is None:
        return "no Java (17 or newer) to run Apache Kafka with"
    if shutil.which("mvn") is None and not _fetched():
        return "no Maven to fetch Apache Kafka with"
    return None


def fetch() -> Path:
    """Return the folder of the jars, fetched once; raises ServerError."""
    if not _fetched():
        part = LIBS.with_name(f"{LIBS.name}.{uuid4().hex}")
        command = ["mvn", "-B", "-q", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={part}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode != 0:
            shutil.rmtree(part, ignore_errors=True)
            raise ServerError("Maven could not fetch Apache Kafka:\n" + done.stdout[-2_000:])
        if _fetched():  # another process was quicker
            shutil.rmtree(part)
        else:
            part.rename(LIBS)
    return LIBS


def _fetched() -> bool:
    return LIBS.is_dir() and any(LIBS.glob("kafka_2.13-*.jar"))


class Kafka(Server):
    """One broker with its own folder; a restart finds its data again. `more` are further properties, `users` arguments of the format."""

    def __init__(self, folder: Path, more: str = "", users: Sequence[str] = ()) -> None:
        classes = f"{fetch()}/*"
        port, controller = free_port(), free_port()
        properties = folder / "server.properties"
        plain = PROPERTIES.format(port=port, controller=controller, data=folder / "data")
        properties.write_text(plain + more.format(port=port, controller=controller))  # of a property that stands twice the last one counts
        cluster = urlsafe_b64encode(uuid4().bytes).rstrip(b"=").decode()
        java = ["java", "-Xmx384m", "-XX:+UseSerialGC", "-cp", classes]
        form = [*java, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(properties), *users]
        done = subprocess.run(form, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            raise ServerError("the data folder of Apache Kafka could not be made:\n" + done.stderr[-2_000:])
        super().__init__([*java, "kafka.Kafka", str(properties)], port, folder / "kafka.log")

    @property
    def url(self) -> str:
        """The broker as PMON_BROKER wants it."""
        return f"kafka://127.0.0.1:{self.port}"
