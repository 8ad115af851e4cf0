"""Publisher, reply reader and client against a real broker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from connectors.publishing.client import VeriAIDPOClient
from connectors.publishing.kafka_client import TopicMissing
from connectors.publishing.publisher import Publisher
from connectors.publishing.replies import ReplyReader
from schemas.claims import ReplyAddress
from schemas.codec import Codec
from schemas.errors import (
    DeadlineExceeded,
    Internal,
    KafkaUnavailable,
    ModelUnavailable,
    NotAvro,
    RequestTooLarge,
)
from schemas.events import ClassificationRequest, Event
from schemas.headers import Headers
from tests.conftest import StartBroker
from tests.support.clusters import Kafka
from tests.support.responder import (
    CLASSIFY,
    SIGNING_KEY,
    Responder,
    accepted,
    create_topic,
    responding,
)
from tests.support.waiting import eventually

pytestmark = pytest.mark.kafka

MODEL_TYPE = "dpo_tasks"
TOPIC = f"veriaidpo.requests.{MODEL_TYPE}"
GRANT = {"subject": "tickets", "role": "service", "permissions": (CLASSIFY,)}


@pytest.fixture(scope="module")
async def reply_topic(kafka: Kafka) -> str:
    await create_topic(kafka.bootstrap_servers, TOPIC)
    name = f"publishing-{uuid4().hex[:8]}"
    await create_topic(kafka.bootstrap_servers, f"veriaidpo.replies.{name}", partitions=3)
    return name


@pytest.fixture
async def responder(kafka: Kafka, reply_topic: str) -> AsyncIterator[Responder]:
    async with responding(kafka.bootstrap_servers, [TOPIC]) as responder:
        yield responder


@pytest.fixture
async def client(kafka: Kafka, reply_topic: str) -> AsyncIterator[VeriAIDPOClient]:
    async with VeriAIDPOClient(kafka.bootstrap_servers, SIGNING_KEY, client_name=reply_topic) as client:
        yield client


def a_request(**changes: str) -> ClassificationRequest:
    fields = {"request_id": str(uuid4()), "tenant_id": "t1", "model_type": MODEL_TYPE, "language": "vi"}
    return ClassificationRequest(**{"text": "Bổ nhiệm cán bộ bảo vệ dữ liệu.", **fields, **changes})


async def test_sent_request_stands_where_the_broker_says_and_a_worker_accepts_it(
    kafka: Kafka, reply_topic: str
) -> None:
    request = a_request()
    async with Publisher(kafka.bootstrap_servers, SIGNING_KEY, source="test") as publisher:
        before_ms = time.time_ns() // 1_000_000
        sent = await publisher.send(request, **GRANT)  # type: ignore[arg-type]
    assert (sent.request_id, sent.topic) == (request.request_id, TOPIC)
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap_servers)
    await consumer.start()
    try:
        partition = TopicPartition(sent.topic, sent.partition)
        consumer.assign([partition])
        consumer.seek(partition, sent.offset)
        record = await asyncio.wait_for(consumer.getone(), 10)
    finally:
        await consumer.stop()
    assert record.timestamp_type == 1, "LogAppendTime"
    assert record.timestamp == sent.append_time_ms >= before_ms
    claims, decoded = accepted(record)
    assert decoded == request
    assert claims.reply is None


async def test_classify_gives_the_result_of_its_own_request(
    client: VeriAIDPOClient, responder: Responder
) -> None:
    texts = [f"Câu số {number}" for number in range(20)]
    results = await asyncio.gather(
        *(client.classify(text, model_type=MODEL_TYPE, tenant_id="t1") for text in texts)
    )
    assert [result.normalized_text for result in results] == texts
    assert responder.refused == []


async def test_failure_reply_raises_its_typed_error(client: VeriAIDPOClient, responder: Responder) -> None:
    responder.fails_with = ModelUnavailable(model_type=MODEL_TYPE, reason="loading", retry_after_s=7)
    with pytest.raises(ModelUnavailable) as caught:
        await client.classify("Một câu", model_type=MODEL_TYPE, tenant_id="t1")
    assert caught.value.retry_after_s == 7
    assert "loading" in caught.value.text


async def test_no_answer_within_the_timeout_is_a_deadline_exceeded(
    client: VeriAIDPOClient, responder: Responder
) -> None:
    responder.silent = True
    with pytest.raises(DeadlineExceeded):
        await client.classify("Một câu", model_type=MODEL_TYPE, tenant_id="t1", timeout_s=0.5)


async def test_caller_that_hangs_up_frees_its_slot_and_a_late_reply_is_ignored(
    kafka: Kafka, reply_topic: str, responder: Responder
) -> None:
    topic = f"veriaidpo.replies.{reply_topic}"
    async with ReplyReader(kafka.bootstrap_servers, topic, 1) as replies:

        async def wait_for_reply(correlation_id: bytes) -> None:
            with replies.expect(correlation_id) as reply:
                await reply

        caller = asyncio.create_task(wait_for_reply(b"gone"))
        await eventually(lambda: replies.waiting == 1)
        caller.cancel()
        await asyncio.wait([caller])
        assert replies.waiting == 0

        await responder.answer(ReplyAddress(topic, 1, b"gone"), a_request())
        await responder.answer(ReplyAddress(topic, 1, b"never asked"), a_request())
        await responder.answer(ReplyAddress(topic, 2, b"mine"), a_request(text="elsewhere"))
        with replies.expect(b"mine") as reply:
            await responder.answer(ReplyAddress(topic, 1, b"mine"), a_request(text="here"))
            await responder.answer(ReplyAddress(topic, 1, b"mine"), a_request(text="a second time"))
            result = await asyncio.wait_for(reply, 10)
        assert result.normalized_text == "here"


async def test_reply_that_does_not_decode_fails_only_the_one_who_waits_for_it(
    kafka: Kafka, reply_topic: str, responder: Responder
) -> None:
    topic = f"veriaidpo.replies.{reply_topic}"
    async with ReplyReader(kafka.bootstrap_servers, topic, 0) as replies:
        with replies.expect(b"good") as good, replies.expect(b"bad") as bad:
            headers = [("kafka_correlationId", b"bad")]
            await responder.producer.send_and_wait(topic, b"\x00garbage", partition=0, headers=headers)
            await responder.answer(ReplyAddress(topic, 0, b"good"), a_request())
            assert (await asyncio.wait_for(good, 10)).prediction == "Lawfulness"
            with pytest.raises(Exception, match=r"UNKNOWN_SCHEMA|NOT_AVRO"):
                await bad


class _Failing(Codec):
    """A codec of which a value asks too much."""

    def decode(self, value: bytes | None) -> Event:
        if value and b"too much" in value:
            raise RuntimeError("quotes the value")
        return super().decode(value)


async def test_reply_that_our_own_code_fails_on_fails_only_the_one_who_waits_for_it(
    kafka: Kafka, reply_topic: str, responder: Responder
) -> None:
    topic = f"veriaidpo.replies.{reply_topic}"
    async with ReplyReader(kafka.bootstrap_servers, topic, 0, codec=_Failing()) as replies:
        with replies.expect(b"good") as good, replies.expect(b"bad") as bad:
            await responder.answer(ReplyAddress(topic, 0, b"bad"), a_request(text="too much"))
            await responder.answer(ReplyAddress(topic, 0, b"good"), a_request())
            assert (await asyncio.wait_for(good, 10)).prediction == "Lawfulness"
            with pytest.raises(Internal, match="RuntimeError") as caught:
                await bad
            assert "quotes" not in str(caught.value)


async def test_record_that_is_no_reply_is_an_error_at_once(
    kafka: Kafka, reply_topic: str, responder: Responder
) -> None:
    topic = f"veriaidpo.replies.{reply_topic}"
    async with ReplyReader(kafka.bootstrap_servers, topic, 0) as replies:
        with replies.expect(b"mine") as mine:
            value = Codec().encode(a_request())
            headers = [("kafka_correlationId", b"mine")]
            await responder.producer.send_and_wait(topic, value, partition=0, headers=headers)
            with pytest.raises(NotAvro, match="ClassificationRequest"):
                await asyncio.wait_for(mine, 10)


async def test_client_reads_replies_again_after_its_reader_failed(
    client: VeriAIDPOClient, responder: Responder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(headers: Headers) -> bytes | None:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr("connectors.publishing.replies.read_correlation_id", failing)
        with pytest.raises(KafkaUnavailable, match="reader stopped"):
            await client.classify("Một câu", model_type=MODEL_TYPE, tenant_id="t1")
    assert await client.classify("Một câu", model_type=MODEL_TYPE, tenant_id="t1")


async def test_reader_that_is_left_at_once_leaves_nothing_running(kafka: Kafka, reply_topic: str) -> None:
    before = asyncio.all_tasks()
    async with ReplyReader(kafka.bootstrap_servers, f"veriaidpo.replies.{reply_topic}", 0):
        pass
    await eventually(lambda: asyncio.all_tasks() <= before, what="its consumer's tasks end")


async def test_instances_choose_their_partition_by_crc32_of_their_id(kafka: Kafka, reply_topic: str) -> None:
    topic = f"veriaidpo.replies.{reply_topic}"
    async with ReplyReader(kafka.bootstrap_servers, topic, instance_id="bridge-1") as replies:
        # crc32("bridge-1") is 1447799318.
        assert replies.address(b"c") == ReplyAddress(topic, 1447799318 % 3, b"c")


async def test_missing_topics_are_named_with_the_command_that_makes_them(fresh_kafka: StartBroker) -> None:
    broker = await fresh_kafka()
    async with VeriAIDPOClient(broker.bootstrap_servers, SIGNING_KEY, client_name="nobody") as client:
        began = time.monotonic()
        with pytest.raises(TopicMissing, match="veriaidpo topics create'"):
            await client.publish("Một câu", model_type=MODEL_TYPE, tenant_id="t1")
        with pytest.raises(TopicMissing, match="veriaidpo topics create --client nobody'"):
            await client.classify("Một câu", model_type=MODEL_TYPE, tenant_id="t1")
        assert time.monotonic() - began < 3
        await create_topic(broker.bootstrap_servers, TOPIC)
        assert await client.publish("Một câu", model_type=MODEL_TYPE, tenant_id="t1")


async def test_publisher_goes_on_after_the_broker_refused_a_record(fresh_kafka: StartBroker) -> None:
    broker = await fresh_kafka()
    await create_topic(broker.bootstrap_servers, TOPIC, max_message_bytes="4000")
    async with Publisher(broker.bootstrap_servers, SIGNING_KEY, source="test") as publisher:
        await publisher.send(a_request(), **GRANT)  # type: ignore[arg-type]
        with pytest.raises(RequestTooLarge):
            await publisher.send(a_request(text="x" * 10_000), **GRANT)  # type: ignore[arg-type]
        offsets = [(await publisher.send(a_request(), **GRANT)).offset for _ in range(3)]  # type: ignore[arg-type]
        assert offsets == [1, 2, 3]


async def test_broker_that_is_not_there_is_said_within_seconds(fresh_kafka: StartBroker) -> None:
    broker = await fresh_kafka()
    await broker.kill()
    with pytest.raises(KafkaUnavailable):
        async with Publisher(broker.bootstrap_servers, SIGNING_KEY, source="test"):
            raise AssertionError("there is no broker")
    with pytest.raises(KafkaUnavailable):
        async with ReplyReader(broker.bootstrap_servers, "veriaidpo.replies.any", 0):
            raise AssertionError("there is no broker")


async def test_requests_and_replies_go_on_after_the_broker_was_killed(fresh_kafka: StartBroker) -> None:
    broker = await fresh_kafka()
    await create_topic(broker.bootstrap_servers, TOPIC)
    await create_topic(broker.bootstrap_servers, "veriaidpo.replies.tickets")
    async with (
        responding(broker.bootstrap_servers, [TOPIC]) as responder,
        VeriAIDPOClient(broker.bootstrap_servers, SIGNING_KEY) as client,
    ):
        assert await client.classify("Trước", model_type=MODEL_TYPE, tenant_id="t1")
        await broker.kill()
        asked = asyncio.create_task(client.classify("Giữa", model_type=MODEL_TYPE, tenant_id="t1"))
        await broker.start()
        result = await asyncio.wait_for(asked, 30)
        assert result.normalized_text == "Giữa"
        assert (await client.classify("Sau", model_type=MODEL_TYPE, tenant_id="t1")).normalized_text == "Sau"
        assert responder.refused == []
