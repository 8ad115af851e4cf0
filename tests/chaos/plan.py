"""What a chaos run does, and when. Pure, and the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

FIRST_FAULT_SHARE = 0.05
LAST_FAULT_SHARE = 0.92
"""What is published after the last fault meets workers that still recover from it."""

JITTER = 0.3
"""How far a fault may stray from its even place, as a share of the gap between two."""


class Fault(StrEnum):
    """What is done to the service."""

    WORKER_KILL = "worker kill -9"
    CHILD_KILL = "inference child kill -9"
    WORKER_TERM = "worker SIGTERM"
    BROKER_KILL = "broker kill -9"


@dataclass(frozen=True)
class Plan:
    """The numbers of a run; the defaults are those of `make chaos`.

    Records go out at `share` of what the offline run has just managed on this machine, and at most at `rate`
    a second: in much of the run one worker is there, or none, and what is published meanwhile has to be made
    up for. They come in bursts, and faults come after so many records rather than after so many seconds: so
    on any machine they fall inside the run, and into work.
    """

    records: int = 20_000
    sentences: int = 530
    rate: float = 100.0
    share: float = 0.35
    burst: int = 200
    malformed_share: float = 0.01
    reply_share: float = 0.25
    workers: int = 2
    partitions: int = 4
    worker_kills: int = 6
    child_kills: int = 6
    worker_terms: int = 2
    broker_kills: int = 2
    seed: int = 1
    engine: Literal["onnx", "constant"] = "onnx"

    @property
    def faults(self) -> Mapping[Fault, int]:
        """How many of each kind."""
        return {
            Fault.WORKER_KILL: self.worker_kills,
            Fault.CHILD_KILL: self.child_kills,
            Fault.WORKER_TERM: self.worker_terms,
            Fault.BROKER_KILL: self.broker_kills,
        }

    @property
    def is_full(self) -> bool:
        """Whether its figures may stand for `make chaos`: no number is smaller, and the models are real."""
        full = Plan()
        enough = all(self.faults[fault] >= count for fault, count in full.faults.items())
        return enough and self.records >= full.records and self.engine == full.engine

    def paced(self, offline_rate: float) -> float:
        """Records a second, where the offline run managed `offline_rate`."""
        return min(self.rate, self.share * offline_rate)

    def time_limit_s(self, rate: float) -> float:
        """Beyond this something hangs."""
        return 300 + 2 * self.records / rate + 60 * sum(self.faults.values())


@dataclass(frozen=True)
class PlannedFault:
    """Comes once `after` records are confirmed and `phase` (0 to 1) of the time to the next burst has passed.

    A burst is confirmed at once, and from moment to moment the service does something else with it.
    """

    after: int
    phase: float
    fault: Fault


def schedule(plan: Plan) -> list[PlannedFault]:
    """The plan's faults in a random order, spread evenly but for some jitter."""
    chance = random.Random(plan.seed)
    kinds = [fault for fault, count in plan.faults.items() for _ in range(count)]
    chance.shuffle(kinds)
    gap = (LAST_FAULT_SHARE - FIRST_FAULT_SHARE) / max(1, len(kinds) - 1)
    planned: list[PlannedFault] = []
    for place, kind in enumerate(kinds):
        inside = 0 < place < len(kinds) - 1
        share = FIRST_FAULT_SHARE + gap * (place + inside * chance.uniform(-JITTER, JITTER))
        planned.append(PlannedFault(round(plan.records * share), chance.random(), kind))
    return planned
