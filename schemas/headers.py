"""Record headers: names, encodings, and the way back.

Text is UTF-8, numbers are big-endian as Spring Kafka writes them (partition int32; offset, timestamp
int64), CloudEvents attributes are in binary mode. A header of ours appears once; others are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeAlias

import msgspec

from .errors import BadHeaders, ClaimsMissing, VeriAIDPOError
from .limits import MAX_CORRELATION_ID_BYTES, MAX_HEADERS, MAX_HEADERS_BYTES, MAX_TOKEN_BYTES
from .reply import ReplyAddress

AUTHORIZATION = "authorization"
REPLY_TOPIC = "kafka_replyTopic"
REPLY_PARTITION = "kafka_replyPartition"
CORRELATION_ID = "kafka_correlationId"
DEADLINE = "veriaidpo-deadline"
CE_ID = "ce_id"
CE_TYPE = "ce_type"
CE_SOURCE = "ce_source"
CE_SPECVERSION = "ce_specversion"
CE_TIME = "ce_time"
CONTENT_TYPE = "content-type"
TRACEPARENT = "traceparent"

ERROR_CODE = "veriaidpo-error-code"
DLT_PREFIX = "kafka_dlt-"
DLT_ORIGINAL_TOPIC = "kafka_dlt-original-topic"
DLT_ORIGINAL_PARTITION = "kafka_dlt-original-partition"
DLT_ORIGINAL_OFFSET = "kafka_dlt-original-offset"
DLT_ORIGINAL_TIMESTAMP = "kafka_dlt-original-timestamp"
DLT_ORIGINAL_TIMESTAMP_TYPE = "kafka_dlt-original-timestamp-type"
DLT_ORIGINAL_CONSUMER_GROUP = "kafka_dlt-original-consumer-group"
DLT_EXCEPTION_FQCN = "kafka_dlt-exception-fqcn"
DLT_EXCEPTION_MESSAGE = "kafka_dlt-exception-message"

REQUESTED = "vn.veriaidpo.classification.requested"
COMPLETED = "vn.veriaidpo.classification.completed"
FAILED = "vn.veriaidpo.classification.failed"
MODEL_STATUS_SENT = "vn.veriaidpo.model.status"

AVRO = b"application/avro"

Headers: TypeAlias = Sequence[tuple[str, bytes]]


class RequestHeaders(msgspec.Struct, frozen=True):
    """What a request's headers say, checked for form only; claims are checked elsewhere."""

    token: str
    reply: ReplyAddress | None
    deadline_ms: int | None
    ce_id: str
    ce_time: str | None
    traceparent: str | None


def request_headers(
    *,
    token: str,
    request_id: str,
    source: str,
    now: datetime,
    reply: ReplyAddress | None = None,
    deadline_ms: int | None = None,
    traceparent: str | None = None,
) -> list[tuple[str, bytes]]:
    """The headers of a ClassificationRequest."""
    headers = event_headers(
        event_type=REQUESTED, source=source, event_id=request_id, now=now, traceparent=traceparent
    )
    headers.append((AUTHORIZATION, b"Bearer " + token.encode()))
    if reply is not None:
        headers.append((REPLY_TOPIC, reply.topic.encode()))
        headers.append((REPLY_PARTITION, _int32(reply.partition)))
        headers.append((CORRELATION_ID, reply.correlation_id))
    if deadline_ms is not None:
        headers.append((DEADLINE, b"%d" % deadline_ms))
    return headers


def event_headers(
    *, event_type: str, source: str, event_id: str, now: datetime, traceparent: str | None = None
) -> list[tuple[str, bytes]]:
    """CloudEvents attributes, content type and trace: what every record of ours begins with."""
    headers = [
        (CE_ID, event_id.encode()),
        (CE_TYPE, event_type.encode()),
        (CE_SOURCE, source.encode()),
        (CE_SPECVERSION, b"1.0"),
        (CE_TIME, _rfc3339(now)),
        (CONTENT_TYPE, AVRO),
    ]
    if traceparent is not None:
        headers.append((TRACEPARENT, traceparent.encode()))
    return headers


def reply_headers(
    *,
    reply: ReplyAddress,
    event_type: str,
    source: str,
    event_id: str,
    now: datetime,
    traceparent: str | None = None,
) -> list[tuple[str, bytes]]:
    """The headers of a reply: an event's, and the correlation id exactly as it came."""
    headers = event_headers(
        event_type=event_type, source=source, event_id=event_id, now=now, traceparent=traceparent
    )
    headers.append((CORRELATION_ID, reply.correlation_id))
    return headers


def dead_letter_headers(
    *,
    topic: str,
    partition: int,
    offset: int,
    timestamp_ms: int,
    group: str,
    error: VeriAIDPOError,
    original: Headers,
) -> list[tuple[str, bytes]]:
    """The record's own headers, `authorization` included (a redrive needs it), and where it came from.

    Provenance headers that came with the record are dropped: only ours say where it was.
    """
    kept = [header for header in original if not header[0].startswith((DLT_PREFIX, ERROR_CODE))]
    return [
        *kept,
        (DLT_ORIGINAL_TOPIC, topic.encode()),
        (DLT_ORIGINAL_PARTITION, _int32(partition)),
        (DLT_ORIGINAL_OFFSET, _int64(offset)),
        (DLT_ORIGINAL_TIMESTAMP, _int64(timestamp_ms)),
        (DLT_ORIGINAL_TIMESTAMP_TYPE, b"LogAppendTime"),
        (DLT_ORIGINAL_CONSUMER_GROUP, group.encode()),
        (DLT_EXCEPTION_FQCN, type(error).__name__.encode()),
        (DLT_EXCEPTION_MESSAGE, error.text[:1000].encode("utf-8", "replace")),
        (ERROR_CODE, error.code.encode()),
    ]


def read_request_headers(headers: Headers) -> RequestHeaders:
    """A request's headers; BadHeaders where their form is wrong, ClaimsMissing without a token."""
    found = _ours(headers)
    if CE_ID not in found:
        raise _bad(f"{CE_ID} is missing", f"thiếu {CE_ID}")
    if found.get(CE_SPECVERSION, b"1.0") != b"1.0":
        raise _bad(f"{CE_SPECVERSION} isn't 1.0", f"{CE_SPECVERSION} không phải 1.0")
    if found.get(CE_TYPE, _REQUESTED) != _REQUESTED:
        raise _bad(f"{CE_TYPE} isn't {REQUESTED}", f"{CE_TYPE} không phải {REQUESTED}")
    if found.get(CONTENT_TYPE, AVRO) != AVRO:
        raise _bad(f"{CONTENT_TYPE} isn't application/avro", f"{CONTENT_TYPE} không phải application/avro")
    ce_time = found.get(CE_TIME)
    return RequestHeaders(
        token=_token(found.get(AUTHORIZATION)),
        reply=_reply(found),
        deadline_ms=_deadline(found.get(DEADLINE)),
        ce_id=_text(CE_ID, found[CE_ID]),
        ce_time=None if ce_time is None else _text(CE_TIME, ce_time),
        traceparent=_traceparent(found.get(TRACEPARENT)),
    )


def read_token(headers: Headers) -> str:
    """The token alone: a record whose other headers are bad may still have a signed reply address."""
    tokens = [value for name, value in headers if name == AUTHORIZATION]
    if len(tokens) > 1:
        raise _bad(f"{AUTHORIZATION} appears twice", f"{AUTHORIZATION} xuất hiện hai lần")
    return _token(tokens[0] if tokens else None)


def read_correlation_id(headers: Headers) -> bytes | None:
    """The correlation id of a reply; None where there is none."""
    return next((value for name, value in headers if name == CORRELATION_ID), None)


_REQUESTED = REQUESTED.encode()
_OURS = frozenset(
    (
        AUTHORIZATION,
        REPLY_TOPIC,
        REPLY_PARTITION,
        CORRELATION_ID,
        DEADLINE,
        CE_ID,
        CE_TYPE,
        CE_SOURCE,
        CE_SPECVERSION,
        CE_TIME,
        CONTENT_TYPE,
        TRACEPARENT,
    )
)
_DEADLINE = re.compile(rb"[0-9]{1,15}")
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-[!-~]{0,200})?")


def _bad(reason: str, reason_vi: str) -> BadHeaders:
    return BadHeaders(reason=reason, reason_vi=reason_vi)


def _ours(headers: Headers) -> dict[str, bytes]:
    if len(headers) > MAX_HEADERS:
        raise _bad(f"more than {MAX_HEADERS} headers", f"nhiều hơn {MAX_HEADERS} header")
    found: dict[str, bytes] = {}
    size = 0
    for name, value in headers:
        size += len(name)
        if value is not None:  # Kafka allows it; ours have one, others' don't matter
            size += len(value)
        if name in _OURS:
            if name in found:
                raise _bad(f"{name} appears twice", f"{name} xuất hiện hai lần")
            if value is None:
                raise _bad(f"{name} has no value", f"{name} không có giá trị")
            found[name] = value
    if size > MAX_HEADERS_BYTES:
        raise _bad(
            f"more than {MAX_HEADERS_BYTES} bytes of headers", f"header dài hơn {MAX_HEADERS_BYTES} byte"
        )
    return found


def _token(value: bytes | None) -> str:
    if not value:
        raise ClaimsMissing
    if len(value) > MAX_TOKEN_BYTES:
        raise _bad(
            f"{AUTHORIZATION} is longer than {MAX_TOKEN_BYTES} bytes",
            f"{AUTHORIZATION} dài hơn {MAX_TOKEN_BYTES} byte",
        )
    scheme, _, token = _text(AUTHORIZATION, value).partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise ClaimsMissing
    return token.strip()


def _reply(found: dict[str, bytes]) -> ReplyAddress | None:
    topic, partition = found.get(REPLY_TOPIC), found.get(REPLY_PARTITION)
    correlation_id = found.get(CORRELATION_ID)
    if topic is None and partition is None and correlation_id is None:
        return None
    if topic is None or partition is None or correlation_id is None:
        raise _bad(
            f"a reply needs {REPLY_TOPIC}, {REPLY_PARTITION} and {CORRELATION_ID}",
            f"phản hồi cần đủ {REPLY_TOPIC}, {REPLY_PARTITION} và {CORRELATION_ID}",
        )
    if len(partition) != 4:
        raise _bad(f"{REPLY_PARTITION} isn't 4 bytes", f"{REPLY_PARTITION} không dài 4 byte")
    if not 0 < len(correlation_id) <= MAX_CORRELATION_ID_BYTES:
        raise _bad(
            f"{CORRELATION_ID} isn't 1 to {MAX_CORRELATION_ID_BYTES} bytes",
            f"{CORRELATION_ID} không dài từ 1 đến {MAX_CORRELATION_ID_BYTES} byte",
        )
    return ReplyAddress(
        _text(REPLY_TOPIC, topic), int.from_bytes(partition, "big", signed=True), correlation_id
    )


def _deadline(value: bytes | None) -> int | None:
    if value is None:
        return None
    if not _DEADLINE.fullmatch(value):
        raise _bad(f"{DEADLINE} isn't epoch milliseconds", f"{DEADLINE} không phải epoch mili giây")
    return int(value)


def _traceparent(value: bytes | None) -> str | None:
    # W3C Trace Context: what doesn't parse is ignored, a trace is no reason to refuse work.
    if value is None or not _TRACEPARENT.fullmatch(value):
        return None
    return value.decode("ascii")


def _text(name: str, value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _bad(f"{name} isn't UTF-8", f"{name} không phải UTF-8") from error


def _int32(number: int) -> bytes:
    return number.to_bytes(4, "big", signed=True)


def _int64(number: int) -> bytes:
    return number.to_bytes(8, "big", signed=True)


@lru_cache(maxsize=8)  # a batch's answers are all of one moment
def _rfc3339(moment: datetime) -> bytes:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()
