"""Whether a reply address exists: from cached metadata at once, or looked up aside, with a bound."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol, TypeAlias

from schemas.errors import KafkaUnavailable

KNOWN_MISSING_FOR_S = 3.0  # as old as cached metadata gets; a topic made meanwhile is found after that
LOOKUP_TIMEOUT_S = 2.0
MOST_MISSING = 10_000


class TopicDirectory(Protocol):
    """What the cluster says about topics."""

    def cached_partitions(self, topic: str) -> frozenset[int] | None:
        """The topic's partitions from cached metadata; None where the cache doesn't know it."""

    async def fetch_partitions(self, topic: str) -> frozenset[int] | str:
        """Ask the cluster; a string is the reason why nothing can be delivered there. KafkaUnavailable."""


Undeliverable: TypeAlias = str
"""The reason, for the dead letter's headers."""


class ReplyAddresses:
    """Answers from the cache never wait; lookups are bounded, one at a time for a topic, and remembered."""

    def __init__(self, directory: TopicDirectory, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._directory = directory
        self._clock = clock
        self._missing: dict[str, tuple[float, Undeliverable]] = {}
        self._lookups: dict[str, asyncio.Task[frozenset[int] | str]] = {}

    def is_known(self, topic: str, partition: int) -> bool:
        """The cache says that the topic has that partition: produce without asking."""
        partitions = self._directory.cached_partitions(topic)
        return partitions is not None and partition in partitions

    async def check(self, topic: str, partition: int, *, afresh: bool = False) -> Undeliverable | None:
        """None where the address exists; raises KafkaUnavailable where nobody can tell in time.

        `afresh`: whatever the cache says.
        """
        found: frozenset[int] | str | None = None if afresh else self._directory.cached_partitions(topic)
        if found is None or partition not in found:
            found = self._remembered(topic) or await self._look_up(topic)
        if isinstance(found, str):
            return found
        return None if partition in found else "the topic has no such partition"

    def _remembered(self, topic: str) -> Undeliverable | None:
        at_s, reason = self._missing.get(topic, (0.0, ""))
        return reason if reason and self._clock() - at_s < KNOWN_MISSING_FOR_S else None

    async def _look_up(self, topic: str) -> frozenset[int] | str:
        lookup = self._lookups.get(topic)
        if lookup is None:
            lookup = self._lookups[topic] = asyncio.create_task(self._directory.fetch_partitions(topic))
            lookup.add_done_callback(lambda done: self._forget(topic, done))
        try:
            found = await asyncio.wait_for(asyncio.shield(lookup), LOOKUP_TIMEOUT_S)
        except TimeoutError:
            raise KafkaUnavailable(reason="no answer about a reply topic") from None
        if isinstance(found, str):
            if len(self._missing) >= MOST_MISSING:
                self._missing.clear()  # only a cache: somebody is making names up
            self._missing[topic] = (self._clock(), found)
        return found

    def _forget(self, topic: str, lookup: asyncio.Task[frozenset[int] | str]) -> None:
        del self._lookups[topic]
        if not lookup.cancelled():
            lookup.exception()  # retrieved, also where everybody had stopped waiting
