"""docs/proxy.md's own code, in front of the bridge: what callers see of it is what they see of the bridge."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from api.app import PREFIX, create_app
from api.settings import BridgeSettings
from api.tokens import CallerTokens
from cli.roles import ROLES
from tests.support.bridge_client import SECRET, TEXT, bearer, caller_token
from tests.support.fake_gateway import FakeGateway
from tests.support.proxy_page import proxied_application, proxy_module
from tests.support.served_app import served

CLASSIFY = PREFIX + "/classify"
# Written for each answer by the server that sends it.
OWN_HEADERS = {"date", "content-length", "x-request-id", "server", "server-timing"}


@pytest.fixture(scope="module")
def gateway() -> FakeGateway:
    return FakeGateway(max_in_flight=64)


@pytest.fixture(scope="module")
async def bridge_url(gateway: FakeGateway) -> AsyncIterator[str]:
    settings = BridgeSettings(deadline_s=2)
    async with served(create_app(gateway, CallerTokens(SecretStr(SECRET)), settings)) as url:
        yield url


@pytest.fixture(scope="module")
async def direct(bridge_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=bridge_url) as client:
        yield client


@pytest.fixture(scope="module")
async def proxied(bridge_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        served(proxied_application(bridge_url)) as url,
        httpx.AsyncClient(base_url=url) as client,
    ):
        yield client


def admin(**more: str) -> dict[str, str]:
    return {**bearer(caller_token(role="admin", permissions=ROLES["admin"])), **more}


def without_ids(answer: httpx.Response) -> object:
    """The body less what differs between two answers to one request."""
    body = answer.json()
    results = body.get("results", [])
    for part in (body, body.get("detail", {}), *results, *(one.get("error", {}) for one in results)):
        for name in ("request_id", "timestamp", "processing_time_ms", "processing_metadata", "model_types"):
            part.pop(name, None)
    return body


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status"),
    [
        ("POST", "/classify", admin(), {"text": TEXT}, 200),
        ("POST", "/classify-cross-border", admin(), {"text": TEXT}, 200),
        ("POST", "/batch-classify", admin(), {"texts": [TEXT, " "]}, 200),
        ("GET", "/model-status", admin(), None, 200),
        ("GET", "/livez", {}, None, 200),
        ("GET", "/livez?a=b%20c&a=d", {}, None, 200),
        ("POST", "/classify", {}, {"text": TEXT}, 401),
        ("POST", "/classify", {"Accept-Language": "vi"}, {"text": TEXT}, 401),
        ("POST", "/classify", bearer("x.y.z"), {"text": TEXT}, 401),
        ("POST", "/classify", bearer(caller_token(permissions=[])), {"text": TEXT}, 403),
        ("POST", "/classify", admin(**{"X-Tenant-ID": "tenant-2"}), {"text": TEXT}, 403),
        ("GET", "/nothing", {}, None, 404),
        ("GET", "/%2e%2e/%2e%2e/docs", {}, None, 404),
        ("GET", "/classify", {}, None, 405),
        ("POST", "/classify", admin(), {"text": "a" * 20_001}, 413),
        ("POST", "/classify", admin(), {"text": "a" * 300_000}, 413),
        ("POST", "/classify", admin(**{"Content-Type": "text/plain"}), {"text": TEXT}, 415),
        ("POST", "/classify", admin(), {}, 422),
    ],
)
async def test_the_proxy_changes_nothing_of_an_answer(
    direct: httpx.AsyncClient,
    proxied: httpx.AsyncClient,
    method: str,
    path: str,
    headers: dict[str, str],
    body: object,
    status: int,
) -> None:
    content = None if body is None else json.dumps(body).encode()
    answers = [
        await client.request(method, PREFIX + path, headers=headers, content=content)
        for client in (direct, proxied)
    ]
    assert [answer.status_code for answer in answers] == [status, status]
    assert without_ids(answers[0]) == without_ids(answers[1])
    passed = [
        {name: value for name, value in answer.headers.items() if name not in {*OWN_HEADERS, "connection"}}
        for answer in answers
    ]
    assert passed[0] == passed[1]
    assert len(answers[1].headers.get_list("x-request-id")) == 1
    assert answers[1].headers.get_list("content-length") == [str(len(answers[1].content))]


async def test_a_trace_and_the_callers_token_arrive(proxied: httpx.AsyncClient, gateway: FakeGateway) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    answer = await proxied.post(CLASSIFY, json={"text": TEXT}, headers=admin(traceparent=trace))
    request, caller = gateway.asked[-1]
    assert request.request_id == answer.headers["x-request-id"]
    assert (caller.tenant_id, caller.role) == ("tenant-1", "admin")
    assert gateway.traceparents[-1] == trace


async def test_what_the_bridge_says_when_it_cannot_answer_is_passed_on(
    proxied: httpx.AsyncClient, gateway: FakeGateway
) -> None:
    gateway.hold()
    late = await proxied.post(CLASSIFY, json={"text": TEXT}, headers=admin())
    gateway.let_go()
    assert (late.status_code, late.json()["detail"]["code"]) == (504, "DEADLINE_EXCEEDED")
    gateway.lose_kafka()
    away = await proxied.post(CLASSIFY, json={"text": TEXT}, headers=admin())
    gateway.return_kafka()
    assert (away.status_code, away.json()["detail"]["code"]) == (503, "KAFKA_UNAVAILABLE")
    assert away.headers["retry-after"] == "5"


async def test_many_callers_at_once_each_get_their_own_answer(
    proxied: httpx.AsyncClient,
) -> None:
    async def one(number: int) -> bool:
        answer = await proxied.post(CLASSIFY, json={"text": f"Câu {number}."}, headers=admin())
        return bool(answer.json()["original_text"] == f"Câu {number}.")

    assert all(await asyncio.gather(*(one(number) for number in range(40))))


async def test_a_bridge_that_is_not_there_is_503_with_retry_after() -> None:
    async with (
        served(proxied_application("http://127.0.0.1:1")) as url,
        httpx.AsyncClient(base_url=url) as client,
    ):
        answer = await client.post(CLASSIFY, json={"text": TEXT})
    assert (answer.status_code, answer.json()["detail"]["code"]) == (503, "VERIAIDPO_UNREACHABLE")
    assert answer.headers["retry-after"] == "5"
    assert answer.json()["detail"]["error"] != answer.json()["detail"]["error_vi"]


async def test_a_bridge_that_falls_silent_is_504_and_one_that_hangs_up_503() -> None:
    module = proxy_module()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        proxy = module.VeriAIDPOProxy(url, httpx.Timeout(0.2))
        app = FastAPI()
        app.include_router(proxy.router)
        async with served(app) as proxy_url, httpx.AsyncClient(base_url=proxy_url) as client:
            answer = await client.post(CLASSIFY, json={"text": TEXT})
            assert (answer.status_code, answer.json()["detail"]["code"]) == (504, "VERIAIDPO_TIMEOUT")

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as rude:
        proxy = module.VeriAIDPOProxy(f"http://127.0.0.1:{rude.sockets[0].getsockname()[1]}")
        app = FastAPI()
        app.include_router(proxy.router)
        async with served(app) as proxy_url, httpx.AsyncClient(base_url=proxy_url) as client:
            answer = await client.post(CLASSIFY, json={"text": TEXT})
            assert (answer.status_code, answer.json()["detail"]["code"]) == (503, "VERIAIDPO_UNREACHABLE")
        await proxy.aclose()


async def test_without_the_variable_the_backend_answers_as_before() -> None:
    async with (
        served(proxied_application(None)) as url,
        httpx.AsyncClient(base_url=url) as client,
    ):
        assert (await client.post(CLASSIFY, json={"text": TEXT})).json() == "monolith"
