"""The reader of heartbeats begins, goes on and ends whatever lies on its topic."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka import TopicPartition

from api import presence_reader
from api.presence_reader import PresenceReader
from schemas.errors import KafkaUnavailable
from schemas.topics import MODEL_STATUS

PARTITION = TopicPartition(MODEL_STATUS, 0)


class Consumer:
    """A topic that holds a transaction's marker and nothing else: an end without a record before it."""

    made: Consumer

    def __init__(self, *topics: str, **options: object) -> None:
        type(self).made = self
        self.stopped = False
        self.at = 0
        self.polled = asyncio.Event()

    async def start(self) -> None: ...

    async def stop(self) -> None:
        self.stopped = True

    def assignment(self) -> set[TopicPartition]:
        return {PARTITION}

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 1)

    async def position(self, partition: TopicPartition) -> int:
        return self.at

    async def getmany(self, *, timeout_ms: int) -> dict[TopicPartition, list[Any]]:
        self.at = 1
        return {}

    async def getone(self) -> Any:
        self.at = 1
        self.polled.set()
        await asyncio.Event().wait()


class EndlessConsumer(Consumer):
    async def getmany(self, *, timeout_ms: int) -> dict[TopicPartition, list[Any]]:
        await asyncio.sleep(timeout_ms / 1e3)
        return {}


@pytest.fixture(autouse=True)
def topic(monkeypatch: pytest.MonkeyPatch) -> None:
    async def one_partition(*_: object) -> int:
        return 1

    monkeypatch.setattr(presence_reader, "partition_count", one_partition)
    monkeypatch.setattr(presence_reader, "AIOKafkaConsumer", Consumer)


def reader() -> PresenceReader:
    return PresenceReader("nowhere:1", gone_after_s=8, on_gone=lambda: None, start_timeout_s=0.5)


async def test_reader_begins_behind_a_transactions_marker() -> None:
    async with reader() as presence:
        await asyncio.wait_for(Consumer.made.polled.wait(), 5)
        assert presence.reading
    assert Consumer.made.stopped


async def test_reader_that_ends_before_its_first_step_leaves_no_consumer() -> None:
    async with reader():
        pass
    assert Consumer.made.stopped


async def test_topic_that_gives_no_end_is_an_error_in_both_languages_and_leaves_no_consumer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(presence_reader, "AIOKafkaConsumer", EndlessConsumer)
    with pytest.raises(KafkaUnavailable) as caught:
        async with reader():
            pass
    assert "chưa đọc xong" in caught.value.text_vi
    assert Consumer.made.stopped or EndlessConsumer.made.stopped
