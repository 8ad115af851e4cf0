"""A result as a row: what is kept of it, in the columns' order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import TypeAlias
from uuid import UUID

import msgspec

from schemas.content import is_id
from schemas.errors import RowRefused
from schemas.events import ClassificationResult

Value: TypeAlias = UUID | datetime | str | int | float | bool | None
Row: TypeAlias = tuple[Value, ...]
"""Values of `tables.INCOMING_COLUMNS`."""

REQUESTED_AT = 1

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def row_of(result: ClassificationResult) -> Row:
    """The row of a result; RowRefused for one that no worker of ours writes.

    The names of detected companies stay behind: only their number is kept.
    """
    for field, name in ((result.request_id, "request_id"), (result.tenant_id, "tenant_id")):
        if not is_id(field):
            raise _refused(name)
    if not all(isfinite(score.score) for score in result.scores):
        raise _refused("scores")
    try:
        return (
            UUID(result.result_id),
            _utc(result.requested_at_ms),
            result.tenant_id,
            result.request_id,
            result.model_type,
            result.language,
            result.prediction,
            result.category_id,
            result.confidence,
            _json(result.scores),
            result.model_id,
            result.model_version,
            result.normalized_text,
            len(result.detected_companies),
            result.tokens,
            result.truncated,
            _json(result.timings),
            _utc(result.completed_at_ms),
        )
    except ValueError:
        raise _refused("result_id") from None
    except OverflowError:
        raise _refused("requested_at or completed_at") from None


def _utc(at_ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=at_ms)  # exact, where a float's division isn't


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _refused(field: str) -> RowRefused:
    return RowRefused(reason=f"its {field} can't be one", reason_vi=f"{field} không hợp lệ")
