"""Stored results for a service that has to start without its database, and go on when it is away."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from connectors.database.engine import Database
from connectors.database.found import Page, ResultQuery
from connectors.database.migrate import prepare
from connectors.database.results import search


class ResultReader:
    """Searches a database; before its first answer it looks whether the tables and the login are right.

    `database` is the reader's, and is open for as long as this is.
    """

    def __init__(self, database: Database, *, production: bool) -> None:
        self._database = database
        self._production = production
        self._is_prepared = False

    async def __aenter__(self) -> Self:
        await self._database.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._database.__aexit__(kind, error, trace)

    async def search(self, tenant_id: str, query: ResultQuery) -> Page:
        """A page of the tenant's results.

        Raises InvalidRequest, DatabaseUnavailable; and DatabaseOutdated, DatabaseRefused, ConfigurationError
        until an operator has put it right.
        """
        if not self._is_prepared:
            await prepare(self._database, production=self._production)
            self._is_prepared = True
        return await search(self._database, tenant_id, query)
