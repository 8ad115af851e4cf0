"""Does to the service what the plan says, each fault when enough records are confirmed."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from connectors.kafka.broker import Broker
from tests.chaos.fleet import Fleet
from tests.chaos.plan import Fault, PlannedFault
from tests.chaos.publishing import PacedPublisher

LONGEST_OUTAGE_S = 2.0
"""How long a killed broker stays down before its start, which takes some seconds itself."""


@dataclass(frozen=True)
class DoneFault:
    """A fault that happened: when (epoch milliseconds), and to which process."""

    fault: Fault
    at_ms: int
    pid: int


class Havoc:
    """Faults, one after another; whom one meets is the seed's choice among those who are there."""

    def __init__(
        self, fleet: Fleet, broker: Broker, seed: int, on_event: Callable[[str], None] = lambda _: None
    ) -> None:
        self._fleet = fleet
        self._broker = broker
        self._chance = random.Random(seed)
        self._on_event = on_event
        self.done: list[DoneFault] = []

    async def run(
        self, planned: Sequence[PlannedFault], publisher: PacedPublisher, burst_every_s: float
    ) -> None:
        """All of the planned faults."""
        for one in planned:
            await publisher.until_confirmed(one.after)
            await asyncio.sleep(one.phase * burst_every_s)
            await self._do(one.fault)

    async def _do(self, fault: Fault) -> None:
        match fault:
            case Fault.WORKER_KILL:
                self._note(fault, await self._fleet.kill_worker(self._chance))
            case Fault.CHILD_KILL:
                self._note(fault, await self._fleet.kill_child(self._chance))
            case Fault.WORKER_TERM:
                self._note(fault, await self._fleet.terminate_worker(self._chance))
            case Fault.BROKER_KILL:
                pid = self._broker.pid
                assert pid is not None, "the broker ended by itself"
                await self._broker.kill()
                self._note(fault, pid)
                await asyncio.sleep(self._chance.uniform(0, LONGEST_OUTAGE_S))
                await self._broker.start()
                self._on_event("the broker is back")

    def _note(self, fault: Fault, pid: int) -> None:
        self.done.append(DoneFault(fault, int(time.time() * 1000), pid))
        self._on_event(f"{fault}: process {pid}")
