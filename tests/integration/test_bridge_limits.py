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


async def counted(client: httpx.AsyncClient) -> tuple[str, int]:
    """How the limits stand, and how many passed uncounted: one more wherever Redis took over 10 ms."""
    limits = (await client.get("/health")).json()["components"]["rate_limits"]
    assert limits["counted_in"] == "redis"
    return limits["status"], limits["failed_open"]


async def test_two_bridges_count_together_and_fail_open_without_redis(tmp_path: Path) -> None:
    async with running_redis(tmp_path / "redis") as redis:
        env = {"REDIS_URL": redis.url}
        async with (
            bridge(NO_KAFKA, tmp_path / "one", env=env, requests_per_minute="3") as (_, one),
            bridge(NO_KAFKA, tmp_path / "other", env=env, requests_per_minute="3") as (_, other),
        ):

            async def both_refuse() -> bool:
                return [await ask(one), await ask(other)] == [429, 429]

            first = [await ask(each) for each in (one, other, one, other, one, other)]
            uncounted = (await counted(one))[1] + (await counted(other))[1]
            assert 3 <= first.count(503) <= 3 + uncounted
            await eventually(both_refuse, what="both know that the minute is used")
            await redis.kill()
            _, before = await counted(one)
            assert [await ask(one) for _ in range(5)] == [503] * 5
            assert await counted(one) == ("degraded", before + 5)
            await redis.start()
            await eventually(both_refuse, what="limits hold again")
