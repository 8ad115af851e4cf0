"""Knows, while a run lasts, what has no outcome yet."""

from __future__ import annotations

from collections.abc import Collection

from schemas.codec import Codec
from schemas.errors import BadRecord
from schemas.events import ClassificationResult
from schemas.headers import CORRELATION_ID
from schemas.topics import DEAD_LETTERS, RESULTS
from tests.chaos.ledger import Stored, Wire, original
from tests.support.waiting import eventually

LOOK_EVERY_S = 0.2


class Settling:
    """Takes what a Follower sees, to tell when waiting is over; the ledger reads the topics itself."""

    def __init__(self) -> None:
        self._codec = Codec()
        self._answered: set[str] = set()
        self._dead: set[Wire] = set()
        self._replied: set[bytes] = set()

    def take(self, stored: Stored) -> None:
        topic = stored.place.topic
        if topic == DEAD_LETTERS:
            self._dead.add(original(stored))
        elif topic == RESULTS:
            self._take_result(stored)
        else:
            self._replied.update(value for name, value in stored.headers if name == CORRELATION_ID and value)

    @property
    def answered(self) -> int:
        return len(self._answered)

    async def until_settled(
        self,
        request_ids: Collection[str],
        malformed: Collection[Wire] = (),
        correlation_ids: Collection[bytes] = (),
        *,
        within_s: float,
    ) -> bool:
        """Until each of these has its outcome; False when time was up before."""

        def are_settled() -> bool:
            return (
                self._answered.issuperset(request_ids)
                and self._dead.issuperset(malformed)
                and self._replied.issuperset(correlation_ids)
            )

        try:
            return await eventually(are_settled, timeout_s=within_s, interval_s=LOOK_EVERY_S)
        except AssertionError:
            return False

    def _take_result(self, stored: Stored) -> None:
        try:
            event = self._codec.decode(stored.value)
        except BadRecord:
            return
        if isinstance(event, ClassificationResult):
            self._answered.add(event.request_id)
