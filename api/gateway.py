"""What the routes need of the other side: a question goes in, an answer or a typed error comes back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, Protocol

from api.presence import Serving
from schemas.claims.bearer import Caller
from schemas.errors import Overloaded
from schemas.events import ClassificationRequest, ClassificationResult


@dataclass(frozen=True)
class GatewayStatus:
    """What the bridge knows of the other side, from memory."""

    kafka: Literal["connecting", "up", "down"]
    reason: str | None  # a typed error's text, where `kafka` isn't up
    reason_vi: str | None
    serving: tuple[Serving, ...]  # what the workers said last; nothing while Kafka isn't up

    @property
    def ready_workers(self) -> Mapping[str, int]:
        """How many workers take records of a model type; types that none serves are left out."""
        return Counter(one.model_type for one in self.serving if one.ready)

    @property
    def workers(self) -> int:
        """How many are there, ready or not."""
        return len({one.worker_id for one in self.serving})


class Gateway(Protocol):
    """Request and reply. One suite of behaviours holds for every implementation: tests/contract."""

    async def classify(
        self,
        request: ClassificationRequest,
        caller: Caller,
        *,
        deadline_ms: int,
        traceparent: str | None = None,
    ) -> ClassificationResult:
        """Have `request` classified on behalf of `caller`, or raise the typed error that says why not.

        KafkaUnavailable (or what else keeps us from Kafka), NoWorker and Overloaded come as soon as they are
        known; DeadlineExceeded at `deadline_ms` (epoch). Cancelling it frees what it held.
        """
        ...

    def status(self) -> GatewayStatus:
        """The state of things, without waiting for anything."""
        ...


class Slots:
    """At most so many requests at once; the next is told that we are overloaded: no queue grows."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0

    @property
    def taken(self) -> int:
        """How many are in use."""
        return self._taken

    @contextmanager
    def take(self) -> Iterator[None]:
        """Hold one slot; Overloaded where none is free."""
        if self._taken >= self._most:
            raise Overloaded()
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
