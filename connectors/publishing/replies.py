"""Reads one partition of a reply topic and hands each reply to whoever waits for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self
from zlib import crc32

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from schemas.codec import Codec
from schemas.errors import Internal, KafkaUnavailable, NotAvro, VeriAIDPOError
from schemas.events import ClassificationFailure, ClassificationResult, Event
from schemas.failures import error_of_failure
from schemas.headers import read_correlation_id
from schemas.reply import ReplyAddress

from .kafka_client import METADATA_MAX_AGE_MS, kafka_failure, partition_count
from .security import KafkaSecurity

log = logging.getLogger(__name__)

RETRY_AFTER_ERROR_S = 0.5


class ReplyReader:
    """Matches replies to the requests that wait for them.

    Instances share a reply topic without a consumer group: each reads one partition, names it in its
    requests, and ignores what isn't its own. Without `partition`, `instance_id` picks it.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        topic: str,
        partition: int | None = None,
        *,
        instance_id: str = "",
        codec: Codec | None = None,
        security: KafkaSecurity | None = None,
        start_timeout_s: float = 30.0,
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._topic = topic
        self._partition = partition
        self._instance_id = instance_id
        self._codec = codec or Codec()
        self._security: KafkaSecurity = security or {}
        self._start_timeout_s = start_timeout_s
        self._waiting: dict[bytes, asyncio.Future[ClassificationResult]] = {}
        self._consumer: AIOKafkaConsumer | None = None
        self._task: asyncio.Task[None] | None = None
        self._reading = False

    @property
    def ready(self) -> bool:
        """True while it reads on from a known position: a reply produced now will be seen."""
        return self._reading

    @property
    def waiting(self) -> int:
        """How many requests wait for their reply."""
        return len(self._waiting)

    def address(self, correlation_id: bytes) -> ReplyAddress:
        """Where a reply to `correlation_id` must be sent."""
        if self._partition is None:
            raise RuntimeError("the reply reader has not started")
        return ReplyAddress(self._topic, self._partition, correlation_id)

    @contextmanager
    def expect(self, correlation_id: bytes) -> Iterator[asyncio.Future[ClassificationResult]]:
        """Wait for one reply: the future gives the result or raises the failure's typed error.

        Enter it before the request is sent. Leaving it, by return, timeout or cancellation, frees the slot.
        """
        if correlation_id in self._waiting:
            raise ValueError("a request with this correlation id is already waiting")
        if not self.ready:
            raise KafkaUnavailable(
                reason="the reply reader is not running", reason_vi="bộ đọc phản hồi không chạy"
            )
        future: asyncio.Future[ClassificationResult] = asyncio.get_running_loop().create_future()
        self._waiting[correlation_id] = future
        try:
            yield future
        finally:
            del self._waiting[correlation_id]
            if not future.cancel() and not future.cancelled():
                future.exception()  # retrieved, even where nobody awaited it

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.timeout(self._start_timeout_s):
                self._consumer = consumer = await self._start()
        except TimeoutError as error:
            raise KafkaUnavailable(
                reason=f"{self._topic} gave no position within {self._start_timeout_s:g} s",
                reason_vi=f"chưa đọc được {self._topic} sau {self._start_timeout_s:g} giây",
            ) from error
        except (KafkaError, OSError) as error:
            raise kafka_failure(error) from error
        self._reading = True
        self._task = asyncio.create_task(self._run(consumer))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            # What else may have ended it was logged, and told to everybody who waited.
            await asyncio.gather(self._task, return_exceptions=True)
        if self._consumer is not None:
            await (
                self._consumer.stop()
            )  # again: a task that was cancelled before it began has stopped nothing

    async def _start(self) -> AIOKafkaConsumer:
        partitions = await partition_count(self._bootstrap_servers, self._topic, self._security)
        if self._partition is None:
            self._partition = crc32(self._instance_id.encode()) % partitions
        if self._partition not in range(partitions):
            raise ValueError(f"{self._topic} has no partition {self._partition}")
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap_servers,
            auto_offset_reset="latest",
            enable_auto_commit=False,
            metadata_max_age_ms=METADATA_MAX_AGE_MS,
            **self._security,
        )
        try:
            await consumer.start()
            partition = TopicPartition(self._topic, self._partition)
            consumer.assign([partition])
            await consumer.position(partition)  # a reply sent before there is a position would be missed
        except BaseException:
            await consumer.stop()
            raise
        return consumer

    async def _run(self, consumer: AIOKafkaConsumer) -> None:
        """Read until cancelled; whatever else ends it fails everybody who waits."""
        try:
            while True:
                try:
                    await self._settle(await consumer.getone())
                except KafkaError as error:
                    log.warning("Reading %s failed, trying again: %s", self._topic, type(error).__name__)
                    await asyncio.sleep(RETRY_AFTER_ERROR_S)
        except Exception as error:
            log.error("The reader of %s stopped: %s", self._topic, type(error).__name__)
            raise
        finally:
            self._reading = False  # before the consumer stops: nobody may begin to wait meanwhile
            for future in self._waiting.values():
                _fail(
                    future,
                    KafkaUnavailable(reason="the reply reader stopped", reason_vi="bộ đọc phản hồi đã dừng"),
                )
            await consumer.stop()

    async def _settle(self, record: ConsumerRecord[bytes, bytes]) -> None:
        correlation_id = read_correlation_id(record.headers)
        future = None if correlation_id is None else self._waiting.get(correlation_id)
        if future is None or future.done():
            return  # another instance's, a redelivered one, or one that nobody waits for any more
        try:
            if record.value is None or self._codec.knows(record.value):
                reply = self._codec.decode(record.value)
            else:
                reply = await asyncio.to_thread(self._codec.decode, record.value)
        except VeriAIDPOError as error:
            _fail(future, error)
        except Exception as error:  # one record's bytes must not end the reader for everybody
            _fail(future, Internal(exception=type(error).__name__))
        else:
            _conclude(future, reply)


def _conclude(future: asyncio.Future[ClassificationResult], reply: Event) -> None:
    if isinstance(reply, ClassificationFailure):
        _fail(future, error_of_failure(reply))
    elif not isinstance(reply, ClassificationResult):
        _fail(
            future,
            NotAvro(
                reason=f"the reply is a {type(reply).__name__}",
                reason_vi=f"phản hồi là một {type(reply).__name__}",
            ),
        )
    elif not future.done():
        future.set_result(reply)


def _fail(future: asyncio.Future[ClassificationResult], error: VeriAIDPOError) -> None:
    if not future.done():
        future.set_exception(error)
