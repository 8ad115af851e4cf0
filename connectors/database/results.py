"""Finding what was classified: one tenant's results, newest first, page by page."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import RowMapping, Select, or_, select

from connectors.database.engine import Database
from connectors.database.found import MAX_PAGE, Page, ResultQuery, StoredResult
from connectors.database.tables import results
from schemas.errors import InvalidRequest
from schemas.events import Score

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


async def search(database: Database, tenant_id: str, query: ResultQuery) -> Page:
    """A page of the tenant's results; InvalidRequest for a cursor that isn't one of ours.

    The tenant is in the query, and on Postgres row security holds it as well.
    """
    async with database.begin(tenant_id) as connection:
        found = (await connection.execute(_select(tenant_id, query))).mappings().all()
    items = tuple([_stored(row) for row in found[: query.limit]])
    return Page(items, _cursor_of(items[-1]) if len(found) > query.limit else None)


def _select(tenant_id: str, query: ResultQuery) -> Select[*tuple[object, ...]]:
    if not 0 < query.limit <= MAX_PAGE:
        raise InvalidRequest(
            reason=f"limit isn't 1 to {MAX_PAGE}", reason_vi=f"limit không nằm trong 1 đến {MAX_PAGE}"
        )
    for wanted in (tenant_id, query.model_type, query.label, query.request_id):
        if wanted is not None and not wanted.isprintable():  # a NUL, which Postgres takes for no text
            raise InvalidRequest(reason="a name isn't printable", reason_vi="tên có ký tự không in được")
    column = results.c
    chosen = select(results).where(column.tenant_id == tenant_id)
    if query.since is not None:
        chosen = chosen.where(column.requested_at >= query.since)
    if query.until is not None:
        chosen = chosen.where(column.requested_at < query.until)
    for field in ("model_type", "request_id"):
        if (wanted := getattr(query, field)) is not None:
            chosen = chosen.where(column[field] == wanted)
    if query.label is not None:
        chosen = chosen.where(column.prediction == query.label)
    if query.cursor is not None:
        requested_at, result_id = _position(query.cursor)
        chosen = chosen.where(
            column.requested_at <= requested_at,
            or_(column.requested_at < requested_at, column.result_id < result_id),
        )
    # By place, not by number: results that come in meanwhile move no page.
    return chosen.order_by(column.requested_at.desc(), column.result_id.desc()).limit(query.limit + 1)


def _stored(row: RowMapping) -> StoredResult:
    fields = {name: row[name] for name in StoredResult.__struct_fields__}
    fields["result_id"] = str(row["result_id"])
    fields["scores"] = msgspec.convert(row["scores"], tuple[Score, ...])
    return StoredResult(**fields)


def _cursor_of(last: StoredResult) -> str:
    microseconds = (last.requested_at - _EPOCH) // timedelta(microseconds=1)
    return urlsafe_b64encode(microseconds.to_bytes(8, "big") + UUID(last.result_id).bytes).decode()


def _position(cursor: str) -> tuple[datetime, UUID]:
    try:
        raw = urlsafe_b64decode(cursor.encode("ascii"))
        requested_at = _EPOCH + timedelta(microseconds=int.from_bytes(raw[:8], "big"))
        return requested_at, UUID(bytes=raw[8:])
    except (ValueError, OverflowError):
        raise InvalidRequest(
            reason="cursor isn't one that a page ended with",
            reason_vi="cursor không phải do trang trước trả về",
        ) from None
