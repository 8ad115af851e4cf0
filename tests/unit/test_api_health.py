"""GET /health: public, from memory, and 503 only where nothing can be answered."""

from __future__ import annotations

import statistics
import time
from datetime import datetime, timedelta

import pytest

from connectors.companies import CompanyRegistry
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
    assert body["components"].keys() == {
        "company_registry",
        "text_normalizer",
        "model_loader",
        "model_types",
        "kafka",
        "workers",
        "rate_limits",
        "database",
    }
    registry = body["components"]["company_registry"]
    assert (registry["status"], registry["total_companies"]) == ("healthy", len(CompanyRegistry.load_seed()))
    assert datetime.fromisoformat(registry["last_modified"]).utcoffset() == timedelta(0)
    assert body["components"]["text_normalizer"] == {"status": "healthy"}
    assert body["components"]["model_loader"] == {"status": "healthy", "loaded": list(MODEL_TYPES)}
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


@pytest.mark.timed
@pytest.mark.parametrize("path", PATHS)
async def test_health_answers_in_under_5_ms_with_everything_down(path: str) -> None:
    gateway = FakeGateway(serves=())
    gateway.lose_kafka()
    took_ms = []
    async with bridge_client(gateway) as client:
        for _ in range(41):
            started = time.perf_counter()
            assert (await client.get(path)).status_code == 503
            took_ms.append((time.perf_counter() - started) * 1e3)
    assert statistics.median(took_ms) < 5


async def test_a_model_that_no_worker_has_loaded_yet_is_not_among_the_loaded() -> None:
    gateway = FakeGateway()
    gateway.unload("industry")
    async with bridge_client(gateway) as client:
        components = (await client.get("/health")).json()["components"]
    assert components["model_loader"]["status"] == "degraded"
    assert "industry" not in components["model_loader"]["loaded"]
    assert "industry" in components["model_types"]["available"]


@pytest.mark.parametrize("prefix", ["", "/api/v1/veriaidpo"])
async def test_a_bridge_is_live_whatever_is_down_and_ready_when_kafka_is_up(prefix: str) -> None:
    gateway = FakeGateway(serves=())
    async with bridge_client(gateway) as client:
        ready = await client.get(f"{prefix}/readyz")
        gateway.lose_kafka()
        live, not_ready = await client.get(f"{prefix}/livez"), await client.get(f"{prefix}/readyz")
    assert (ready.status_code, ready.json()) == (200, {"status": "ready"})
    assert (live.status_code, live.json()) == (200, {"status": "alive"})
    assert not_ready.status_code == 503
    assert not_ready.json() == {"status": "not_ready", "reason": "out of order", "reason_vi": "đang hỏng"}
