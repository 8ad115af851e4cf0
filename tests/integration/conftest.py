"""What several integration tests look at, and is made only once."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from connectors.kafka.broker import Broker
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topic_admin import create_declared_topics
from connectors.kafka.topics import TopicSettings
from tests.support.bad_input_barrage import Barrage, run_barrage
from tests.support.clusters import JARS_DIR, Kafka


@pytest.fixture(scope="session")
async def barrage(declared_topics: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Barrage:
    """Every kind of bad input at one worker; it is over when a test gets to see it."""
    return await run_barrage(declared_topics.bootstrap_servers, tmp_path_factory.mktemp("barrage"))


@pytest.fixture(scope="session")
async def sink_kafka(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Kafka]:
    """A cluster of the sink's own: elsewhere other tests write results that it would store too."""
    async with Broker(tmp_path_factory.mktemp("sink-kafka"), jars_dir=JARS_DIR) as broker:
        reach = KafkaSettings(bootstrap_servers=broker.bootstrap_servers)
        await create_declared_topics(reach, TopicSettings(partitions=4, reply_partitions=4))
        yield Kafka(broker.bootstrap_servers)
