"""GET /model-status: what heartbeats and this bridge's own counts say of each model type."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from api.tallies import percentile
from schemas.taxonomy import MODEL_TYPES
from tests.support.bridge_client import TEXT, bearer, bridge_client, caller_token
from tests.support.fake_gateway import FAKE_VERSION, FakeGateway

PATHS = ("/model-status", "/api/v1/veriaidpo/model-status")
READER = bearer(caller_token(role="auditor", permissions=["analytics.read"]))


async def read(client: httpx.AsyncClient, path: str = PATHS[0]) -> dict[str, dict[str, Any]]:
    answer = await client.get(path, headers=READER)
    assert answer.status_code == 200
    return {one["model_type"]: one for one in answer.json()["model_types"]}


async def classify(client: httpx.AsyncClient, model_type: str) -> None:
    await client.post("/classify", json={"text": TEXT, "model_type": model_type}, headers=bearer())


@pytest.mark.parametrize("path", PATHS)
async def test_every_model_type_has_its_labels_in_both_languages_and_its_workers(path: str) -> None:
    gateway = FakeGateway()
    gateway.unload("regional")
    gateway.lose_workers("industry")
    async with bridge_client(gateway) as client:
        found = await read(client, path)
    assert list(found) == list(MODEL_TYPES)
    for name, kind in MODEL_TYPES.items():
        assert (found[name]["title"], found[name]["title_vi"]) == (kind.title, kind.title_vi)
        assert found[name]["labels"] == [
            {"category_id": label.category_id, "label": label.name, "label_vi": label.name_vi}
            for label in kind.labels
        ]
    assert found["principles"]["loaded"] is True
    assert found["principles"]["versions"] == [FAKE_VERSION]
    assert found["principles"]["workers"] == [
        {"worker_id": "worker-1", "ready": True, "model_id": "fake", "version": FAKE_VERSION}
    ]
    assert (found["regional"]["loaded"], found["regional"]["versions"]) == (False, [])
    assert (found["industry"]["loaded"], found["industry"]["workers"]) == (False, [])


async def test_answers_and_failures_are_counted_by_model_type() -> None:
    gateway = FakeGateway()
    async with bridge_client(gateway) as client:
        for _ in range(3):
            await classify(client, "principles")
        await client.post("/batch-classify", json={"texts": ["a", " "]}, headers=bearer())
        gateway.lose_workers("industry")
        await classify(client, "industry")
        found = await read(client)
    assert (found["principles"]["answered"], found["principles"]["failed"]) == (4, 0)
    assert found["principles"]["latency_ms"]["samples"] == 4
    assert 0 < found["principles"]["latency_ms"]["p50"] <= found["principles"]["latency_ms"]["p99"]
    assert found["principles"]["infer_ms"] == {"samples": 4, "p50": 3.0, "p99": 3.0}
    assert (found["industry"]["answered"], found["industry"]["failed_by_code"]) == (0, {"NO_WORKER": 1})
    assert "latency_ms" not in found["industry"]
    assert (found["regional"]["answered"], found["regional"]["failed"]) == (0, 0)


async def test_without_kafka_it_answers_that_nobody_is_known() -> None:
    gateway = FakeGateway()
    gateway.lose_kafka()
    async with bridge_client(gateway) as client:
        answer = await client.get("/model-status", headers=READER)
    assert (answer.status_code, answer.json()["kafka"]) == (200, "down")
    assert not any(one["workers"] for one in answer.json()["model_types"])


@pytest.mark.parametrize("count", [1, 2, 3, 99, 100, 101, 1000])
def test_a_percentile_is_the_smallest_value_that_covers_its_share(count: int) -> None:
    values = [float(number) for number in range(count, 0, -1)]
    for share in (0.5, 0.99, 1.0):
        found = percentile(values, share)
        assert sum(value <= found for value in values) >= share * count
        assert sum(value < found for value in values) < share * count
