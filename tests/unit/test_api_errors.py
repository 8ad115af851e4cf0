"""What all answers share, and what nobody foresaw."""

from __future__ import annotations

import logging

import httpx
import pytest

from schemas.events import ClassificationRequest, ClassificationResult
from tests.support.bridge_client import TEXT, bearer, bridge_client, caller_token
from tests.support.fake_gateway import FakeGateway


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "NOT_FOUND"),
        ("POST", "/classify/", 404, "NOT_FOUND"),
        ("GET", "/docs/assets/nothing.js", 404, "NOT_FOUND"),
        ("GET", "/classify", 405, "METHOD_NOT_ALLOWED"),
        ("DELETE", "/api/v1/veriaidpo/health", 405, "METHOD_NOT_ALLOWED"),
    ],
)
async def test_routing_errors_have_the_same_body(method: str, path: str, status: int, code: str) -> None:
    async with bridge_client(FakeGateway()) as client:
        answer = await client.request(method, path)
    assert answer.status_code == status
    detail = answer.json()["detail"]
    assert detail["code"] == code
    assert detail["error"]
    assert detail["error_vi"]
    assert detail["request_id"] == answer.headers["x-request-id"]
    assert ("allow" in answer.headers) == (status == 405)


@pytest.mark.parametrize(
    ("accepted", "first"),
    [
        ("vi", "error_vi"),
        ("vi-VN,vi;q=0.9,en-US;q=0.8,en;q=0.7", "error_vi"),
        ("fr, vi;q=0.2", "error_vi"),
        ("en;q=0.5, VI;q=0.6", "error_vi"),
        ("vi, en", "error_vi"),
        ("en, vi", "error"),
        ("en-GB, vi;q=0.9", "error"),
        ("vi;q=0", "error"),
        ("vietnamese", "error"),
        ("*", "error"),
        (";;q=,", "error"),
        (None, "error"),
    ],
)
async def test_the_language_that_a_caller_reads_comes_first(accepted: str | None, first: str) -> None:
    headers = {} if accepted is None else {"Accept-Language": accepted}
    async with bridge_client(FakeGateway()) as client:
        missing = await client.get("/nothing", headers=headers)
        malformed = await client.post("/classify", json={}, headers={**bearer(), **headers})
    for answer in (missing, malformed):
        assert next(name for name in answer.json()["detail"] if name.startswith("error")) == first
        assert answer.headers["content-language"] == ("vi, en" if first == "error_vi" else "en, vi")
        assert answer.headers["vary"] == "Accept-Language"
    problem = malformed.json()["detail"]["fields"][0]
    assert next(name for name in problem if name.startswith("error")) == first
    assert problem["error"] == "is missing"


def fail_with_the_text(request: ClassificationRequest) -> ClassificationResult:
    raise ValueError(request.text)


async def test_an_unforeseen_failure_gives_a_typed_500_and_its_message_is_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gateway = FakeGateway()
    gateway.answer = fail_with_the_text
    with caplog.at_level(logging.DEBUG):
        async with bridge_client(gateway) as client:
            answer = await client.post("/classify", json={"text": TEXT}, headers=bearer())
    assert (answer.status_code, answer.json()["detail"]["code"]) == (500, "INTERNAL")
    assert "fail_with_the_text" in caplog.text
    assert "Vietcombank" not in caplog.text + answer.text


async def test_a_requests_line_has_id_route_status_and_time_and_nothing_of_the_caller(
    caplog: pytest.LogCaptureFixture,
) -> None:
    token = caller_token()
    with caplog.at_level(logging.DEBUG):
        async with bridge_client(FakeGateway()) as client:
            answer = await client.post(f"/classify?t={token}", json={"text": TEXT}, headers=bearer(token))
            await client.get(f"/{token}")
    lines = [record.getMessage() for record in caplog.records if record.name == "api.request_log"]
    assert lines[0].startswith(
        f"request id={answer.headers['x-request-id']} method=POST route=/classify status=200 ms="
    )
    assert "route=unmatched status=404" in lines[1]
    ours = "".join(record.getMessage() for record in caplog.records if not record.name.startswith("httpx"))
    assert token not in ours
    assert "Vietcombank" not in ours


async def test_one_failure_does_not_take_a_slot_for_good() -> None:
    gateway = FakeGateway(max_in_flight=1)
    gateway.answer = fail_with_the_text
    async with bridge_client(gateway) as client:
        statuses = [(await _ask(client)).status_code for _ in range(3)]
    assert statuses == [500, 500, 500]
    assert gateway.in_flight == 0


async def _ask(client: httpx.AsyncClient) -> httpx.Response:
    return await client.post("/classify", json={"text": TEXT}, headers=bearer())
