"""A worker as the bridge sees one: heartbeats, checked requests, replies; no models and no consumer group."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from schemas.claims import IssuerList
from schemas.codec import Codec
from schemas.errors import VeriAIDPOError
from schemas.events import ModelStatus
from schemas.topics import MODEL_STATUS, request_topic
from tests.support.responder import Responder

HEARTBEAT_S = 0.3


class StandInWorker:
    """Answers what a worker would accept. `hold` keeps it from answering, `kill` from showing any life."""

    def __init__(self, bootstrap_servers: str, issuers: IssuerList, model_types: Sequence[str]) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._issuers = issuers
        self._model_types = model_types
        self._tasks: list[asyncio.Task[None]] = []
        self._held: list[ConsumerRecord[bytes, bytes]] | None = None
        self.worker_id = f"stand-in-{uuid4().hex[:8]}"
        self.start_id = uuid4().hex
        self.alive = True
        self.ready = True

    async def __aenter__(self) -> Self:
        self._producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap_servers, metadata_max_age_ms=3000)
        self._consumer = AIOKafkaConsumer(bootstrap_servers=self._bootstrap_servers, metadata_max_age_ms=3000)
        await self._producer.start()
        await self._consumer.start()
        await self._consumer.topics()
        topics = [request_topic(name) for name in self._model_types]
        partitions = [
            TopicPartition(topic, each) for topic in topics for each in await self._partitions(topic)
        ]
        self._consumer.assign(partitions)
        for partition in partitions:
            await self._consumer.position(partition)
        self.responder = Responder(self._producer, self._issuers)
        self._tasks = [asyncio.create_task(self._take()), asyncio.create_task(self._beat())]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        with suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(5):
                await self._consumer.stop()
                await self._producer.stop()

    @property
    def holds(self) -> int:
        return len(self._held or ())

    def hold(self) -> None:
        """Take requests and answer none, until `let_go`."""
        self._held = []

    async def let_go(self) -> None:
        held, self._held = self._held or [], None
        for record in held:
            await self.responder.take(record)

    def fail_with(self, error: VeriAIDPOError | None) -> None:
        self.responder.fails_with = error

    def kill(self) -> None:
        """As kill -9: no heartbeat more, no goodbye."""
        self.alive = False

    async def come_back(self) -> None:
        self.start_id = uuid4().hex
        self.alive = True
        await self.beat()

    async def leave(self) -> None:
        """As SIGTERM: tombstones."""
        self.alive = False
        for name in self._model_types:
            await self._producer.send_and_wait(MODEL_STATUS, None, key=self._key(name))

    async def beat(self) -> None:
        """One heartbeat for each model type."""
        for name in self._model_types:
            status = ModelStatus(
                self.worker_id,
                self.start_id,
                name,
                self.ready,
                "stand-in",
                "sha256:0",
                int(time.time() * 1e3),
            )
            await self._producer.send_and_wait(MODEL_STATUS, Codec().encode(status), key=self._key(name))

    def _key(self, model_type: str) -> bytes:
        return f"{self.worker_id}/{model_type}".encode()

    async def _partitions(self, topic: str) -> set[int]:
        self._consumer._client.add_topic(topic)
        return set(await self._consumer._client._wait_on_metadata(topic))

    async def _beat(self) -> None:
        while True:
            if self.alive:
                with suppress(KafkaError):  # a test may take the broker away
                    await self.beat()
            await asyncio.sleep(HEARTBEAT_S)

    async def _take(self) -> None:
        while True:
            try:
                record = await self._consumer.getone()
            except KafkaError:
                await asyncio.sleep(HEARTBEAT_S)
                continue
            if self._held is not None:
                self._held.append(record)
            elif self.alive:
                await self.responder.take(record)
