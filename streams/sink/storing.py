"""Getting rows into a database that may be away, and finding the one row that it refuses."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from connectors.database.rows import Row
from schemas.errors import DatabaseUnavailable, RowRefused
from streams.sink.reading import Pending, Refused

log = logging.getLogger(__name__)

FIRST_BACK_OFF_S: Final = 0.2
LONGEST_BACK_OFF_S: Final = 5.0
LOG_EVERY_S: Final = 10.0


class Stopped(Exception):
    """Asked to stop while the database is away: nothing was stored, so nothing may be acknowledged."""


class Storing:
    """Stores batches; `stored` counts the rows that were new."""

    def __init__(
        self,
        write: Callable[[Sequence[Row]], Awaitable[int]],
        forget_connections: Callable[[], Awaitable[None]],
        stop: asyncio.Event,
    ) -> None:
        self._write = write
        self._forget_connections = forget_connections
        self._stop = stop
        self._logged_at_s = -LOG_EVERY_S
        self.stored = 0

    async def store(self, pending: Sequence[Pending]) -> list[Refused]:
        """Store all that the database takes, in order; what it refuses, once each was tried alone.

        A refused batch is halved until the row is found: twice the logarithm of its size in transactions for
        one bad row, twice its size where all are. Raises Stopped, and DatabaseRefused for an operator.
        """
        if not pending:
            return []
        try:
            self.stored += await self._patiently([each.row for each in pending])
        except RowRefused as error:
            if len(pending) == 1:
                return [Refused(pending[0].record, error)]
            middle = len(pending) // 2
            return [*await self.store(pending[:middle]), *await self.store(pending[middle:])]
        return []

    async def _patiently(self, rows: Sequence[Row]) -> int:
        back_off_s = FIRST_BACK_OFF_S
        while True:
            try:
                return await self._write(rows)
            except DatabaseUnavailable as error:
                self._log(error)
                await self._forget_connections()
            await self._pause(back_off_s)
            back_off_s = min(back_off_s * 2, LONGEST_BACK_OFF_S)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stop.wait(), seconds)
        except TimeoutError:
            return
        raise Stopped

    def _log(self, error: DatabaseUnavailable) -> None:
        if time.monotonic() - self._logged_at_s >= LOG_EVERY_S:
            self._logged_at_s = time.monotonic()
            log.warning("results wait for the database: %s", error.details.get("reason"))
