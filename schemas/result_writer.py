"""A ClassificationResult as Avro, written out field by field.

fastavro walks the schema for every result, and wants a dictionary for each score: a quarter of all that a
worker does for a record. This does what the schema says, in its order; a test holds it against fastavro.
"""

from __future__ import annotations

import struct
from functools import lru_cache

from .events import ClassificationResult


def write_result(event: ClassificationResult) -> bytes:
    """The event's Avro, without framing; the fields in the order of `avro/ClassificationResult.avsc`."""
    scores, companies, timings = event.scores, event.detected_companies, event.timings
    return b"".join(
        (
            _text(event.result_id),
            _text(event.request_id),
            _label(event.tenant_id),
            _label(event.model_type),
            _label(event.language),
            _label(event.prediction),
            _number(event.category_id),
            _double(event.confidence),
            _number(len(scores)),
            *[_score_label(one.category_id, one.label) + _double(one.score) for one in scores],
            _END if scores else b"",
            _label(event.model_id),
            _label(event.model_version),
            _text(event.normalized_text),
            _number(len(companies)),
            *map(_label, companies),
            _END if companies else b"",
            _number(event.tokens),
            b"\x01" if event.truncated else b"\x00",
            _four_doubles(timings.queue_ms, timings.tokenise_ms, timings.infer_ms, timings.total_ms),
            _number(timings.batch_size),
            _double(timings.padding_share),
            _number(event.requested_at_ms),
            _number(event.completed_at_ms),
        )
    )


_END = b"\x00"
"""Behind the items of an array; an array without items is nothing but that."""

_double = struct.Struct("<d").pack
_four_doubles = struct.Struct("<4d").pack


def _number(value: int) -> bytes:
    """Zigzag, seven bits a byte, the lowest first; `int` and `long` alike."""
    return _SMALL[value] if 0 <= value < len(_SMALL) else _varint(value)


def _text(value: str) -> bytes:
    data = value.encode()
    return _number(len(data)) + data


def _varint(value: int) -> bytes:
    left = (value << 1) ^ (value >> 63)
    out = bytearray()
    while left > 0x7F:
        out.append(left & 0x7F | 0x80)
        left >>= 7
    out.append(left)
    return bytes(out)


_label = lru_cache(maxsize=4096)(_text)
"""Of names that come again and again: labels, models, tenants."""


@lru_cache(maxsize=4096)
def _score_label(category_id: int, label: str) -> bytes:
    return _number(category_id) + _text(label)


_SMALL = [_varint(value) for value in range(2048)]
