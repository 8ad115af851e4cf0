"""Who may sign records: the issuer list and the key sets it names, kept fresh off the event loop."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from connectors.issuer_file import IssuerEntry, KeySetEntry, listed_keys, read_issuer_file
from connectors.key_sets import fetch_key_set, read_key_set
from connectors.publishing.keys import read_signing_key as load_signing_key
from schemas.claims import IssuerList, VerifyingKey
from schemas.errors import ConfigurationError, KeysUnavailable

__all__ = ["IssuerSource", "load_issuers", "load_signing_key"]

_log = logging.getLogger(__name__)

REFRESH_S = 300.0
COOLDOWN_S = 10.0
FETCH_TIMEOUT_S = 5.0


def load_issuers(path: Path) -> IssuerList:
    """The list as the file and the files it names have it; key sets behind addresses need an IssuerSource."""
    return IssuerList(entry.issuer(_local_keys(entry, path.parent)) for entry in _entries(path))


class IssuerSource:
    """The issuer list while a worker runs: `current()` never waits, key sets are fetched in threads.

    Keys that were fetched once stay in use while their address is away. The file itself is read again with
    every refresh: an added issuer or key needs no restart, and a file that is broken then changes nothing.
    """

    def __init__(
        self,
        path: Path,
        *,
        refresh_s: float = REFRESH_S,
        cooldown_s: float = COOLDOWN_S,
        fetch_timeout_s: float = FETCH_TIMEOUT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._refresh_s = refresh_s
        self._cooldown_s = cooldown_s
        self._fetch_timeout_s = fetch_timeout_s
        self._clock = clock
        self._entries: tuple[IssuerEntry, ...] = ()
        self._local: dict[str, list[VerifyingKey]] = {}
        self._fetched: dict[str, _KeySet] = {}
        self._current = IssuerList(())
        self._refresher: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._install(*await asyncio.to_thread(_read, self._path))  # broken at start: no start
        await self._fetch_all()
        self._refresher = asyncio.create_task(self._refresh_for_ever(), name="issuer list refresh")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._refresher is not None:
            self._refresher.cancel()
            with suppress(asyncio.CancelledError):
                await self._refresher

    def current(self) -> IssuerList:
        return self._current

    async def refresh_for_unknown(self, issuer: str, kid: str) -> IssuerList:
        """The list to try once more with, after UnknownKey.

        The issuer's key set is fetched again, at most once in `cooldown_s`: made-up key ids don't turn into
        requests. KeysUnavailable where it can't be had: only a set that was read says that a key isn't in it.
        """
        key_set = self._fetched.get(issuer)
        if key_set is None:
            return self._current
        async with key_set.lock:
            if kid in key_set.kids:
                return self._current
            if self._clock() - key_set.tried_at >= self._cooldown_s:
                await self._fetch(issuer, key_set)
            if key_set.problem is not None:
                left_s = self._cooldown_s - (self._clock() - key_set.tried_at)
                raise KeysUnavailable(
                    issuer=issuer, reason=key_set.problem, retry_after_s=max(1, round(left_s))
                )
            return self._current

    async def _refresh_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._refresh_s)
            try:
                self._install(*await asyncio.to_thread(_read, self._path))
            except ConfigurationError as error:
                _log.error("The issuer list stays as it was: %s", error)
            await self._fetch_all()

    def _install(self, entries: tuple[IssuerEntry, ...], local: dict[str, list[VerifyingKey]]) -> None:
        sets = {
            entry.name: self._known_set(entry.name, entry.jwks)
            for entry in entries
            if entry.jwks is not None and entry.jwks.url is not None
        }
        self._current = _merge(entries, local, sets)
        self._entries, self._local, self._fetched = entries, local, sets

    def _known_set(self, issuer: str, source: KeySetEntry) -> _KeySet:
        known = self._fetched.get(issuer)
        return known if known is not None and known.source == source else _KeySet(source)

    async def _fetch_all(self) -> None:
        async def fetch(issuer: str, key_set: _KeySet) -> None:
            async with key_set.lock:
                await self._fetch(issuer, key_set)

        await asyncio.gather(*(fetch(issuer, key_set) for issuer, key_set in self._fetched.items()))

    async def _fetch(self, issuer: str, key_set: _KeySet) -> None:
        key_set.tried_at = self._clock()
        try:
            keys = await asyncio.wait_for(
                asyncio.to_thread(
                    fetch_key_set,
                    key_set.source.url or "",
                    algorithm=key_set.source.algorithm,
                    issuer=issuer,
                    timeout_s=self._fetch_timeout_s,
                ),
                timeout=2 * self._fetch_timeout_s,  # a server that trickles bytes never times out a read
            )
        except TimeoutError:
            key_set.problem = "its key set doesn't answer in time"
        except KeysUnavailable as error:
            key_set.problem = str(error.details["reason"])
        else:
            key_set.keys, key_set.problem = keys, None
            self._current = _merge(self._entries, self._local, self._fetched)
            return
        _log.warning("The keys of issuer %s can't be read now: %s", issuer, key_set.problem)


@dataclass(eq=False)
class _KeySet:
    """A key set behind an address, and how the last fetch of it went."""

    source: KeySetEntry

    def __post_init__(self) -> None:
        self.keys: list[VerifyingKey] = []
        self.problem: str | None = None
        self.tried_at = float("-inf")
        self.lock = asyncio.Lock()

    @property
    def kids(self) -> set[str]:
        return {key.kid for key in self.keys}


def _entries(path: Path) -> tuple[IssuerEntry, ...]:
    return read_issuer_file(path).issuers


def _read(path: Path) -> tuple[tuple[IssuerEntry, ...], dict[str, list[VerifyingKey]]]:
    entries = _entries(path)
    return entries, {entry.name: _local_keys(entry, path.parent) for entry in entries}


def _local_keys(entry: IssuerEntry, folder: Path) -> list[VerifyingKey]:
    keys = listed_keys(entry, folder)
    if entry.jwks is not None and entry.jwks.file is not None:
        keys += read_key_set(folder / entry.jwks.file, algorithm=entry.jwks.algorithm)
    return keys


def _merge(
    entries: tuple[IssuerEntry, ...], local: dict[str, list[VerifyingKey]], sets: dict[str, _KeySet]
) -> IssuerList:
    def keys(name: str) -> list[VerifyingKey]:
        listed = local[name]
        taken = {key.kid for key in listed}
        # The list's own key wins: its window is the operator's word.
        return listed + [key for key in (sets[name].keys if name in sets else []) if key.kid not in taken]

    return IssuerList(entry.issuer(keys(entry.name)) for entry in entries)
