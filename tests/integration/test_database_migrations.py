"""Migrations go up and down, on real Postgres and on SQLite, and leave what others have there alone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import Connection, Table, inspect

from connectors.database.engine import Database, Role
from connectors.database.migrate import SCRIPTS, current, downgrade, newest, upgrade
from connectors.database.tables import SCHEMA, metadata
from schemas.errors import ConfigurationError, DatabaseOutdated, DatabaseRefused, DatabaseUnavailable
from tests.support.databases import database, result, store
from tests.support.postgres import fresh_database, login_role


def tables(connection: Connection, schema: str | None) -> set[str]:
    return set(inspect(connection).get_table_names(schema=schema))


@pytest.fixture
async def empty_postgres(postgres: str) -> str:
    return await fresh_database(postgres)


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    return str(request.getfixturevalue("empty_postgres"))


async def test_tables_are_made_taken_away_and_made_again(empty_url: str) -> None:
    async with database(empty_url, Role.OWNER) as owner:
        schema = SCHEMA if owner.is_postgres else None
        assert await current(owner) is None

        assert await upgrade(owner) == newest() == await current(owner)
        async with owner.begin() as connection:
            assert {"results", "tenant_policies", "retention"} <= await connection.run_sync(tables, schema)

        assert await upgrade(owner) == newest()
        assert await downgrade(owner, "base") is None
        async with owner.begin() as connection:
            assert await connection.run_sync(tables, schema) == {"alembic_version"}

        assert await upgrade(owner) == newest()
    assert await store(empty_url, [result()]) == 1


async def test_tables_that_migrations_make_are_those_that_queries_see(empty_url: str) -> None:
    def columns(connection: Connection, table: Table) -> dict[str, bool]:
        schema = SCHEMA if connection.dialect.name == "postgresql" else None
        found = inspect(connection).get_columns(table.name, schema=schema)
        return {column["name"]: column["nullable"] for column in found}

    def indexes(connection: Connection, table: Table) -> set[str | None]:
        schema = SCHEMA if connection.dialect.name == "postgresql" else None
        return {index["name"] for index in inspect(connection).get_indexes(table.name, schema=schema)}

    async with database(empty_url, Role.OWNER) as owner:
        await upgrade(owner)
        async with owner.begin() as connection:
            for table in metadata.tables.values():
                declared = {column.name: bool(column.nullable) for column in table.columns}
                assert await connection.run_sync(columns, table) == declared
                assert await connection.run_sync(indexes, table) == {index.name for index in table.indexes}


async def test_two_upgrades_at_once_take_turns(postgres: str) -> None:
    url = await fresh_database(postgres)
    async with database(url, Role.OWNER) as one, database(url, Role.OWNER) as other:
        assert set(await asyncio.gather(upgrade(one), upgrade(other))) == {newest()}


async def test_tables_of_the_main_backend_beside_ours_are_left_alone(postgres: str) -> None:
    url = await fresh_database(postgres)
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE results (id int); CREATE TABLE alembic_version (version_num text)")
    await connection.execute("INSERT INTO alembic_version VALUES ('of-the-backend')")
    async with database(url, Role.OWNER) as owner:
        await upgrade(owner)
        await downgrade(owner, "base")
    assert await connection.fetchval("SELECT version_num FROM public.alembic_version") == "of-the-backend"
    assert await connection.fetchval("SELECT count(*) FROM public.results") == 0
    await connection.close()


async def test_a_role_that_is_no_superuser_can_own_the_tables(postgres: str) -> None:
    url = await fresh_database(postgres)
    owner_url = await login_role(url)
    owner_name = owner_url.split("//")[1].split(":")[0]
    connection = await asyncpg.connect(url)
    await connection.execute(f"ALTER ROLE {owner_name} CREATEROLE")
    await connection.execute(f"GRANT CREATE ON DATABASE {url.rpartition('/')[2]} TO {owner_name}")
    await connection.close()

    async with database(owner_url, Role.OWNER) as owner:
        await upgrade(owner)
    sink_url = await login_role(url, "veriaidpo_sink")
    assert await store(sink_url, [result()]) == 1


async def test_tables_of_another_revision_are_refused(empty_url: str) -> None:
    async with database(empty_url, Role.OWNER) as owner:
        with pytest.raises(DatabaseOutdated, match="veriaidpo db upgrade"):
            await owner.check(newest=newest(), current=await current(owner), production=True)
        await upgrade(owner)
        await owner.check(newest=newest(), current=await current(owner), production=True)


async def test_in_production_a_login_that_row_security_does_not_bind_is_refused(
    postgres_database: str,
) -> None:
    async def check(url: str, *, production: bool) -> None:
        async with database(url, Role.SINK) as sink:
            await sink.check(newest=newest(), current=await current(sink), production=production)

    with pytest.raises(ConfigurationError, match="superuser"):
        await check(postgres_database, production=True)
    await check(postgres_database, production=False)
    await check(await login_role(postgres_database, "veriaidpo_sink"), production=True)


async def test_a_login_without_the_services_role_is_told_so(postgres_database: str) -> None:
    url = await login_role(postgres_database)
    async with database(url, Role.SINK) as sink:
        with pytest.raises(DatabaseRefused):
            await current(sink)


async def test_a_server_that_is_away_is_waited_for_not_refused() -> None:
    async with database("postgresql://nobody@127.0.0.1:1/none", Role.SINK) as sink:
        with pytest.raises(DatabaseUnavailable):
            await current(sink)


def test_migrations_lie_inside_the_package() -> None:
    assert (SCRIPTS / "env.py").is_file()
    assert Database.__module__.split(".")[0] in SCRIPTS.parts
