"""Making the tables, changing them, and taking them away again: Alembic, from inside the package."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from connectors.database.engine import Database
from connectors.database.tables import SCHEMA

SCRIPTS: Final = Path(__file__).parent / "migrations"
VERSION_TABLE: Final = "alembic_version"
_ONE_AT_A_TIME: Final = 0x7665_7269_0001
"""An advisory lock's number: two upgrades at once take their turns."""


async def upgrade(database: Database, revision: str = "head") -> str | None:
    """Bring the tables to a revision, in one transaction on Postgres; the revision that they are at then."""
    return await _run(database, lambda config: command.upgrade(config, revision))


async def downgrade(database: Database, revision: str) -> str | None:
    """Go back to a revision, `base` for none: what later ones made is dropped, with all that is in it."""
    return await _run(database, lambda config: command.downgrade(config, revision))


async def current(database: Database) -> str | None:
    """The revision that the tables are at; None where there are none."""
    async with database.begin() as connection:
        return await connection.run_sync(_current)


async def prepare(database: Database, *, production: bool) -> None:
    """Make the embedded database's tables; refuse any other whose tables or login aren't right.

    Raises DatabaseOutdated, ConfigurationError, DatabaseUnavailable, DatabaseRefused.
    """
    at = await current(database)
    if database.is_embedded and at != newest():
        at = await upgrade(database)
    await database.check(newest=newest(), current=at, production=production)


def newest() -> str:
    """The revision that this version of the code works with."""
    head = ScriptDirectory(str(SCRIPTS)).get_current_head()
    assert head is not None  # noqa: S101 - there is a first one
    return head


async def _run(database: Database, change: Callable[[Config], None]) -> str | None:
    def with_alembic(connection: Connection) -> str | None:
        if database.is_postgres:
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_ONE_AT_A_TIME})"))
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
        config = Config()
        config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
        config.attributes["connection"] = connection
        change(config)
        return _current(connection)

    async with database.begin() as connection:
        return await connection.run_sync(with_alembic)


def _current(connection: Connection) -> str | None:
    schema = SCHEMA if connection.dialect.name == "postgresql" else None
    options = {"version_table": VERSION_TABLE, "version_table_schema": schema}
    return MigrationContext.configure(connection, opts=options).get_current_revision()
