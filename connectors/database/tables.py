"""The tables as queries see them; migrations/ makes them. On SQLite the schema's name falls away."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    Uuid,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from schemas.limits import MAX_ID_CHARS

SCHEMA: Final = "veriaidpo"
"""Of our own: the database is shared with the platform's main backend."""

metadata = MetaData(schema=SCHEMA)


class UtcTime(TypeDecorator[datetime]):
    """An aware time in UTC; SQLite keeps it without its zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None or dialect.name == "postgresql":
            return value
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


_json = JSON().with_variant(JSONB(), "postgresql")
_json_text = Text().with_variant(JSONB(), "postgresql")

results = Table(
    "results",
    metadata,
    Column("result_id", Uuid, primary_key=True),
    # The broker's append time of the request: every redelivery carries it, so it can be part of the key.
    Column("requested_at", UtcTime, primary_key=True),
    Column("tenant_id", String(MAX_ID_CHARS), nullable=False),
    Column("request_id", String(MAX_ID_CHARS), nullable=False),
    Column("model_type", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("prediction", Text, nullable=False),
    Column("category_id", Integer, nullable=False),
    Column("confidence", Double, nullable=False),
    Column("scores", _json, nullable=False),
    Column("model_id", Text, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("normalized_text", Text),
    # How many, not which: their names in order, put back for [COMPANY], would be the original text.
    Column("companies", Integer, nullable=False),
    Column("tokens", Integer, nullable=False),
    Column("truncated", Boolean, nullable=False),
    Column("timings", _json, nullable=False),
    Column("completed_at", UtcTime, nullable=False),
    Column("stored_at", UtcTime, nullable=False, server_default=func.current_timestamp()),
    CheckConstraint("confidence >= 0 AND confidence <= 1", name="results_confidence"),
    Index("results_by_time", "tenant_id", "requested_at", "result_id"),
    Index("results_by_request", "tenant_id", "request_id"),
    postgresql_partition_by="RANGE (requested_at)",
)

tenant_policies = Table(
    "tenant_policies",
    metadata,
    Column("tenant_id", String(MAX_ID_CHARS), primary_key=True),
    Column("texts", String(16), nullable=False, server_default="normalised"),
    Column("erased_before", UtcTime),
    Column("changed_at", UtcTime, nullable=False, server_default=func.current_timestamp()),
    CheckConstraint("texts IN ('normalised', 'none')", name="tenant_policies_texts"),
)

retention = Table(
    "retention",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("keep_months", Integer),
    CheckConstraint("id = 1", name="retention_one_row"),
    CheckConstraint("keep_months > 0", name="retention_months"),
)

INCOMING_COLUMNS: Final = tuple(column.name for column in results.columns if column.name != "stored_at")
"""What the sink writes, in this order."""

incoming = Table(
    "incoming_results",
    MetaData(),
    Column("ordinal", Integer, nullable=False),
    *(
        Column(column.name, _json_text if column.type is _json else column.type)
        for column in results.columns
        if column.name in INCOMING_COLUMNS
    ),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DELETE ROWS",
)
"""Where a batch lies before it is merged: a connection's own."""
