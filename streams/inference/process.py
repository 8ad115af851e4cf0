"""The inference process as the worker sees it: ask, and be answered, whatever becomes of the child.

    async with InferenceProcess(onnx_child(store)) as inference:
        answers = await inference.classify([Item("principles", text)])

A child that dies, hangs or sends garbage is replaced and its batches go to the next one: callers only wait
longer. A text that ends every child it goes to is answered with an error, and only that one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType, TracebackType
from typing import Final, NoReturn, Self

from schemas.errors import Internal
from streams.inference.backlog import Backlog
from streams.inference.calls import Answer, Call, Place, model_unavailable
from streams.inference.exchange import Exchange, OnResults
from streams.inference.frames import LinkError
from streams.inference.protocol import Item, ModelInfo
from streams.inference.spawn import Child, ChildCommand, StartFailed, start_child

log = logging.getLogger(__name__)


class InferenceProcess:
    """A supervised inference child.

    `classify` answers expected failures item by item. A fault of our own on this side of the pipe fails every
    call and `wait_failed`, so that the worker ends.
    """

    def __init__(
        self,
        command: ChildCommand,
        *,
        batch_tokens: int = 2048,
        batch_items: int = 128,
        batch_limit_s: float = 10.0,
        start_limit_s: float = 60.0,
        longest_pause_s: float = 10.0,
        on_results: OnResults | None = None,
    ) -> None:
        self._command = command
        self._batch_limit_s = batch_limit_s
        self._start_limit_s = start_limit_s
        self._longest_pause_s = longest_pause_s
        self._backlog: Backlog[Place] = Backlog(max_tokens=batch_tokens, max_entries=batch_items)
        self._exchange = Exchange(self._backlog, batch_limit_s=batch_limit_s, on_results=on_results)
        self._models: Mapping[str, ModelInfo] = MappingProxyType({})
        self._max_tokens = 512
        self._starts = 0
        self._failed_starts = 0
        self._crashes = 0
        self._deaths = 0
        self._poisoned: dict[str, int] = {}
        self._unavailable: str | None = None
        self._loading_since: float | None = None
        self._pump_scheduled = False
        self._supervisor: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Start the child; returns when it is ready, or when `unavailable` says why it isn't."""
        self._first_start_over = asyncio.Event()
        self._failed: asyncio.Future[NoReturn] = asyncio.get_running_loop().create_future()
        self._supervisor = asyncio.create_task(self._supervise(), name="inference-supervisor")
        try:
            await self._first_start_over.wait()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stop()
        if self._failed.done() and error is None:
            self._failed.result()

    @property
    def models(self) -> Mapping[str, ModelInfo]:
        """By model type; empty until a child was ready for the first time."""
        return self._models

    @property
    def unavailable(self) -> str | None:
        """Why no child can be had just now (an error's code); None while one is there or on its way."""
        return self._unavailable

    @property
    def pid(self) -> int | None:
        child = self._exchange.child
        return child.pid if child else None

    @property
    def restarts(self) -> int:
        """Children that became ready, but for the first."""
        return max(0, self._starts - 1)

    @property
    def deaths(self) -> int:
        """Children that were ready and then died, hung or sent garbage."""
        return self._deaths

    @property
    def poisoned(self) -> Mapping[str, int]:
        """By model type, texts that ended every child they went to."""
        return self._poisoned

    @property
    def busy_since(self) -> float | None:
        """When (time.monotonic) the child began to compute what it computes now."""
        return self._exchange.busy_since

    @property
    def loading_since(self) -> float | None:
        """When (time.monotonic) the start that is under way began."""
        return self._loading_since

    @property
    def busy(self) -> bool:
        """A batch or a start is under way within its limit: that is progress, to a watchdog."""
        now = time.monotonic()
        computes = self.busy_since is not None and now - self.busy_since <= self._batch_limit_s
        loads = self._loading_since is not None and now - self._loading_since <= self._start_limit_s
        return computes or loads

    async def wait_failed(self) -> NoReturn:
        """Returns never; raises what went wrong on this side of the pipe, when something does."""
        await asyncio.shield(self._failed)
        raise AssertionError("a failure is always an exception")

    async def classify(self, items: Sequence[Item]) -> list[Answer]:
        """An answer for each item, in their order.

        Errors are returned, not raised: UnknownModelType and Internal of one item, ModelUnavailable while no
        child can be started. Cancelling it gives up what still waits.
        """
        if self._supervisor is None:
            raise RuntimeError("InferenceProcess is used outside its 'async with'")
        if self._failed.done():
            self._failed.result()
        if self._unavailable is not None or self._supervisor.done():
            return [model_unavailable(item, self._unavailable or _STOPPING) for item in items]
        call = Call(items)
        entries = call.entries(self._max_tokens)
        for entry in entries:
            self._backlog.add(entry)
        self._pump_soon()
        try:
            return await call.done
        finally:
            if call.done.cancelled():
                for entry in entries:
                    self._backlog.abandon(entry)

    def _pump_soon(self) -> None:
        """Send when this turn of the loop is over: callers that ask in the same turn share a batch."""
        if not self._pump_scheduled:
            self._pump_scheduled = True
            asyncio.get_running_loop().call_soon(self._pump_now)

    def _pump_now(self) -> None:
        self._pump_scheduled = False
        try:
            self._exchange.pump()
        except Exception as error:  # a callback's exception would end in the loop's log and nowhere else
            self._fail(error)

    async def _supervise(self) -> None:
        """One child after another, for as long as this process is wanted."""
        try:
            while True:
                await asyncio.sleep(self._pause_s())
                child = await self._start()
                if child is not None:
                    await self._serve(child)
        except Exception as error:
            self._fail(error)

    def _pause_s(self) -> float:
        """Before a start: none after a child that answered something, else doubling from 0.1 s.

        After a crash it stays short: a batch that is being halved needs a child for every step.
        """
        if self._failed_starts:
            return min(self._longest_pause_s, 0.1 * 2.0 ** min(self._failed_starts, 20))
        return min(1.0, 0.1 * 2.0 ** min(self._crashes - 1, 20)) if self._crashes else 0.0

    async def _start(self) -> Child | None:
        self._loading_since = time.monotonic()
        try:
            child = await start_child(self._command, limit_s=self._start_limit_s)
        except StartFailed as failure:
            log.error("the inference child can't start: %s", failure.reason)
            self._failed_starts += 1
            if failure.definite or self._failed_starts >= _FAILED_STARTS_ALLOWED:
                self._give_up_for_now(failure.reason)
            return None
        finally:
            self._loading_since = None
        self._starts += 1
        self._failed_starts = 0
        self._models = MappingProxyType(dict(child.models))
        self._max_tokens = child.max_tokens
        self._unavailable = None
        self._first_start_over.set()
        log.info("inference child %d is ready with %d models", child.pid, len(child.models))
        return child

    async def _serve(self, child: Child) -> None:
        """Let the child work until it is of no more use, then see to what it left."""
        try:
            await self._exchange.serve(child)
        except LinkError as error:
            self._deaths += 1
            log.warning("inference child %d is gone: %s", child.pid, error)
        finally:
            await child.end()
        self._crashes = 0 if child.answered else self._crashes + 1
        for entry in self._exchange.leave_to_next_child():
            model_type = entry.owner.item.model_type
            self._poisoned[model_type] = self._poisoned.get(model_type, 0) + 1
            log.error("a text for model type %s ends every child it goes to", model_type)
            entry.owner.answer(Internal(exception="InferenceChildDied"))

    def _give_up_for_now(self, reason: str) -> None:
        """No child can be had: tell all who wait, and whoever asks until one can."""
        self._unavailable = reason
        for entry in self._exchange.give_up():
            entry.owner.answer(model_unavailable(entry.owner.item, reason))
        self._first_start_over.set()

    def _fail(self, error: Exception) -> None:
        log.error("inference fails on the worker's side: %s", type(error).__name__)
        if not self._failed.done():
            self._failed.set_exception(error)
            self._failed.exception()  # retrieved: its owner hears of it in wait_failed or on leaving
        for entry in self._exchange.give_up():
            entry.owner.call.fail(error)
        self._first_start_over.set()

    async def _stop(self) -> None:
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.wait({self._supervisor})
        for entry in self._exchange.give_up():
            entry.owner.answer(model_unavailable(entry.owner.item, _STOPPING))


_FAILED_STARTS_ALLOWED: Final = 3
"""Starts that failed for no definite reason, one after another, until callers are told."""

_STOPPING: Final = "STOPPING"
