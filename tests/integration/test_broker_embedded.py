"""The embedded broker: real data survives every kind of end, and no process outlives its owner."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from pydantic import SecretStr

from connectors.kafka.broker import Broker, cluster_of, ensure_broker
from connectors.kafka.broker_files import Listener
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topic_admin import TopicAdmin
from connectors.ports import free_port
from schemas.errors import BrokerFailed, ConfigurationError, KafkaUnavailable
from tests.conftest import StartBroker
from tests.support.certificates import self_signed
from tests.support.clusters import JARS_DIR
from tests.support.processes import is_running
from tests.support.records import committed_offsets, make_topic, produce, read_topic
from tests.support.waiting import eventually

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
async def home(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Path]:
    """A home in which a broker runs, on a port that was given."""
    folder = tmp_path_factory.mktemp("home")
    async with Broker(folder / "kafka", port=free_port(), jars_dir=JARS_DIR):
        yield folder


async def test_records_and_committed_offsets_are_there_after_kill_and_restart(
    fresh_kafka: StartBroker,
) -> None:
    broker = await fresh_kafka()
    servers, first_pid = broker.bootstrap_servers, broker.pid
    await make_topic(servers, "kept", partitions=2)
    await produce(servers, "kept", [b"%d" % number for number in range(100)], partition=0)
    await _commit(servers, "readers", TopicPartition("kept", 0), 42)

    await broker.kill()
    assert broker.pid is None
    await broker.start()

    assert broker.bootstrap_servers == servers
    assert broker.pid not in (None, first_pid)
    assert [each.value for each in await read_topic(servers, "kept")] == [b"%d" % each for each in range(100)]
    assert await committed_offsets(servers, "readers", "kept") == {0: 42}


async def test_a_new_broker_goes_on_with_data_and_port_of_one_that_stopped(tmp_path: Path) -> None:
    async with Broker(tmp_path / "kafka", jars_dir=JARS_DIR) as broker:
        servers, pid = broker.bootstrap_servers, broker.pid
        await make_topic(servers, "kept")
        await produce(servers, "kept", [b"x"])
    assert pid is not None
    assert not is_running(pid)
    with pytest.raises(ConfigurationError):  # nothing runs there now
        cluster_of(KafkaSettings(), tmp_path)

    async with Broker(tmp_path / "kafka", jars_dir=JARS_DIR) as again:
        assert again.bootstrap_servers == servers
        assert [each.value for each in await read_topic(servers, "kept")] == [b"x"]

    with socket.create_server(("127.0.0.1", int(servers.rsplit(":", 1)[1]))):  # its port is taken: another
        async with Broker(tmp_path / "kafka", jars_dir=JARS_DIR) as moved:
            assert moved.bootstrap_servers != servers
            assert [each.value for each in await read_topic(moved.bootstrap_servers, "kept")] == [b"x"]


async def test_a_running_broker_is_found_by_its_home(home: Path, tmp_path: Path) -> None:
    kafka = cluster_of(KafkaSettings(), home)
    async with TopicAdmin(kafka) as admin:
        assert await admin.describe([]) == {}
    with pytest.raises(ConfigurationError, match="KAFKA_BOOTSTRAP_SERVERS"):
        cluster_of(KafkaSettings(), tmp_path)


async def test_a_port_in_use_is_refused(home: Path, tmp_path: Path) -> None:
    port = _port(home)
    with pytest.raises(BrokerFailed, match=f"port {port} is in use"):
        await Broker(tmp_path / "kafka", port=port, jars_dir=JARS_DIR).start()


async def test_a_second_broker_on_the_same_data_is_refused(home: Path) -> None:
    with pytest.raises(BrokerFailed, match="another broker is running"):
        await Broker(home / "kafka", jars_dir=JARS_DIR, start_timeout_s=0.3).start()


async def test_a_broker_that_cannot_start_says_why_and_leaves_no_process(tmp_path: Path) -> None:
    broker = Broker(
        tmp_path / "kafka", jars_dir=JARS_DIR, properties={"num.io.threads": "none"}, start_timeout_s=30
    )
    with pytest.raises(BrokerFailed, match=r"num\.io\.threads"):
        await broker.start()
    assert broker.pid is None


async def test_a_format_that_was_interrupted_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "kafka" / "log").mkdir(parents=True)
    (tmp_path / "kafka" / "log" / "bootstrap.checkpoint").write_bytes(b"half")
    async with Broker(tmp_path / "kafka", jars_dir=JARS_DIR) as broker:
        await make_topic(broker.bootstrap_servers, "kept")


async def test_topics_are_not_made_by_producing_to_them(home: Path) -> None:
    kafka = cluster_of(KafkaSettings(), home)
    producer = AIOKafkaProducer(**kafka.client_options(), request_timeout_ms=1_000)
    await producer.start()
    try:
        with pytest.raises(KafkaError):
            await producer.send_and_wait("mistyped", b"x")
    finally:
        await producer.stop()
    async with TopicAdmin(kafka) as admin:
        assert await admin.describe(["mistyped"]) == {}


async def test_a_named_cluster_is_used_and_nothing_is_started(tmp_path: Path) -> None:
    named = KafkaSettings(bootstrap_servers="kafka.example:9092")
    async with ensure_broker(named, tmp_path) as kafka:
        assert kafka is named
    assert cluster_of(named, tmp_path) is named
    assert os.listdir(tmp_path) == []


async def test_tls_and_sasl_settings_reach_a_broker_that_asks_for_both(
    fresh_kafka: StartBroker, tmp_path: Path
) -> None:
    port = free_port()
    certificate, key = self_signed(tmp_path, address="127.0.0.1")
    keystore = tmp_path / "keystore.pem"
    keystore.write_bytes(key.read_bytes() + certificate.read_bytes())
    jaas = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_app="app-secret";'
    broker = await fresh_kafka(
        listeners=[Listener("APPS", "SASL_SSL", port)],
        properties={
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.apps.plain.sasl.jaas.config": jaas,
            "listener.name.apps.ssl.keystore.type": "PEM",
            "listener.name.apps.ssl.keystore.location": str(keystore),
        },
    )
    assert stat.S_IMODE((broker.log_file.parent / "server.properties").stat().st_mode) == 0o600
    await make_topic(broker.bootstrap_servers, "kept")
    settings = KafkaSettings(
        bootstrap_servers=f"127.0.0.1:{port}",
        security_protocol="SASL_SSL",
        ssl_cafile=str(certificate),
        sasl_username="app",
        sasl_password=SecretStr("app-secret"),
    )

    producer = AIOKafkaProducer(**settings.client_options())
    await producer.start()
    await producer.send_and_wait("kept", b"x")
    await producer.stop()
    async with TopicAdmin(settings) as admin:
        assert list(await admin.describe(["kept"])) == ["kept"]

    guessed = settings.model_copy(update={"sasl_password": SecretStr("guessed")})
    stranger = settings.model_copy(update={"ssl_cafile": None})
    for refused in (guessed, stranger):
        with pytest.raises(KafkaUnavailable):
            async with TopicAdmin(refused):
                pass


async def test_starting_can_be_given_up_without_leaving_a_process(tmp_path: Path) -> None:
    broker = Broker(tmp_path / "kafka", jars_dir=JARS_DIR)
    starting = asyncio.create_task(broker.start())
    await eventually(lambda: broker.pid, timeout_s=30, what="a process of the broker's")
    pid = broker.pid
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert pid is not None
    assert not is_running(pid)


async def _commit(servers: str, group: str, partition: TopicPartition, offset: int) -> None:
    consumer = AIOKafkaConsumer(bootstrap_servers=servers, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([partition])
        await consumer.commit({partition: offset})
    finally:
        await consumer.stop()


def _port(home: Path) -> int:
    servers = cluster_of(KafkaSettings(), home).bootstrap_servers
    assert servers is not None
    return int(servers.rsplit(":", 1)[1])
