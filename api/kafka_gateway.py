"""The gateway over Kafka: signs a request, publishes it, and waits on this instance's reply partition."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from secrets import token_hex
from types import TracebackType
from typing import Self

from api.gateway import GatewayStatus, Slots
from api.kafka_link import Connection, KafkaLink
from api.waiting import Waiting, answer_or_refusal
from connectors.publishing.kafka_client import KafkaSecurity
from schemas.claims import SigningKey
from schemas.claims.bearer import Caller
from schemas.codec import Codec
from schemas.errors import KafkaUnavailable, NoWorker, Unavailable, VeriAIDPOError
from schemas.events import ClassificationRequest, ClassificationResult
from schemas.permissions import CLASSIFY
from schemas.topics import reply_topic

logger = logging.getLogger(__name__)

CLIENT = "bridge"  # its replies: veriaidpo.replies.bridge


class KafkaGateway:
    """Request and reply over Kafka; stays up, and says so, while Kafka doesn't.

    The caller's own token never enters Kafka: what is published carries claims that `signing_key` signs.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        signing_key: SigningKey,
        *,
        instance_id: str | None = None,
        max_in_flight: int = 256,
        worker_gone_after_s: float = 8.0,
        codec: Codec | None = None,
        security: KafkaSecurity | None = None,
        client: str = CLIENT,
    ) -> None:
        self._slots = Slots(max_in_flight)
        self._waiting = Waiting()
        self._link = KafkaLink(
            bootstrap_servers,
            signing_key,
            reply_topic=reply_topic(client),
            instance_id=instance_id or f"{socket.gethostname()}-{token_hex(4)}",
            worker_gone_after_s=worker_gone_after_s,
            codec=codec,
            security=security,
            on_loss=self._refuse_the_hopeless,
        )
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin to connect; doesn't wait for it, so that a bridge can start before its broker does."""
        self._running = asyncio.create_task(self._link.run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._running is not None  # noqa: S101 - __aenter__ ran
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)

    @property
    def in_flight(self) -> int:
        """How many requests hold a slot."""
        return self._slots.taken

    async def classify(
        self,
        request: ClassificationRequest,
        caller: Caller,
        *,
        deadline_ms: int,
        traceparent: str | None = None,
    ) -> ClassificationResult:
        """See `Gateway.classify`."""
        connection = self._connected()
        if not connection.presence.is_ready(request.model_type):
            raise NoWorker(model_type=request.model_type)
        with self._slots.take(), self._waiting.one(request.model_type) as refusal:
            return await answer_or_refusal(
                _exchange(connection, request, caller, deadline_ms, traceparent),
                refusal,
                timeout_s=deadline_ms / 1e3 - time.time(),
            )

    def status(self) -> GatewayStatus:
        """See `Gateway.status`."""
        connection = self._link.connection
        serving = connection.presence.serving() if connection is not None and self._link.up else ()
        problem = self._link.problem
        return GatewayStatus(
            kafka="up" if self._link.up else "connecting" if connection is None else "down",
            reason=None if problem is None else problem.text,
            reason_vi=None if problem is None else problem.text_vi,
            serving=serving,
        )

    def _connected(self) -> Connection:
        if self._link.connection is None or not self._link.up:
            raise self._unavailable()
        return self._link.connection

    def _unavailable(self) -> Unavailable:
        """What keeps us from Kafka; a missing topic or a registry that is away is told as such."""
        problem = self._link.problem
        if isinstance(problem, Unavailable):
            # Never the link's own: an exception that is raised for every caller grows with each.
            return type(problem)(**problem.details)
        if problem is not None:
            return KafkaUnavailable(reason=problem.code)
        return KafkaUnavailable(reason="connecting", reason_vi="đang kết nối")

    def _refuse_the_hopeless(self) -> None:
        """Tell those who wait for an answer that can't come any more; called whenever something was lost."""
        self._waiting.refuse(self._why_hopeless)

    def _why_hopeless(self, model_type: str) -> VeriAIDPOError | None:
        if self._link.connection is None or not self._link.up:
            return self._unavailable()
        # A worker that is there but not ready is on its way back, and will answer.
        if not self._link.connection.presence.is_present(model_type):
            return NoWorker(model_type=model_type)
        return None


async def _exchange(
    connection: Connection,
    request: ClassificationRequest,
    caller: Caller,
    deadline_ms: int,
    traceparent: str | None,
) -> ClassificationResult:
    """Publish, confirmed, and wait for the reply; it is expected before the request is sent."""
    correlation_id = request.request_id.encode()
    with connection.replies.expect(correlation_id) as reply:
        await connection.publisher.send(
            request,
            subject=caller.subject,
            role=caller.role,
            permissions=(CLASSIFY,),  # what this needs, not all that the caller holds
            reply=connection.replies.address(correlation_id),
            deadline_ms=deadline_ms,
            traceparent=traceparent,
        )
        return await reply
