"""Writing and reading topics with plain clients, none of the service's own code between."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.structs import ConsumerRecord, RecordMetadata

from tests.support.waiting import eventually

Headers = Sequence[tuple[str, bytes]]


def unique(prefix: str) -> str:
    """A name for a topic or group that no other test has."""
    return f"{prefix}-{uuid4().hex[:12]}"


async def make_topic(
    bootstrap_servers: str, topic: str, partitions: int = 1, configs: dict[str, str] | None = None
) -> str:
    """A topic with these settings and nothing of the declarations; its name."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        response = await admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=configs or {})])
        assert response.topic_errors[0][1] == 0, response.topic_errors
        await has_leaders(admin, topic)
    finally:
        await admin.close()
    return topic


async def has_leaders(admin: AIOKafkaAdminClient, topic: str) -> None:
    """Wait until a topic that was made can be used: the answer to its making comes before."""

    async def led() -> bool:
        found = [each for each in await admin.describe_topics() if each["topic"] == topic]
        return bool(found) and all(part["leader"] >= 0 for part in found[0]["partitions"])

    await eventually(led, what=f"{topic} has leaders")


async def produce(
    bootstrap_servers: str,
    topic: str,
    values: Sequence[bytes | None],
    *,
    keys: Sequence[bytes | None] | None = None,
    headers: Headers = (),
    partition: int | None = None,
    timestamp_ms: int | None = None,
    max_request_size: int = 8_388_608,
) -> list[RecordMetadata]:
    """Produce the values in order and wait until the broker has them all."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers, acks="all", max_request_size=max_request_size
    )
    await producer.start()
    try:
        sent = [
            await producer.send(
                topic,
                value,
                key=keys[number] if keys else None,
                partition=partition,
                timestamp_ms=timestamp_ms,
                headers=list(headers),
            )
            for number, value in enumerate(values)
        ]
        return list(await asyncio.gather(*sent))
    finally:
        await producer.stop()


async def read_topic(
    bootstrap_servers: str, topic: str, *, read_committed: bool = True, timeout_s: float = 30
) -> list[ConsumerRecord[bytes | None, bytes | None]]:
    """Every record from the beginning to where the topic ends now; partition by partition, in order.

    Without a group, so that nothing about it is remembered.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed" if read_committed else "read_uncommitted",
        max_partition_fetch_bytes=8_388_608,
    )
    await consumer.start()
    try:
        partitions = await _partitions(bootstrap_servers, topic)
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        records: list[ConsumerRecord[bytes | None, bytes | None]] = []
        async with asyncio.timeout(timeout_s):
            ends = await consumer.end_offsets(partitions)
            # By position, not by the last record's offset: markers and aborted records take offsets too.
            while any([await consumer.position(each) < ends[each] for each in partitions]):
                for fetched in (await consumer.getmany(timeout_ms=200)).values():
                    records += fetched
        records = [each for each in records if each.offset < ends[TopicPartition(each.topic, each.partition)]]
    finally:
        await consumer.stop()
    return sorted(records, key=lambda each: (each.partition, each.offset))


async def committed_offsets(bootstrap_servers: str, group: str, topic: str) -> dict[int, int]:
    """What a group has committed, by partition; partitions without a commit are left out."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        partitions = await _partitions(bootstrap_servers, topic)
        consumer.assign(partitions)
        found = {each.partition: await consumer.committed(each) for each in partitions}
    finally:
        await consumer.stop()
    return {partition: offset for partition, offset in found.items() if offset is not None}


async def _partitions(bootstrap_servers: str, topic: str) -> list[TopicPartition]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        found = [each for each in await admin.describe_topics() if each["topic"] == topic]
    finally:
        await admin.close()
    assert found, f"there is no topic {topic}"
    return [
        TopicPartition(topic, number)
        for number in sorted(each["partition"] for each in found[0]["partitions"])
    ]
