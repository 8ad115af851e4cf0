"""Who may sign records: the issuer list and the key sets it names, kept fresh off the event loop."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from connectors.issuer_file import IssuerEntry, KeySetEntry, listed_keys, read_issuer_file
from connectors.key_sets import read_key_set
from connectors.remote_key_set import RemoteKeySet
from schemas.claims import IssuerList, VerifyingKey
from schemas.errors import ConfigurationError

_log = logging.getLogger(__name__)

REFRESH_S = 300.0
COOLDOWN_S = 10.0
FETCH_TIMEOUT_S = 5.0


class IssuerSource:
    """The issuer list while a worker runs: `current()` never waits, key sets are fetched in threads.

    Keys that were fetched once stay in use while their address is away. The file itself is read again with
    every refresh, and when a record names a key that it doesn't hold: an added issuer or key needs no
    restart, and a file that is broken by then changes nothing.
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
        self._remote: dict[str, RemoteKeySet] = {}
        self._current = IssuerList(())
        self._reading = asyncio.Lock()
        self._read_at = float("-inf")
        self._refresher: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._read_file()  # broken at start: no start
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
        for key_set in self._remote.values():
            await key_set.give_up()

    def current(self) -> IssuerList:
        return self._current

    async def refresh_for_unknown(self, issuer: str, kid: str) -> IssuerList:
        """The list to try once more with, after UnknownKey.

        The file is read and the issuer's key set fetched again, at most once in `cooldown_s`: made-up key ids
        don't turn into requests. KeysUnavailable where the set can't be had: only one that was read says that
        a key isn't in it.
        """
        await self._reread_file(unless_within_s=self._cooldown_s)
        key_set = self._remote.get(issuer)
        if key_set is not None and not self._holds(key_set, kid):
            await self._fetch(key_set, unless_within_s=self._cooldown_s)
            if not self._holds(key_set, kid):
                key_set.check(retry_within_s=self._cooldown_s)
        return self._current

    def _holds(self, key_set: RemoteKeySet, kid: str) -> bool:
        return any(key.kid == kid for key in (*self._local.get(key_set.issuer, ()), *key_set.keys))

    async def _refresh_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._refresh_s)
            await self._reread_file()
            await self._fetch_all()

    async def _reread_file(self, *, unless_within_s: float = 0.0) -> None:
        try:
            await self._read_file(unless_within_s=unless_within_s)
        except ConfigurationError as error:
            _log.error("The issuer list stays as it was: %s", error)

    async def _read_file(self, *, unless_within_s: float = 0.0) -> None:
        async with self._reading:  # whoever comes second waits for the first one's answer
            if self._clock() - self._read_at < unless_within_s:
                return
            self._read_at = self._clock()
            self._install(*await asyncio.to_thread(_read, self._path))

    def _install(self, entries: tuple[IssuerEntry, ...], local: dict[str, list[VerifyingKey]]) -> None:
        remote = {
            entry.name: self._known_set(entry.name, entry.jwks)
            for entry in entries
            if entry.jwks is not None and entry.jwks.url is not None
        }
        self._current = _merge(entries, local, remote)
        self._entries, self._local, self._remote = entries, local, remote

    def _known_set(self, issuer: str, source: KeySetEntry) -> RemoteKeySet:
        known = self._remote.get(issuer)
        if known is not None and known.source == source:
            return known
        return RemoteKeySet(issuer, source, timeout_s=self._fetch_timeout_s, clock=self._clock)

    async def _fetch_all(self) -> None:
        await asyncio.gather(*(self._fetch(key_set) for key_set in self._remote.values()))

    async def _fetch(self, key_set: RemoteKeySet, *, unless_within_s: float = 0.0) -> None:
        await key_set.fetch(unless_within_s=unless_within_s)
        self._current = _merge(self._entries, self._local, self._remote)


def _read(path: Path) -> tuple[tuple[IssuerEntry, ...], dict[str, list[VerifyingKey]]]:
    entries = read_issuer_file(path).issuers
    return entries, {entry.name: _local_keys(entry, path.parent) for entry in entries}


def _local_keys(entry: IssuerEntry, folder: Path) -> list[VerifyingKey]:
    keys = listed_keys(entry, folder)
    if entry.jwks is not None and entry.jwks.file is not None:
        keys += read_key_set(folder / entry.jwks.file, algorithm=entry.jwks.algorithm)
    return keys


def _merge(
    entries: tuple[IssuerEntry, ...], local: dict[str, list[VerifyingKey]], remote: dict[str, RemoteKeySet]
) -> IssuerList:
    def keys(name: str) -> list[VerifyingKey]:
        listed = local[name]
        taken = {key.kid for key in listed}
        # The list's own key wins: its window is the operator's word.
        return listed + [key for key in (remote[name].keys if name in remote else []) if key.kid not in taken]

    return IssuerList(entry.issuer(keys(entry.name)) for entry in entries)
