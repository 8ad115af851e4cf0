"""Signs a request and hands it to Kafka; returns once the broker has it on disk."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from aiokafka.structs import RecordMetadata

from schemas.claims.mint import DEFAULT_LIFETIME_S, SigningKey, mint_event_claims
from schemas.codec import Codec
from schemas.content import check_content, check_ids
from schemas.errors import InvalidRequest, KafkaUnavailable, RequestTooLarge
from schemas.events import ClassificationRequest
from schemas.headers import request_headers
from schemas.identity import digest_of
from schemas.limits import (
    MAX_CORRELATION_ID_BYTES,
    MAX_HEADERS_BYTES,
    MAX_REQUEST_BYTES,
    MAX_TOKEN_BYTES,
)
from schemas.reply import ReplyAddress
from schemas.topics import request_topic

from .kafka_client import METADATA_MAX_AGE_MS, kafka_failure, known_partitions
from .security import KafkaSecurity

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SentRequest:
    """Where a request stands on Kafka, confirmed by every in-sync replica."""

    request_id: str
    topic: str
    partition: int
    offset: int
    append_time_ms: int


@dataclass(frozen=True)
class SignedRecord:
    """A request as it goes on the wire."""

    topic: str
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]]


class Publisher:
    """Publishes signed classification requests.

    A send that fails with KafkaUnavailable may still arrive. Sending it again under the same
    request id is safe: both records give the same result id.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        signing_key: SigningKey,
        *,
        source: str,
        codec: Codec | None = None,
        security: KafkaSecurity | None = None,
        confirm_timeout_s: float = 30.0,
        claims_lifetime_s: int = DEFAULT_LIFETIME_S,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._signing_key = signing_key
        self._source = source
        self._codec = codec or Codec()
        self._security: KafkaSecurity = security or {}
        self._confirm_timeout_s = confirm_timeout_s
        self._claims_lifetime_s = claims_lifetime_s
        self._now = now
        self._producer: AIOKafkaProducer | None = None
        self._replacing = asyncio.Lock()
        self._retiring: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._codec.register)  # a schema registry is asked here, not in a send
        self._producer = await self._start_producer()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await self._stop_producer(producer)
        await asyncio.gather(*self._retiring)

    async def send(
        self,
        request: ClassificationRequest,
        *,
        subject: str,
        role: str,
        permissions: Sequence[str],
        reply: ReplyAddress | None = None,
        deadline_ms: int | None = None,
        traceparent: str | None = None,
    ) -> SentRequest:
        """Publish one request and wait until the broker confirms it.

        Raises before anything is sent: UnknownModelType, UnsupportedLanguage, EmptyText, TextTooLong,
        InvalidId, InvalidRequest, RequestTooLarge, and TopicMissing where the topic doesn't exist. After
        that: KafkaUnavailable.
        """
        record = self.sign(
            request,
            subject=subject,
            role=role,
            permissions=permissions,
            reply=reply,
            deadline_ms=deadline_ms,
            traceparent=traceparent,
        )
        try:
            async with asyncio.timeout(self._confirm_timeout_s):
                confirmed = await self._produce(record)
        except TimeoutError as error:
            raise KafkaUnavailable(
                reason=f"no confirmation within {self._confirm_timeout_s:g} s",
                reason_vi=f"chưa có xác nhận sau {self._confirm_timeout_s:g} giây",
            ) from error
        return SentRequest(
            request_id=request.request_id,
            topic=confirmed.topic,
            partition=confirmed.partition,
            offset=confirmed.offset,
            append_time_ms=confirmed.timestamp,
        )

    def sign(
        self,
        request: ClassificationRequest,
        *,
        subject: str,
        role: str,
        permissions: Sequence[str],
        reply: ReplyAddress | None = None,
        deadline_ms: int | None = None,
        traceparent: str | None = None,
    ) -> SignedRecord:
        """The record that `send` produces; touches no network."""
        check_request(request, reply)
        now = self._now()
        topic = request_topic(request.model_type)
        value = self._codec.encode(request)
        token = mint_event_claims(
            subject=subject,
            role=role,
            tenant_id=request.tenant_id,
            permissions=permissions,
            request_id=request.request_id,
            topic=topic,
            digest=digest_of(value),
            reply=reply,
            issued_at_s=int(now.timestamp()),
            expires_at_s=int(now.timestamp()) + self._claims_lifetime_s,
            signing_key=self._signing_key,
        )
        headers = request_headers(
            token=token,
            request_id=request.request_id,
            source=self._source,
            reply=reply,
            deadline_ms=deadline_ms,
            now=now,
            traceparent=traceparent,
        )
        _check_sizes(token, headers)
        return SignedRecord(topic, request.request_id.encode(), value, headers)

    async def _produce(self, record: SignedRecord) -> RecordMetadata:
        producer = await self._live_producer()
        try:
            if producer.client.cluster.partitions_for_topic(record.topic) is None:
                await known_partitions(producer.client, record.topic)
        except KafkaError as error:
            raise kafka_failure(error) from error
        try:
            confirmation = await producer.send(
                record.topic, record.value, key=record.key, headers=list(record.headers)
            )
        except MessageSizeTooLargeError as error:
            raise kafka_failure(error) from error
        except KafkaError as error:
            self._retire(producer)
            raise kafka_failure(error) from error
        try:
            return await confirmation
        except KafkaError as error:
            # A refused batch leaves a hole in the producer's sequence numbers: the broker would refuse
            # everything after it as OutOfOrderSequenceNumber, for ever.
            self._retire(producer)
            raise kafka_failure(error) from error

    async def _live_producer(self) -> AIOKafkaProducer:
        async with self._replacing:
            if self._producer is None:
                self._producer = await self._start_producer()
            return self._producer

    def _retire(self, producer: AIOKafkaProducer) -> None:
        if self._producer is producer:
            log.warning("The Kafka producer lost its sequence; the next request opens a new one.")
            self._producer = None
            task = asyncio.create_task(self._stop_producer(producer))
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)

    async def _start_producer(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap_servers,
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=262_144,
            max_request_size=MAX_REQUEST_BYTES,
            metadata_max_age_ms=METADATA_MAX_AGE_MS,
            **self._security,
        )
        try:
            async with asyncio.timeout(self._confirm_timeout_s):
                await producer.start()
        except BaseException as error:
            await producer.stop()
            if isinstance(error, KafkaError | OSError | TimeoutError):
                raise kafka_failure(error) from error
            raise
        return producer

    async def _stop_producer(self, producer: AIOKafkaProducer) -> None:
        try:
            async with asyncio.timeout(self._confirm_timeout_s):
                await producer.stop()
        except (TimeoutError, KafkaError) as error:
            log.warning("The Kafka producer stopped with unconfirmed records: %s", type(error).__name__)


def check_request(request: ClassificationRequest, reply: ReplyAddress | None) -> None:
    """Raises what a worker would answer, without the journey."""
    check_content(request)
    check_ids(request)
    if reply is not None and not 0 < len(reply.correlation_id) <= MAX_CORRELATION_ID_BYTES:
        raise InvalidRequest(
            reason=f"a correlation id has 1 to {MAX_CORRELATION_ID_BYTES} bytes",
            reason_vi=f"correlation id dài từ 1 đến {MAX_CORRELATION_ID_BYTES} byte",
        )
    try:
        request.text.encode()
    except UnicodeEncodeError:
        raise InvalidRequest(
            reason="half of a surrogate pair is no character",
            reason_vi="nửa cặp surrogate không phải là ký tự",
        ) from None


def _check_sizes(token: str, headers: Sequence[tuple[str, bytes]]) -> None:
    if len("Bearer ") + len(token) > MAX_TOKEN_BYTES:
        raise RequestTooLarge(limit=MAX_TOKEN_BYTES)
    if sum(len(name) + len(content) for name, content in headers) > MAX_HEADERS_BYTES:
        raise RequestTooLarge(limit=MAX_HEADERS_BYTES)
