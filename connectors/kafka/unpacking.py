"""Unpacking a compressed batch of records, up to a size and no further.

A broker limits what it stores, which is the compressed batch: a megabyte of it can stand for gigabytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping

import cramjam

CODECS: Mapping[int, str] = {1: "gzip", 2: "snappy", 3: "lz4", 4: "zstd"}
"""Codecs by their number in a batch's attributes."""

XERIAL = b"\x82SNAPPY\x00"
XERIAL_HEADER_BYTES = 16
FIRST_GUESS = 8  # times the packed size: a buffer of the limit's size costs more than most batches do


class Unpackable(ValueError):
    """The batch is larger than the limit, or no such codec's."""


def unpack(codec: int, data: bytes, limit: int) -> bytes:
    """The bytes behind `data`; Unpackable where they are more than `limit`, or can't be had."""
    unpacker = _UNPACKERS.get(codec)
    if unpacker is None:
        raise Unpackable(f"there is no codec {codec}")
    try:
        return unpacker(data, limit)
    except (zlib.error, cramjam.DecompressionError) as error:
        raise Unpackable(f"not {CODECS[codec]}, or more than {limit} bytes") from error


def _gzip(data: bytes, limit: int) -> bytes:
    out = bytearray()
    while data:  # members may stand one behind the other
        member = zlib.decompressobj(wbits=31)
        out += member.decompress(data, limit + 1 - len(out))
        if len(out) > limit or not member.eof:
            raise Unpackable(f"not a whole gzip stream, or more than {limit} bytes")
        data = member.unused_data
    return bytes(out)


def _snappy(data: bytes, limit: int) -> bytes:
    """Plain, as librdkafka writes it, or in xerial's blocks, as Java does."""
    if not data.startswith(XERIAL):
        return _snappy_block(data, limit)
    out = bytearray()
    at = XERIAL_HEADER_BYTES
    while at < len(data):
        start = at + 4
        at = start + int.from_bytes(data[at:start], "big")
        out += _snappy_block(data[start:at], limit - len(out))
    return bytes(out)


def _snappy_block(data: bytes, limit: int) -> bytes:
    if cramjam.snappy.decompress_raw_len(data) > limit:
        raise Unpackable(f"more than {limit} bytes")
    return bytes(cramjam.snappy.decompress_raw(data))


def _lz4(data: bytes, limit: int) -> bytes:
    return _into(cramjam.lz4.decompress_into, data, limit)


def _zstd(data: bytes, limit: int) -> bytes:
    return _into(cramjam.zstd.decompress_into, data, limit)


def _into(decompress: Callable[[bytes, bytearray], int], data: bytes, limit: int) -> bytes:
    guess = min(limit, FIRST_GUESS * len(data))
    try:
        return _within(decompress, data, guess)
    except cramjam.DecompressionError:
        return _within(decompress, data, limit)


def _within(decompress: Callable[[bytes, bytearray], int], data: bytes, size: int) -> bytes:
    out = bytearray(size)
    written = decompress(data, out)
    return bytes(memoryview(out)[:written])


_UNPACKERS: Mapping[int, Callable[[bytes, int], bytes]] = {1: _gzip, 2: _snappy, 3: _lz4, 4: _zstd}
