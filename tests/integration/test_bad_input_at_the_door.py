"""What is refused before it lies on a topic: by the publisher, by the broker, by the bridge."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import MessageSizeTooLargeError

from connectors.installation import development_installation
from connectors.ports import free_port
from connectors.publishing.keys import read_signing_key
from connectors.publishing.publisher import Publisher
from schemas.claims import SigningKey
from schemas.errors import EmptyText, InvalidId, InvalidRequest, TextTooLong, UnknownModelType, VeriAIDPOError
from schemas.limits import MAX_REQUEST_BYTES, MAX_TEXT_CHARS
from tests.support.bad_input_barrage import PARTITIONS
from tests.support.bad_input_producer import RawBatch, RawProducer, of_batch_size
from tests.support.bad_input_records import CLASSIFY, CRM, TOPIC, Draft
from tests.support.bad_input_values import FIVE_MEGABYTES
from tests.support.bridge_client import bearer, caller_token
from tests.support.clusters import Kafka
from tests.support.processes import Process, run_veriaidpo

pytestmark = pytest.mark.kafka

GOOD = Draft.of("at the door")
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("refusal", "bent"),
    [
        (TextTooLong, GOOD.asking(text="a" * FIVE_MEGABYTES)),
        (TextTooLong, GOOD.asking(text="a" * (MAX_TEXT_CHARS + 1))),
        (EmptyText, GOOD.asking(text=" \n\u3000")),
        (UnknownModelType, GOOD.asking(model_type="astrology")),
        (InvalidRequest, GOOD.replying(correlation_id=b"c" * 10_000)),
        (InvalidId, GOOD.asking(request_id="")),
    ],
    ids=["5 MB of text", "a character too many", "spaces", "model type", "correlation id", "request id"],
)
async def test_publisher_raises_the_typed_error_and_sends_nothing(
    declared_topics: Kafka, refusal: type[VeriAIDPOError], bent: Draft
) -> None:
    before = await end_of_topic(declared_topics)
    async with Publisher(declared_topics.bootstrap_servers, CRM, source="//crm") as publisher:
        with pytest.raises(refusal):
            await publisher.send(
                bent.request, subject="user-1", role="dpo", permissions=[CLASSIFY], reply=bent.reply
            )
    assert await end_of_topic(declared_topics) == before


@pytest.mark.parametrize("batch_bytes", [MAX_REQUEST_BYTES + 1, FIVE_MEGABYTES])
async def test_broker_refuses_a_larger_record_than_a_dead_letter_could_hold(
    declared_topics: Kafka, batch_bytes: int
) -> None:
    large = of_batch_size(batch_bytes, lambda text: GOOD.asking(text=text).sign())
    async with RawProducer(declared_topics.bootstrap_servers) as producer:
        with pytest.raises(MessageSizeTooLargeError):
            await producer.send(RawBatch(large), TOPIC, 0)


async def end_of_topic(kafka: Kafka) -> int:
    """How many offsets the request topic has given out."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap_servers)
    await consumer.start()
    try:
        partitions = [TopicPartition(TOPIC, number) for number in range(PARTITIONS)]
        return sum((await consumer.end_offsets(partitions)).values())
    finally:
        await consumer.stop()


@dataclass(frozen=True)
class Bridge:
    process: Process
    client: httpx.AsyncClient
    publisher_key: SigningKey


@pytest.fixture(scope="module")
async def bridge(declared_topics: Kafka, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bridge]:
    """`veriaidpo bridge` and a client that may classify; no worker is there, nor needed."""
    folder = tmp_path_factory.mktemp("bridge")
    keys = development_installation(folder / ".veriaidpo")
    port = free_port()
    settings = {"KAFKA_BOOTSTRAP_SERVERS": declared_topics.bootstrap_servers, "VERIAIDPO_MODE": "development"}
    async with (
        run_veriaidpo(["bridge", "--port", str(port)], folder, env=settings) as process,
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}",
            headers=bearer(caller_token(secret=keys.jwt_secret)),
            timeout=40,
        ) as client,
    ):
        await process.wait_for_line("kafka is up")
        yield Bridge(process, client, read_signing_key(keys.publisher_key))
        assert (await client.get("/health")).json()[
            "status"
        ] == "unhealthy"  # no worker; and it still answers
        assert process.returncode is None


@pytest.mark.parametrize(
    ("status", "code", "body"),
    [
        (413, "REQUEST_TOO_LARGE", {"text": "a" * FIVE_MEGABYTES}),
        (413, "TEXT_TOO_LONG", {"text": "ạ" * (MAX_TEXT_CHARS + 1)}),
        (400, "EMPTY_TEXT", {"text": " \t\u3000"}),
        (400, "UNKNOWN_MODEL_TYPE", {"text": "a", "model_type": "astrology"}),
        (422, "INVALID_REQUEST", {"text": ["a"]}),
        (422, "INVALID_REQUEST", {"text": "a", "language": "fr"}),
        (422, "INVALID_REQUEST", {"text": "half of a pair: \ud800"}),
    ],
    ids=["5 MB", "a character too many", "spaces", "model type", "shape", "language", "surrogate"],
)
async def test_bridge_refuses_it_in_both_languages(
    bridge: Bridge, status: int, code: str, body: dict[str, object]
) -> None:
    answer = await bridge.client.post("/classify", content=json.dumps(body), headers=JSON)
    assert (answer.status_code, answer.json()["detail"]["code"]) == (status, code)
    assert answer.json()["detail"]["error"] != answer.json()["detail"]["error_vi"]
    assert len(answer.content) < 2_000  # nobody's text comes back


async def test_bridge_refuses_an_events_token_from_a_caller(bridge: Bridge) -> None:
    token = GOOD.signed_by(bridge.publisher_key).token(digest="0" * 64)
    answer = await bridge.client.post("/classify", json={"text": "a"}, headers=bearer(token))
    assert (answer.status_code, answer.json()["detail"]["code"]) == (401, "UNAUTHENTICATED")
    assert answer.headers["www-authenticate"].startswith("Bearer")
