"""Topics on a cluster: made as declared, read, compared. Nothing that exists is changed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from types import TracebackType

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topic_differences import Difference, ExistingTopic, differences
from connectors.kafka.topics import BRIDGE, LOG_APPEND_TIME, TopicDeclaration, TopicSettings, declared_topics
from connectors.publishing.kafka_client import kafka_failure
from schemas.errors import ConfigurationError, KafkaUnavailable, TopicsDiffer
from schemas.topics import client_of

_CREATED_WITHIN_S = 30.0


async def refuse_unless_log_append_time(kafka: KafkaSettings, topics: Iterable[str]) -> None:
    """Raise TopicsDiffer where a request topic is missing, or timestamped by its publishers.

    Claims are judged at the append time. On a topic with CreateTime a publisher, or a thief of an old
    record, would choose that time itself.
    """
    names = list(topics)
    async with TopicAdmin(kafka) as admin:
        existing = await admin.describe(names)
    wrong: list[str] = []
    for topic in names:
        there = existing.get(topic)
        stamped = there.configs["message.timestamp.type"] if there is not None else None
        if stamped is None:
            wrong.append(f"{topic} is missing")
        elif stamped != LOG_APPEND_TIME:
            wrong.append(f"{topic} has message.timestamp.type={stamped}, needed {LOG_APPEND_TIME}")
    if wrong:
        raise TopicsDiffer(differences="; ".join(wrong))


async def create_declared_topics(
    kafka: KafkaSettings, settings: TopicSettings, clients: Iterable[str] = ()
) -> tuple[list[str], list[Difference]]:
    """Make what is missing; the names that were made, and what was there with other settings."""
    async with TopicAdmin(kafka) as admin:
        declared = await admin.declarations(settings, clients)
        made = await admin.create(declared)
        return made, await admin.compare(declared)


async def check_declared_topics(
    kafka: KafkaSettings, settings: TopicSettings, clients: Iterable[str] = ()
) -> list[Difference]:
    """What isn't as declared; the reply topics that are already on the cluster are looked at as well."""
    async with TopicAdmin(kafka) as admin:
        return await admin.compare(await admin.declarations(settings, clients))


class TopicAdmin:
    """The topics of one cluster, inside `async with`; KafkaUnavailable where it doesn't answer."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._client: AIOKafkaAdminClient | None = None

    async def __aenter__(self) -> TopicAdmin:
        self._client = AIOKafkaAdminClient(**self._kafka.client_options())
        try:
            async with _typed_errors():
                await self._client.start()
        except BaseException:
            await self._client.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._admin.close()

    async def declarations(
        self, settings: TopicSettings, clients: Iterable[str] = ()
    ) -> list[TopicDeclaration]:
        """The declared topics for this cluster: its number of brokers, the reply topics it has already."""
        async with _typed_errors():
            brokers = len((await self._admin.describe_cluster())["brokers"])
            names = await self._admin.list_topics()
        known = sorted(client for name in names if (client := client_of(name)) is not None)
        return declared_topics(settings, brokers=brokers, clients=[BRIDGE, *clients, *known])

    async def describe(self, names: Collection[str]) -> dict[str, ExistingTopic]:
        """Those of the named topics that exist, with their effective settings."""
        # All are asked for: naming one that is missing would make it where auto-creation is on. Only the
        # settings of the named ones are: on a shared cluster we may not be allowed to read the others'.
        async with _typed_errors():
            found = [topic for topic in await self._admin.describe_topics() if topic["topic"] in names]
            if not found:
                return {}
            resources = [ConfigResource(ConfigResourceType.TOPIC, topic["topic"]) for topic in found]
            responses = await self._admin.describe_configs(resources)
        configs: dict[str, Mapping[str, str]] = {}
        for response in responses:
            for code, message, _, name, entries in response.resources:
                _raise_for(code, message, name)
                configs[name] = {entry[0]: entry[1] for entry in entries}
        return {
            topic["topic"]: ExistingTopic(
                topic["topic"],
                len(topic["partitions"]),
                min((len(each["replicas"]) for each in topic["partitions"]), default=0),
                configs[topic["topic"]],
            )
            for topic in found
        }

    async def create(self, declared: Sequence[TopicDeclaration]) -> list[str]:
        """Make those that are missing, wait until they have leaders; the names that were made."""
        async with _typed_errors():
            there = set(await self._admin.list_topics())
            missing = [topic for topic in declared if topic.name not in there]
            if not missing:
                return []
            response = await self._admin.create_topics(
                [
                    NewTopic(
                        topic.name,
                        topic.partitions,
                        topic.replication_factor,
                        topic_configs=dict(topic.configs),
                    )
                    for topic in missing
                ]
            )
            for name, code, message in response.topic_errors:
                if code != TopicAlreadyExistsError.errno:  # somebody else was as quick
                    _raise_for(code, message, name)
            await self._wait_for_leaders({topic.name for topic in missing})
        return [topic.name for topic in missing]

    async def compare(self, declared: Sequence[TopicDeclaration]) -> list[Difference]:
        """What is missing or other than declared."""
        servers = self._kafka.bootstrap_servers or ""
        existing = await self.describe({topic.name for topic in declared})
        return differences(declared, existing, servers)

    async def _wait_for_leaders(self, names: set[str]) -> None:
        deadline = time.monotonic() + _CREATED_WITHIN_S
        while True:
            topics = await self._admin.describe_topics()
            led = {
                topic["topic"]
                for topic in topics
                if topic["partitions"] and all(each["leader"] >= 0 for each in topic["partitions"])
            }
            if names <= led:
                return
            if time.monotonic() > deadline:
                waiting = ", ".join(sorted(names - led))
                raise KafkaUnavailable(reason=f"no leader for {waiting} within {_CREATED_WITHIN_S:.0f} s")
            await asyncio.sleep(0.1)

    @property
    def _admin(self) -> AIOKafkaAdminClient:
        if self._client is None:
            raise RuntimeError("TopicAdmin is used inside `async with`")
        return self._client


@asynccontextmanager
async def _typed_errors() -> AsyncIterator[None]:
    try:
        yield
    except (KafkaError, OSError, TimeoutError) as error:
        raise kafka_failure(error) from error


def _raise_for(code: int, message: str | None, topic: str) -> None:
    """A refusal of the cluster: permissions, policies, more replicas than brokers."""
    if code == 0:
        return
    kind = for_code(code)
    if kind.retriable:
        raise KafkaUnavailable(reason=f"{topic}: {kind.__name__}")
    raise ConfigurationError(setting=topic, reason=f"the cluster refuses it: {message or kind.__name__}")
