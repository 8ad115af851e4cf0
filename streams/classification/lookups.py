"""Questions to the outside that a record raises: asked once, aside, while the record waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable

from schemas.errors import Unavailable


class StillLooking(Unavailable):
    """The answer isn't in yet."""

    code = "LOOKING_UP"


class Lookups:
    """One task for each open question; an answer is handed out once, a failed question is asked again."""

    def __init__(self) -> None:
        self._open: dict[Hashable, asyncio.Future[object]] = {}

    def settle(self, question: Hashable, ask: Callable[[], Awaitable[object]]) -> None:
        """Returns when the question has been answered; else raises.

        StillLooking the first time and while it lasts; later what `ask` raised: an Unavailable to wait for,
        or a definite error.
        """
        answer = self._open.get(question)
        if answer is None:
            self._open[question] = asyncio.ensure_future(ask())
            raise StillLooking(reason="a lookup is under way")
        if not answer.done():
            raise StillLooking(reason="a lookup is under way")
        del self._open[question]
        answer.result()
