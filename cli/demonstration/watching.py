"""Reads results and dead letters as they appear, with a consumer of its own, into the ledger."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from types import TracebackType

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from cli.demonstration.ledger import Ledger, Place
from connectors.kafka.settings import KafkaSettings
from connectors.publishing.kafka_client import partition_count
from schemas.codec import Codec
from schemas.events import ClassificationResult
from schemas.headers import DLT_ORIGINAL_OFFSET, DLT_ORIGINAL_PARTITION, DLT_ORIGINAL_TOPIC, ERROR_CODE
from schemas.topics import DEAD_LETTERS, RESULTS


class Watcher:
    """Inside `async with`, everything that reaches the two topics is entered in `ledger`."""

    def __init__(self, kafka: KafkaSettings, ledger: Ledger) -> None:
        self._consumer = AIOKafkaConsumer(
            auto_offset_reset="latest", isolation_level="read_committed", **kafka.client_options()
        )
        self._kafka = kafka
        self._ledger = ledger
        self._codec = Codec()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Watcher:
        await self._consumer.start()
        partitions = [
            TopicPartition(topic, partition)
            for topic in (RESULTS, DEAD_LETTERS)
            for partition in range(await self._partition_count(topic))
        ]
        self._consumer.assign(partitions)
        for partition in partitions:
            await self._consumer.position(partition)  # from here on, before anything is sent
        self._task = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._consumer.stop()

    async def _partition_count(self, topic: str) -> int:
        options = self._kafka.client_options()
        security = self._kafka.security_options()
        return await partition_count(options["bootstrap_servers"], topic, security)

    async def _read(self) -> None:
        async for record in self._consumer:
            if record.topic == RESULTS:
                self._result(record)
            else:
                self._dead_letter(record)

    def _result(self, record: ConsumerRecord[bytes, bytes]) -> None:
        event = self._codec.decode(record.value)
        if isinstance(event, ClassificationResult):
            self._ledger.record_result(event, time.monotonic())

    def _dead_letter(self, record: ConsumerRecord[bytes, bytes]) -> None:
        headers = dict(record.headers)
        place = Place(
            headers[DLT_ORIGINAL_TOPIC].decode(),
            int.from_bytes(headers[DLT_ORIGINAL_PARTITION], "big"),
            int.from_bytes(headers[DLT_ORIGINAL_OFFSET], "big"),
        )
        self._ledger.record_dead_letter(place, headers[ERROR_CODE].decode(), record.value or b"")
