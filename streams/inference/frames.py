"""Frames on the pipe between worker and child: a header, then that many bytes of msgpack.

    magic "VAI1" (4) | length (4, big-endian) | CRC-32 of the payload (4) | payload

A native library that prints to the wrong file descriptor, or a child that scribbles over its memory, would
otherwise be read as lengths and scores. So what isn't a whole, intact frame is `GarbageOnLink`, and the
child is replaced.
"""

from __future__ import annotations

import asyncio
import struct
import zlib
from typing import BinaryIO, Final

MAX_FRAME_BYTES: Final = 16 * 1024 * 1024
"""Above any batch (`backlog` caps them at 4 MiB of text); a length above it can only be garbage."""


class LinkError(Exception):
    """The link between worker and child is of no more use."""


class LinkClosed(LinkError):
    """The other end is gone: end of file, also in the middle of a frame."""


class GarbageOnLink(LinkError):
    """Bytes came that are no frame of ours."""


def frame(payload: bytes) -> bytes:
    """The payload with its header; ValueError where it is too large to send."""
    if len(payload) > MAX_FRAME_BYTES:
        raise ValueError(f"a frame of {len(payload)} bytes is over the limit of {MAX_FRAME_BYTES}")
    return _HEADER.pack(_MAGIC, len(payload), zlib.crc32(payload)) + payload


def read_frame(source: BinaryIO) -> bytes:
    """The next payload, blocking. LinkClosed at end of file, GarbageOnLink."""
    length, checksum = _checked_header(_read_exactly(source, _HEADER.size))
    return _checked_payload(_read_exactly(source, length), checksum)


async def receive_frame(source: asyncio.StreamReader) -> bytes:
    """The next payload. LinkClosed at end of file, GarbageOnLink."""
    try:
        length, checksum = _checked_header(await source.readexactly(_HEADER.size))
        return _checked_payload(await source.readexactly(length), checksum)
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise LinkClosed("end of file") from error


_MAGIC: Final = b"VAI1"
_HEADER: Final = struct.Struct(">4sII")


def _checked_header(header: bytes) -> tuple[int, int]:
    magic, length, checksum = _HEADER.unpack(header)
    if magic != _MAGIC:
        raise GarbageOnLink("a frame without its magic")
    if length > MAX_FRAME_BYTES:
        raise GarbageOnLink(f"a frame that says it has {length} bytes")
    return length, checksum


def _checked_payload(payload: bytes, checksum: int) -> bytes:
    if zlib.crc32(payload) != checksum:
        raise GarbageOnLink("a frame whose checksum is wrong")
    return payload


def _read_exactly(source: BinaryIO, size: int) -> bytes:
    data = source.read(size)  # a buffered reader blocks until it has all, or end of file
    if len(data) < size:
        raise LinkClosed("end of file")
    return data
