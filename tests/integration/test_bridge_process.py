"""`veriaidpo bridge` as a process of its own: sockets, signals, and a broker that comes and goes."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from api.gateway import Gateway
from connectors.kafka.broker import Broker
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topic_admin import create_declared_topics
from connectors.kafka.topics import TopicSettings
from connectors.ports import free_port
from schemas.claims import Caller
from schemas.errors import NoWorker
from schemas.events import ClassificationRequest, ClassificationResult
from schemas.topics import request_topic
from tests.support.bridge_client import TEXT, bearer, caller_token
from tests.support.bridge_process import bridge
from tests.support.bridge_stage import BRIDGE_ISSUERS, kafka_stage
from tests.support.clusters import JARS_DIR
from tests.support.proxy_page import proxied_application
from tests.support.served_app import served
from tests.support.stand_in_worker import StandInWorker
from tests.support.waiting import eventually

pytestmark = pytest.mark.kafka

MODEL_TYPE = "cross_border"
BODY = {"text": TEXT, "model_type": MODEL_TYPE}
IDLE_RSS_LIMIT_MB = 150


@pytest.fixture(scope="module")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Broker]:
    """Of this file alone, so that no worker of another test is heard."""
    async with Broker(tmp_path_factory.mktemp("bridge-kafka"), jars_dir=JARS_DIR) as broker:
        await declare(broker)
        yield broker


async def declare(broker: Broker) -> None:
    settings = KafkaSettings(bootstrap_servers=broker.bootstrap_servers)
    await create_declared_topics(settings, TopicSettings(), ["bridge"])


@pytest.fixture
async def worker(broker: Broker) -> AsyncIterator[StandInWorker]:
    async with StandInWorker(broker.bootstrap_servers, BRIDGE_ISSUERS, [MODEL_TYPE]) as worker:
        yield worker
        await worker.leave()
        assert worker.responder.refused == []


async def ready(client: httpx.AsyncClient, timeout_s: float = 20) -> None:
    async def answers() -> bool:
        return (await client.get("/health")).status_code == 200

    await eventually(answers, timeout_s=timeout_s, what="the bridge is ready")


async def classify(client: httpx.AsyncClient) -> httpx.Response:
    return await client.post("/classify", json=BODY, headers=bearer())


async def test_an_answer_over_http_and_nothing_of_the_callers_token_on_kafka(
    broker: Broker, worker: StandInWorker, tmp_path: Path
) -> None:
    token = caller_token()
    async with bridge(broker.bootstrap_servers, tmp_path) as (process, client):
        await ready(client)
        answer = await client.post("/classify", json=BODY, headers=bearer(token))
        assert answer.status_code == 200
        request = next(
            each for each in worker.responder.answered if each.request_id == answer.headers["x-request-id"]
        )
        assert (request.text, request.tenant_id) == (TEXT, "tenant-1")
        process.terminate()
        assert await process.wait() == 0
    assert f"request id={request.request_id} method=POST route=/classify status=200" in process.output
    assert token not in process.output
    assert "Vietcombank" not in process.output
    written = await everything_on(broker, request_topic(MODEL_TYPE))
    assert TEXT.encode() in written
    assert token.encode() not in written


async def test_the_main_backends_proxy_passes_requests_on_to_it(
    broker: Broker, worker: StandInWorker, tmp_path: Path
) -> None:
    async with bridge(broker.bootstrap_servers, tmp_path) as (process, client):
        await ready(client)
        async with served(proxied_application(str(client.base_url))) as url:
            answer = await client.post(f"{url}/api/v1/veriaidpo/classify", json=BODY, headers=bearer())
            assert (answer.status_code, answer.json()["original_text"]) == (200, TEXT)
            asked = {request.request_id for request in worker.responder.answered}
            assert answer.headers["x-request-id"] in asked
            batch = {"texts": [f"Câu {number}." for number in range(100)], "model_type": MODEL_TYPE}
            answer = await client.post(f"{url}/api/v1/veriaidpo/batch-classify", json=batch, headers=bearer())
            assert (answer.status_code, answer.json()["succeeded"]) == (200, 100)
            process.kill()
            await process.wait()
            answer = await client.post(f"{url}/api/v1/veriaidpo/classify", json=BODY, headers=bearer())
            assert (answer.status_code, answer.json()["detail"]["code"]) == (503, "VERIAIDPO_UNREACHABLE")


async def everything_on(broker: Broker, topic: str) -> bytes:
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, number) for number in range(4)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        found = b""
        while any([await consumer.position(each) < ends[each] for each in partitions]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    found += (record.key or b"") + (record.value or b"")
                    found += b"".join(value for _, value in record.headers)
        return found
    finally:
        await consumer.stop()


async def test_a_caller_that_closes_its_socket_frees_its_slot(
    broker: Broker, worker: StandInWorker, tmp_path: Path
) -> None:
    async with bridge(broker.bootstrap_servers, tmp_path, max_in_flight="1") as (process, client):
        await ready(client)
        worker.hold()
        _, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
        body = json.dumps(BODY).encode()
        writer.write(
            b"POST /classify HTTP/1.1\r\nHost: bridge\r\nContent-Type: application/json\r\n"
            + f"Authorization: Bearer {caller_token()}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        await eventually(lambda: worker.holds == 1, what="the request waits at the worker")
        assert (await classify(client)).json()["detail"]["code"] == "OVERLOADED"
        writer.close()
        await writer.wait_closed()
        await process.wait_for_line("status=499", timeout_s=5)
        waiting = asyncio.create_task(classify(client))
        await eventually(lambda: worker.holds == 2, what="the next one waits")
        await worker.let_go()
        assert (await waiting).status_code == 200


async def test_sigterm_answers_who_waits_and_exits_0(
    broker: Broker, worker: StandInWorker, tmp_path: Path
) -> None:
    async with bridge(broker.bootstrap_servers, tmp_path) as (process, client):
        await ready(client)
        worker.hold()
        waiting = asyncio.create_task(classify(client))
        await eventually(lambda: worker.holds == 1, what="the request waits at the worker")
        process.terminate()
        await process.wait_for_line("Shutting down", timeout_s=5)
        await worker.let_go()
        assert (await waiting).status_code == 200
        assert await process.wait() == 0


async def test_a_caller_that_sends_too_much_reads_why_and_one_that_never_ends_is_cut_off(
    broker: Broker, tmp_path: Path
) -> None:
    async with bridge(broker.bootstrap_servers, tmp_path) as (process, client):
        answer = await client.post("/classify", content=b" " * 3_000_000, headers=bearer())
        assert (answer.status_code, answer.json()["detail"]["code"]) == (413, "REQUEST_TOO_LARGE")
        _, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
        writer.write(
            b"POST /classify HTTP/1.1\r\nHost: bridge\r\nContent-Type: application/json\r\n"
            + f"Authorization: Bearer {caller_token()}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(send_for_ever(writer), 20)
        writer.close()
        assert process.returncode is None


async def send_for_ever(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"4000\r\n" + b" " * 0x4000 + b"\r\n")
        await writer.drain()


async def test_a_bridge_may_start_before_its_broker_and_outlives_it(tmp_path: Path) -> None:
    port = free_port()
    async with bridge(f"127.0.0.1:{port}", tmp_path) as (process, client):
        health = await client.get("/health")
        assert health.status_code == 503
        assert health.json()["components"]["kafka"]["state"] == "connecting"
        refused = await classify(client)
        assert (refused.status_code, refused.json()["detail"]["code"]) == (503, "KAFKA_UNAVAILABLE")
        assert "retry-after" in refused.headers
        async with Broker(tmp_path / "kafka", port=port, jars_dir=JARS_DIR) as broker:
            await declare(broker)
            async with StandInWorker(broker.bootstrap_servers, BRIDGE_ISSUERS, [MODEL_TYPE]):
                await ready(client)
                assert (await classify(client)).status_code == 200
                await broker.kill()
                await eventually(lambda: kafka_is(client, "down"), timeout_s=5, what="the loss is known")
                refused = await classify(client)
                assert (refused.status_code, refused.json()["detail"]["code"]) == (503, "KAFKA_UNAVAILABLE")
                assert refused.elapsed.total_seconds() < 0.5
                await broker.start()
                await ready(client)
                assert (await classify(client)).status_code == 200
        assert process.returncode is None


async def kafka_is(client: httpx.AsyncClient, state: str) -> bool:
    return bool((await client.get("/health")).json()["components"]["kafka"]["state"] == state)


async def test_a_worker_that_is_there_but_not_ready_answers_who_waits_and_new_callers_come_back_later(
    broker: Broker,
) -> None:
    async with kafka_stage(broker, MODEL_TYPE) as stage:
        await stage.hold()
        waiting = asyncio.create_task(ask(stage.gateway))
        await eventually(lambda: stage.worker.holds == 1, what="a request waits")
        stage.worker.ready = False
        await eventually(lambda: not stage.gateway.status().ready_workers, what="nobody is ready")
        with pytest.raises(NoWorker):
            await ask(stage.gateway)
        assert stage.gateway.status().workers == 1
        await stage.let_go()
        assert (await waiting).model_type == MODEL_TYPE
        await stage.worker.leave()


async def ask(gateway: Gateway) -> ClassificationResult:
    request = ClassificationRequest(str(uuid4()), "tenant-1", MODEL_TYPE, "vi", TEXT)
    caller = Caller("user-1", "dpo", "tenant-1", ("processing_activity.read",))
    return await gateway.classify(request, caller, deadline_ms=int((time.time() + 20) * 1e3))


async def test_an_idle_bridge_stays_within_its_memory(
    broker: Broker, worker: StandInWorker, tmp_path: Path
) -> None:
    async with bridge(broker.bootstrap_servers, tmp_path) as (process, client):
        await ready(client)
        assert (await classify(client)).status_code == 200
        assert rss_mb(process.pid) < IDLE_RSS_LIMIT_MB


def rss_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return float(next(line for line in lines if line.startswith("VmRSS:")).split()[1]) / 1024
