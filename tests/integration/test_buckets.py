"""Token buckets: one suite for those in memory and those in a real Redis; and a Redis that goes away."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from connectors.buckets import Buckets, Charge, ProcessBuckets, Wait
from connectors.redis_buckets import RedisBuckets
from schemas.errors import ConfigurationError
from tests.support.redis_server import RedisServer, running_redis
from tests.support.waiting import eventually

pytestmark = pytest.mark.timed

PATIENCE_S = 0.2  # a Redis that is slow only because the machine is busy isn't away


@pytest.fixture(scope="module")
async def redis(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RedisServer]:
    async with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(params=["process", "redis"])
async def buckets(request: pytest.FixtureRequest, redis: RedisServer) -> AsyncIterator[Buckets]:
    if request.param == "process":
        yield ProcessBuckets()
        return
    async with RedisBuckets(redis.url, patience_s=PATIENCE_S) as shared:
        yield shared
        assert shared.failed_open == 0


@pytest.fixture
def key() -> str:
    return f"tenant-{uuid4()}"


async def test_a_minutes_worth_is_taken_at_once_and_the_next_waits(buckets: Buckets, key: str) -> None:
    charge = [Charge(per_minute=3, cost=1)]
    assert [await buckets.take(key, charge) for _ in range(3)] == [None] * 3
    wait = await buckets.take(key, charge)
    assert wait is not None
    assert wait.index == 0
    assert 19 < wait.seconds <= 20


async def test_a_bucket_refills_evenly(buckets: Buckets, key: str) -> None:
    charge = [Charge(per_minute=600, cost=600)]
    assert await buckets.take(key, charge) is None
    one = [Charge(per_minute=600, cost=1)]
    wait = await buckets.take(key, one)
    assert wait is not None
    assert wait.seconds <= 0.1

    async def taken() -> bool:
        return await buckets.take(key, one) is None

    await eventually(taken, timeout_s=2, interval_s=0.01, what="a tenth of a second is one request")


async def test_charges_are_taken_together_or_not_at_all(buckets: Buckets, key: str) -> None:
    assert await buckets.take(key, [Charge(10, 1), Charge(100, 80)]) is None
    for _ in range(20):
        wait = await buckets.take(key, [Charge(10, 1), Charge(100, 80)])
        assert wait is not None
        assert wait.index == 1
    assert [await buckets.take(key, [Charge(10, 1), Charge(100, 0)]) for _ in range(9)] == [None] * 9
    wait = await buckets.take(key, [Charge(10, 1), Charge(100, 0)])
    assert wait is not None
    assert wait.index == 0


async def test_a_charge_larger_than_the_bucket_passes_once_and_leaves_a_debt(
    buckets: Buckets, key: str
) -> None:
    assert await buckets.take(key, [Charge(per_minute=60, cost=120)]) is None
    wait = await buckets.take(key, [Charge(per_minute=60, cost=1)])
    assert wait is not None
    assert 59 < wait.seconds <= 61
    wait = await buckets.take(key, [Charge(per_minute=60, cost=120)])
    assert wait is not None
    assert 118 < wait.seconds <= 120


async def test_keys_dont_share(buckets: Buckets, key: str) -> None:
    charge = [Charge(per_minute=1, cost=1)]
    assert await buckets.take(key, charge) is None
    assert await buckets.take(key, charge) is not None
    assert await buckets.take(f"{key}-2", charge) is None


async def test_a_charge_of_nothing_passes_even_from_a_debt_of_another_bucket(
    buckets: Buckets, key: str
) -> None:
    assert await buckets.take(key, [Charge(10, 1), Charge(100, 100)]) is None
    assert await buckets.take(key, [Charge(10, 1), Charge(100, 0)]) is None


async def test_many_at_once_take_no_more_than_there_is(buckets: Buckets, key: str) -> None:
    charge = [Charge(per_minute=20, cost=1)]
    taken = await asyncio.gather(*(buckets.take(key, charge) for _ in range(30)))
    assert taken.count(None) == 20


async def test_idle_rows_of_memory_are_forgotten() -> None:
    now_s = 0.0
    buckets = ProcessBuckets(clock_s=lambda: now_s)
    for number in range(10_000):
        await buckets.take(f"tenant-{number}", [Charge(60, 1)])
    now_s = 2.0
    await buckets.take("one-more", [Charge(60, 60)])
    assert len(buckets._rows) == 1
    assert await buckets.take("one-more", [Charge(60, 1)]) == Wait(0, 1.0)


async def test_two_bridges_share_what_redis_holds(redis: RedisServer, key: str) -> None:
    async with (
        RedisBuckets(redis.url, patience_s=PATIENCE_S) as one,
        RedisBuckets(redis.url, patience_s=PATIENCE_S) as other,
    ):
        charge = [Charge(per_minute=4, cost=1)]
        taken = [await each.take(key, charge) for each in (one, other, one, other)]
        assert taken == [None] * 4
        assert await one.take(key, charge) is not None
        assert await other.take(key, charge) is not None


async def test_a_row_leaves_redis_when_it_is_full_again(redis: RedisServer, key: str) -> None:
    async with RedisBuckets(redis.url, patience_s=PATIENCE_S) as buckets, Redis.from_url(redis.url) as client:
        await buckets.take(key, [Charge(60, 30), Charge(100, 0)])
        assert 30_000 < await client.pttl(f"veriaidpo:limits:{key}") <= 31_000


async def took_s(work: Callable[[], Awaitable[object]]) -> float:
    started = time.perf_counter()
    await work()
    return time.perf_counter() - started


async def test_without_redis_every_charge_passes_at_once_and_is_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, key: str
) -> None:
    caplog.set_level(logging.INFO, logger="connectors.redis_buckets")
    charge = [Charge(per_minute=1, cost=1)]
    async with running_redis(tmp_path) as server, RedisBuckets(server.url, patience_s=PATIENCE_S) as buckets:
        assert await buckets.take(key, charge) is None
        assert await buckets.take(key, charge) is not None
        await server.kill()
        assert [await buckets.take(key, charge) for _ in range(50)] == [None] * 50
        assert (buckets.up, buckets.failed_open) == (False, 50)
        assert await took_s(lambda: buckets.take(key, charge)) < PATIENCE_S / 4
        await server.start()
        await eventually(lambda: buckets.up, what="redis is back")
        assert await buckets.take(key, charge) is None
        assert await buckets.take(key, charge) is not None
    said = [record.getMessage() for record in caplog.records if record.name == "connectors.redis_buckets"]
    assert sum("fail open" in line for line in said) == 1
    assert "charges it never saw: 51" in said[-1]


async def test_a_redis_that_hangs_costs_a_few_milliseconds_three_times_and_then_nothing(
    tmp_path: Path, key: str
) -> None:
    charge = [Charge(per_minute=1, cost=1)]
    async with running_redis(tmp_path) as server, RedisBuckets(server.url, patience_s=PATIENCE_S) as buckets:
        await buckets.take(key, charge)
        server.freeze()
        waited = [await took_s(lambda: buckets.take(key, charge)) for _ in range(3)]
        assert all(PATIENCE_S <= each < 2 * PATIENCE_S for each in waited)
        assert not buckets.up
        assert await took_s(lambda: buckets.take(key, charge)) < PATIENCE_S / 4
        assert buckets.failed_open == 4
        server.thaw()
        await eventually(lambda: buckets.up, what="redis is back")
        assert await buckets.take(key, charge) is not None


async def test_a_bridge_starts_without_its_redis(tmp_path: Path, key: str) -> None:
    async with running_redis(tmp_path) as server:
        await server.kill()
        async with RedisBuckets(server.url, patience_s=PATIENCE_S) as buckets:
            assert await buckets.take(key, [Charge(1, 1)]) is None
            assert (buckets.up, buckets.failed_open) == (False, 1)


async def test_a_password_in_the_address_is_never_said(caplog: pytest.LogCaptureFixture, key: str) -> None:
    with caplog.at_level(logging.DEBUG):
        async with RedisBuckets("redis://:geheim@127.0.0.1:1/0") as buckets:
            await buckets.take(key, [Charge(1, 1)])
        with pytest.raises(ConfigurationError) as caught:
            RedisBuckets("http://:geheim@127.0.0.1:1/0")
    assert "geheim" not in caplog.text + str(caught.value) + str(caught.value.__cause__)
