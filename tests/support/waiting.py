"""Waiting for a condition instead of for a time."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

T = TypeVar("T")


@overload
async def eventually(
    check: Callable[[], Awaitable[T]], timeout_s: float = ..., what: str = ..., interval_s: float = ...
) -> T: ...


@overload
async def eventually(
    check: Callable[[], T], timeout_s: float = ..., what: str = ..., interval_s: float = ...
) -> T: ...


async def eventually(
    check: Callable[[], T | Awaitable[T]], timeout_s: float = 10, what: str = "", interval_s: float = 0.05
) -> T:
    """The first truthy value of `check`, called until it gives one; AssertionError after `timeout_s`.

    `check` is a plain or an async callable. An AssertionError in it counts as "not yet", and the last one
    is shown when time is up; any other exception ends the wait at once.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        refused: AssertionError | None = None
        value: T | None = None
        try:
            given = check()
            value = await given if inspect.isawaitable(given) else given
            if value:
                return value
        except AssertionError as error:
            refused = error
        if time.monotonic() >= deadline:
            last = refused if refused is not None else f"last value: {value!r}"
            raise AssertionError(f"not within {timeout_s} s: {what or check}; {last}") from refused
        await asyncio.sleep(interval_s)
