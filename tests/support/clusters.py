"""The cluster that tests run against: a given one, a container, or the embedded broker."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from connectors.kafka.broker import Broker
from connectors.kafka.broker_files import Ports, new_cluster_id, server_properties
from connectors.ports import free_port
from tests.support.waiting import eventually

PROJECT = Path(__file__).resolve().parents[2]
JARS_DIR = PROJECT / ".veriaidpo" / "kafka-jars"  # the cache of `veriaidpo broker` itself: fetched once
IMAGE = "apache/kafka:4.4.0"


@dataclass(frozen=True)
class Kafka:
    """A running cluster."""

    bootstrap_servers: str


@asynccontextmanager
async def running_kafka(data_dir: Path) -> AsyncIterator[Kafka]:
    """KAFKA_BOOTSTRAP_SERVERS, else a container where an engine answers, else a broker on `data_dir`."""
    if given := os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        yield Kafka(given)
    elif await asyncio.to_thread(container_engine_answers):
        async with kafka_container() as bootstrap_servers:
            yield Kafka(bootstrap_servers)
    else:
        async with Broker(data_dir, jars_dir=JARS_DIR) as broker:
            yield Kafka(broker.bootstrap_servers)


def home_with_jars(folder: Path) -> Path:
    """An installation in `folder` whose jars are fetched already; its home."""
    home = folder / ".veriaidpo"
    home.mkdir()
    JARS_DIR.mkdir(parents=True, exist_ok=True)
    (home / "kafka-jars").symlink_to(JARS_DIR)
    return home


def container_engine_answers() -> bool:
    """Whether there is a container engine, and it runs."""
    import docker  # type: ignore[import-untyped]
    from docker.errors import DockerException  # type: ignore[import-untyped]

    try:
        return bool(docker.from_env(timeout=3).ping())
    except (DockerException, OSError):
        return False


@asynccontextmanager
async def kafka_container() -> AsyncIterator[str]:
    """Apache's own image with the embedded broker's settings; testcontainers removes it at the end.

    Not testcontainers' KafkaContainer: its start script is for another vendor's image.
    """
    from testcontainers.core.container import DockerContainer

    port = free_port()
    inside = server_properties(
        log_dir=Path("/tmp/kraft-logs"),  # noqa: S108 - in the container
        host="127.0.0.1",
        ports=Ports(clients=port, controller=port + 1),
    )
    inside["listeners"] = f"PLAINTEXT://0.0.0.0:{port},CONTROLLER://127.0.0.1:{port + 1}"
    inside["controller.quorum.voters"] = f"1@127.0.0.1:{port + 1}"  # the image formats without --standalone
    del inside["controller.quorum.bootstrap.servers"]
    container = DockerContainer(IMAGE).with_bind_ports(port, port).with_env("CLUSTER_ID", new_cluster_id())
    for name, value in inside.items():
        container.with_env("KAFKA_" + name.upper().replace(".", "_"), value)
    await asyncio.to_thread(container.start)
    try:
        bootstrap_servers = f"127.0.0.1:{port}"
        await eventually(lambda: _answers(bootstrap_servers), timeout_s=60, what=f"{IMAGE} answers")
        yield bootstrap_servers
    finally:
        await asyncio.to_thread(container.stop)


async def _answers(bootstrap_servers: str) -> bool:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    try:
        await admin.start()
    except (KafkaError, OSError):
        return False
    finally:
        await admin.close()
    return True
