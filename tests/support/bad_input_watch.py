"""Everything that a worker sends while a test looks on: results, dead letters, replies."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeAlias

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from schemas.codec import Codec
from schemas.events import ClassificationFailure, ClassificationResult
from schemas.headers import (
    DLT_ORIGINAL_OFFSET,
    DLT_ORIGINAL_PARTITION,
    DLT_ORIGINAL_TOPIC,
    read_correlation_id,
)
from schemas.reply import ReplyAddress
from schemas.topics import DEAD_LETTERS, RESULTS

Letter: TypeAlias = ConsumerRecord[bytes | None, bytes | None]
CODEC = Codec()
Place: TypeAlias = tuple[str, int, int]
"""Topic, partition and offset of a request."""


@dataclass(frozen=True)
class Reply:
    """A reply and where it arrived."""

    address: ReplyAddress
    event: ClassificationResult | ClassificationFailure


@dataclass
class Watch:
    letters: defaultdict[Place, list[Letter]] = field(default_factory=lambda: defaultdict(list))
    results: defaultdict[str, list[ClassificationResult]] = field(default_factory=lambda: defaultdict(list))
    replies: defaultdict[bytes, list[Reply]] = field(default_factory=lambda: defaultdict(list))

    def take(self, record: Letter) -> None:
        if record.topic == DEAD_LETTERS:
            self.letters[_origin(record)].append(record)
            return
        event = CODEC.decode(record.value)
        if record.topic == RESULTS:
            assert isinstance(event, ClassificationResult)
            self.results[event.request_id].append(event)
        else:
            assert isinstance(event, ClassificationResult | ClassificationFailure)
            correlation_id = read_correlation_id(record.headers) or b""
            address = ReplyAddress(record.topic, record.partition, correlation_id)
            self.replies[correlation_id].append(Reply(address, event))


@asynccontextmanager
async def watching(bootstrap_servers: str, reply_topics: Sequence[str]) -> AsyncIterator[Watch]:
    """From now on, on every partition; it has a position before the block begins."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers, enable_auto_commit=False, max_partition_fetch_bytes=8_388_608
    )
    await consumer.start()
    try:
        topics = [RESULTS, DEAD_LETTERS, *reply_topics]
        partitions = [
            TopicPartition(topic, number)
            for topic in topics
            for number in await consumer._client._wait_on_metadata(topic)
        ]
        consumer.assign(partitions)
        await consumer.seek_to_end(*partitions)
        for partition in partitions:
            await consumer.position(partition)
        watch = Watch()

        async def read() -> None:
            async for record in consumer:
                watch.take(record)

        reading = asyncio.create_task(read())
        yield watch
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
    finally:
        await consumer.stop()


def _origin(letter: Letter) -> Place:
    headers = dict(letter.headers)  # the last of a name: ours stand behind the original ones
    return (
        headers[DLT_ORIGINAL_TOPIC].decode(),
        int.from_bytes(headers[DLT_ORIGINAL_PARTITION], "big", signed=True),
        int.from_bytes(headers[DLT_ORIGINAL_OFFSET], "big", signed=True),
    )
