"""Two bridges share a tenant's limits through a real Redis, and go on without it."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.support.bridge_client import TEXT, bearer
from tests.support.bridge_process import bridge
from tests.support.redis_server import running_redis
from tests.support.waiting import eventually

pytestmark = pytest.mark.timed  # a Redis that is slow only because the machine is busy counts as away

NO_KAFKA = "127.0.0.1:1"  # limits come before Kafka: who passes them gets 503 here, who doesn't 429


async def ask(client: httpx.AsyncClient) -> int:
    return (await client.post("/classify", json={"text": TEXT}, headers=bearer())).status_code


async def counted(client: httpx.AsyncClient) -> object:
    return (await client.get("/health")).json()["components"]["rate_limits"]


async def test_two_bridges_count_together_and_fail_open_without_redis(tmp_path: Path) -> None:
    async with running_redis(tmp_path / "redis") as redis:
        env = {"REDIS_URL": redis.url}
        async with (
            bridge(NO_KAFKA, tmp_path / "one", env=env, requests_per_minute="3") as (_, one),
            bridge(NO_KAFKA, tmp_path / "other", env=env, requests_per_minute="3") as (_, other),
        ):
            asked = [await ask(each) for each in (one, other, one, other, one)]
            assert asked == [503, 503, 503, 429, 429]
            assert await counted(one) == {"status": "healthy", "counted_in": "redis", "failed_open": 0}
            await redis.kill()
            assert [await ask(one) for _ in range(5)] == [503] * 5
            assert await counted(one) == {"status": "degraded", "counted_in": "redis", "failed_open": 5}
            await redis.start()

            async def counts_again() -> bool:
                return await ask(one) == 429

            await eventually(counts_again, what="limits hold again")
