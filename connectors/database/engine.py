"""A process's connections to the database, all of them in one role."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

from sqlalchemy import URL, event, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from connectors.database.failures import failure_of
from connectors.database.settings import DatabaseSettings
from connectors.database.tables import SCHEMA
from connectors.database.url import engine_url
from schemas.errors import ConfigurationError, DatabaseOutdated, DatabaseRefused, RowRefused

POOL_SIZE: Final = 5


class Role(StrEnum):
    """Who speaks; on Postgres the services' are roles, which the migrations make."""

    OWNER = "owner"
    SINK = "veriaidpo_sink"
    READER = "veriaidpo_reader"


class Database:
    """Connects when it is first used; `async with` closes what is open.

    Every connection of a service takes that service's role before anything else, whoever logged in: so row
    security binds it even where the login could pass it by.
    """

    def __init__(self, settings: DatabaseSettings, home: Path, role: Role) -> None:
        self._settings = settings
        self._role = role
        self._url = engine_url(settings, home, owner=role is Role.OWNER)
        self._engine: AsyncEngine | None = None
        self.is_embedded = settings.is_embedded
        self.is_postgres = self._url.get_backend_name() == "postgresql"

    async def __aenter__(self) -> Self:
        self._engine = self._postgres() if self.is_postgres else self._sqlite()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.engine.dispose()

    @property
    def engine(self) -> AsyncEngine:
        assert self._engine is not None  # noqa: S101 - entered
        return self._engine

    @property
    def name(self) -> str:
        """For a log line: no user, no password."""
        url = self._url
        return URL.create(
            url.get_backend_name(), host=url.host, port=url.port, database=url.database
        ).render_as_string()

    @asynccontextmanager
    async def begin(self, tenant_id: str | None = None) -> AsyncIterator[AsyncConnection]:
        """A transaction, committed at its end; with a tenant, row security lets through that tenant's rows.

        Raises DatabaseUnavailable, RowRefused, DatabaseRefused.
        """
        async with self._connected() as connection:
            try:
                async with connection.begin():
                    if tenant_id is not None and self.is_postgres:
                        await connection.execute(_SET_TENANT, {"tenant": tenant_id})
                    yield connection
            except Exception as error:
                failure = failure_of(error)
                if failure is None or failure is error:
                    raise
                raise failure from error

    async def forget_connections(self) -> None:
        """Drop those that are open: after a failure, nobody knows which of them still work."""
        await self.engine.dispose()

    async def check(self, *, newest: str, current: str | None, production: bool) -> None:
        """Refuse tables of another revision, and in production a login that row security doesn't bind."""
        if current != newest:
            raise DatabaseOutdated(current=current or "none", newest=newest)
        if production and self.is_postgres and self._role is not Role.OWNER:
            async with self.begin() as connection:
                unbound = (await connection.execute(_IS_UNBOUND)).scalar_one()
            if unbound:
                raise ConfigurationError(
                    setting="DATABASE_URL",
                    reason="its role is a superuser, passes row security by, or owns the tables; "
                    f"log in as one that is only a member of {self._role}",
                )

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AsyncConnection]:
        try:
            connection = await self.engine.connect()
        except Exception as error:
            failure = failure_of(error)
            if failure is None:
                raise
            if isinstance(failure, RowRefused):  # of a role or a setting: no row was written yet
                raise DatabaseRefused(reason=failure.details["reason"]) from error
            raise failure from error
        try:
            yield connection
        finally:
            await connection.close()

    def _postgres(self) -> AsyncEngine:
        server_settings = {"application_name": f"veriaidpo {self._role.name.lower()}", "timezone": "UTC"}
        if self._role is not Role.OWNER:
            server_settings["role"] = self._role.value
        return create_async_engine(
            self._url,
            pool_size=POOL_SIZE,
            pool_pre_ping=True,
            connect_args={
                "timeout": self._settings.connect_timeout_s,
                "command_timeout": None if self._role is Role.OWNER else self._settings.statement_timeout_s,
                "server_settings": server_settings,
            },
        )

    def _sqlite(self) -> AsyncEngine:
        if self._url.database:
            Path(self._url.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        engine = create_async_engine(self._url).execution_options(schema_translate_map={SCHEMA: None})
        busy_ms = int(self._settings.statement_timeout_s * 1000)
        event.listen(engine.sync_engine, "connect", partial(_prepare_sqlite, busy_ms))
        # A writer waits for its turn here: asked for later on, SQLite refuses instead of waiting.
        begin = "BEGIN" if self._role is Role.READER else "BEGIN IMMEDIATE"
        event.listen(engine.sync_engine, "begin", lambda connection: connection.exec_driver_sql(begin))
        return engine


_SET_TENANT = text("SELECT set_config('veriaidpo.tenant', :tenant, true)")

_IS_UNBOUND = text("""
    SELECT rolsuper OR rolbypassrls OR EXISTS (
        SELECT FROM pg_class
        WHERE oid = to_regclass('veriaidpo.results') AND pg_has_role(rolname, relowner, 'USAGE')
    ) FROM pg_roles WHERE rolname = session_user
""")


class _SqliteConnection(Protocol):
    isolation_level: str | None

    def execute(self, statement: str) -> object: ...


def _prepare_sqlite(busy_ms: int, connection: _SqliteConnection, _record: object) -> None:
    connection.isolation_level = None  # else the driver begins and commits as it sees fit
    connection.execute(f"PRAGMA busy_timeout={busy_ms}")
    connection.execute("PRAGMA journal_mode=WAL")  # readers go on while the sink writes
