"""What is read when somebody scrapes, and never in between: queues, lag, and the processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final, Protocol

from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from streams.delivery.wall_clock import now_ms
from streams.metrics import table
from streams.metrics.families import Labels, counter, gauge

LIVE: Final = "live"


class Queue(Protocol):
    """The records of one model type that wait; see `streams.delivery.intake`."""

    @property
    def waiting(self) -> int: ...

    @property
    def parked(self) -> int: ...

    @property
    def oldest_ms(self) -> int | None: ...


class Inference(Protocol):
    """The inference child; see `streams.inference.process`."""

    @property
    def pid(self) -> int | None: ...

    @property
    def restarts(self) -> int: ...

    @property
    def deaths(self) -> int: ...

    @property
    def poisoned(self) -> Mapping[str, int]: ...


class Readings(Collector):
    """Reads public properties, in the scrape's thread: none of them waits, locks or asks a broker."""

    def __init__(
        self,
        queues: Mapping[str, Queue],
        inference: Inference,
        *,
        lags: Callable[[], Mapping[str, int]],
        unconfirmed: Callable[[], int],
        clock_ms: Callable[[], float] = now_ms,
    ) -> None:
        """`queues` and `lags` by model type; a lag that nobody knows just now is left out."""
        self._queues = queues
        self._inference = inference
        self._lags = lags
        self._unconfirmed = unconfirmed
        self._clock_ms = clock_ms

    def collect(self) -> Iterable[Family]:
        """See prometheus_client: what a scrape shows."""
        queues, child = self._queues.items(), self._inference
        poisoned: dict[Labels, float] = {(name,): child.poisoned.get(name, 0) for name in self._queues}
        return [
            gauge(table.QUEUE, {(name, LIVE): queue.waiting for name, queue in queues}),
            gauge(table.QUEUE_AGE, {(name, LIVE): self._age_s(queue) for name, queue in queues}),
            gauge(table.PARKED, {(name,): queue.parked for name, queue in queues}),
            gauge(table.LAG, {(name,): lag for name, lag in self._lags().items()}),
            gauge(table.UNCONFIRMED, {(): self._unconfirmed()}),
            gauge(table.CHILD_UP, {(): int(child.pid is not None)}),
            counter(table.CHILD_RESTARTS, {(): child.restarts}),
            counter(table.CHILD_DEATHS, {(): child.deaths}),
            counter(table.POISON, poisoned),
            gauge(table.RESIDENT, self._resident()),
        ]

    def _age_s(self, queue: Queue) -> float:
        oldest_ms = queue.oldest_ms
        return 0.0 if oldest_ms is None else max(0.0, self._clock_ms() - oldest_ms) / 1e3

    def _resident(self) -> dict[Labels, float]:
        pids = {"worker": os.getpid(), "child": self._inference.pid}
        found = {(name,): resident_bytes(pid) for name, pid in pids.items() if pid is not None}
        return {labels: size for labels, size in found.items() if size is not None}


def resident_bytes(pid: int) -> int | None:
    """A process's resident memory; None where it is gone or the system has no /proc."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_text().split()
    except OSError:
        return None
    # An ending process has an empty file for a moment.
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") if len(fields) > 1 else None
