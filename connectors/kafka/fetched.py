"""Reading what a broker hands over, so that no bytes of a publisher's can stop the reading.

A broker takes records that aiokafka's reader gives up on, and a consumer that gives up on a record meets it
again after each restart, for good. Here each of them becomes a record that can be handed on:

- a header's name that isn't UTF-8 (a broker never looks at names) comes out with those bytes escaped
- a record that passes the topic's limit on sizes only compressed, and so fits into no dead letter, comes out
  as a stand-in: its value is the compressed batch that it lies in, as the log has it
- a compressed batch that would grow out of all proportion is never unpacked: one stand-in for all of it
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.memory_records import MemoryRecords

from connectors.kafka.record_batch import (
    HEADER_BYTES,
    BatchHeader,
    FetchedRecord,
    ReadRecord,
    batch_size,
    read_records,
)
from connectors.kafka.unpacking import CODECS, unpack
from schemas.limits import MAX_REQUEST_BYTES

log = logging.getLogger(__name__)

STAND_IN: Final = "veriaidpo-compressed-batch"
"""A stand-in's only header: what its value is compressed with, and how many records are in it."""

MAX_UNPACKED_BYTES = 16 * MAX_REQUEST_BYTES
"""Of one batch. Texts shrink to a third, and their tokens hardly at all: what needs more is up to no good."""


def read_whatever_comes() -> None:
    """Have the consumers of this process read that way; aiokafka has no setting for it."""
    assert hasattr(fetcher, "MemoryRecords")  # noqa: S101 - aiokafka's own name: fail at start, not in a year
    fetcher.MemoryRecords = FetchedRecords


class FetchedRecords:
    """The batches of one partition in one answer to a fetch, in place of aiokafka's MemoryRecords."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._batches = MemoryRecords(data)
        self._start = 0

    def size_in_bytes(self) -> int:
        return len(self._data)

    def has_next(self) -> bool:
        return bool(self._batches.has_next())

    def next_batch(self) -> Any:
        """aiokafka's batch, and where it holds publishers' records, one that can be read to its end."""
        batch = self._batches.next_batch()
        if batch is None:
            return None
        start, self._start = self._start, self._start + batch_size(self._data, self._start)
        if not isinstance(batch, DefaultRecordBatch) or batch.is_control_batch:
            return batch
        return FetchedBatch(batch, memoryview(self._data)[start : self._start])


class FetchedBatch:
    """A batch that can be read to its end; all else about it is aiokafka's."""

    def __init__(self, batch: Any, data: memoryview) -> None:
        self._batch = batch
        self._data = data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[FetchedRecord]:
        if not self._batch.compression_type:
            return self._readable(self._batch, self._data)
        try:
            return iter(self._unpacked())
        except Exception as error:  # whatever it is: what the broker took, somebody else can read
            log.warning("a compressed batch is kept as it is: %s", type(error).__name__)
            return iter([self._stand_in(self._batch.next_offset - 1)])

    def _unpacked(self) -> list[FetchedRecord]:
        header = BatchHeader.of(self._data)
        records = unpack(header.codec, bytes(self._data[HEADER_BYTES:]), MAX_UNPACKED_BYTES)
        plain = memoryview(header.uncompressed() + records)
        return [self._within_limits(record) for record in self._readable(DefaultRecordBatch(plain), plain)]

    def _readable(self, batch: Iterable[FetchedRecord], data: memoryview) -> Iterator[FetchedRecord]:
        read = 0
        try:
            for record in batch:
                yield record
                read += 1
        except UnicodeDecodeError:
            for record in islice(read_records(data), read, None):
                yield self._within_limits(record)  # an escaped byte takes four

    def _within_limits(self, record: FetchedRecord) -> FetchedRecord:
        return record if _size(record) <= MAX_REQUEST_BYTES else self._stand_in(record.offset)

    def _stand_in(self, offset: int) -> FetchedRecord:
        header = BatchHeader.of(self._data)
        what = f"{CODECS.get(header.codec, 'uncompressed')}, {header.records} records".encode()
        return ReadRecord(
            offset,
            header.max_timestamp,
            header.timestamp_type,
            key=None,
            value=bytes(self._data[HEADER_BYTES:]),
            headers=[(STAND_IN, what)],
        )


def _size(record: FetchedRecord) -> int:
    headers = sum(len(name.encode()) + len(value or b"") for name, value in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers
