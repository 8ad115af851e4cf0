"""Stands in for a worker in tests of publishing: checks requests as a worker does, answers one label."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from connectors.publishing.kafka_client import partition_count
from schemas.claims import (
    EventClaims,
    Issuer,
    IssuerList,
    SigningKey,
    VerifyingKey,
    check_claims,
    check_record,
    verify_signature,
)
from schemas.codec import Codec
from schemas.errors import VeriAIDPOError
from schemas.events import ClassificationRequest, ClassificationResult, Score, Timings
from schemas.failures import failure_of
from schemas.headers import COMPLETED, FAILED, read_request_headers, reply_headers
from schemas.reply import ReplyAddress
from tests.support.records import has_leaders

CLASSIFY = "processing_activity.read"
CODEC = Codec()
SECRET = "a-secret-of-these-tests-and-nothing-else"
SIGNING_KEY = SigningKey(issuer="tickets", kid="tickets-1", algorithm="HS256", key=SECRET)
ISSUERS = IssuerList(
    [
        Issuer(
            name="tickets",
            keys=(VerifyingKey(kid="tickets-1", algorithm="HS256", key=SECRET),),
            tenants=frozenset({"*"}),
            permissions=frozenset({CLASSIFY}),
            topics=frozenset({"veriaidpo.requests.*"}),
            reply_topics=frozenset({"veriaidpo.replies.*"}),
        )
    ]
)


async def create_topic(bootstrap_servers: str, name: str, *, partitions: int = 1, **settings: str) -> None:
    """Make a topic as `veriaidpo topics create` would; one that exists is left as it is.

    `settings` are Kafka's, with _ for each dot: max_message_bytes="4000".
    """
    config = {"message.timestamp.type": "LogAppendTime"}
    config |= {name.replace("_", "."): value for name, value in settings.items()}
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        answer = await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=config)])
        for _, code, *_ in answer.topic_errors:
            if code and for_code(code) is not TopicAlreadyExistsError:
                raise for_code(code)
        await has_leaders(admin, name)
    finally:
        await admin.close()


def accepted(
    record: ConsumerRecord[bytes, bytes], issuers: IssuerList = ISSUERS
) -> tuple[EventClaims, ClassificationRequest]:
    """What a worker makes of a record; raises its typed error where it would refuse it."""
    value = record.value or b""
    headers = read_request_headers(record.headers)
    claims = verify_signature(headers.token, issuers, append_time_ms=record.timestamp)
    check_claims(
        claims,
        issuers,
        topic=record.topic,
        value=value,
        headers=headers,
        append_time_ms=record.timestamp,
        now_ms=record.timestamp,
        required_permission=CLASSIFY,
    )
    request = CODEC.decode(value)
    assert isinstance(request, ClassificationRequest)
    check_record(claims, headers, record.key, request, record.topic)
    return claims, request


def result_for(request: ClassificationRequest, now_ms: int) -> ClassificationResult:
    """A result that only a test would believe."""
    return ClassificationResult(
        result_id=f"result-{request.request_id}",
        request_id=request.request_id,
        tenant_id=request.tenant_id,
        model_type=request.model_type,
        language=request.language,
        prediction="Lawfulness",
        category_id=0,
        confidence=0.875,
        scores=(Score(0, "Lawfulness", 0.875), Score(1, "Other", 0.125)),
        model_id="responder",
        model_version="sha256:0",
        normalized_text=request.text,
        detected_companies=(),
        tokens=3,
        truncated=False,
        timings=Timings(0.0, 0.0, 0.0, 0.0, 1, 0.0),
        requested_at_ms=now_ms,
        completed_at_ms=now_ms,
    )


@dataclass
class Responder:
    """Answers what it accepts; keeps what it refuses and why."""

    producer: AIOKafkaProducer
    issuers: IssuerList
    fails_with: VeriAIDPOError | None = None
    silent: bool = False
    answered: list[ClassificationRequest] = field(default_factory=list)
    refused: list[VeriAIDPOError] = field(default_factory=list)

    async def take(self, record: ConsumerRecord[bytes, bytes]) -> None:
        try:
            claims, request = accepted(record, self.issuers)
        except VeriAIDPOError as error:
            self.refused.append(error)
            return
        self.answered.append(request)
        if claims.reply is not None and not self.silent:
            await self.answer(claims.reply, request)

    async def answer(self, reply: ReplyAddress, request: ClassificationRequest) -> None:
        now_ms = time.time_ns() // 1_000_000
        failure = self.fails_with and failure_of(
            self.fails_with,
            request_id=request.request_id,
            tenant_id=request.tenant_id,
            model_type=request.model_type,
            now_ms=now_ms,
        )
        headers = reply_headers(
            reply=reply,
            event_type=FAILED if failure else COMPLETED,
            source="responder",
            event_id=request.request_id,
            now=datetime.now(UTC),
        )
        await self.producer.send_and_wait(
            reply.topic,
            CODEC.encode(failure or result_for(request, now_ms)),
            key=reply.correlation_id,
            partition=reply.partition,
            headers=headers,
        )


@asynccontextmanager
async def responding(
    bootstrap_servers: str, topics: Sequence[str], *, issuers: IssuerList = ISSUERS
) -> AsyncIterator[Responder]:
    """A responder that reads topics, all their partitions, from their end on; ready when the block begins."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, metadata_max_age_ms=3000)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, metadata_max_age_ms=3000)
    await producer.start()
    await consumer.start()
    partitions = [
        TopicPartition(topic, number)
        for topic in topics
        for number in range(await partition_count(bootstrap_servers, topic))
    ]
    consumer.assign(partitions)
    for partition in partitions:
        await consumer.position(partition)
    responder = Responder(producer, issuers)

    async def run() -> None:
        async for record in consumer:
            await responder.take(record)

    task = asyncio.create_task(run())
    try:
        yield responder
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await consumer.stop()
        await producer.stop()
