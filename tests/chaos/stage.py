"""What a run plays on: a broker with the declared topics, keys and settings, all of its own."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from connectors.installation import development_installation
from connectors.kafka.broker import Broker
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topic_admin import create_declared_topics
from connectors.kafka.topics import TopicSettings
from connectors.publishing.keys import read_signing_key
from schemas.claims.mint import SigningKey
from tests.chaos.traffic import CLIENT, REPLY_PARTITIONS
from tests.support.clusters import JARS_DIR


class Stage:
    """Inside `async with`, the broker runs and the topics are there; `folder` holds everything."""

    broker: Broker
    kafka: KafkaSettings
    key: SigningKey
    issuers_file: Path

    def __init__(self, folder: Path, partitions: int) -> None:
        self.folder = folder
        self._partitions = partitions
        self._exit = AsyncExitStack()

    async def __aenter__(self) -> Self:
        installation = development_installation(self.folder / "keys")
        self.key = read_signing_key(installation.publisher_key)
        self.issuers_file = installation.issuers_file
        self.broker = await self._exit.enter_async_context(Broker(self.folder / "kafka", jars_dir=JARS_DIR))
        self.kafka = KafkaSettings(bootstrap_servers=self.broker.bootstrap_servers)
        topics = TopicSettings(partitions=self._partitions, reply_partitions=REPLY_PARTITIONS)
        await create_declared_topics(self.kafka, topics, clients=[CLIENT])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exit.aclose()

    @property
    def worker_env(self) -> dict[str, str]:
        """What a worker has to know."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.broker.bootstrap_servers,
            "VERIAIDPO_ISSUERS_FILE": str(self.issuers_file),
        }
