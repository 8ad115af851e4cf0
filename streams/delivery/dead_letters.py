"""A record that can't be answered, kept byte for byte with where it came from and why."""

from __future__ import annotations

from schemas.errors import VeriAIDPOError
from schemas.headers import dead_letter_headers
from schemas.topics import DEAD_LETTERS, REQUEST_PREFIX
from streams.delivery.records import Output, OutputKind, Record

GROUP_PREFIX = "veriaidpo."


def group_of(topic: str) -> str:
    """The consumer group of a request topic: one for each model type, so that they are served in any mix."""
    return GROUP_PREFIX + topic.removeprefix(REQUEST_PREFIX)


def dead_letter(record: Record, error: VeriAIDPOError) -> Output:
    """The record as it came: key, value and headers, and provenance headers behind them."""
    headers = dead_letter_headers(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp_ms=record.timestamp_ms,
        group=group_of(record.topic),
        error=error,
        original=record.headers,
    )
    return Output(
        OutputKind.DEAD_LETTER, DEAD_LETTERS, record.key, record.value, headers, error_code=error.code
    )
