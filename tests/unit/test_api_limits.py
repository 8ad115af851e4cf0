"""429: what a tenant may ask in a minute."""

from __future__ import annotations

import httpx
import pytest

from api.limits import estimated_tokens
from api.settings import BridgeSettings
from connectors.buckets import ProcessBuckets
from tests.support.bridge_client import TEXT, bearer, bridge_client, caller_token
from tests.support.fake_gateway import FakeGateway

READER = bearer(caller_token(permissions=["analytics.read"]))


async def classify(
    client: httpx.AsyncClient, tenant_id: str = "tenant-1", text: str = TEXT
) -> httpx.Response:
    return await client.post(
        "/classify", json={"text": text}, headers=bearer(caller_token(tenant_id=tenant_id))
    )


async def test_a_tenant_that_has_used_its_requests_gets_429_and_another_does_not() -> None:
    gateway = FakeGateway()
    async with bridge_client(gateway, BridgeSettings(requests_per_minute=3)) as client:
        assert [(await classify(client)).status_code for _ in range(4)] == [200, 200, 200, 429]
        refused = await classify(client)
        assert (await classify(client, "tenant-2")).status_code == 200
    detail = refused.json()["detail"]
    assert (detail["code"], detail["limited_by"], detail["limit"]) == ("RATE_LIMITED", "requests", 3)
    assert int(refused.headers["retry-after"]) == detail["retry_after_s"] == 20
    assert "số yêu cầu" in detail["error_vi"]
    assert len(gateway.asked) == 4


async def test_tokens_are_limited_too() -> None:
    text = "Dữ liệu cá nhân. " * 20
    limit = estimated_tokens(text) * 2
    async with bridge_client(FakeGateway(), BridgeSettings(tokens_per_minute=limit)) as client:
        assert [(await classify(client, text=text)).status_code for _ in range(3)] == [200, 200, 429]
        detail = (await classify(client, text=text)).json()["detail"]
    assert (detail["limited_by"], detail["limit"]) == ("tokens", limit)


async def test_every_route_with_a_token_draws_on_the_same_requests() -> None:
    async with bridge_client(FakeGateway(), BridgeSettings(requests_per_minute=3)) as client:
        statuses = [
            (await classify(client)).status_code,
            (await client.post("/batch-classify", json={"texts": ["a"] * 9}, headers=bearer())).status_code,
            (await client.get("/model-status", headers=READER)).status_code,
            (await client.get("/model-status", headers=READER)).status_code,
            (await client.post("/classify-cross-border", json={"text": "a"}, headers=bearer())).status_code,
            (await client.post("/batch-classify", json={"texts": ["a"]}, headers=bearer())).status_code,
            (await client.get("/health")).status_code,
        ]
    assert statuses == [200, 200, 200, 429, 429, 429, 200]


async def test_a_batch_over_a_minutes_tokens_passes_once_and_what_follows_waits() -> None:
    async with bridge_client(FakeGateway(), BridgeSettings(tokens_per_minute=60)) as client:
        body = {"texts": [TEXT] * 10}
        assert (await client.post("/batch-classify", json=body, headers=bearer())).status_code == 200
        refused = await client.post("/batch-classify", json=body, headers=bearer())
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 10 * estimated_tokens(TEXT)


async def test_what_is_refused_for_its_shape_costs_nothing() -> None:
    async with bridge_client(FakeGateway(), BridgeSettings(requests_per_minute=1)) as client:
        for text in ("", " ", "ă" * 20_001):
            assert (await classify(client, text=text)).status_code in (400, 413, 422)
        assert (await classify(client)).status_code == 200


class AwayLimits(ProcessBuckets):
    """Shared limits whose Redis is away."""

    up = False
    failed_open = 7


async def test_limits_that_fail_open_degrade_health_and_no_more() -> None:
    async with bridge_client(FakeGateway(), shared_limits=AwayLimits()) as client:
        answer = await client.get("/health")
        ready = await client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["components"]["rate_limits"] == {
        "status": "degraded",
        "counted_in": "redis",
        "failed_open": 7,
    }
    assert ready.status_code == 200


@pytest.mark.parametrize(("text", "tokens"), [("", 2), ("a", 3), ("a" * 35, 12)])
def test_tokens_are_estimated_from_the_texts_length(text: str, tokens: int) -> None:
    assert estimated_tokens(text) == tokens
