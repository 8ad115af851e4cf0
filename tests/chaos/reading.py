"""The ledger's own consumer: it belongs to no group and sees only what is committed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topic_admin import TopicAdmin
from tests.chaos.ledger import Place, Stored

POLL_MS = 200
READ_WITHIN_S = 120.0


async def read_topics(kafka: KafkaSettings, topics: Collection[str]) -> list[Stored]:
    """Everything on these topics, from their beginning to where they end now."""
    partitions = await _partitions(kafka, topics)
    consumer = _consumer(kafka)
    found: list[Stored] = []
    async with consumer, asyncio.timeout(READ_WITHIN_S):
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        # By position: transaction markers take offsets too.
        while any([await consumer.position(each) < ends[each] for each in partitions]):
            found += await _poll(consumer)
    return found


class Follower:
    """Hands on what appears on some topics while a run lasts, broker restarts included."""

    def __init__(self, kafka: KafkaSettings, topics: Collection[str], take: Callable[[Stored], None]) -> None:
        self._kafka = kafka
        self._consumer = _consumer(kafka)
        self._topics = topics
        self._take = take
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        partitions = await _partitions(self._kafka, self._topics)
        await self._consumer.start()
        self._consumer.assign(partitions)
        self._task = asyncio.create_task(self._follow())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._consumer.stop()

    async def _follow(self) -> None:
        while True:
            for stored in await _poll(self._consumer):
                self._take(stored)


def _consumer(kafka: KafkaSettings) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        isolation_level="read_committed",
        metadata_max_age_ms=3000,
        **kafka.client_options(),
    )


async def _partitions(kafka: KafkaSettings, topics: Collection[str]) -> list[TopicPartition]:
    async with TopicAdmin(kafka) as admin:
        existing = await admin.describe(topics)
    return [TopicPartition(topic, number) for topic in topics for number in range(existing[topic].partitions)]


async def _poll(consumer: AIOKafkaConsumer) -> list[Stored]:
    fetched = await consumer.getmany(timeout_ms=POLL_MS)
    return [_stored(record) for records in fetched.values() for record in records]


def _stored(record: ConsumerRecord[bytes, bytes]) -> Stored:
    return Stored(
        Place(record.topic, record.partition, record.offset),
        record.timestamp,
        record.key,
        record.value,
        tuple(record.headers),
    )
