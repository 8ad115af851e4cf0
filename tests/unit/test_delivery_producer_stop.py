"""A producer's end, while Kafka is away."""

from __future__ import annotations

import asyncio
import time

import pytest
from aiokafka import AIOKafkaProducer

from streams.delivery import producer
from streams.delivery.producer import stop_producer


class Unconfirmed(AIOKafkaProducer):  # type: ignore[misc]
    """Its stop waits for confirmations that nobody will give."""

    def __init__(self) -> None:
        self._closed = True  # aiokafka warns about a producer that is dropped unclosed

    async def stop(self) -> None:
        await asyncio.Event().wait()


async def test_stop_does_not_wait_for_kafka_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(producer, "STOP_TIMEOUT_S", 0.1)
    began = time.monotonic()
    await stop_producer(Unconfirmed())
    assert time.monotonic() - began < 2
