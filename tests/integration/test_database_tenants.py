"""What an operator decides for a tenant holds: for what is stored, for what comes, and for raw SQL."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from connectors.database.engine import Role
from connectors.database.found import ResultQuery
from connectors.database.results import search
from connectors.database.retention import expire, months_before, read_retention, set_retention
from connectors.database.rows import row_of
from connectors.database.tenants import Texts, count_results, erase, read_policy, set_texts
from connectors.database.writing import ResultWriter
from tests.support.databases import DAY_MS, REQUESTED_AT_MS, database, reading, result, store
from tests.support.postgres import login_role

NOW_MS = int(datetime.now(UTC).timestamp() * 1000)
START = datetime.fromtimestamp(REQUESTED_AT_MS / 1000, UTC)


async def texts_of(url: str, tenant_id: str) -> list[str | None]:
    async with reading(url) as reader:
        page = await search(reader, tenant_id, ResultQuery())
    return [item.normalized_text for item in page.items]


async def count(url: str, tenant_id: str) -> int:
    async with database(url, Role.OWNER) as owner:
        return await count_results(owner, tenant_id)


async def test_texts_are_kept_unless_the_tenants_policy_says_otherwise(database_url: str) -> None:
    await store(database_url, [result(1, tenant_id="kept"), result(1, tenant_id="none")])
    async with database(database_url, Role.OWNER) as owner:
        assert (await read_policy(owner, "none")).texts is Texts.NORMALISED
        assert await set_texts(owner, "none", Texts.NONE) == 1
        assert (await read_policy(owner, "none")).texts is Texts.NONE
        assert (await read_policy(owner, "kept")).texts is Texts.NORMALISED
    await store(database_url, [result(2, tenant_id="kept"), result(2, tenant_id="none")])

    assert None not in await texts_of(database_url, "kept")
    assert await texts_of(database_url, "none") == [None, None]

    async with database(database_url, Role.OWNER) as owner:
        await set_texts(owner, "none", Texts.NORMALISED)
    await store(database_url, [result(3, tenant_id="none")])
    assert sorted(text is None for text in await texts_of(database_url, "none")) == [False, True, True]


async def test_erasing_takes_one_tenants_rows_and_they_do_not_come_back(database_url: str) -> None:
    before = [result(number, tenant_id="gone") for number in range(3)]
    await store(database_url, [*before, result(1, tenant_id="stays")])
    at = START + timedelta(hours=1)
    async with database(database_url, Role.OWNER) as owner:
        assert await erase(owner, "gone", at) == 3
        assert (await read_policy(owner, "gone")).erased_before == at

    assert (await count(database_url, "gone"), await count(database_url, "stays")) == (0, 1)
    # The sink reads the topic again; and the tenant goes on asking.
    later = result(9, tenant_id="gone", requested_at_ms=REQUESTED_AT_MS + DAY_MS)
    assert await store(database_url, [*before, later]) == 1
    assert await count(database_url, "gone") == 1


async def test_a_batch_that_is_being_written_cannot_slip_past_an_erasure(postgres_database: str) -> None:
    async with (
        database(postgres_database, Role.SINK) as sink,
        database(postgres_database, Role.OWNER) as owner,
    ):
        writing = [
            asyncio.create_task(
                ResultWriter(sink).write([row_of(result(number * 50 + each)) for each in range(50)])
            )
            for number in range(8)
        ]
        erasing = asyncio.create_task(erase(owner, "t1", START + timedelta(hours=1)))
        await asyncio.gather(*writing, erasing)
    assert await count(postgres_database, "t1") == 0


async def test_months_that_are_older_than_the_policy_go(database_url: str) -> None:
    months = [row_of(result(number, requested_at_ms=NOW_MS - number * 31 * DAY_MS)) for number in range(6)]
    now = datetime.now(UTC)
    async with database(database_url, Role.SINK) as sink, database(database_url, Role.OWNER) as owner:
        await ResultWriter(sink).write(months)
        assert await read_retention(owner) is None
        assert await expire(sink, now) == 0
        await set_retention(owner, 2)
        assert await read_retention(owner) == 2
        assert await expire(sink, now) >= 2
        assert await expire(sink, now) == 0
        async with reading(database_url) as reader:
            kept = (await search(reader, "t1", ResultQuery())).items
        assert 2 <= len(kept) <= 3
        assert all(item.requested_at >= months_before(now, 2) for item in kept)
        await set_retention(owner, None)
        assert await expire(sink, now) == 0


def test_months_before_goes_over_the_turn_of_the_year() -> None:
    moment = datetime(2026, 2, 28, 13, 5, tzinfo=UTC)
    assert months_before(moment, 2) == datetime(2025, 12, 1, tzinfo=UTC)
    assert months_before(moment, 24) == datetime(2024, 2, 1, tzinfo=UTC)


# Row security, asked by raw SQL: our own queries name the tenant anyway.


@pytest.fixture
async def two_tenants(postgres_database: str) -> str:
    await store(
        postgres_database, [result(1, tenant_id="a"), result(1, tenant_id="b"), result(2, tenant_id="b")]
    )
    return postgres_database


async def test_a_raw_select_of_a_service_sees_the_tenant_that_it_names_and_no_other(two_tenants: str) -> None:
    connection = await asyncpg.connect(await login_role(two_tenants, "veriaidpo_reader"))
    bound = await connection.fetchrow(
        """
        SELECT rolsuper OR rolbypassrls, rolname = (
            SELECT tableowner FROM pg_tables WHERE schemaname = 'veriaidpo' AND tablename = 'results'
        ) FROM pg_roles WHERE rolname = current_user
        """
    )
    assert tuple(bound or ()) == (False, False)
    everything = "SELECT tenant_id FROM veriaidpo.results ORDER BY 1"
    assert await connection.fetch(everything) == []
    for tenant, rows in (("a", 1), ("b", 2), ("", 0), ("a' OR true --", 0)):
        await connection.execute("SELECT set_config('veriaidpo.tenant', $1, false)", tenant)
        assert [row["tenant_id"] for row in await connection.fetch(everything)] == [tenant] * rows
    await connection.close()


async def test_a_service_cannot_reach_around_row_security(two_tenants: str) -> None:
    connection = await asyncpg.connect(await login_role(two_tenants, "veriaidpo_reader"))
    await connection.execute("SET veriaidpo.tenant = 'a'")
    for statement in (
        "SELECT * FROM veriaidpo.results_2026_09",
        "DELETE FROM veriaidpo.results",
        "UPDATE veriaidpo.results SET tenant_id = 'a'",
        "INSERT INTO veriaidpo.results SELECT * FROM veriaidpo.results",
        "SELECT * FROM veriaidpo.tenant_policies",
        "SELECT veriaidpo.expire_results()",
        "ALTER TABLE veriaidpo.results DISABLE ROW LEVEL SECURITY",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    await connection.close()


async def test_the_sink_cannot_read_results_nor_choose_what_goes(two_tenants: str) -> None:
    connection = await asyncpg.connect(await login_role(two_tenants, "veriaidpo_sink"))
    for statement in (
        "SELECT * FROM veriaidpo.results",
        "DELETE FROM veriaidpo.results",
        "DROP TABLE veriaidpo.results_2026_09",
        "UPDATE veriaidpo.retention SET keep_months = 1",
        "UPDATE veriaidpo.tenant_policies SET texts = 'none'",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    await connection.close()


async def test_the_owner_is_bound_too(two_tenants: str) -> None:
    connection = await asyncpg.connect(two_tenants)
    await connection.execute("CREATE ROLE forced_owner NOLOGIN")
    try:
        await connection.execute("ALTER TABLE veriaidpo.results OWNER TO forced_owner")
        await connection.execute("GRANT USAGE ON SCHEMA veriaidpo TO forced_owner")
        await connection.execute("SET ROLE forced_owner")
        assert await connection.fetchval("SELECT count(*) FROM veriaidpo.results") == 0
        await connection.execute("SET veriaidpo.tenant = 'b'")
        assert await connection.fetchval("SELECT count(*) FROM veriaidpo.results") == 2
    finally:
        await connection.execute("RESET ROLE")
        await connection.execute("DROP OWNED BY forced_owner CASCADE")
        await connection.execute("DROP ROLE forced_owner")
        await connection.close()
