"""What waits for a cluster, or for the child, costs nothing meanwhile and isn't given up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka.errors import KafkaTimeoutError, RequestTimedOutError
from aiokafka.structs import RecordMetadata

from schemas.errors import KafkaUnavailable, KeysUnavailable
from streams.delivery import replies as replies_module
from streams.delivery.batcher import Batcher
from streams.delivery.outputs import OutputWriter, Parcel
from streams.delivery.prefix import CommitPrefix
from streams.delivery.records import Outcome, Output, OutputKind, Record, Wait
from streams.delivery.replies import ReplyWriter
from streams.settings import DeliverySettings

OUTPUT = Output(OutputKind.RESULT, "veriaidpo.results", b"k", b"v", ())
REPLY = Output(OutputKind.REPLY, "veriaidpo.replies.tests", b"c", b"v", (), 0)


class Sender:
    """Its queue stays full for one request timeout: that is what aiokafka says then."""

    def __init__(self) -> None:
        self.attempts = 0

    async def send_all(self, outputs: Sequence[Output]) -> Sequence[Parcel]:
        self.attempts += 1
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self.attempts == 1:
            future.set_exception(KafkaTimeoutError())
        else:
            future.set_result(None)
        return [Parcel(outputs, future)]


async def test_output_that_found_no_room_for_a_request_timeout_is_sent_again() -> None:
    sender = Sender()
    assert await OutputWriter(sender).write([OUTPUT]) == []
    assert sender.attempts == 2


class Cluster(ReplyWriter):
    """Its metadata is cached; itself is away for `away` questions."""

    def __init__(self, away: int) -> None:
        super().__init__({"bootstrap_servers": "nowhere:1"})
        self.away = away

    def cached_partitions(self, topic: str) -> frozenset[int] | None:
        return frozenset({0})

    async def fetch_partitions(self, topic: str) -> frozenset[int] | str:
        if self.away:
            self.away -= 1
            raise KafkaUnavailable(reason="away")
        return frozenset({0})

    async def _send(self, reply: Output) -> Any:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self.away:
            future.set_exception(RequestTimedOutError())
        else:
            future.set_result(RecordMetadata("t", 0, None, 0, 0, 0, 0))
        return future


async def test_reply_outlasts_a_cluster_that_is_away_although_its_address_is_cached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(replies_module, "BACK_OFF_S", 0.001)
    assert await asyncio.wait_for(Cluster(away=10).write([REPLY]), 5) == [None]


async def test_parked_record_that_is_due_waits_for_the_child_without_spinning() -> None:
    release = asyncio.Event()
    turns = 0

    class Counting(Batcher):
        def _take(self) -> list[Record]:
            nonlocal turns
            turns += 1
            return super()._take()

    async def handle(batch: Sequence[Record]) -> Sequence[Outcome]:
        if batch[0].value == b"slow":
            await release.wait()
        return [Wait(KeysUnavailable(issuer="i", reason="r", reason_vi="r")) for _ in batch]

    batcher = Counting(
        handler=handle,
        outputs=OutputWriter(Sender()),
        replies=Cluster(away=0),
        settings=DeliverySettings(),
    )
    topic = "veriaidpo.requests.principles"
    intake = batcher.intake(topic)
    running = asyncio.create_task(batcher.run())
    try:
        for offset, value in enumerate((b"waits", b"slow")):
            await intake.put(Record(topic, 0, offset, 0, b"k", value, (), CommitPrefix()))
            await asyncio.sleep(0.02)
        turns = 0
        await asyncio.sleep(0.5)  # the parked one is due after 0.2 s
        assert turns < 10
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
