"""Follows the workers' heartbeats on Kafka and says when somebody has come or gone."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from api.presence import Serving, WorkerPresence
from connectors.publishing.kafka_client import (
    METADATA_MAX_AGE_MS,
    KafkaSecurity,
    kafka_failure,
    partition_count,
)
from schemas.codec import Codec
from schemas.errors import KafkaUnavailable, VeriAIDPOError
from schemas.events import Event, ModelStatus
from schemas.topics import MODEL_STATUS

logger = logging.getLogger(__name__)

RETRY_AFTER_ERROR_S = 0.5
BACKLOG_POLL_MS = 200


class PresenceReader:
    """Reads every partition of the status topic, without a consumer group, from its beginning.

    `on_gone` is called, on the event loop, whenever a worker may have stopped serving a model type.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        *,
        gone_after_s: float,
        on_gone: Callable[[], None],
        codec: Codec | None = None,
        security: KafkaSecurity | None = None,
        start_timeout_s: float = 15.0,
        topic: str = MODEL_STATUS,
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._topic = topic
        self._presence = WorkerPresence(gone_after_s)
        self._on_gone = on_gone
        self._codec = codec or Codec()
        self._security: KafkaSecurity = security or {}
        self._start_timeout_s = start_timeout_s
        self._consumer: AIOKafkaConsumer | None = None
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def reading(self) -> bool:
        """False once the reader has ended, which only a mistake of ours or `async with` does."""
        return self._task is not None and not self._task.done()

    def is_present(self, model_type: str) -> bool:
        """Whether some worker serves `model_type`, ready or not."""
        return self._presence.is_present(model_type, time.monotonic())

    def is_ready(self, model_type: str) -> bool:
        """Whether some worker takes records of `model_type` just now."""
        return self._presence.is_ready(model_type, time.monotonic())

    def serving(self) -> tuple[Serving, ...]:
        """Every worker and model type that is there."""
        return self._presence.serving(time.monotonic())

    async def probe(self) -> None:
        """Ask the cluster anything, over every broker known; raises KafkaError where none answers."""
        assert self._consumer is not None  # noqa: S101 - __aenter__ ran
        await self._consumer.topics()

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.timeout(self._start_timeout_s):
                self._consumer = await self._start()
        except TimeoutError as error:
            raise KafkaUnavailable(
                reason=f"{self._topic} was not read within {self._start_timeout_s:g} s",
                reason_vi=f"chưa đọc xong {self._topic} sau {self._start_timeout_s:g} giây",
            ) from error
        except (KafkaError, OSError) as error:
            raise kafka_failure(error) from error
        self._task = asyncio.create_task(self._run(self._consumer))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None  # noqa: S101 - __aenter__ ran
        assert self._consumer is not None  # noqa: S101 - the same
        self._task.cancel()
        with suppress(asyncio.CancelledError, Exception):  # how it ended was logged when it did
            await self._task
        self._end_timer()
        await self._consumer.stop()  # not the task's to do: it may be cancelled before it has begun

    async def _start(self) -> AIOKafkaConsumer:
        # Asked first: a consumer would wait for a topic that doesn't exist, or make it.
        await partition_count(self._bootstrap_servers, self._topic, self._security)
        consumer = AIOKafkaConsumer(
            self._topic,  # by subscription: partitions that are added later are read as well
            bootstrap_servers=self._bootstrap_servers,
            group_id=None,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            metadata_max_age_ms=METADATA_MAX_AGE_MS,
            **self._security,
        )
        try:
            await consumer.start()
            await self._read_backlog(consumer)
        except BaseException:
            self._end_timer()
            await consumer.stop()
            raise
        return consumer

    async def _read_backlog(self, consumer: AIOKafkaConsumer) -> None:
        """Read up to the end, so that the bridge knows who is there before it takes a request.

        Only here is the broker's append time compared with our clock: of a live heartbeat, the time of its
        arrival is enough, and no difference between clocks can make a worker look gone.
        The position counts, not the last record: what lies before the end may be a transaction's marker.
        """
        ends: dict[TopicPartition, int] = await consumer.end_offsets(list(consumer.assignment()))
        while [partition for partition, end in ends.items() if await consumer.position(partition) < end]:
            for records in (await consumer.getmany(timeout_ms=BACKLOG_POLL_MS)).values():
                for record in records:
                    await self._note(record, age_s=time.time() - record.timestamp / 1e3)

    async def _run(self, consumer: AIOKafkaConsumer) -> None:
        try:
            while True:
                try:
                    await self._note(await consumer.getone(), age_s=0.0)
                except KafkaError as error:
                    logger.warning("reading %s failed, trying again: %s", self._topic, type(error).__name__)
                    await asyncio.sleep(RETRY_AFTER_ERROR_S)
        except Exception as error:
            logger.error("reading %s ended: %s", self._topic, type(error).__name__)
            raise

    async def _note(self, record: ConsumerRecord[bytes, bytes], *, age_s: float) -> None:
        if record.value is None:
            worker_id, _, model_type = (record.key or b"").decode(errors="replace").rpartition("/")
            self._presence.forget(worker_id, model_type)
            self._on_gone()
            return
        try:
            status = await self._decode(record.value)
        except Exception as error:  # one bad heartbeat is no reason to stop hearing the others
            reason = error.code if isinstance(error, VeriAIDPOError) else type(error).__name__
            logger.warning("a heartbeat could not be read: %s at offset %d", reason, record.offset)
            return
        if isinstance(status, ModelStatus):
            self._presence.observe(status, now_s=time.monotonic(), age_s=age_s)
            self._wake_for_expiry()

    async def _decode(self, value: bytes) -> Event:
        if self._codec.knows(value):
            return self._codec.decode(value)
        return await asyncio.to_thread(self._codec.decode, value)  # it asks the schema registry

    def _wake_for_expiry(self) -> None:
        """Keep one timer, for the earliest time at which somebody could turn out to be gone."""
        if self._timer is not None or (expiry_s := self._presence.next_expiry_s()) is None:
            return
        # A loop's clock and time.monotonic() need not share their zero.
        wait_s = max(0.0, expiry_s - time.monotonic())
        self._timer = asyncio.get_running_loop().call_later(wait_s, self._expire)

    def _end_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _expire(self) -> None:
        self._timer = None
        self._presence.expire(time.monotonic())
        self._on_gone()
        self._wake_for_expiry()
