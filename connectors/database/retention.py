"""How long results are kept: whole months, and then a month goes at once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, func, insert, select

from connectors.database.engine import Database
from connectors.database.tables import results, retention


async def read_retention(database: Database) -> int | None:
    """The months that results are kept for; None: for good."""
    async with database.begin() as connection:
        return (await connection.execute(select(retention.c.keep_months))).scalar_one_or_none()


async def set_retention(database: Database, keep_months: int | None) -> None:
    """Keep results of this month and of that many before it; None keeps all."""
    async with database.begin() as connection:
        await connection.execute(delete(retention))
        await connection.execute(insert(retention).values(id=1, keep_months=keep_months))


async def expire(database: Database, now: datetime) -> int:
    """Drop what is older than the policy says; how many months (on SQLite: results) that were.

    On Postgres the owner's function does it and asks the server's own clock: the sink can have it done and
    can't choose what goes.
    """
    if database.is_postgres:
        async with database.begin() as connection:
            return int((await connection.execute(select(func.veriaidpo.expire_results()))).scalar_one())
    keep_months = await read_retention(database)
    if keep_months is None:
        return 0
    async with database.begin() as connection:
        gone = await connection.execute(
            delete(results).where(results.c.requested_at < months_before(now, keep_months))
        )
        return gone.rowcount


def months_before(moment: datetime, months: int) -> datetime:
    """The first moment of the month so many before."""
    ordinal = moment.year * 12 + moment.month - 1 - months
    return moment.replace(
        year=ordinal // 12, month=ordinal % 12 + 1, day=1, hour=0, minute=0, second=0, microsecond=0
    )
