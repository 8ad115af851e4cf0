"""A producer that sends what no client would: batches made by hand, byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.structs import RecordMetadata

from tests.support.bad_input_records import Sent

BATCH_HEADER_BYTES = 61
MAX_BATCH_BYTES = 1 << 30
_IDENTITY = {"is_transactional": 0, "producer_id": -1, "producer_epoch": -1, "base_sequence": 0}


class RawName(str):
    """A header's name that is sent as the bytes it was made from; it reads as they come out of a worker."""

    raw: bytes

    def __new__(cls, raw: bytes) -> RawName:
        made = super().__new__(cls, raw.decode("utf-8", "backslashreplace"))
        made.raw = raw
        return made

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return self.raw


class RawBatch(BatchBuilder):  # type: ignore[misc]
    """One record; also one without key and value, with names that are no text, or compressed in any way."""

    def __init__(self, sent: Sent) -> None:
        super().__init__(MAX_BATCH_BYTES, sent.codec)
        self._builder = _DefaultRecordBatchBuilderPy(2, sent.codec, batch_size=MAX_BATCH_BYTES, **_IDENTITY)
        self.append(timestamp=None, key=sent.key, value=sent.value, headers=sent.headers)

    @property
    def data(self) -> bytes:
        """The batch as it travels; made at first use."""
        return bytes(self._build())


@dataclass(frozen=True)
class Stored:
    """Where a record came to lie, and the part of its batch that holds it there."""

    partition: int
    offset: int
    timestamp_ms: int
    records: bytes


class RawProducer:
    def __init__(self, bootstrap_servers: str) -> None:
        self._producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks="all")

    async def __aenter__(self) -> Self:
        await self._producer.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._producer.stop()

    async def send(self, batch: RawBatch, topic: str, partition: int) -> Stored:
        """Raises what the broker says where it doesn't take it."""
        records = batch.data[BATCH_HEADER_BYTES:]
        confirmed: RecordMetadata = await (await self._producer.send_batch(batch, topic, partition=partition))
        return Stored(confirmed.partition, confirmed.offset, confirmed.timestamp, records)


def of_batch_size(size: int, with_text: Callable[[str], Sent]) -> Sent:
    """The record whose text is just so long that its batch has that many bytes."""
    length = size
    while difference := size - len(RawBatch(sent := with_text("a" * length)).data):
        length += difference
    return sent
