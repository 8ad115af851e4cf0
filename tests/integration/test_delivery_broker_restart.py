"""A broker that dies under a worker: it goes on by itself when the broker is back, and nothing is lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topic_admin import create_declared_topics
from connectors.kafka.topics import TopicSettings
from tests.conftest import StartBroker
from tests.integration.test_delivery_on_kafka import new_delivery, numbered

pytestmark = pytest.mark.kafka


async def test_worker_goes_on_after_its_broker_was_killed_twice(
    fresh_kafka: StartBroker, tmp_path: Path
) -> None:
    broker = await fresh_kafka()
    kafka = KafkaSettings(bootstrap_servers=broker.bootstrap_servers)
    await create_declared_topics(kafka, TopicSettings(partitions=2))
    delivery = await new_delivery(broker.bootstrap_servers, tmp_path, partitions=4)
    async with delivery.worker("--batch-s", "0.05") as first, delivery.worker("--batch-s", "0.05") as second:
        await asyncio.gather(*(each.wait_for_line("delivery ready") for each in (first, second)))
        for round_ in range(2):
            values = numbered(round_ * 1000, (round_ + 1) * 1000)
            await delivery.publish(values)
            await broker.kill()
            await asyncio.sleep(2)  # long enough for every connection to be refused
            await broker.start()
            await delivery.all_results(values, timeout_s=60)
        after = numbered(2000, 2100)
        await delivery.publish(after)
        await delivery.all_results(numbered(0, 2100), timeout_s=30)
        assert (first.returncode, second.returncode) == (None, None)
        first.terminate()
        second.terminate()
        assert list(await asyncio.gather(first.wait(25), second.wait(25))) == [0, 0]
