"""Keeps the bridge connected: connect, watch, and connect anew, for as long as the process lives."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka.errors import KafkaError

from api.presence_reader import PresenceReader
from connectors.kafka.fetched import read_whatever_comes
from connectors.publishing.kafka_client import KafkaSecurity, kafka_failure
from connectors.publishing.publisher import Publisher
from connectors.publishing.replies import ReplyReader
from schemas.claims import SigningKey
from schemas.codec import Codec
from schemas.errors import KafkaUnavailable, VeriAIDPOError

logger = logging.getLogger(__name__)

RECONNECT_AFTER_S = 1.0
START_TIMEOUT_S = 15.0
CONFIRM_TIMEOUT_S = 10.0
PROBE_EVERY_S = 1.0
PROBE_TIMEOUT_S = 5.0  # a loaded broker is not a lost one
# aiokafka's clients find a broker that comes back at its address by themselves. After this long we start
# afresh: addresses may have changed, and a producer that has given up on a batch is of no use any more.
RENEW_AFTER_S = 15.0


@dataclass(frozen=True)
class Connection:
    """Everything that a request needs of Kafka. It exists only once the reply reader has a position."""

    publisher: Publisher
    replies: ReplyReader
    presence: PresenceReader


class KafkaLink:
    """One connection at a time, renewed when it breaks; `on_loss` is called when it or a worker is lost."""

    def __init__(
        self,
        bootstrap_servers: str,
        signing_key: SigningKey,
        *,
        reply_topic: str,
        instance_id: str,
        worker_gone_after_s: float,
        on_loss: Callable[[], None],
        codec: Codec | None = None,
        security: KafkaSecurity | None = None,
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._signing_key = signing_key
        self._reply_topic = reply_topic
        self._instance_id = instance_id
        self._worker_gone_after_s = worker_gone_after_s
        self._on_loss = on_loss
        self._codec = codec or Codec()
        self._security = security
        self.connection: Connection | None = None
        self.up = False
        self.problem: VeriAIDPOError | None = None

    async def run(self) -> None:
        """Connect, watch, and begin again; ends only by cancellation."""
        read_whatever_comes()
        while True:
            try:
                async with self._connect() as connection:
                    self.connection = connection
                    self._is_up()
                    await self._watch(connection)
            except VeriAIDPOError as error:
                self._is_down(error)
            except (KafkaError, OSError) as error:
                self._is_down(kafka_failure(error))
            except Exception as error:
                # A mistake of ours must not leave a bridge that never connects again. Frames without the
                # exception's message: it may quote the value that it is about.
                frames = "".join(traceback.format_tb(error.__traceback__))
                logger.error("the Kafka link failed: %s\n%s", type(error).__name__, frames)
                self._is_down(KafkaUnavailable(reason=type(error).__name__))
            finally:
                self.connection = None
                self.up = False
                self._on_loss()
            await asyncio.sleep(RECONNECT_AFTER_S)

    @asynccontextmanager
    async def _connect(self) -> AsyncIterator[Connection]:
        await asyncio.to_thread(self._codec.register)  # asks a schema registry, where there is one
        async with (
            ReplyReader(
                self._bootstrap_servers,
                self._reply_topic,
                instance_id=self._instance_id,
                codec=self._codec,
                security=self._security,
                start_timeout_s=START_TIMEOUT_S,
            ) as replies,
            PresenceReader(
                self._bootstrap_servers,
                gone_after_s=self._worker_gone_after_s,
                on_gone=self._on_loss,
                codec=self._codec,
                security=self._security,
                start_timeout_s=START_TIMEOUT_S,
            ) as presence,
            Publisher(
                self._bootstrap_servers,
                self._signing_key,
                source=f"/veriaidpo/bridge/{self._instance_id}",
                codec=self._codec,
                security=self._security,
                confirm_timeout_s=CONFIRM_TIMEOUT_S,
            ) as publisher,
        ):
            yield Connection(publisher, replies, presence)

    async def _watch(self, connection: Connection) -> None:
        """Probe until the connection must be renewed: a reader has ended, or the cluster is away for long."""
        answered_s = time.monotonic()
        while connection.replies.ready and connection.presence.reading:
            await asyncio.sleep(PROBE_EVERY_S)
            try:
                async with asyncio.timeout(PROBE_TIMEOUT_S):
                    await connection.presence.probe()
            except (KafkaError, OSError, TimeoutError) as error:
                self._is_down(kafka_failure(error))
                if time.monotonic() - answered_s > RENEW_AFTER_S:
                    return
            else:
                answered_s = time.monotonic()
                self._is_up()

    def _is_up(self) -> None:
        if not self.up:
            logger.info("kafka is up")
        self.up = True
        self.problem = None

    def _is_down(self, error: VeriAIDPOError) -> None:
        if self.up or self.problem is None or self.problem.code != error.code:
            logger.warning("kafka is down: %s", error)
        self.up = False
        self.problem = error
        self._on_loss()
