"""Token buckets: what a tenant may use in a minute, refilled evenly.

A bucket holds a minute's worth. A charge larger than that is taken from a full bucket and leaves a debt, so
that one large batch passes, and what follows it waits. Charges that belong together are taken together, or
none of them is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

MOST_KEYS = 10_000
MINUTE_S = 60.0


@dataclass(frozen=True)
class Charge:
    """`cost` from a bucket that is refilled by `per_minute`."""

    per_minute: int
    cost: int

    @property
    def needs(self) -> int:
        """What must be in the bucket."""
        return min(self.cost, self.per_minute)


@dataclass(frozen=True)
class Wait:
    """Nothing was taken: bucket `index` holds too little, and will hold enough in `seconds`."""

    index: int
    seconds: float


class Buckets(Protocol):
    """One row of buckets for each key. One suite of behaviours: tests/integration/test_buckets.py."""

    async def take(self, key: str, charges: Sequence[Charge]) -> Wait | None:
        """Take every charge, or say how long to wait; always the same buckets in the same order."""
        ...


@dataclass
class _Row:
    """How full each bucket of one key was at `at_s`; a debt is below zero."""

    at_s: float
    levels: list[float] = field(default_factory=list)


class ProcessBuckets:
    """Buckets in this process's memory: each process counts for itself, and begins with full ones."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._rows: dict[str, _Row] = {}

    async def take(self, key: str, charges: Sequence[Charge]) -> Wait | None:
        """See `Buckets.take`."""
        now_s = self._clock_s()
        row = self._rows.get(key) or _Row(now_s, [float(charge.per_minute) for charge in charges])
        levels = _refilled(row, charges, now_s)
        if (wait := _longest_wait(levels, charges)) is not None:
            return wait
        if key not in self._rows and len(self._rows) >= MOST_KEYS:
            self._forget_idle(charges, now_s)
        taken = [level - charge.cost for level, charge in zip(levels, charges, strict=True)]
        self._rows[key] = _Row(now_s, taken)
        return None

    def _forget_idle(self, charges: Sequence[Charge], now_s: float) -> None:
        """Drop rows that are full again: a new one would be the same."""
        full = [charge.per_minute for charge in charges]
        self._rows = {key: row for key, row in self._rows.items() if _refilled(row, charges, now_s) != full}


def _refilled(row: _Row, charges: Sequence[Charge], now_s: float) -> list[float]:
    elapsed_s = now_s - row.at_s
    return [
        min(charge.per_minute, level + elapsed_s * charge.per_minute / MINUTE_S)
        for level, charge in zip(row.levels, charges, strict=True)
    ]


def _longest_wait(levels: Sequence[float], charges: Sequence[Charge]) -> Wait | None:
    waits = [
        Wait(index, (charge.needs - level) * MINUTE_S / charge.per_minute)
        for index, (level, charge) in enumerate(zip(levels, charges, strict=True))
        if level < charge.needs
    ]
    return max(waits, key=lambda wait: wait.seconds, default=None)
