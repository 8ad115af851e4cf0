"""How a process's apps come up and go down: side by side, and in time."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from connectors.kafka.settings import KafkaSettings
from streams.delivery.app import DeliveryApp
from streams.delivery.exit_codes import EX_CRASHED, EX_OK
from streams.delivery.intake import Intake
from streams.delivery.runner import AppsWorker, stop_within
from tests.support.waiting import eventually

APPS = 11


class WaitingForItsGroup(DeliveryApp):
    """Starts, and stops, once all of its kind do: as an app that waits for its group, or drains."""

    together: asyncio.Barrier

    async def maybe_start(self) -> bool:
        if not self.started:
            await self.together.wait()
            self._started.set()
        return True

    async def stop(self) -> None:
        if not self._stopped.is_set():
            self._stopped.set()
            await self.together.wait()


class NeverDone(DeliveryApp):
    """Its stop hangs, as one does while Kafka is away."""

    async def stop(self) -> None:
        await asyncio.Event().wait()


async def test_apps_start_and_stop_side_by_side(tmp_path: Path) -> None:
    WaitingForItsGroup.together = asyncio.Barrier(APPS)
    apps = [_app(WaitingForItsGroup, number, tmp_path) for number in range(APPS)]
    worker = AppsWorker(*apps)
    starting = asyncio.create_task(worker.start())
    await eventually(lambda: all(app.started for app in apps), timeout_s=5, what="every app has started")
    assert await stop_within(worker, EX_OK, 5) == EX_OK
    await asyncio.gather(starting, return_exceptions=True)


async def test_stop_that_hangs_is_given_up_after_the_grace_period(tmp_path: Path) -> None:
    """Faust swallows the cancellation of a stop, so a timeout around it would wait for ever."""
    worker = AppsWorker(*[_app(NeverDone, number, tmp_path) for number in range(2)])
    for app in worker.on_init_dependencies():
        worker.add_dependency(app)
    began = time.monotonic()
    assert await stop_within(worker, EX_OK, 0.2) == EX_CRASHED
    assert time.monotonic() - began < 2


def _app(kind: type[DeliveryApp], number: int, folder: Path) -> DeliveryApp:
    return kind(
        f"veriaidpo.requests.{number}",
        intake=Intake(limit=1, parked_limit=1, on_ready=lambda: None, clock=lambda: 0.0),
        kafka=KafkaSettings(bootstrap_servers="127.0.0.1:1"),
        data_dir=folder,
        drain_timeout_s=0.0,
    )
