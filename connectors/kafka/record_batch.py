"""Kafka's record batch (magic 2) as bytes: its header, and records that aiokafka's reader gives up on."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias

Headers: TypeAlias = list[tuple[str, bytes | None]]

HEADER_BYTES = 61


class FetchedRecord(Protocol):
    """What aiokafka's fetcher takes from a record."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int | None: ...
    @property
    def timestamp_type(self) -> int | None: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Headers: ...
    @property
    def checksum(self) -> None: ...


@dataclass(frozen=True, slots=True)
class ReadRecord:
    """A record that we read ourselves."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    checksum: None = None


class BatchHeader(NamedTuple):
    """The fields in their order; `length` counts what comes after itself."""

    base_offset: int
    length: int
    leader_epoch: int
    magic: int
    crc: int
    attributes: int
    last_offset_delta: int
    first_timestamp: int
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    records: int

    @classmethod
    def of(cls, data: bytes | memoryview) -> BatchHeader:
        return cls._make(_HEADER.unpack_from(data))

    @property
    def codec(self) -> int:
        return self.attributes & _CODEC

    @property
    def timestamp_type(self) -> int:
        return int(bool(self.attributes & _LOG_APPEND_TIME))

    def uncompressed(self) -> bytes:
        """The same header for the records unpacked; nobody looks at length and checksum any more."""
        return _HEADER.pack(*self._replace(attributes=self.attributes & ~_CODEC))


def batch_size(data: bytes, start: int) -> int:
    """How many bytes the batch takes that begins there."""
    (length,) = _LENGTH.unpack_from(data, start + _LENGTH_AT)
    return int(_LENGTH_AT + _LENGTH.size + length)


def read_records(data: memoryview) -> Iterator[FetchedRecord]:
    """The records of an uncompressed batch; bytes of a header's name that aren't UTF-8 as \\xNN.

    ValueError where it ends too early. Slow: byte by byte, for the few batches that need it.
    """
    header = BatchHeader.of(data)
    reader = _Reader(bytes(data[HEADER_BYTES:]))
    for _ in range(header.records):
        reader.varint()  # its length
        reader.take(1)  # its attributes
        timestamp = header.first_timestamp + reader.varint()
        offset = header.base_offset + reader.varint()
        key, value = reader.bytes_or_none(), reader.bytes_or_none()
        headers = [(reader.name(), reader.bytes_or_none()) for _ in range(reader.varint())]
        if header.timestamp_type:
            timestamp = header.max_timestamp  # the broker's append time counts for the whole batch
        yield ReadRecord(offset, timestamp, header.timestamp_type, key, value, headers)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        start, self._at = self._at, self._at + size
        if self._at > len(self._data):
            raise ValueError("the batch ends within a record")
        return self._data[start : self._at]

    def name(self) -> str:
        return self.take(self.varint()).decode("utf-8", "backslashreplace")

    def bytes_or_none(self) -> bytes | None:
        size = self.varint()
        return None if size < 0 else self.take(size)

    def varint(self) -> int:
        """Zigzag, as protocol buffers have it."""
        number = shift = 0
        while True:
            byte = self.take(1)[0]
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return (number >> 1) ^ -(number & 1)
            shift += 7


_LENGTH_AT = 8
_LENGTH = struct.Struct(">i")
_HEADER = struct.Struct(">qiibIhiqqqhii")
_CODEC = 0x07
_LOG_APPEND_TIME = 0x08
