"""Declared topics on a real cluster: made once, compared with what is there, never changed."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from connectors.kafka import topics
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topic_admin import (
    TopicAdmin,
    check_declared_topics,
    create_declared_topics,
    refuse_unless_log_append_time,
)
from schemas.errors import ConfigurationError, KafkaUnavailable, TopicsDiffer
from schemas.topics import reply_topic, request_topic
from tests.conftest import StartBroker
from tests.support.clusters import Kafka
from tests.support.records import make_topic, produce, read_topic, unique

pytestmark = pytest.mark.kafka
SETTINGS = topics.TopicSettings(partitions=2, reply_partitions=2)


async def test_created_topics_are_found_as_declared_and_made_only_once(fresh_kafka: StartBroker) -> None:
    kafka = KafkaSettings(bootstrap_servers=(await fresh_kafka()).bootstrap_servers)

    made, differing = await create_declared_topics(kafka, SETTINGS, clients=["erp"])
    assert set(made) == {topic.name for topic in topics.declared_topics(SETTINGS, clients=["bridge", "erp"])}
    assert differing == []

    again, differing = await create_declared_topics(kafka, SETTINGS, clients=["erp"])
    assert (again, differing) == ([], [])
    assert await check_declared_topics(kafka, SETTINGS) == []


async def test_existing_topics_with_other_settings_are_reported_and_left_alone(kafka: Kafka) -> None:
    declared = _declaration()
    await make_topic(kafka.bootstrap_servers, declared.name, partitions=1, configs={"retention.ms": "1000"})

    async with TopicAdmin(_reach(kafka)) as admin:
        assert await admin.create([declared]) == []
        differing = await admin.compare([declared])
        assert await admin.compare([declared]) == differing

    found = {each.setting: (each.declared, each.found) for each in differing}
    assert found["partitions"] == ("2", "1")
    assert found["retention.ms"] == (str(30 * 86_400_000), "1000")
    assert found["message.timestamp.type"] == ("LogAppendTime", "CreateTime")
    assert "--add-config retention.ms=2592000000" in " ".join(each.remedy for each in differing)


async def test_a_reply_topic_that_is_on_the_cluster_is_checked_without_being_named(
    fresh_kafka: StartBroker,
) -> None:
    broker = await fresh_kafka()
    kafka = KafkaSettings(bootstrap_servers=broker.bootstrap_servers)
    await create_declared_topics(kafka, SETTINGS)
    await make_topic(broker.bootstrap_servers, reply_topic("erp"), partitions=2)

    differing = await check_declared_topics(kafka, SETTINGS)

    assert {each.topic for each in differing} == {reply_topic("erp")}
    assert "retention.ms" in {each.setting for each in differing}


async def test_more_replicas_than_brokers_are_refused_with_the_clusters_reason(kafka: Kafka) -> None:
    async with TopicAdmin(_reach(kafka)) as admin:
        with pytest.raises(ConfigurationError, match="the cluster refuses it"):
            await admin.create([replace(_declaration(), replication_factor=100)])


async def test_a_request_topic_that_publishers_timestamp_is_refused(declared_topics: Kafka) -> None:
    servers = declared_topics.bootstrap_servers
    kafka = KafkaSettings(bootstrap_servers=servers)
    by_publisher = await make_topic(servers, unique("by-publisher"))

    await refuse_unless_log_append_time(kafka, [request_topic("principles"), request_topic("industry")])
    with pytest.raises(TopicsDiffer, match=f"{by_publisher} has message.timestamp.type=CreateTime"):
        await refuse_unless_log_append_time(kafka, [request_topic("principles"), by_publisher])
    with pytest.raises(TopicsDiffer, match=r"no-such-topic is missing"):
        await refuse_unless_log_append_time(kafka, ["no-such-topic"])


async def test_asking_for_a_missing_topic_does_not_make_it(kafka: Kafka) -> None:
    missing = unique("missing")
    async with TopicAdmin(_reach(kafka)) as admin:
        assert await admin.describe([missing]) == {}
        assert await admin.describe([missing]) == {}


async def test_the_broker_stamps_a_declared_topic_whatever_the_publishers_clock_says(kafka: Kafka) -> None:
    declared = _declaration()
    async with TopicAdmin(_reach(kafka)) as admin:
        assert await admin.create([declared]) == [declared.name]

    [sent] = await produce(kafka.bootstrap_servers, declared.name, [b"x"], timestamp_ms=1)
    [record] = await read_topic(kafka.bootstrap_servers, declared.name)

    assert record.timestamp == sent.timestamp
    assert abs(record.timestamp / 1000 - time.time()) < 60


async def test_a_cluster_that_does_not_answer_is_a_typed_retriable_error() -> None:
    with pytest.raises(KafkaUnavailable) as refused:
        await check_declared_topics(KafkaSettings(bootstrap_servers="127.0.0.1:1"), SETTINGS)
    assert refused.value.retriable


def _reach(kafka: Kafka) -> KafkaSettings:
    return KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)


def _declaration() -> topics.TopicDeclaration:
    """A request topic's declaration under a name that no other test has."""
    return replace(topics.declared_topics(SETTINGS)[0], name=unique("requests"))
