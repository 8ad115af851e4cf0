"""The stored results as the bridge has them: perhaps not at all, perhaps away just now."""

from __future__ import annotations

import asyncio
import logging
from typing import Literal, Protocol

from connectors.database.found import Page, ResultQuery
from schemas.errors import DatabaseUnavailable, DeadlineExceeded, OperatorError

logger = logging.getLogger(__name__)

State = Literal["not_configured", "unknown", "up", "down"]


class ResultSearch(Protocol):
    """Finds results of one tenant."""

    async def search(self, tenant_id: str, query: ResultQuery) -> Page:
        """A page; InvalidRequest, DatabaseUnavailable, or an OperatorError that no caller can mend."""
        ...


class StoredResults:
    """A search, if there is one, within a caller's deadline; remembers how it went last."""

    def __init__(self, search: ResultSearch | None, *, deadline_s: float) -> None:
        self._search = search
        self._deadline_s = deadline_s
        self.state: State = "not_configured" if search is None else "unknown"

    async def page(self, tenant_id: str, query: ResultQuery) -> Page:
        """A page of the tenant's results; InvalidRequest, DatabaseUnavailable, DeadlineExceeded."""
        if self._search is None:
            raise DatabaseUnavailable(
                reason="this bridge has none", reason_vi="dịch vụ này chưa được cấu hình cơ sở dữ liệu"
            )
        try:
            async with asyncio.timeout(self._deadline_s):
                page = await self._search.search(tenant_id, query)
        except TimeoutError:
            self.state = "down"
            raise DeadlineExceeded() from None
        except DatabaseUnavailable as error:
            self.state = "down"
            logger.warning("no stored results: %s", error)
            raise DatabaseUnavailable(reason="it can't be reached", reason_vi="không kết nối được") from error
        except OperatorError as error:
            self.state = "down"
            logger.error("no stored results until an operator acts: %s", error)
            raise DatabaseUnavailable(
                reason="it isn't set up for this version", reason_vi="chưa được thiết lập cho phiên bản này"
            ) from error
        self.state = "up"
        return page
