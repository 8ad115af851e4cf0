"""GET /health: public, from memory, and 503 only where nothing can be answered."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from schemas.taxonomy import MODEL_TYPES
from tests.support.bridge_client import bridge_client
from tests.support.fake_gateway import FakeGateway

PATHS = ("/health", "/api/v1/veriaidpo/health")


@pytest.mark.parametrize("path", PATHS)
async def test_health_is_public_and_healthy_when_every_model_type_is_served(path: str) -> None:
    async with bridge_client(FakeGateway()) as client:
        answer = await client.get(path)
    assert answer.status_code == 200
    body = answer.json()
    assert body["status"] == "healthy"
    assert body["service"] == "veriaidpo"
    assert body["version"]
    assert datetime.fromisoformat(body["timestamp"]).utcoffset() == timedelta(0)
    assert body["components"]["kafka"] == {"status": "healthy", "state": "up"}
    assert body["components"]["workers"]["status"] == "healthy"
    assert body["components"]["workers"]["present"] == 1
    assert body["components"]["model_types"] == {
        "available": list(MODEL_TYPES),
        "implemented": list(MODEL_TYPES),
        "planned": [],
    }


async def test_some_model_types_unserved_is_degraded_and_still_200() -> None:
    gateway = FakeGateway()
    gateway.lose_workers("industry", "regional")
    async with bridge_client(gateway) as client:
        answer = await client.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert "industry" not in answer.json()["components"]["model_types"]["available"]


async def test_no_worker_at_all_is_unhealthy() -> None:
    gateway = FakeGateway(serves=())
    async with bridge_client(gateway) as client:
        answer = await client.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (503, "unhealthy")


async def test_kafka_away_is_unhealthy_and_says_why() -> None:
    gateway = FakeGateway()
    gateway.lose_kafka()
    async with bridge_client(gateway) as client:
        answer = await client.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (503, "unhealthy")
    assert answer.json()["components"]["kafka"] == {
        "status": "unhealthy",
        "state": "down",
        "reason": "out of order",
        "reason_vi": "đang hỏng",
    }
