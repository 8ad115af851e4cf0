"""Those who wait for an answer, so that they can be told at once when none will come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from schemas.errors import DeadlineExceeded, VeriAIDPOError

T = TypeVar("T")
Refusal = asyncio.Future[None]


class Waiting:
    """One refusal for each waiting request, by model type."""

    def __init__(self) -> None:
        self._refusals: dict[Refusal, str] = {}

    @contextmanager
    def one(self, model_type: str) -> Iterator[Refusal]:
        """Wait for an answer about `model_type`; the future fails where `refuse` says so."""
        refusal: Refusal = asyncio.get_running_loop().create_future()
        self._refusals[refusal] = model_type
        try:
            yield refusal
        finally:
            del self._refusals[refusal]
            if not refusal.cancel() and not refusal.cancelled():
                refusal.exception()  # retrieved: the answer may have come in the same moment

    def refuse(self, reason: Callable[[str], VeriAIDPOError | None]) -> None:
        """Ask `reason` for each model type that somebody waits for; tell them its error, if any."""
        for model_type in set(self._refusals.values()):
            if (error := reason(model_type)) is None:
                continue
            for refusal, waits_for in self._refusals.items():
                if waits_for == model_type and not refusal.done():
                    refusal.set_exception(error)


async def answer_or_refusal(work: Coroutine[Any, Any, T], refusal: Refusal, timeout_s: float) -> T:
    """The outcome of `work`, unless a refusal or the deadline comes first; then `work` is ended."""
    working = asyncio.ensure_future(work)
    try:
        either: set[asyncio.Future[Any]] = {working, refusal}
        await asyncio.wait(either, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        if refusal.done():
            refusal.result()
        raise DeadlineExceeded()
    finally:
        if not working.done():
            working.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await working
