"""Questions to the outside that a record raises: asked once, aside, while the record waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass

from schemas.errors import Unavailable
from streams.delivery.intake import LONGEST_BACK_OFF_S

KEPT_S = 5.0
"""How long "unavailable" stands: a thousand records under one unknown key are one question."""

DEFINITE_KEPT_S = 1.5 * LONGEST_BACK_OFF_S
"""How long any other answer stands. A record that comes back for it later than that would only ask again, and
wait again, and never end."""

MOST_KEPT = 10_000


class StillLooking(Unavailable):
    """The answer isn't in yet."""

    code = "LOOKING_UP"


class Lookups:
    """One task for each open question; its answer, an error too, is everybody's for a while."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._questions: dict[Hashable, _Question] = {}

    def settle(self, question: Hashable, ask: Callable[[], Awaitable[object]]) -> None:
        """Returns when the question has been answered; else raises.

        StillLooking the first time and while it lasts; later what `ask` raised: an Unavailable to wait for,
        or a definite error.
        """
        asked = self._questions.get(question)
        if asked is None or self._is_stale(asked):
            if len(self._questions) >= MOST_KEPT:
                self._forget_answered()  # somebody is making names up
            answer = asyncio.ensure_future(ask())
            answer.add_done_callback(_retrieve)
            self._questions[question] = _Question(answer, self._clock())
            raise _still_looking()
        if not asked.answer.done():
            raise _still_looking()
        asked.answer.result()

    def _is_stale(self, asked: _Question) -> bool:
        if not asked.answer.done():
            return False
        kept_s = KEPT_S if isinstance(asked.answer.exception(), Unavailable) else DEFINITE_KEPT_S
        return self._clock() - asked.at_s > kept_s

    def _forget_answered(self) -> None:
        self._questions = {key: asked for key, asked in self._questions.items() if not asked.answer.done()}


@dataclass(frozen=True, slots=True)
class _Question:
    answer: asyncio.Future[object]
    at_s: float


def _retrieve(answer: asyncio.Future[object]) -> None:
    """An error that no record comes back for (its partition is revoked) is none that the loop should log."""
    if not answer.cancelled():
        answer.exception()


def _still_looking() -> StillLooking:
    return StillLooking(reason="a lookup is under way", reason_vi="đang tra cứu")
