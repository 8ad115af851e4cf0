"""The embedded broker: real data survives every kind of end, and no process outlives its owner."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from connectors.kafka.broker import Broker, cluster_of, ensure_broker
from connectors.kafka.broker_files import Listener
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topic_admin import TopicAdmin
from schemas.errors import BrokerFailed, ConfigurationError, KafkaUnavailable
from tests.conftest import StartBroker
from tests.support.clusters import JARS_DIR
from tests.support.ports import free_port
from tests.support.processes import is_running
from tests.support.records import committed_offsets, make_topic, produce, read_topic
from tests.support.waiting import eventually

pytestmark = pytest.mark.kafka


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


async def test_a_clean_stop_ends_the_process_and_a_new_broker_goes_on_with_data_and_port(
    tmp_path: Path,
) -> None:
    async with Broker(tmp_path / "kafka", jars_dir=JARS_DIR) as broker:
        servers, pid = broker.bootstrap_servers, broker.pid
        await make_topic(servers, "kept")
        await produce(servers, "kept", [b"x"])
    assert pid is not None
    assert not is_running(pid)

    async with Broker(tmp_path / "kafka", jars_dir=JARS_DIR) as again:
        assert again.bootstrap_servers == servers
        assert [each.value for each in await read_topic(servers, "kept")] == [b"x"]


async def test_data_moves_to_another_port_when_its_own_is_taken(tmp_path: Path) -> None:
    async with Broker(tmp_path / "kafka", jars_dir=JARS_DIR) as broker:
        servers = broker.bootstrap_servers
        await make_topic(servers, "kept")
        await produce(servers, "kept", [b"x"])
    with socket.create_server(("127.0.0.1", int(servers.rsplit(":", 1)[1]))):
        async with Broker(tmp_path / "kafka", jars_dir=JARS_DIR) as moved:
            assert moved.bootstrap_servers != servers
            assert [each.value for each in await read_topic(moved.bootstrap_servers, "kept")] == [b"x"]


async def test_a_given_port_is_used_or_refused(tmp_path: Path, fresh_kafka: StartBroker) -> None:
    port = free_port()
    broker = await fresh_kafka(port=port)
    assert broker.bootstrap_servers == f"127.0.0.1:{port}"
    with pytest.raises(BrokerFailed, match=f"port {port} is in use"):
        await Broker(tmp_path / "other", port=port, jars_dir=JARS_DIR).start()


async def test_a_second_broker_on_the_same_data_is_refused(tmp_path: Path, fresh_kafka: StartBroker) -> None:
    await fresh_kafka(data_dir=tmp_path / "kafka")
    second = Broker(tmp_path / "kafka", jars_dir=JARS_DIR, start_timeout_s=0.5)
    with pytest.raises(BrokerFailed, match="another broker is running"):
        await second.start()


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


async def test_topics_are_not_made_by_producing_to_them(fresh_kafka: StartBroker) -> None:
    broker = await fresh_kafka()
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers, request_timeout_ms=1_000)
    await producer.start()
    try:
        with pytest.raises(KafkaError):
            await producer.send_and_wait("mistyped", b"x")
    finally:
        await producer.stop()
    async with TopicAdmin(KafkaSettings(bootstrap_servers=broker.bootstrap_servers)) as admin:
        assert await admin.describe(["mistyped"]) == {}


async def test_a_named_cluster_is_used_and_nothing_is_started(tmp_path: Path) -> None:
    named = KafkaSettings(bootstrap_servers="kafka.example:9092")
    async with ensure_broker(named, tmp_path) as kafka:
        assert kafka is named
    assert cluster_of(named, tmp_path) is named
    assert os.listdir(tmp_path) == []


async def test_a_running_broker_is_found_by_its_home(tmp_path: Path, fresh_kafka: StartBroker) -> None:
    with pytest.raises(ConfigurationError, match="KAFKA_BOOTSTRAP_SERVERS"):
        cluster_of(KafkaSettings(), tmp_path)
    broker = await fresh_kafka(data_dir=tmp_path / "kafka")
    assert cluster_of(KafkaSettings(), tmp_path).bootstrap_servers == broker.bootstrap_servers
    await broker.kill()
    with pytest.raises(ConfigurationError, match="KAFKA_BOOTSTRAP_SERVERS"):
        cluster_of(KafkaSettings(), tmp_path)


async def test_sasl_settings_reach_a_broker_that_asks_for_a_password(fresh_kafka: StartBroker) -> None:
    port = free_port()
    jaas = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_app="app-secret";'
    broker = await fresh_kafka(
        listeners=[Listener("APPS", "SASL_PLAINTEXT", port)],
        properties={
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.apps.plain.sasl.jaas.config": jaas,
        },
    )
    assert stat.S_IMODE((broker.log_file.parent / "server.properties").stat().st_mode) == 0o600
    settings = KafkaSettings.model_validate(
        {
            "bootstrap_servers": f"127.0.0.1:{port}",
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_username": "app",
            "sasl_password": "app-secret",
        }
    )
    await make_topic(broker.bootstrap_servers, "kept")
    producer = AIOKafkaProducer(**settings.client_options())
    await producer.start()
    await producer.send_and_wait("kept", b"x")
    await producer.stop()
    async with TopicAdmin(settings) as admin:
        assert list(await admin.describe(["kept"])) == ["kept"]

    wrong = KafkaSettings.model_validate({**settings.model_dump(), "sasl_password": "guessed"})
    with pytest.raises(KafkaUnavailable):
        async with TopicAdmin(wrong):
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
