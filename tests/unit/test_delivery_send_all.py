"""How outputs are put together on their way to the broker: parcels that are confirmed as one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import RecordMetadata

from streams.delivery.partitions import partition_of
from streams.delivery.producer import LARGE_BYTES, MAX_BATCH_BYTES, DurableProducer
from streams.delivery.records import Output, OutputKind

PARTITIONS = {0, 1, 2, 3}


class Broker:
    """Takes what aiokafka's producer would send; its batches are aiokafka's own."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._builder = producer.create_batch
        self.batches: list[tuple[int, int]] = []
        self.alone: list[bytes | None] = []
        self.partitions: set[int] | KafkaError = PARTITIONS
        self.refusal: KafkaError | None = None

    async def partitions_for(self, topic: str) -> set[int]:
        if isinstance(self.partitions, KafkaError):
            raise self.partitions
        return self.partitions

    def create_batch(self) -> BatchBuilder:
        return self._builder()

    async def send_batch(
        self, batch: BatchBuilder, topic: str, *, partition: int
    ) -> asyncio.Future[RecordMetadata]:
        if self.refusal is not None:
            raise self.refusal
        self.batches.append((partition, batch.record_count()))
        return asyncio.get_running_loop().create_future()

    async def send(self, topic: str, value: bytes | None, *_: object, **__: object) -> asyncio.Future[None]:
        self.alone.append(value)
        return asyncio.get_running_loop().create_future()


@pytest.fixture
async def broker() -> AsyncIterator[Broker]:
    producer = AIOKafkaProducer(bootstrap_servers="127.0.0.1:1", max_batch_size=MAX_BATCH_BYTES)
    yield Broker(producer)
    await producer.stop()


def producer_on(broker: Broker) -> DurableProducer:
    durable = DurableProducer({"bootstrap_servers": "127.0.0.1:1"})
    durable._producer = broker
    return durable


def result(key: bytes, value: bytes = b"v") -> Output:
    return Output(OutputKind.RESULT, "veriaidpo.results", key, value, [])


async def test_outputs_of_a_partition_share_a_parcel_in_their_order(broker: Broker) -> None:
    outputs = [result(b"key %d" % number) for number in range(40)]
    parcels = await producer_on(broker).send_all(outputs)
    by_partition = dict(broker.batches)
    assert sum(by_partition.values()) == 40
    assert len(parcels) == len(by_partition) == 4
    for parcel, (partition, _) in zip(parcels, broker.batches, strict=True):
        expected = [one for one in outputs if partition_of(one.key or b"", sorted(PARTITIONS)) == partition]
        assert list(parcel.outputs) == expected


async def test_full_batch_is_followed_by_another_and_no_output_is_left_out(broker: Broker) -> None:
    outputs = [result(b"one key", b"x" * (LARGE_BYTES - 100)) for _ in range(9)]
    parcels = await producer_on(broker).send_all(outputs)
    assert len(parcels) > 1
    assert [one for parcel in parcels for one in parcel.outputs] == outputs
    assert sum(count for _, count in broker.batches) == 9


async def test_large_outputs_and_those_with_an_address_go_alone(broker: Broker) -> None:
    large = result(b"key", b"x" * (LARGE_BYTES + 1))
    addressed = Output(OutputKind.REPLY, "veriaidpo.replies.a", b"key", b"reply", [], partition=2)
    parcels = await producer_on(broker).send_all([large, result(b"key"), addressed])
    assert [len(parcel.outputs) for parcel in parcels] == [1, 1, 1]
    assert broker.alone == [large.value, b"reply"]
    assert [count for _, count in broker.batches] == [1]


async def test_topic_that_is_not_there_fails_its_own_outputs_and_is_not_raised(broker: Broker) -> None:
    broker.partitions = UnknownTopicOrPartitionError()
    (parcel,) = await producer_on(broker).send_all([result(b"a"), result(b"b")])
    assert len(parcel.outputs) == 2
    assert isinstance(parcel.confirmed.exception(), UnknownTopicOrPartitionError)


async def test_parcel_that_cannot_be_handed_over_is_a_failed_one(broker: Broker) -> None:
    broker.refusal = KafkaError("no room")
    parcels = await producer_on(broker).send_all([result(b"a")])
    assert [isinstance(parcel.confirmed.exception(), KafkaError) for parcel in parcels] == [True]
