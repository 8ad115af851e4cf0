"""Records of one model type that wait for a batch: bounded, so that a slow engine slows the fetching down."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from streams.delivery.records import Record

FIRST_BACK_OFF_S = 0.2
LONGEST_BACK_OFF_S = 10.0


class Intake:
    """One model type's records between Kafka and the batches, and how many of them are under way.

    Parked records wait for something outside (a model, an issuer's keys). Up to `parked_limit` of them step
    aside, so that one bad record holds up no other; beyond that the whole intake waits.
    """

    def __init__(
        self, *, limit: int, parked_limit: int, on_ready: Callable[[], None], clock: Callable[[], float]
    ) -> None:
        self._limit = limit
        self._parked_limit = parked_limit
        self._on_ready = on_ready
        self._clock = clock
        self._queue: deque[Record] = deque()
        self._parked: deque[Record] = deque()
        self._back_off_s = FIRST_BACK_OFF_S
        self._retry_at = 0.0
        self._room = asyncio.Event()
        self._room.set()
        self._under_way = 0
        self._progress = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def put(self, record: Record) -> None:
        """Queue a record; waits while the queue is full, which is what pauses the fetching."""
        while len(self._queue) >= self._limit:
            self._room.clear()
            await self._room.wait()
        if not record.revoked:
            self._queue.append(record)
            self._on_ready()

    def take(self) -> Record | None:
        """The next record for a batch, counted as under way until `finish`; None where nothing may go now."""
        if (record := self._next()) is not None:
            self._under_way += 1
            self._idle.clear()
        return record

    def finish(self, count: int = 1) -> None:
        """So many records that were taken are acknowledged, parked or given up."""
        self._under_way -= count
        self._progress += count
        if not self._under_way:
            self._idle.set()

    def park(self, records: Iterable[Record]) -> None:
        """These can't go on now: try them again, later each time."""
        self._parked.extend(record for record in records if not record.revoked)
        self._retry_at = self._clock() + self._back_off_s
        self._back_off_s = min(self._back_off_s * 2, LONGEST_BACK_OFF_S)

    def recovered(self) -> None:
        """A record went through: what was parked may follow at once."""
        if self._back_off_s != FIRST_BACK_OFF_S:
            self._back_off_s = FIRST_BACK_OFF_S
            self._retry_at = 0.0

    def drop(self) -> None:
        """Forget every record that waits: their partitions are being revoked, unacknowledged."""
        self._queue.clear()
        self._parked.clear()
        self._room.set()

    async def idle(self) -> None:
        """Until nothing is under way any more."""
        await self._idle.wait()

    def retry_in(self) -> float | None:
        """Seconds until parked records are due; None where there are none."""
        return max(0.0, self._retry_at - self._clock()) if self._parked else None

    @property
    def waiting(self) -> int:
        return len(self._queue) + len(self._parked)

    @property
    def under_way(self) -> int:
        return self._under_way

    @property
    def progress(self) -> int:
        """Grows as long as records come to some end, if only to wait for what is unavailable."""
        return self._progress

    @property
    def parked(self) -> int:
        return len(self._parked)

    @property
    def oldest_ms(self) -> int | None:
        """When the oldest record that waits was appended; None where none waits. Any thread may ask."""
        # Copied in one step, because another thread may take and put meanwhile.
        waiting = [*tuple(self._queue), *tuple(self._parked)]
        return min([record.timestamp_ms for record in waiting], default=None)

    def _next(self) -> Record | None:
        while self._parked and self._clock() >= self._retry_at:
            record = self._parked.popleft()
            if not record.revoked:
                return record
        while self._queue and len(self._parked) < self._parked_limit:
            record = self._queue.popleft()
            if len(self._queue) < self._limit:
                self._room.set()
            if not record.revoked:
                return record
        return None
