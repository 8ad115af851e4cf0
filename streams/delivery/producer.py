"""The process's producer for our own topics: results, dead letters, heartbeats."""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from collections.abc import Coroutine, Sequence
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder, MessageAccumulator
from aiokafka.structs import RecordMetadata

from connectors.kafka.settings import ClientOptions
from schemas.errors import KafkaUnavailable
from schemas.limits import DEAD_LETTER_HEADROOM_BYTES, MAX_REQUEST_BYTES
from streams.delivery.outputs import Parcel
from streams.delivery.partitions import partition_of
from streams.delivery.records import Output

log = logging.getLogger(__name__)

MAX_PRODUCE_BYTES = MAX_REQUEST_BYTES + DEAD_LETTER_HEADROOM_BYTES
"""A dead letter is the record itself and its provenance; the topic takes as much."""

MAX_BATCH_BYTES = 262_144
LARGE_BYTES = MAX_BATCH_BYTES // 4
"""From here on a value goes by itself, and is measured on its way."""

REQUEST_TIMEOUT_MS = 30_000
STOP_TIMEOUT_S = 2.0
# With aiokafka's five minutes, a producer stalls after a broker restart.
METADATA_MAX_AGE_MS = 3_000


class DurableProducer:
    """Idempotent, acknowledged by all in-sync replicas, without linger: waiting adds latency, no throughput.

    One for the process, whatever the number of Faust apps: a batch mixes their records, and eleven producers
    would be eleven connections that ask for metadata every three seconds.
    """

    def __init__(self, options: ClientOptions) -> None:
        self._options = options
        self._producer: AIOKafkaProducer | None = None

    async def __aenter__(self) -> Self:
        self._producer = AIOKafkaProducer(
            **self._options,
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=MAX_BATCH_BYTES,
            max_request_size=MAX_PRODUCE_BYTES,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            metadata_max_age_ms=METADATA_MAX_AGE_MS,
        )
        never_expire(self._producer._message_accumulator)
        await start_producer(self._producer)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._producer is not None:
            await stop_producer(self._producer)

    async def send(self, output: Output) -> asyncio.Future[RecordMetadata]:
        """Hand the output over; the future is done when the broker has it."""
        assert self._producer is not None  # noqa: S101 - entered
        if output.key is None and output.value is None:
            return await self._send_empty(self._producer, output)
        sent: asyncio.Future[RecordMetadata] = await self._producer.send(
            output.topic, output.value, output.key, partition=output.partition, headers=list(output.headers)
        )
        return sent

    async def send_all(self, outputs: Sequence[Output]) -> list[Parcel]:
        """Hand the outputs over, in a parcel for each partition: one future for many records.

        aiokafka's `send` makes a future and three calls for each, which is a third of what a record costs.
        """
        by_topic: dict[str, list[Output]] = {}
        alone: list[Output] = []
        for output in outputs:
            if output.key is None or output.partition is not None or len(output.value or b"") > LARGE_BYTES:
                alone.append(output)
            else:
                by_topic.setdefault(output.topic, []).append(output)
        parcels = [
            parcel for topic, some in by_topic.items() for parcel in await self._send_topic(topic, some)
        ]
        for output in alone:
            parcels.append(Parcel([output], await _handed_over(self.send(output))))
        return parcels

    async def _send_topic(self, topic: str, outputs: Sequence[Output]) -> list[Parcel]:
        assert self._producer is not None  # noqa: S101 - entered
        try:
            partitions = sorted(await self._producer.partitions_for(topic))
        except KafkaError as error:
            return [Parcel(outputs, _failed(error))]
        parcels = []
        for partition, batch, inside in self._batches(outputs, partitions):
            batch.close()  # it is ours alone: `send` would add to it
            sending = self._producer.send_batch(batch, topic, partition=partition)
            parcels.append(Parcel(inside, await _handed_over(sending)))
        return parcels

    def _batches(
        self, outputs: Sequence[Output], partitions: Sequence[int]
    ) -> list[tuple[int, BatchBuilder, list[Output]]]:
        assert self._producer is not None  # noqa: S101 - entered
        batches: list[tuple[int, BatchBuilder, list[Output]]] = []
        newest: dict[int, tuple[BatchBuilder, list[Output]]] = {}
        now_ms = int(time.time() * 1000)
        for output in outputs:
            partition = partition_of(output.key or b"", partitions)
            while True:
                if partition not in newest:
                    newest[partition] = self._producer.create_batch(), []
                    batches.append((partition, *newest[partition]))
                batch, inside = newest[partition]
                headers = list(output.headers)
                if (
                    batch.append(timestamp=now_ms, key=output.key, value=output.value, headers=headers)
                    is None
                ):
                    del newest[partition]  # full
                    continue
                inside.append(output)
                break
        return batches

    async def _send_empty(self, producer: AIOKafkaProducer, output: Output) -> asyncio.Future[RecordMetadata]:
        # aiokafka's send() asserts on a record without key and value; such a record can arrive all the same,
        # and its dead letter is it, byte for byte.
        partitions = await producer.partitions_for(output.topic)
        batch = producer.create_batch()
        batch.append(timestamp=None, key=None, value=None, headers=list(output.headers))
        batch.close()
        sent: asyncio.Future[RecordMetadata] = await producer.send_batch(
            batch,
            output.topic,
            partition=random.choice(sorted(partitions)),  # noqa: S311
        )
        return sent


async def _handed_over(
    sending: Coroutine[object, object, asyncio.Future[RecordMetadata]],
) -> asyncio.Future[RecordMetadata]:
    try:
        return await sending
    except KafkaError as error:
        return _failed(error)


def _failed(error: KafkaError) -> asyncio.Future[RecordMetadata]:
    future: asyncio.Future[RecordMetadata] = asyncio.get_running_loop().create_future()
    future.set_exception(error)
    return future


async def start_producer(producer: AIOKafkaProducer) -> None:
    """Start it, or leave nothing of it: KafkaUnavailable."""
    try:
        await producer.start()
    except (KafkaError, OSError) as error:
        await producer.stop()
        raise KafkaUnavailable(reason=type(error).__name__) from error


async def stop_producer(producer: AIOKafkaProducer) -> None:
    """Stop it, and wait for what it still holds no longer than a moment.

    Its own stop waits for every confirmation, however long Kafka is away. What isn't confirmed now was never
    acknowledged: its records come again, to whoever is there then.
    """
    try:
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await producer.stop()
    except TimeoutError:
        log.warning("a producer ends with outputs that Kafka hasn't confirmed; their records come again")


def never_expire(accumulator: MessageAccumulator) -> None:
    """Keep a batch until the broker has it, also while its partition has no leader.

    aiokafka says so of idempotent producers, and yet gives up a batch that is older than the request timeout
    when it meets a partition without a leader (a broker that is just back). By then the batch has taken its
    sequence numbers, and every later one for that partition is refused as out of order, for good.
    """
    assert hasattr(accumulator, "_batch_ttl")  # noqa: S101 - aiokafka's own name: fail at start, not in a year
    accumulator._batch_ttl = math.inf
