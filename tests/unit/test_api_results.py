"""GET /results: what is asked of the search, what is told of a result, and what becomes of its failures."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime

import pytest

from api.settings import BridgeSettings
from connectors.database.found import Page, ResultQuery
from schemas.errors import DatabaseOutdated, DatabaseUnavailable
from tests.support.bridge_client import TENANT, bearer, bridge_client, caller_token
from tests.support.fake_gateway import FakeGateway
from tests.support.fake_results import CURSOR, FakeResults, stored

PATHS = ("/results", "/api/v1/veriaidpo/results")
READER = bearer(caller_token(role="dpo", permissions=["analytics.read"]))


@pytest.mark.parametrize("path", PATHS)
async def test_a_page_holds_the_tenants_results_with_both_names_of_the_label(path: str) -> None:
    search = FakeResults([stored("tenant-2"), stored(TENANT)], CURSOR)
    async with bridge_client(FakeGateway(), result_search=search) as client:
        answer = await client.get(path, headers=READER)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    (found,) = answer.json()["results"]
    assert (found["request_id"], found["companies"]) == (f"of-{TENANT}", 1)
    assert (found["prediction"], found["prediction_vi"]) == (
        "Consent",
        "Sự đồng ý của chủ thể dữ liệu cá nhân",
    )
    assert found["scores"][0] == {"category_id": 0, "label": "Consent", "score": 0.93}
    assert found["requested_at"] == "2026-09-21T14:13:20.000+00:00"
    assert answer.json()["next_cursor"] == CURSOR


async def test_a_text_that_is_not_kept_and_a_page_after_the_last_are_left_out() -> None:
    async with bridge_client(FakeGateway(), result_search=FakeResults([stored(TENANT, text=None)])) as client:
        body = (await client.get("/results", headers=READER)).json()
    assert body.keys() == {"results"}
    assert "normalized_text" not in body["results"][0]


async def test_parameters_are_passed_on_with_the_tokens_tenant_and_times_in_utc() -> None:
    search = FakeResults()
    asked = {
        "since": "2026-09-01T07:00:00+07:00",
        "until": "2026-09-02T00:00:00.5z",
        "model_type": "legal_basis",
        "label": "Consent",
        "request_id": "yêu-cầu 1",
        "limit": "100",
        "cursor": CURSOR,
    }
    async with bridge_client(FakeGateway(), result_search=search) as client:
        assert (await client.get("/results", params=asked, headers=READER)).status_code == 200
        assert (await client.get("/results", headers=READER)).status_code == 200
    assert search.asked == [
        (
            TENANT,
            ResultQuery(
                since=datetime(2026, 9, 1, tzinfo=UTC),
                until=datetime(2026, 9, 2, 0, 0, 0, 500_000, tzinfo=UTC),
                model_type="legal_basis",
                label="Consent",
                request_id="yêu-cầu 1",
                limit=100,
                cursor=CURSOR,
            ),
        ),
        (TENANT, ResultQuery()),
    ]


async def test_health_tells_of_the_database_and_its_status_does_not_depend_on_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    search = FakeResults()
    seen: list[tuple[int, str]] = []
    async with bridge_client(FakeGateway(), result_search=search) as client:

        async def look() -> None:
            answer = await client.get("/health")
            seen.append((answer.status_code, answer.json()["components"]["database"]["state"]))
            assert answer.json()["status"] == "healthy"

        await look()
        outdated = DatabaseOutdated(current="none", newest="0001")
        for failure in (outdated, DatabaseUnavailable(reason="x"), None):
            search.failure = failure
            with caplog.at_level(logging.WARNING):
                answer = await client.get("/results", headers=READER)
            assert answer.status_code == (503 if failure else 200)
            await look()
    assert seen == [(200, "unknown"), (200, "down"), (200, "down"), (200, "up")]
    assert "veriaidpo db upgrade" in caplog.text


async def test_without_a_database_health_says_so() -> None:
    async with bridge_client(FakeGateway()) as client:
        answer = await client.get("/health")
    assert (answer.json()["status"], answer.json()["components"]["database"]) == (
        "healthy",
        {"state": "not_configured"},
    )


async def test_a_search_that_takes_too_long_is_ended_and_504() -> None:
    ended = asyncio.Event()

    class Slow:
        async def search(self, tenant_id: str, query: ResultQuery) -> Page:
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
            raise AssertionError

    async with bridge_client(FakeGateway(), BridgeSettings(deadline_s=0.02), result_search=Slow()) as client:
        answer = await client.get("/results", headers=READER)
    assert (answer.status_code, answer.json()["detail"]["code"]) == (504, "DEADLINE_EXCEEDED")
    assert ended.is_set()
