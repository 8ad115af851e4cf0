"""One issuer's key set behind an address: fetched in a thread, kept while the address is away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from connectors.issuer_file import KeySetEntry
from connectors.key_sets import fetch_key_set
from schemas.claims import VerifyingKey
from schemas.errors import KeysUnavailable

_log = logging.getLogger(__name__)


class RemoteKeySet:
    """The keys that were fetched last, and what went wrong since, if anything did."""

    def __init__(
        self, issuer: str, source: KeySetEntry, *, timeout_s: float, clock: Callable[[], float]
    ) -> None:
        self.issuer = issuer
        self.source = source
        self.keys: list[VerifyingKey] = []
        self._timeout_s = timeout_s
        self._clock = clock
        self._problem: KeysUnavailable | None = None
        self._tried_at = float("-inf")
        self._lock = asyncio.Lock()
        self._fetching: asyncio.Task[list[VerifyingKey]] | None = None

    async def fetch(self, *, unless_within_s: float = 0.0) -> None:
        """Ask the address, unless it was asked within that time; waits for whoever is asking already."""
        async with self._lock:
            if self._clock() - self._tried_at < unless_within_s:
                return
            self._tried_at = self._clock()
            try:
                self.keys, self._problem = await self._answer(), None
            except TimeoutError:
                self._problem = KeysUnavailable(
                    issuer=self.issuer,
                    reason="its key set doesn't answer in time",
                    reason_vi="bộ khóa không trả lời kịp thời",
                )
            except KeysUnavailable as error:
                self._problem = error
        if self._problem is not None:
            _log.warning("%s", self._problem)

    def check(self, *, retry_within_s: float) -> None:
        """KeysUnavailable where the last fetch failed: only a set that was read says what isn't in it."""
        if self._problem is not None:
            left_s = retry_within_s - (self._clock() - self._tried_at)
            raise KeysUnavailable(**{**self._problem.details, "retry_after_s": max(1, round(left_s))})

    async def give_up(self) -> None:
        """Wait for no answer any more."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    async def _answer(self) -> list[VerifyingKey]:
        """What the address answers; TimeoutError where a thread goes on waiting for it.

        A server that trickles its headers times out no read. That thread is waited for again the next time,
        instead of losing one more to the same server.
        """
        if self._fetching is None:
            self._fetching = asyncio.create_task(
                asyncio.to_thread(
                    fetch_key_set,
                    self.source.url or "",
                    algorithm=self.source.algorithm,
                    issuer=self.issuer,
                    timeout_s=self._timeout_s,
                )
            )
        try:
            return await asyncio.wait_for(asyncio.shield(self._fetching), 2 * self._timeout_s)
        finally:
            if self._fetching.done():
                self._fetching = None
