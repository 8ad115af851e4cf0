"""The consumer's thread on its way down."""

from __future__ import annotations

import asyncio

import pytest
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread

from streams.delivery.transport import DeliveryThread


class Client:
    closed = False

    async def close(self) -> None:
        self.closed = True


class ConsumerInTheMiddleOfAFailure:
    """aiokafka's, when its stop cancels a fetch that waits to try again: the cancellation comes out of it."""

    def __init__(self) -> None:
        self._client = Client()

    async def stop(self) -> None:
        raise asyncio.CancelledError


class Thread(DeliveryThread):
    """Without a thread."""

    def __init__(self) -> None:
        self.consumer_of_aiokafka = self._consumer = ConsumerInTheMiddleOfAFailure()


async def test_cancelled_fetch_of_the_consumer_does_not_look_like_the_end_of_the_thread() -> None:
    thread = Thread()
    await thread.on_thread_stop()
    assert thread.consumer_of_aiokafka._client.closed


async def test_faust_alone_would_let_it_out() -> None:
    """When aiokafka or Faust mends this, ours can go."""
    with pytest.raises(asyncio.CancelledError):
        await AIOKafkaConsumerThread.on_thread_stop(Thread())
