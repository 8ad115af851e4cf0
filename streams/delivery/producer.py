"""The process's producer for our own topics: results, dead letters, heartbeats."""

from __future__ import annotations

import asyncio
import math
import random
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import MessageAccumulator
from aiokafka.structs import RecordMetadata

from connectors.kafka.settings import ClientOptions
from schemas.errors import KafkaUnavailable
from schemas.limits import DEAD_LETTER_HEADROOM_BYTES, MAX_REQUEST_BYTES
from streams.delivery.records import Output

MAX_PRODUCE_BYTES = MAX_REQUEST_BYTES + DEAD_LETTER_HEADROOM_BYTES
"""A dead letter is the record itself and its provenance; the topic takes as much."""

MAX_BATCH_BYTES = 262_144
REQUEST_TIMEOUT_MS = 30_000
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
            await self._producer.stop()

    async def send(self, output: Output) -> asyncio.Future[RecordMetadata]:
        """Hand the output over; the future is done when the broker has it."""
        assert self._producer is not None  # noqa: S101 - entered
        if output.key is None and output.value is None:
            return await self._send_empty(self._producer, output)
        sent: asyncio.Future[RecordMetadata] = await self._producer.send(
            output.topic, output.value, output.key, partition=output.partition, headers=list(output.headers)
        )
        return sent

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


async def start_producer(producer: AIOKafkaProducer) -> None:
    """Start it, or leave nothing of it: KafkaUnavailable."""
    try:
        await producer.start()
    except (KafkaError, OSError) as error:
        await producer.stop()
        raise KafkaUnavailable(reason=type(error).__name__) from error


def never_expire(accumulator: MessageAccumulator) -> None:
    """Keep a batch until the broker has it, also while its partition has no leader.

    aiokafka says so of idempotent producers, and yet gives up a batch that is older than the request timeout
    when it meets a partition without a leader (a broker that is just back). By then the batch has taken its
    sequence numbers, and every later one for that partition is refused as out of order, for good.
    """
    assert hasattr(accumulator, "_batch_ttl")  # noqa: S101 - aiokafka's own name: fail at start, not in a year
    accumulator._batch_ttl = math.inf
