"""`veriaidpo worker --metrics-port` on a real broker: what a scrape says after records, and after a death."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from schemas.claims import SigningKey
from schemas.reply import ReplyAddress
from tests.support.clusters import Kafka
from tests.support.processes import Process, children_of, run_veriaidpo
from tests.support.scrapes import Scrape
from tests.support.signed_records import SignedRecord, signed_record, signing_key
from tests.support.waiting import eventually

pytestmark = pytest.mark.kafka

TIMEOUT_S = 60.0
SERVED = "dpo_tasks"
DPO_TASKS = {"model_type": SERVED}


@dataclass(frozen=True)
class Measured:
    """A worker that serves dpo_tasks and its metrics."""

    process: Process
    url: str
    key: SigningKey
    kafka: Kafka

    async def scrape(self) -> Scrape:
        return await Scrape.of(self.url)

    async def publish(self, *records: SignedRecord) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self.kafka.bootstrap_servers, acks="all")
        await producer.start()
        try:
            for record in records:
                await producer.send_and_wait(
                    record.topic, record.value, record.key, headers=list(record.headers)
                )
        finally:
            await producer.stop()

    def record(self, *, reply: ReplyAddress | None = None) -> SignedRecord:
        return signed_record(self.key, model_type=SERVED, reply=reply)


def start(kafka: Kafka, folder: Path, *options: str, **settings: str) -> AbstractAsyncContextManager[Process]:
    env = {"KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers, "VERIAIDPO_MODE": "development"}
    command = ["worker", "--models", SERVED, "--engine", "constant"]
    return run_veriaidpo([*command, *options], folder, env={**env, **settings})


@pytest.fixture(scope="module")
async def measured(
    declared_topics: Kafka, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Measured]:
    folder = tmp_path_factory.mktemp("measured")
    key = signing_key(folder / ".veriaidpo")
    async with start(declared_topics, folder, "--metrics-port", "0") as process:
        line = await process.wait_for_line("metrics at http")
        await process.wait_for_line("worker ready")
        running = Measured(process, line.partition("metrics at ")[2].strip(), key, declared_topics)

        async def caught_up() -> bool:
            scrape = await running.scrape()
            return scrape.has("veriaidpo_lag_records", **DPO_TASKS) and not scrape.value(
                "veriaidpo_lag_records", **DPO_TASKS
            )

        await eventually(caught_up, timeout_s=TIMEOUT_S, what="no lag")
        yield running
        process.terminate()
        assert await process.wait(30) == 0, process.output


async def test_scrape_counts_what_became_of_records(measured: Measured) -> None:
    before = await measured.scrape()
    answered = [measured.record() for _ in range(4)]
    at_reply = measured.record(reply=ReplyAddress("veriaidpo.replies.worker-tests", 0, b"c"))
    nowhere = measured.record(reply=ReplyAddress("veriaidpo.replies.nobody", 0, b"c"))
    bad = [replace(measured.record(), value=b"no avro") for _ in range(2)]
    await measured.publish(*answered, at_reply, nowhere, *bad)

    async def ended() -> Scrape:
        scrape = await measured.scrape()
        name = "veriaidpo_record_seconds_count"
        seen = scrape.value(name, **DPO_TASKS) - (
            before.value(name, **DPO_TASKS) if before.has(name, **DPO_TASKS) else 0
        )
        assert seen == 8, f"{seen} of 8 records ended"
        return scrape

    after = await eventually(ended, timeout_s=TIMEOUT_S, what="all records' ends")

    def grown(name: str, **labels: str) -> float:
        earlier = before.value(name, **labels) if before.has(name, **labels) else 0.0
        return after.value(name, **labels) - earlier

    assert grown("veriaidpo_records_total", **DPO_TASKS, outcome="answered") == 6
    assert grown("veriaidpo_records_total", **DPO_TASKS, outcome="dead_lettered") == 2
    assert grown("veriaidpo_dead_letters_total", **DPO_TASKS, code="NOT_AVRO") == 2
    assert grown("veriaidpo_dead_letters_total", **DPO_TASKS, code="REPLY_UNDELIVERABLE") == 1
    assert grown("veriaidpo_reply_failures_total", **DPO_TASKS) == 1
    assert grown("veriaidpo_batch_size_sum") == 6
    assert 1 <= grown("veriaidpo_batch_size_count") <= 6
    assert grown("veriaidpo_inference_seconds_count", **DPO_TASKS) == grown("veriaidpo_batch_size_count")
    assert after.value("veriaidpo_queue_records", **DPO_TASKS, lane="live") == 0
    assert after.value("veriaidpo_unconfirmed_batches") == 0
    assert after.value("veriaidpo_resident_bytes", process="worker") > 20_000_000
    assert after.value("veriaidpo_resident_bytes", process="child") > 5_000_000
    for record in (*answered, at_reply, nowhere):
        assert (record.key or b"").decode() not in after.text
    assert "t1" not in after.text


async def test_childs_death_shows_in_the_next_scrape(measured: Measured) -> None:
    (child,) = children_of(measured.process.pid)
    os.kill(child, signal.SIGKILL)

    async def back() -> bool:
        scrape = await measured.scrape()
        return scrape.value("veriaidpo_child_restarts_total") == 1 == scrape.value("veriaidpo_child_up")

    await eventually(back, timeout_s=TIMEOUT_S, what="another child")
    assert (await measured.scrape()).value("veriaidpo_child_deaths_total") == 1


async def test_worker_whose_metrics_port_is_taken_ends_and_says_what_to_do(
    measured: Measured, declared_topics: Kafka, tmp_path: Path
) -> None:
    signing_key(tmp_path / ".veriaidpo")
    taken = int(re.findall(r":(\d+)/", measured.url)[0])
    settings = {"VERIAIDPO_WORKER__METRICS_PORT": str(taken)}
    async with start(declared_topics, tmp_path, **settings) as process:
        assert await process.wait(TIMEOUT_S) == 2
        assert f"port {taken} on 127.0.0.1 is taken; choose another" in process.output
        assert f"cổng {taken}" in process.output
        assert "Traceback" not in process.output
