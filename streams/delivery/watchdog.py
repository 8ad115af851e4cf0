"""Ends a process whose group stands still, so that a supervisor starts it afresh."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

log = logging.getLogger(__name__)

SAMPLE_EVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class Sample:
    """How one group stands. `lag` None: the cluster doesn't tell, so nobody can say that we stand still."""

    lag: int | None
    progress: int
    working: bool
    """A batch is in the child within its limit, or a model is being loaded."""


class StallDetector:
    """Pure: lag and no progress for so long is a stall. Progress is a changed number, or work under way."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._progress: int | None = None
        self._moved_at_s: float | None = None

    def observe(self, sample: Sample, now_s: float) -> bool:
        """Whether the group has stood still for the timeout."""
        if not sample.lag or sample.working or sample.progress != self._progress or self._moved_at_s is None:
            self._progress = sample.progress
            self._moved_at_s = now_s
        return now_s - self._moved_at_s >= self._timeout_s


class Stalled(Exception):
    """A group stood still; its process has to go."""


class Gauge(Protocol):
    async def samples(self) -> Mapping[str, Sample]:
        """By group."""


class Watchdog:
    """Looks at every group of the process; `run` raises Stalled."""

    def __init__(
        self, gauge: Gauge, *, timeout_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._gauge = gauge
        self._timeout_s = timeout_s
        self._clock = clock
        self._detectors: dict[str, StallDetector] = {}

    async def run(self) -> None:
        while True:
            await asyncio.sleep(min(SAMPLE_EVERY_S, self._timeout_s / 4))
            self.check(await self._gauge.samples())

    def check(self, samples: Mapping[str, Sample]) -> None:
        for group, sample in samples.items():
            detector = self._detectors.setdefault(group, StallDetector(self._timeout_s))
            if detector.observe(sample, self._clock()):
                log.critical("%s: lag %s and no progress for %.0f s", group, sample.lag, self._timeout_s)
                raise Stalled(group)
