"""No record is lost: delivery on a real broker while its processes, its peers or a publisher fail."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pytest
from aiokafka import AIOKafkaProducer

from schemas.headers import CORRELATION_ID, DLT_ORIGINAL_OFFSET, ERROR_CODE, REPLY_PARTITION, REPLY_TOPIC
from schemas.limits import MAX_REQUEST_BYTES
from schemas.topics import DEAD_LETTERS
from streams.delivery.dead_letters import group_of
from streams.delivery.exit_codes import EX_CRASHED, EX_WATCHDOG
from tests.support.clusters import Kafka
from tests.support.processes import Process, run_command
from tests.support.records import committed_offsets, make_topic, produce, read_topic, unique
from tests.support.waiting import eventually

pytestmark = pytest.mark.kafka

TIMEOUT_S = 60.0
DeadLetter: TypeAlias = tuple[bytes | None, bytes | None, dict[str, bytes]]
"""Key, value and headers."""

REQUEST_CONFIGS = {
    "message.timestamp.type": "LogAppendTime",
    "max.message.bytes": str(MAX_REQUEST_BYTES),
}


@dataclass(frozen=True)
class Delivery:
    """A request topic and a results topic of the test's own, and workers between them."""

    bootstrap_servers: str
    topic: str
    results: str
    folder: Path

    def worker(
        self, *options: str, module: str = "tests.support.delivery_worker"
    ) -> AbstractAsyncContextManager[Process]:
        command = [
            *(sys.executable, "-m", module, "--bootstrap-servers", self.bootstrap_servers),
            *("--topics", self.topic, "--results", self.results, "--data-dir", str(self.folder / "faust")),
        ]
        return run_command([*command, *options], self.folder)

    async def publish(self, values: Sequence[bytes | None], **options: object) -> None:
        await produce(self.bootstrap_servers, self.topic, values, **options)  # type: ignore[arg-type]

    async def result_values(self) -> list[bytes | None]:
        return [record.value for record in await read_topic(self.bootstrap_servers, self.results)]

    async def all_results(
        self, expected: Sequence[bytes], timeout_s: float = TIMEOUT_S
    ) -> list[bytes | None]:
        """The results, once every expected value is among them."""

        async def complete() -> list[bytes | None] | None:
            values = await self.result_values()
            missing = set(expected) - set(values)
            assert not missing, f"{len(missing)} missing, {sorted(missing)[:5]} among them"
            return values

        return await eventually(complete, timeout_s=timeout_s, what="all results", interval_s=0.3) or []

    async def dead_letters(self, count: int) -> list[DeadLetter]:
        """So many of this topic's dead letters, once they are there."""
        letters: list[DeadLetter] = []

        async def complete() -> bool:
            letters[:] = await self._dead_letters()
            assert len(letters) == count, f"{len(letters)} dead letters"
            return True

        await eventually(complete, timeout_s=TIMEOUT_S, what="the dead letters", interval_s=0.3)
        return letters

    async def _dead_letters(self) -> list[DeadLetter]:
        found = await read_topic(self.bootstrap_servers, DEAD_LETTERS)
        ours = [
            record for record in found if ("kafka_dlt-original-topic", self.topic.encode()) in record.headers
        ]
        return [(record.key, record.value, dict(record.headers)) for record in ours]

    async def committed(self) -> int:
        return sum(
            (await committed_offsets(self.bootstrap_servers, group_of(self.topic), self.topic)).values()
        )


@pytest.fixture
async def delivery(declared_topics: Kafka, tmp_path: Path) -> Delivery:
    return await new_delivery(declared_topics.bootstrap_servers, tmp_path, partitions=1)


async def new_delivery(bootstrap_servers: str, folder: Path, partitions: int) -> Delivery:
    topic = await make_topic(
        bootstrap_servers, unique("veriaidpo.requests.test"), partitions, REQUEST_CONFIGS
    )
    results = await make_topic(bootstrap_servers, unique("results"), 1)
    return Delivery(bootstrap_servers, topic, results, folder)


def numbered(start: int, stop: int) -> list[bytes]:
    return [b"%06d" % number for number in range(start, stop)]


async def test_every_record_ends_in_a_result_or_in_a_dead_letter(delivery: Delivery) -> None:
    good, bad = numbered(0, 200), [b"BAD1", b"", None]
    async with delivery.worker() as worker:
        await worker.wait_for_line("delivery ready")
        await delivery.publish([*good, *bad], keys=[b"k%d" % n for n in range(203)])
        results = await delivery.all_results(good)
        letters = await delivery.dead_letters(3)
        await eventually(lambda: _has_committed(delivery, 203), timeout_s=10, what="all is committed")
    assert Counter(results) == Counter(good)
    assert {value for _, value, _ in letters} == set(bad)
    assert all(headers[ERROR_CODE] == b"NOT_AVRO" for *_, headers in letters)


async def test_record_without_key_and_value_is_dead_lettered_as_it_is(delivery: Delivery) -> None:
    await delivery.publish([b"first"])
    async with delivery.worker() as worker:
        await worker.wait_for_line("delivery ready")
        producer = AIOKafkaProducer(bootstrap_servers=delivery.bootstrap_servers)
        await producer.start()
        batch = producer.create_batch()
        batch.append(timestamp=None, key=None, value=None, headers=[("h", b"1")])
        batch.close()
        await (await producer.send_batch(batch, delivery.topic, partition=0))
        await producer.stop()
        ((key, value, headers),) = await delivery.dead_letters(1)
    assert (key, value, headers["h"]) == (None, None, b"1")


async def test_record_of_the_largest_size_fits_into_the_dead_letters_with_its_headers(
    delivery: Delivery,
) -> None:
    headers = [(f"h{n}", b"x" * 1000) for n in range(32)]
    # The broker's limit is on the batch: its own header is 61 bytes, the record's framing some more.
    value = b"BAD" + b"x" * (MAX_REQUEST_BYTES - 32 * 1010 - 200)
    async with delivery.worker() as worker:
        await worker.wait_for_line("delivery ready")
        await delivery.publish([value], keys=[b"large"], headers=headers)
        ((key, kept, kept_headers),) = await delivery.dead_letters(1)
    assert (key, kept) == (b"large", value)
    assert [kept_headers[name] for name, _ in headers] == [content for _, content in headers]
    assert kept_headers[DLT_ORIGINAL_OFFSET] == (0).to_bytes(8, "big")


async def test_worker_killed_between_produce_and_acknowledge_gives_a_duplicate_and_no_loss(
    delivery: Delivery,
) -> None:
    values = [*numbered(0, 50), b"KILL", *numbered(50, 100)]
    await delivery.publish(values)
    async with delivery.worker() as worker:
        assert await worker.wait(TIMEOUT_S) == -9
    before = await delivery.result_values()
    assert b"KILL" in before
    async with delivery.worker(module="tests.support.delivery_worker") as worker:
        assert await worker.wait(TIMEOUT_S) == -9  # the same record again: it was never acknowledged
    after = Counter(await delivery.result_values())
    assert after[b"KILL"] == 2
    assert set(before) <= set(after)


async def test_unexpected_exception_ends_the_process_and_skips_nothing(delivery: Delivery) -> None:
    await delivery.publish([*numbered(0, 20), b"RAISE so-secret", *numbered(20, 40)])
    for _ in range(2):  # whoever starts it again meets the same record again
        async with delivery.worker() as worker:
            assert await worker.wait(TIMEOUT_S) == EX_CRASHED
            assert "unexpected LookupError" in worker.output
            assert "so-secret" not in worker.output  # an exception's text may quote a record
    assert await delivery.committed() <= 20


async def test_terminated_worker_finishes_its_batch_commits_and_exits_with_zero(delivery: Delivery) -> None:
    values = numbered(0, 30)
    async with delivery.worker("--batch-s", "2") as worker:
        await worker.wait_for_line("delivery ready")
        await delivery.publish(values)
        await asyncio.sleep(1)  # into the batch's two seconds
        worker.terminate()
        assert await worker.wait(20) == 0
    finished = await delivery.result_values()
    assert finished
    assert await delivery.committed() == len(finished)


async def test_two_workers_share_a_topic_while_they_come_and_go(
    declared_topics: Kafka, tmp_path: Path
) -> None:
    delivery = await new_delivery(declared_topics.bootstrap_servers, tmp_path, partitions=4)
    values = numbered(0, 3000)
    async with delivery.worker("--batch-s", "0.05") as first:
        await first.wait_for_line("delivery ready")
        await delivery.publish(values[:1000])
        async with delivery.worker("--batch-s", "0.05") as second:
            await second.wait_for_line("delivery ready")
            await delivery.publish(values[1000:2000])
            first.terminate()
            assert await first.wait(20) == 0
            await delivery.publish(values[2000:])
            await delivery.all_results(values)
            await eventually(lambda: _has_committed(delivery, 3000), timeout_s=10, what="all is committed")
            second.terminate()
            assert await second.wait(20) == 0


async def test_record_of_an_aborted_transaction_is_never_delivered(delivery: Delivery) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=delivery.bootstrap_servers, transactional_id=unique("transaction")
    )
    await producer.start()
    async with delivery.worker("--stall-timeout-s", "4") as worker:
        await worker.wait_for_line("delivery ready")
        for values, commits in (
            (numbered(0, 20), True),
            ([b"ABORTED"] * 20, False),
            (numbered(20, 40), True),
        ):
            await producer.begin_transaction()
            for value in values:
                await producer.send(delivery.topic, value)
            await (producer.commit_transaction() if commits else producer.abort_transaction())
        await producer.stop()
        results = await delivery.all_results(numbered(0, 40))
        await asyncio.sleep(6)  # longer than the watchdog waits: a marker is no lag
        assert worker.returncode is None
        await delivery.publish(numbered(40, 50))
        results = await delivery.all_results(numbered(0, 50))
    assert Counter(results) == Counter(numbered(0, 50))


async def test_undeliverable_reply_holds_nobody_up_and_ends_in_the_dead_letters(delivery: Delivery) -> None:
    bad_addresses = [
        ("veriaidpo.replies.nobody", 0),
        ("veriaidpo.replies.tests", -1),
        ("veriaidpo.replies.tests", 2**31 - 1),
    ]
    async with delivery.worker() as worker:
        await worker.wait_for_line("delivery ready")
        for number, (topic, partition) in enumerate(bad_addresses):
            await delivery.publish([b"lost-reply-%d" % number], headers=reply_to(topic, partition, b"c"))
        others = numbered(0, 100)
        correlation_id = unique("correlation").encode()
        await delivery.publish(others, headers=reply_to("veriaidpo.replies.tests", 0, correlation_id))
        await delivery.all_results([*others, *(b"lost-reply-%d" % number for number in range(3))])
        letters = await delivery.dead_letters(3)
        await eventually(lambda: _has_committed(delivery, 103), timeout_s=10, what="all is committed")
        replies = await read_topic(delivery.bootstrap_servers, "veriaidpo.replies.tests")
    assert {headers[ERROR_CODE] for *_, headers in letters} == {b"REPLY_UNDELIVERABLE"}
    ours = [record for record in replies if (CORRELATION_ID, correlation_id) in record.headers]
    assert [record.value for record in ours] == others


async def test_waiting_record_lets_others_pass_and_is_never_committed_past(delivery: Delivery) -> None:
    values = [*numbered(0, 10), b"WAIT", *numbered(10, 60)]
    async with delivery.worker() as worker:
        await worker.wait_for_line("delivery ready")
        await delivery.publish(values)
        await delivery.all_results(numbered(0, 60))
        await asyncio.sleep(1.5)  # three commit intervals
        worker.kill()
    assert await delivery.committed() == 10


async def test_stock_consumer_commits_past_a_waiting_record_and_loses_it(delivery: Delivery) -> None:
    """The same as above with Faust's own consumer: the check that ours passes can fail."""
    values = [*numbered(0, 10), b"WAIT", *numbered(10, 60)]
    async with delivery.worker(module="tests.support.stock_delivery") as worker:
        await worker.wait_for_line("delivery ready")
        await delivery.publish(values)
        await delivery.all_results(numbered(0, 60))
        await eventually(lambda: _has_committed(delivery, 11), timeout_s=10, what="a commit past it")
        worker.kill()


async def test_group_that_makes_no_progress_ends_its_process_with_the_watchdogs_code(
    delivery: Delivery,
) -> None:
    async with delivery.worker("--batch-s", "1000", "--stall-timeout-s", "3") as worker:
        await worker.wait_for_line("delivery ready")
        await delivery.publish(numbered(0, 5))
        assert await worker.wait(40) == EX_WATCHDOG
    assert await delivery.committed() == 0


def reply_to(topic: str, partition: int, correlation_id: bytes) -> list[tuple[str, bytes]]:
    return [
        (REPLY_TOPIC, topic.encode()),
        (REPLY_PARTITION, partition.to_bytes(4, "big", signed=True)),
        (CORRELATION_ID, correlation_id),
    ]


async def _has_committed(delivery: Delivery, at_least: int) -> bool:
    return await delivery.committed() >= at_least
