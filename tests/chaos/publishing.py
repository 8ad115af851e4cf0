"""A publishing service that goes on through anything: what isn't confirmed is sent again under its id."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from cli.demonstration.spoiling import CLASSIFY
from connectors.kafka.settings import KafkaSettings
from connectors.publishing.publisher import Publisher
from schemas.claims.mint import SigningKey
from schemas.errors import Unavailable
from tests.chaos.ledger import Wire
from tests.chaos.traffic import SOURCE, Traffic, malformed

IN_FLIGHT = 256
RETRY_S = 0.2


class PacedPublisher:
    """Valid records through the product's own Publisher, malformed ones through a bare producer."""

    def __init__(self, kafka: KafkaSettings, key: SigningKey) -> None:
        self._key = key
        options = kafka.client_options()
        self._publisher = Publisher(options["bootstrap_servers"], key, source=SOURCE)
        self._producer = AIOKafkaProducer(acks="all", linger_ms=0, metadata_max_age_ms=3000, **options)
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self._progress = asyncio.Condition()
        self.confirmed = 0
        self.retries = 0
        """Sends that weren't confirmed; each may have arrived all the same."""
        self.malformed: list[Wire] = []

    async def __aenter__(self) -> Self:
        await self._publisher.__aenter__()
        await self._producer.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._producer.stop()
        await self._publisher.__aexit__(kind, error, trace)

    async def publish(self, traffic: Sequence[Traffic], *, rate: float, burst: int = 1) -> None:
        """All of it, `burst` at once and at most `rate` a second; returns when all is confirmed.

        After a pause it doesn't hurry: how much is open stays the service's own doing.
        """
        loop = asyncio.get_running_loop()
        due = loop.time()
        async with asyncio.TaskGroup() as sends:
            for items in _batched(traffic, burst):
                await asyncio.sleep(max(0.0, due - loop.time()))
                due = max(due, loop.time()) + burst / rate
                for item in items:
                    await self._slots.acquire()
                    sends.create_task(self._send(item))

    async def until_confirmed(self, count: int) -> None:
        """Until that many records are confirmed."""
        async with self._progress:
            await self._progress.wait_for(lambda: self.confirmed >= count)

    async def _send(self, item: Traffic) -> None:
        if item.way is None:
            await self._send_valid(item)
        else:
            await self._send_malformed(item)
        self._slots.release()
        async with self._progress:
            self.confirmed += 1
            self._progress.notify_all()

    async def _send_valid(self, item: Traffic) -> None:
        while True:
            try:
                await self._publisher.send(
                    item.request, subject=SOURCE, role="service", permissions=CLASSIFY, reply=item.reply
                )
                return
            except Unavailable:
                self.retries += 1
                await asyncio.sleep(RETRY_S)

    async def _send_malformed(self, item: Traffic) -> None:
        wire = malformed(item, self._key)
        self.malformed.append(wire)
        while True:
            try:
                await self._producer.send_and_wait(
                    wire.topic, wire.value, key=wire.key, headers=list(wire.headers)
                )
                return
            except KafkaError:
                self.retries += 1
                await asyncio.sleep(RETRY_S)


def _batched(traffic: Sequence[Traffic], size: int) -> Iterator[Sequence[Traffic]]:
    return (traffic[first : first + size] for first in range(0, len(traffic), size))
