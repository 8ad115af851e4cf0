"""A delivery worker that is slow to take new partitions up, while its fetch goes on.

`python -m tests.support.slow_rebalance OPTIONS`: as delivery_worker. It prints "taking up" as soon as the
group has assigned it partitions, and lets records flow some seconds later; in between its consumer's thread
answers the fetch that began before the rebalance.
"""

from __future__ import annotations

import asyncio
from typing import Any

from faust.types import TP

from streams.delivery.app import DeliveryApp
from streams.delivery.transport import PrefixConsumer, PrefixTransport
from tests.support.delivery_worker import main

SLOW_S = 3.0
FETCH_S = 60.0


class PatientConsumer(PrefixConsumer):
    """Its fetch waits so long for records that a rebalance always finds one under way."""

    async def _wait_next_records(self, timeout: float) -> Any:
        return await super()._wait_next_records(FETCH_S)


class PatientTransport(PrefixTransport):
    Consumer = PatientConsumer


class SlowApp(DeliveryApp):
    def install_transport(self) -> None:
        self.transport = PatientTransport(self.conf.broker_consumer, self)

    async def _on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> Any:
        print(f"taking up {len(assigned)}", flush=True)
        await asyncio.sleep(SLOW_S)
        return await super()._on_partitions_assigned(assigned, generation_id)


if __name__ == "__main__":
    main(SlowApp)
