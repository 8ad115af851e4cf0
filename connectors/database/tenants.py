"""What an operator decides about one tenant: which texts are kept, and that nothing is kept any more."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec
from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from connectors.database.engine import Database
from connectors.database.tables import results, tenant_policies

_WRITING = 0x7665_7269_0002
"""The lock that whoever writes results holds (migration 0001): taken alone, nobody writes meanwhile."""


class Texts(StrEnum):
    """What of a text is kept with its result; the original never is."""

    NORMALISED = "normalised"
    NONE = "none"


class TenantPolicy(msgspec.Struct, frozen=True):
    """`erased_before`: results of requests from before that moment are gone, and aren't stored again."""

    texts: Texts = Texts.NORMALISED
    erased_before: datetime | None = None


async def read_policy(database: Database, tenant_id: str) -> TenantPolicy:
    """The tenant's policy, or the one that everybody has."""
    async with database.begin(tenant_id) as connection:
        chosen = select(tenant_policies).where(tenant_policies.c.tenant_id == tenant_id)
        found = (await connection.execute(chosen)).mappings().one_or_none()
    return TenantPolicy() if found is None else TenantPolicy(Texts(found["texts"]), found["erased_before"])


async def set_texts(database: Database, tenant_id: str, texts: Texts) -> int:
    """Keep that of the tenant's texts from now on; how many stored texts were taken away for it."""
    async with database.begin(tenant_id) as connection:
        await _alone(connection)
        await _put(connection, tenant_id, {"texts": texts.value})
        if texts is not Texts.NONE:
            return 0
        # Of the past as well: a policy that left the old texts where they are would be none.
        taken = await connection.execute(
            results.update()
            .where(results.c.tenant_id == tenant_id, results.c.normalized_text.is_not(None))
            .values(normalized_text=None)
        )
        return taken.rowcount


async def count_results(database: Database, tenant_id: str) -> int:
    """How many results of the tenant are stored."""
    async with database.begin(tenant_id) as connection:
        counted = select(func.count()).select_from(results).where(results.c.tenant_id == tenant_id)
        return int((await connection.execute(counted)).scalar_one())


async def erase(database: Database, tenant_id: str, now: datetime) -> int:
    """Delete every result of the tenant; how many there were. What was asked before `now` isn't stored again.

    The sink waits meanwhile: no result slips in between the mark and the deletion.
    """
    async with database.begin(tenant_id) as connection:
        await _alone(connection)
        await _put(connection, tenant_id, {"erased_before": now})
        gone = await connection.execute(delete(results).where(results.c.tenant_id == tenant_id))
        return gone.rowcount


async def _alone(connection: AsyncConnection) -> None:
    if connection.dialect.name == "postgresql":  # on SQLite, whoever writes is alone
        await connection.execute(text(f"SELECT pg_advisory_xact_lock({_WRITING})"))


async def _put(connection: AsyncConnection, tenant_id: str, changed: dict[str, object]) -> None:
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    put = insert(tenant_policies).values(tenant_id=tenant_id, **changed)
    changes = {**changed, "changed_at": func.current_timestamp()}
    await connection.execute(put.on_conflict_do_update(index_elements=["tenant_id"], set_=changes))
