"""What a benchmark runs on: a broker of its own in a temporary folder, and the real worker and bridge."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from cli.keys import development_token, signing_key
from cli.settings import Settings
from cli.stack import Stack
from connectors.installation import DEFAULT_HOME
from connectors.kafka.broker import Broker
from connectors.kafka.settings import KafkaSettings
from connectors.publishing.kafka_client import partition_count
from connectors.publishing.publisher import Publisher, SignedRecord
from schemas.events import ClassificationRequest
from schemas.topics import RESULTS

PROBE = Path(__file__).parents[1] / "models" / "probe" / "probe.jsonl"
TENANT = "bench"
PERMISSIONS = ("processing_activity.read",)


def sentences() -> list[str]:
    """The probe set's texts: what every figure here is measured on."""
    return [json.loads(line)["text"] for line in PROBE.read_text(encoding="utf-8").splitlines()]


class Rig:
    """Broker and topics on entry; `stack` starts the rest, and all of it is stopped on exit."""

    stack: Stack
    settings: Settings

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._exit = AsyncExitStack()

    async def __aenter__(self) -> Rig:
        broker = Broker(self._folder / "kafka", jars_dir=DEFAULT_HOME / "kafka-jars")
        await self._exit.enter_async_context(broker)
        kafka = KafkaSettings(bootstrap_servers=broker.bootstrap_servers)
        self.settings = Settings(mode="development", home=self._folder, kafka=kafka)
        self.stack = await self._exit.enter_async_context(Stack(self.settings))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exit.aclose()

    def token(self) -> str:
        """A caller's token for the bridge."""
        return development_token(self.settings, role="dpo", tenant_id=TENANT)

    def sign(self, requests: Sequence[tuple[str, str]]) -> list[SignedRecord]:
        """Signed records of (model type, text), as a publishing service makes them."""
        publisher = Publisher(
            self.stack.bootstrap_servers, signing_key(self.settings, "publisher"), source="bench"
        )
        return [
            publisher.sign(
                ClassificationRequest(str(uuid4()), TENANT, model_type, "vi", text),
                subject="bench",
                role="service",
                permissions=PERMISSIONS,
            )
            for model_type, text in requests
        ]

    async def produce(self, records: Sequence[SignedRecord]) -> None:
        """Put the records on their topics; returns when the broker has all of them."""
        producer = AIOKafkaProducer(
            acks="all", linger_ms=5, max_batch_size=262_144, **self.settings.kafka.client_options()
        )
        async with producer:
            sent = [
                await producer.send(record.topic, record.value, key=record.key, headers=list(record.headers))
                for record in records
            ]
            await asyncio.gather(*sent)

    async def results(self, count: int, timeout_s: float) -> list[ConsumerRecord[bytes, bytes]]:
        """The first `count` records on veriaidpo.results, as they appear."""
        # In big pieces and seldom: reading takes from the two cores what is being measured on them. The
        # records' own timestamps don't know when they are read.
        consumer = AIOKafkaConsumer(
            auto_offset_reset="earliest",
            fetch_min_bytes=1_048_576,
            fetch_max_wait_ms=1_000,
            **self.settings.kafka.client_options(),
        )
        partitions = await partition_count(self.stack.bootstrap_servers, RESULTS)
        async with consumer, asyncio.timeout(timeout_s):
            consumer.assign([TopicPartition(RESULTS, partition) for partition in range(partitions)])
            found: list[ConsumerRecord[bytes, bytes]] = []
            while len(found) < count:
                for records in (await consumer.getmany(timeout_ms=1000)).values():
                    found += records
        return found
