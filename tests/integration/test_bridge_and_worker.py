"""The bridge and the real worker: its death is known within 10 s, its return within 5 s."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import pytest

from connectors.installation import development_installation
from connectors.kafka.broker import Broker
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topic_admin import create_declared_topics
from connectors.kafka.topics import TopicSettings
from connectors.ports import free_port
from tests.support.bridge_client import TEXT, bearer, caller_token
from tests.support.clusters import JARS_DIR
from tests.support.processes import Process, run_veriaidpo
from tests.support.waiting import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.timed]

MODEL_TYPE = "breach_triage"


@pytest.fixture(scope="module")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Broker]:
    async with Broker(tmp_path_factory.mktemp("bridge-worker-kafka"), jars_dir=JARS_DIR) as broker:
        settings = KafkaSettings(bootstrap_servers=broker.bootstrap_servers)
        await create_declared_topics(settings, TopicSettings(), ["bridge"])
        yield broker


def environment(broker: Broker) -> dict[str, str]:
    return {"VERIAIDPO_MODE": "development", "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers}


def a_worker(broker: Broker, folder: Path) -> AbstractAsyncContextManager[Process]:
    arguments = ["worker", "--models", MODEL_TYPE, "--engine", "constant"]
    return run_veriaidpo(arguments, folder, env=environment(broker))


@pytest.fixture
async def client(broker: Broker, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    port = free_port()
    async with run_veriaidpo(["bridge", "--port", str(port)], tmp_path, env=environment(broker)) as process:
        await process.wait_for_line("kafka is up")
        token = caller_token(secret=development_installation(tmp_path / ".veriaidpo").jwt_secret)
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers=bearer(token), timeout=40
        ) as client:
            yield client


async def classify(client: httpx.AsyncClient) -> httpx.Response:
    return await client.post("/classify", json={"text": TEXT, "model_type": MODEL_TYPE})


async def becomes(client: httpx.AsyncClient, status: int, timeout_s: float) -> None:
    async def is_so() -> bool:
        answer = await classify(client)
        assert answer.status_code in (200, 503)
        return answer.status_code == status

    await eventually(is_so, timeout_s=timeout_s, what=f"/classify answers {status}")


async def test_kill_minus_9_of_the_only_worker_gives_503_within_10_s_and_its_return_200_within_5_s(
    broker: Broker, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    async with a_worker(broker, tmp_path) as worker:
        await worker.wait_for_line("worker ready")
        await becomes(client, 200, timeout_s=5)
        worker.kill()
        killed_s = time.monotonic()
        refused = await classify(client)  # it waits for the worker's answer until the bridge knows better
        assert (refused.status_code, refused.json()["detail"]["code"]) == (503, "NO_WORKER")
        assert "retry-after" in refused.headers
        assert time.monotonic() - killed_s < 10
    started_s = time.monotonic()
    at_once = await classify(client)
    assert at_once.status_code == 503
    assert time.monotonic() - started_s < 1
    async with a_worker(broker, tmp_path) as worker:
        await worker.wait_for_line("worker ready")
        await becomes(client, 200, timeout_s=5)


async def test_when_one_of_two_workers_is_killed_the_other_answers_who_waits(
    broker: Broker, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    async with a_worker(broker, tmp_path) as worker, a_worker(broker, tmp_path) as other:
        await worker.wait_for_line("worker ready")
        await other.wait_for_line("worker ready")
        await becomes(client, 200, timeout_s=5)
        worker.kill()
        answers = await asyncio.gather(*(classify(client) for _ in range(16)))
    # Half of them lay on the dead one's partitions until the group gave it up (6 s): none was refused.
    assert [answer.status_code for answer in answers] == [200] * 16


async def test_a_worker_that_says_goodbye_is_gone_at_once(
    broker: Broker, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    async with a_worker(broker, tmp_path) as worker:
        await worker.wait_for_line("worker ready")
        await becomes(client, 200, timeout_s=5)
        worker.terminate()
        assert await worker.wait() == 0
        assert (await classify(client)).json()["detail"]["code"] == "NO_WORKER"
