"""Results into the database: as many at once as there are, each once, whatever is written again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import (
    Insert,
    case,
    delete,
    func,
    insert,
    null,
    or_,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.schema import CreateTable

from connectors.database.engine import Database
from connectors.database.rows import REQUESTED_AT, Row
from connectors.database.tables import INCOMING_COLUMNS, incoming, results, tenant_policies


class ResultWriter:
    """Writes rows in one transaction each time it is asked."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def write(self, rows: Sequence[Row]) -> int:
        """Store those rows that aren't there yet; how many that were.

        1. bring     the rows into a temporary table: on Postgres by COPY
        2. merge     them, as their tenants' policies say; the first answer to a result id stays
        3. commit

        All of them or none: RowRefused where the database takes all but at least one, DatabaseUnavailable
        where waiting helps, DatabaseRefused where an operator has to.
        """
        async with self._database.begin() as connection:
            if self._database.is_postgres:
                await _copy(connection, rows)  # 1
            else:
                await _insert(connection, rows)  # 1
            merged = await connection.execute(_MERGE[connection.dialect.name])  # 2
            if not self._database.is_postgres:
                await connection.execute(delete(incoming))  # Postgres does so by itself
            return merged.rowcount


async def _copy(connection: AsyncConnection, rows: Sequence[Row]) -> None:
    for month in {_month(row) for row in rows}:
        await connection.execute(select(func.veriaidpo.make_results_month(month)))
    await connection.execute(_MAKE_INCOMING)
    raw = await connection.get_raw_connection()
    driver = raw.driver_connection
    assert driver is not None  # noqa: S101 - just taken
    await driver.copy_records_to_table(
        incoming.name,
        schema_name="pg_temp",
        columns=("ordinal", *INCOMING_COLUMNS),
        records=[(number, *row) for number, row in enumerate(rows)],
    )


async def _insert(connection: AsyncConnection, rows: Sequence[Row]) -> None:
    await connection.execute(_MAKE_INCOMING)
    names = ("ordinal", *INCOMING_COLUMNS)
    values = [dict(zip(names, (number, *row), strict=True)) for number, row in enumerate(rows)]
    await connection.execute(insert(incoming), values)


def _month(row: Row) -> date:
    requested_at = row[REQUESTED_AT]
    assert isinstance(requested_at, datetime)  # noqa: S101 - a row's second value
    return date(requested_at.year, requested_at.month, 1)


def _merge(dialect: str) -> Insert:
    """Policies are read by the statement that writes: none is ever out of date, and none is forgotten."""
    texts = case((tenant_policies.c.texts == "none", null()), else_=incoming.c.normalized_text)
    columns = [texts if name == "normalized_text" else incoming.c[name] for name in INCOMING_COLUMNS]
    kept = (
        select(*columns)
        .select_from(incoming.outerjoin(tenant_policies, tenant_policies.c.tenant_id == incoming.c.tenant_id))
        # What was erased stays erased, also when the topic is read again from its beginning.
        .where(
            or_(
                tenant_policies.c.erased_before.is_(None),
                incoming.c.requested_at >= tenant_policies.c.erased_before,
            )
        )
        .order_by(incoming.c.ordinal)
    )
    into = postgresql.insert(results) if dialect == "postgresql" else sqlite.insert(results)
    # No conflict target: naming one would need the right to read, which the sink hasn't.
    return into.from_select(list(INCOMING_COLUMNS), kept).on_conflict_do_nothing()


_MERGE = {dialect: _merge(dialect) for dialect in ("postgresql", "sqlite")}
_MAKE_INCOMING = CreateTable(incoming, if_not_exists=True)
