"""Where a dead letter came from and why it is one: `dead_letter_headers`, read back."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from .headers import (
    DLT_EXCEPTION_FQCN,
    DLT_EXCEPTION_MESSAGE,
    DLT_ORIGINAL_CONSUMER_GROUP,
    DLT_ORIGINAL_OFFSET,
    DLT_ORIGINAL_PARTITION,
    DLT_ORIGINAL_TIMESTAMP,
    DLT_ORIGINAL_TIMESTAMP_TYPE,
    DLT_ORIGINAL_TOPIC,
    ERROR_CODE,
)


class Provenance(msgspec.Struct, frozen=True):
    """None where a header is missing or isn't what its name says: other programs write dead letters too."""

    topic: str | None
    partition: int | None
    offset: int | None
    timestamp_ms: int | None
    timestamp_type: str | None
    consumer_group: str | None
    error_code: str | None
    error_class: str | None
    error_message: str | None


def read_provenance(headers: Sequence[tuple[str, bytes | None]]) -> Provenance:
    """Takes whatever headers there are; of several with one name the last, which a worker wrote."""
    found = dict(headers)
    return Provenance(
        topic=_text(found.get(DLT_ORIGINAL_TOPIC)),
        partition=_number(found.get(DLT_ORIGINAL_PARTITION), 4),
        offset=_number(found.get(DLT_ORIGINAL_OFFSET), 8),
        timestamp_ms=_number(found.get(DLT_ORIGINAL_TIMESTAMP), 8),
        timestamp_type=_text(found.get(DLT_ORIGINAL_TIMESTAMP_TYPE)),
        consumer_group=_text(found.get(DLT_ORIGINAL_CONSUMER_GROUP)),
        error_code=_text(found.get(ERROR_CODE)),
        error_class=_text(found.get(DLT_EXCEPTION_FQCN)),
        error_message=_text(found.get(DLT_EXCEPTION_MESSAGE)),
    )


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "backslashreplace")


def _number(value: bytes | None, size: int) -> int | None:
    if value is None or len(value) != size:
        return None
    return int.from_bytes(value, "big", signed=True)
