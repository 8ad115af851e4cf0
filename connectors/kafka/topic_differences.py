"""How topics on a cluster differ from their declarations, and what mends it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from connectors.kafka.topics import BRIDGE, TopicDeclaration
from schemas.topics import client_of


@dataclass(frozen=True)
class ExistingTopic:
    """A topic as the cluster has it, with the values that are in effect."""

    name: str
    partitions: int
    replication_factor: int
    configs: Mapping[str, str]


@dataclass(frozen=True)
class Difference:
    """One thing about a topic that isn't as declared, and what to do about it."""

    topic: str
    setting: str
    declared: str
    found: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.setting} is {self.found}, declared {self.declared}"


def differences(
    declared: Sequence[TopicDeclaration], existing: Mapping[str, ExistingTopic], bootstrap_servers: str
) -> list[Difference]:
    """What is missing or other than declared, in the order of the declarations."""
    found: list[Difference] = []
    for topic in declared:
        there = existing.get(topic.name)
        if there is None:
            remedy = f"veriaidpo topics create{_client_option(topic.name)}"
            found.append(Difference(topic.name, "topic", "present", "missing", remedy))
        else:
            found += _partitions(topic, there, bootstrap_servers)
            found += _replicas(topic, there)
            found += _configs(topic, there, bootstrap_servers)
    return found


def _partitions(topic: TopicDeclaration, there: ExistingTopic, servers: str) -> Iterator[Difference]:
    if topic.partitions == there.partitions:
        return
    if there.partitions < topic.partitions:
        remedy = (
            f"kafka-topics.sh --bootstrap-server {servers} --alter "
            f"--topic {topic.name} --partitions {topic.partitions}"
        )
    elif client_of(topic.name) is not None:  # partitions are never taken away: declare what is there
        remedy = f"set VERIAIDPO_TOPICS__REPLY_PARTITIONS={there.partitions}"
    else:
        remedy = f"set VERIAIDPO_TOPICS__PARTITIONS={there.partitions}"
    yield Difference(topic.name, "partitions", str(topic.partitions), str(there.partitions), remedy)


def _replicas(topic: TopicDeclaration, there: ExistingTopic) -> Iterator[Difference]:
    declared, found = str(topic.replication_factor), str(there.replication_factor)
    if declared != found:
        remedy = (
            f"move the replicas with kafka-reassign-partitions.sh, "
            f"or set VERIAIDPO_TOPICS__REPLICATION_FACTOR={found}"
        )
        yield Difference(topic.name, "replication factor", declared, found, remedy)


def _configs(topic: TopicDeclaration, there: ExistingTopic, servers: str) -> Iterator[Difference]:
    for config, value in topic.configs.items():
        found = there.configs.get(config, "unset")
        if _same(config, value, found):
            continue
        listed = f"[{value}]" if "," in value else value
        remedy = (
            f"kafka-configs.sh --bootstrap-server {servers} --alter --entity-type topics "
            f"--entity-name {topic.name} --add-config {config}={listed}"
        )
        yield Difference(topic.name, config, value, found, remedy)


def _same(config: str, declared: str, found: str) -> bool:
    if config == "cleanup.policy":  # a set: Kafka keeps the order in which somebody wrote it
        return set(declared.split(",")) == {part.strip() for part in found.split(",")}
    return declared == found


def _client_option(topic: str) -> str:
    client = client_of(topic)
    return "" if client in (None, BRIDGE) else f" --client {client}"
