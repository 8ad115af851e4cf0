"""GET /results over the databases themselves: only the token's tenant, page by page, and while it is away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from connectors.database.engine import Role
from connectors.database.reader import ResultReader
from connectors.ports import free_port
from tests.support.bridge_client import bearer, bridge_client, caller_token
from tests.support.bridge_process import bridge
from tests.support.databases import REQUESTED_AT_MS, database, migrated, result, store
from tests.support.fake_gateway import FakeGateway

IDLE_RSS_LIMIT_MB = 150


def reader_of(tenant_id: str) -> dict[str, str]:
    return bearer(caller_token(tenant_id=tenant_id, permissions=["analytics.read"]))


@asynccontextmanager
async def bridge_on(url: str, *, production: bool = False) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        ResultReader(database(url, Role.READER), production=production) as search,
        bridge_client(FakeGateway(), result_search=search) as client,
    ):
        yield client


async def found(client: httpx.AsyncClient, tenant_id: str, **query: str) -> list[str]:
    """Request ids over all pages."""
    ids: list[str] = []
    while True:
        answer = await client.get("/results", params=query, headers=reader_of(tenant_id))
        assert answer.status_code == 200, answer.text
        ids += [one["request_id"] for one in answer.json()["results"]]
        if "next_cursor" not in answer.json():
            return ids
        query["cursor"] = answer.json()["next_cursor"]


async def test_a_tenant_never_sees_anothers_whatever_it_asks_for(database_url: str) -> None:
    await store(database_url, [result(number, tenant_id="a") for number in (1, 2)])
    await store(database_url, [result(number, tenant_id="b", text="của B") for number in (2, 3, 4)])
    async with bridge_on(database_url) as client:
        assert sorted(await found(client, "a")) == ["r-1", "r-2"]
        assert await found(client, "a", request_id="r-3") == []
        assert await found(client, "a", request_id="r-2") == ["r-2"]
        first = await client.get("/results", params={"limit": 1}, headers=reader_of("b"))
        # A cursor is a place, and gives nobody another tenant's rows.
        stolen = {"cursor": first.json()["next_cursor"]}
        answers = [
            await client.get("/results", params=query, headers=reader_of("a"))
            for query in (None, stolen, {"since": "2026-01-01T00:00:00Z"}, {"label": "Purpose limitation"})
        ]
        assert all("của B" not in answer.text for answer in answers)
        assert await found(client, "c") == []


async def test_pages_hold_every_result_once_newest_first(database_url: str) -> None:
    await store(
        database_url,
        [result(number, tenant_id="a", requested_at_ms=REQUESTED_AT_MS + number) for number in range(7)],
    )
    async with bridge_on(database_url) as client:
        assert await found(client, "a", limit="3") == [f"r-{number}" for number in range(6, -1, -1)]


async def test_tables_that_are_not_there_are_503_until_they_are(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'late.db'}"
    async with bridge_on(url) as client:
        before = await client.get("/results", headers=reader_of("a"))
        await migrated(url, tmp_path)
        assert await found(client, "a") == []
    assert (before.status_code, before.headers["retry-after"]) == (503, "5")
    assert before.json()["detail"]["code"] == "DATABASE_UNAVAILABLE"


async def test_a_database_that_is_away_is_503_and_names_no_address() -> None:
    port = free_port()
    async with bridge_on(f"postgresql://reader:a-password@127.0.0.1:{port}/main") as client:
        answer = await client.get("/results", headers=reader_of("a"))
        health = await client.get("/health")
    assert (answer.status_code, answer.json()["detail"]["code"]) == (503, "DATABASE_UNAVAILABLE")
    assert str(port) not in answer.text
    assert (health.status_code, health.json()["components"]["database"]) == (200, {"state": "down"})


async def test_production_answers_nothing_through_a_login_that_row_security_does_not_bind(
    postgres_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    await store(postgres_database, [result(1, tenant_id="a")])
    async with bridge_on(postgres_database, production=True) as client:  # the tests' superuser
        answer = await client.get("/results", headers=reader_of("a"))
    assert answer.status_code == 503
    assert "superuser" in caplog.text


async def test_the_command_looks_where_database_url_says_and_stays_within_its_memory(
    database_url: str, tmp_path: Path
) -> None:
    await store(database_url, [result(1, tenant_id="a"), result(2, tenant_id="b")])
    environment = {"DATABASE_URL": database_url, "VERIAIDPO_MODE": "development"}
    nowhere = f"127.0.0.1:{free_port()}"  # results are found while Kafka is away
    async with bridge(nowhere, tmp_path, env=environment) as (process, client):
        assert await found(client, "a") == ["r-1"]
        assert rss_mb(process.pid) < IDLE_RSS_LIMIT_MB


async def test_the_command_starts_while_its_database_is_away(tmp_path: Path) -> None:
    environment = {"DATABASE_URL": f"postgresql://reader@127.0.0.1:{free_port()}/main"}
    async with bridge(f"127.0.0.1:{free_port()}", tmp_path, env=environment) as (_, client):
        assert (await client.get("/livez")).status_code == 200
        assert (await client.get("/results", headers=reader_of("a"))).status_code == 503


def rss_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return float(next(line for line in lines if line.startswith("VmRSS:")).split()[1]) / 1024
