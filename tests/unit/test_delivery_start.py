"""How a process's apps come up."""

from __future__ import annotations

import asyncio
from pathlib import Path

from connectors.kafka.settings import KafkaSettings
from streams.delivery.app import DeliveryApp
from streams.delivery.intake import Intake
from streams.delivery.runner import AppsWorker
from tests.support.waiting import eventually


class WaitingForItsGroup(DeliveryApp):
    """Starts once all of its kind are starting: what a group that waits for its members looks like."""

    all_starting: asyncio.Barrier

    async def maybe_start(self) -> bool:
        if not self.started:
            await self.all_starting.wait()
            self._started.set()
        return True


async def test_no_app_waits_for_another_apps_group(tmp_path: Path) -> None:
    WaitingForItsGroup.all_starting = asyncio.Barrier(11)
    apps = [_app(number, tmp_path) for number in range(11)]
    worker = AppsWorker(*apps)
    starting = asyncio.create_task(worker.start())
    await eventually(lambda: all(app.started for app in apps), timeout_s=5, what="every app has started")
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)


def _app(number: int, folder: Path) -> WaitingForItsGroup:
    return WaitingForItsGroup(
        f"veriaidpo.requests.{number}",
        intake=Intake(limit=1, parked_limit=1, on_ready=lambda: None, clock=lambda: 0.0),
        kafka=KafkaSettings(bootstrap_servers="127.0.0.1:1"),
        data_dir=folder,
        drain_timeout_s=0.0,
    )
