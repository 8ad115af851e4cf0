"""The part of a bridge that batches share, so that they leave room for single requests."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence

from schemas.errors import DeadlineExceeded, Internal, Overloaded, VeriAIDPOError
from schemas.events import ClassificationRequest, ClassificationResult

logger = logging.getLogger(__name__)

Outcome = ClassificationResult | VeriAIDPOError
Ask = Callable[[ClassificationRequest], Awaitable[ClassificationResult]]

MOST_OF_ONE_BATCH = 32
RETRY_AFTER_S = 0.05


class BatchLane:
    """At most half of the bridge's slots are ever a batch's, and at most 32 of them the same batch's.

    Whoever waits is served in turn, so that a batch that comes second isn't behind all of the first.
    """

    def __init__(self, max_in_flight: int) -> None:
        most = max(1, max_in_flight // 2)
        self._slots = asyncio.Semaphore(most)
        self._each = min(MOST_OF_ONE_BATCH, most)

    async def ask_all(
        self, questions: Sequence[ClassificationRequest], ask: Ask, *, timeout_s: float
    ) -> list[Outcome]:
        """Each question's answer or error, in order; nothing is asked any more after `timeout_s`."""
        ends_at = asyncio.get_running_loop().time() + timeout_s
        outcomes: list[Outcome] = [DeadlineExceeded()] * len(questions)
        waiting = iter(enumerate(questions))

        async def one_after_another(mine: Iterator[tuple[int, ClassificationRequest]]) -> None:
            for index, question in mine:
                outcomes[index] = await self._outcome(question, ask, ends_at)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._each, len(questions))):
                group.create_task(one_after_another(waiting))
        return outcomes

    async def _outcome(self, question: ClassificationRequest, ask: Ask, ends_at: float) -> Outcome:
        at_the_end: VeriAIDPOError = DeadlineExceeded()
        try:
            async with asyncio.timeout_at(ends_at):
                while True:
                    async with self._slots:
                        try:
                            return await ask(question)
                        except Overloaded as error:
                            at_the_end = error
                    # Single requests have taken every slot just now. A batch has time: it comes back.
                    await asyncio.sleep(RETRY_AFTER_S)
        except TimeoutError:
            return at_the_end
        except VeriAIDPOError as error:
            return error
        except Exception as error:  # one item's fault of ours is not the others'
            name = type(error).__name__
            logger.error("unexpected %s in a batch: request_id=%s", name, question.request_id)
            return Internal(exception=name)
