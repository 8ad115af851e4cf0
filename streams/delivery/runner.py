"""Running several Faust apps, their batcher and a watchdog in one process, and ending all of it in order."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import faust

from streams.delivery.app import DeliveryApp
from streams.delivery.batcher import Batcher
from streams.delivery.exceptions import describe, first_of
from streams.delivery.exit_codes import EX_CRASHED, EX_OK, EX_WATCHDOG
from streams.delivery.watchdog import Stalled

log = logging.getLogger(__name__)

CRASH_GRACE_S = 5.0


async def run_apps(
    apps: Sequence[DeliveryApp],
    batcher: Batcher,
    *,
    stop: asyncio.Event,
    grace_period_s: float,
    beside: Sequence[Coroutine[Any, Any, None]] = (),
    leaving: Callable[[], Awaitable[None]] | None = None,
    farewell: Callable[[], Awaitable[None]] | None = None,
) -> int:
    """Run until `stop`, or until anything fails; the answer is the process's exit code.

    `beside` are coroutines that never end by themselves (watchdog, heartbeat): their failure is the
    process's. They go on while batches are finished; `leaving` is said before that, `farewell` when it is
    over. Whatever ends it, nothing is skipped: only acknowledged records are committed.
    """
    worker = AppsWorker(*apps)
    consuming = asyncio.create_task(worker.start(), name="apps")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    batching = asyncio.create_task(batcher.run(), name="batcher")
    others = [asyncio.create_task(one) for one in beside]
    tasks: list[asyncio.Task[Any]] = [consuming, stopping, batching, *others]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        code = EX_OK if done == {stopping} else _report(done, worker)
        if code != EX_OK:
            for app in apps:
                app.drain_timeout_s = 0.0  # whoever would finish the batches may be what failed
        if leaving is not None:
            await leaving()
        code = await stop_within(worker, code, grace_period_s if code == EX_OK else CRASH_GRACE_S)
        if farewell is not None:
            for task in others:
                task.cancel()
            await farewell()
        return code
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class AppsWorker(faust.Worker):
    """Faust's, less what a service has for itself: signals, logging, a process title, a spinner."""

    def __init__(self, *apps: DeliveryApp) -> None:
        super().__init__(*apps, quiet=True, redirect_stdouts=False, override_logging=False)
        self.spinner = None

    async def on_start(self) -> None:
        """All apps at once: each waits for its group to form, and eleven waits in a row are half a minute."""
        await super().on_start()
        await asyncio.gather(*(app.maybe_start() for app in (*self.services, self.app)))

    async def _stop_children(self) -> None:
        """All apps at once: each waits for its batches and its last commit, and there is one grace period."""
        await asyncio.gather(*(app.stop() for app in (*self.services, self.app)))
        await super()._stop_children()

    def install_signal_handlers(self) -> None: ...

    def _setproctitle(self, info: str, *, ident: str = "") -> None: ...


def _report(done: set[asyncio.Task[Any]], worker: faust.Worker) -> int:
    errors = [error for task in done if not task.cancelled() and (error := task.exception()) is not None]
    error = errors[0] if errors else worker.crash_reason
    if isinstance(error, Stalled):
        return EX_WATCHDOG
    if error is None:
        log.critical("the worker ended by itself: %s", ", ".join(sorted(task.get_name() for task in done)))
    else:
        place = "".join(traceback.format_tb(first_of(error).__traceback__))
        log.critical("unexpected %s, the process ends and skips nothing\n%s", describe(error), place)
    return EX_CRASHED


async def stop_within(worker: faust.Worker, code: int, within_s: float) -> int:
    """Stop the apps; the answer is `code`, or EX_CRASHED where that was 0 and they didn't stop.

    No timeout around the stop itself: Faust swallows a cancellation there and goes on stopping. What hangs is
    left behind, for the process ends now.
    """
    stopping = asyncio.create_task(worker.stop(), name="stop apps")
    await asyncio.wait({stopping}, timeout=within_s)
    if not stopping.done():
        log.error("not stopped within %.0f s; what is unacknowledged is delivered again", within_s)
        return code or EX_CRASHED
    if (error := stopping.exception()) is not None:
        log.error("failed to stop: %s; what is unacknowledged is delivered again", describe(error))
        return code or EX_CRASHED
    return code
