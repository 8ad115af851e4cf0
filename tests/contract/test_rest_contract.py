"""The legacy REST surface as its callers may rely on it: every route, by every role, with every error.

The application with a fake in place of Kafka; tests/integration/test_bridge_* run the same over real parts.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest

from api.app import PREFIX
from api.batch_bodies import MAX_BATCH_BYTES
from api.settings import BridgeSettings
from cli.roles import ROLES
from schemas.errors import ClaimsForbidden, DatabaseUnavailable, ModelUnavailable
from schemas.events import ClassificationRequest, ClassificationResult
from schemas.permissions import CLASSIFY, READ_ANALYTICS
from schemas.taxonomy import MODEL_TYPES
from tests.support.bridge_client import TEXT, bearer, bridge_client, caller_token
from tests.support.fake_gateway import FakeGateway
from tests.support.fake_results import FakeResults

SENTENCE: dict[str, object] = {"text": TEXT}
BATCH: dict[str, object] = {"texts": [TEXT, TEXT]}


@dataclass(frozen=True)
class Route:
    """One route under its bare name, who may call it, and a body that works."""

    method: str
    path: str
    permission: str | None
    body: dict[str, object] | None = None
    max_bytes: int = 262_144

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


SINGLE = [
    Route("POST", "/classify", CLASSIFY, SENTENCE),
    Route("POST", "/classify-legal-basis", CLASSIFY, SENTENCE),
    Route("POST", "/classify-breach-severity", CLASSIFY, SENTENCE),
    Route("POST", "/classify-cross-border", CLASSIFY, SENTENCE),
]
POSTED = [*SINGLE, Route("POST", "/batch-classify", CLASSIFY, BATCH, max_bytes=MAX_BATCH_BYTES)]
RESULTS = Route("GET", "/results", READ_ANALYTICS)
MODEL_STATUS = Route("GET", "/model-status", READ_ANALYTICS)
PROTECTED = [*POSTED, RESULTS, MODEL_STATUS]
PUBLIC = [Route("GET", path, None) for path in ("/health", "/livez", "/readyz")]
ROUTES = [*PROTECTED, *PUBLIC]
PREFIXES = ["", PREFIX]
# The platform's own table: staff reads no analytics, a viewer classifies nothing.
MAY_CLASSIFY = {"admin", "dpo", "compliance_manager", "staff", "auditor"}
MAY_READ = {"admin", "dpo", "compliance_manager", "auditor", "viewer"}

everywhere = pytest.mark.parametrize("prefix", PREFIXES, ids=["bare", "legacy"])
protected = pytest.mark.parametrize("route", PROTECTED, ids=str)
posted = pytest.mark.parametrize("route", POSTED, ids=str)
single = pytest.mark.parametrize("route", SINGLE, ids=str)


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """Of a bridge whose workers and Kafka are well; a test that wants them otherwise has its own."""
    async with bridge_client(FakeGateway(), result_search=FakeResults()) as client:
        yield client


async def ask(
    client: httpx.AsyncClient,
    route: Route,
    prefix: str = "",
    *,
    role: str = "admin",
    headers: dict[str, str] | None = None,
    content: bytes | None = None,
) -> httpx.Response:
    """`route` as `role` would call it, unless `headers` or `content` say otherwise."""
    sent = bearer(caller_token(role=role, permissions=ROLES[role])) if headers is None else headers
    if content is None and route.body is not None:
        content = json.dumps(route.body).encode()
    return await client.request(route.method, prefix + route.path, headers=sent, content=content)


def as_admin(**headers: str) -> dict[str, str]:
    token = caller_token(role="admin", permissions=ROLES["admin"])
    return {**bearer(token), **{name.replace("_", "-"): value for name, value in headers.items()}}


def check_error(answer: httpx.Response, status: int, code: str) -> dict[str, object]:
    """Its detail, after what holds for all errors has been found to hold."""
    assert answer.status_code == status, answer.text
    assert answer.json().keys() == {"detail"}
    detail: dict[str, object] = answer.json()["detail"]
    assert detail["code"] == code
    assert detail["error"]
    assert detail["error_vi"]
    assert detail["error"] != detail["error_vi"]
    assert detail["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["content-language"] == "en, vi"
    assert ("retry-after" in answer.headers) == ("retry_after_s" in detail) == (status in (429, 503))
    if status in (429, 503):
        assert answer.headers["retry-after"] == str(detail["retry_after_s"])
    assert "Vietcombank" not in answer.text
    return detail


@everywhere
@protected
@pytest.mark.parametrize("role", ROLES)
async def test_a_role_is_answered_or_told_which_permission_it_lacks(
    client: httpx.AsyncClient, role: str, route: Route, prefix: str
) -> None:
    answer = await ask(client, route, prefix, role=role)
    if role in (MAY_CLASSIFY if route.permission == CLASSIFY else MAY_READ):
        assert answer.status_code == 200
        return
    detail = check_error(answer, 403, "PERMISSION_DENIED")
    assert detail["required_permission"] == route.permission
    assert detail["user_role"] == role
    assert detail["user_permissions"] == sorted(ROLES[role])


def test_the_roles_are_the_platforms() -> None:
    assert set(ROLES) == MAY_CLASSIFY | MAY_READ
    assert "staff" not in MAY_READ
    assert "viewer" not in MAY_CLASSIFY


@everywhere
@pytest.mark.parametrize("route", PUBLIC, ids=str)
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nonsense"}], ids=["no token", "bad token"])
async def test_a_public_route_asks_for_no_token(
    client: httpx.AsyncClient, route: Route, headers: dict[str, str], prefix: str
) -> None:
    assert (await ask(client, route, prefix, headers=headers)).status_code == 200


@everywhere
@protected
async def test_no_token_is_401_and_a_bad_one_too(
    client: httpx.AsyncClient, route: Route, prefix: str
) -> None:
    missing = await ask(client, route, prefix, headers={})
    check_error(missing, 401, "UNAUTHENTICATED")
    assert missing.headers["www-authenticate"] == 'Bearer realm="veriaidpo"'
    for token in (
        caller_token(age_s=700),
        caller_token(secret="another-secret-that-is-also-long-enough"),
        "x.y.z",
    ):
        bad = await ask(client, route, prefix, headers=bearer(token))
        check_error(bad, 401, "UNAUTHENTICATED")
        assert 'error="invalid_token"' in bad.headers["www-authenticate"]


@everywhere
@protected
@pytest.mark.parametrize(("header", "value"), [("X-Tenant-ID", "tenant-2"), ("X-User-Role", "viewer")])
async def test_a_header_that_contradicts_the_token_is_403_and_logged(
    client: httpx.AsyncClient,
    caplog: pytest.LogCaptureFixture,
    route: Route,
    header: str,
    value: str,
    prefix: str,
) -> None:
    with caplog.at_level(logging.WARNING):
        answer = await ask(client, route, prefix, headers={**as_admin(), header: value})
    detail = check_error(answer, 403, "HEADER_CONTRADICTS_TOKEN")
    assert detail["header"] == header
    assert f"{header} contradicts the token" in caplog.text
    agreeing = {"X-Tenant-ID": "tenant-1", "X-User-Role": "admin"}
    assert (await ask(client, route, prefix, headers={**as_admin(), **agreeing})).status_code == 200


@everywhere
@pytest.mark.parametrize("route", ROUTES, ids=str)
async def test_another_path_is_404_and_another_method_405(
    client: httpx.AsyncClient, route: Route, prefix: str
) -> None:
    check_error(await client.get(f"{prefix}{route.path}/"), 404, "NOT_FOUND")
    check_error(await client.get(f"{prefix}{route.path}x"), 404, "NOT_FOUND")
    for method in ("PUT", "DELETE", "PATCH", "GET" if route.method == "POST" else "POST"):
        answer = await client.request(method, prefix + route.path)
        check_error(answer, 405, "METHOD_NOT_ALLOWED")
        assert answer.headers["allow"] == route.method


@everywhere
@posted
async def test_a_body_over_the_limit_is_413(client: httpx.AsyncClient, route: Route, prefix: str) -> None:
    content = json.dumps(route.body).ljust(route.max_bytes + 1).encode()
    detail = check_error(await ask(client, route, prefix, content=content), 413, "REQUEST_TOO_LARGE")
    assert detail["limit"] == route.max_bytes
    assert (await ask(client, route, prefix, content=content[:-1])).status_code == 200


@everywhere
@posted
async def test_another_media_type_is_415(client: httpx.AsyncClient, route: Route, prefix: str) -> None:
    for media_type in ("text/plain", "application/xml", "multipart/form-data; boundary=x"):
        headers = as_admin(Content_Type=media_type)
        check_error(await ask(client, route, prefix, headers=headers), 415, "UNSUPPORTED_MEDIA_TYPE")


@everywhere
@posted
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"7", b"{}", b'{"texts": 7, "text": 7}'])
async def test_another_shape_is_422_and_names_the_field(
    client: httpx.AsyncClient, route: Route, content: bytes, prefix: str
) -> None:
    detail = check_error(await ask(client, route, prefix, content=content), 422, "INVALID_REQUEST")
    fields = detail["fields"]
    assert isinstance(fields, list)
    for problem in fields:
        assert problem.keys() == {"field", "problem", "error", "error_vi"}
        assert problem["error"] != problem["error_vi"]


@everywhere
@single
async def test_a_text_that_cannot_be_classified_is_400_or_413(
    client: httpx.AsyncClient, route: Route, prefix: str
) -> None:
    blank = await ask(client, route, prefix, content=b'{"text": " \\n"}')
    check_error(blank, 400, "EMPTY_TEXT")
    long = await ask(client, route, prefix, content=json.dumps({"text": "a" * 20_001}).encode())
    assert check_error(long, 413, "TEXT_TOO_LONG")["limit"] == 20_000


@everywhere
@pytest.mark.parametrize("route", [SINGLE[0], POSTED[-1]], ids=str)
async def test_an_unknown_model_type_is_400_with_the_list(
    client: httpx.AsyncClient, route: Route, prefix: str
) -> None:
    content = json.dumps({**(route.body or {}), "model_type": "horoscope"}).encode()
    detail = check_error(await ask(client, route, prefix, content=content), 400, "UNKNOWN_MODEL_TYPE")
    assert detail["available_model_types"] == list(MODEL_TYPES)


@everywhere
@protected
async def test_a_tenant_over_its_limit_is_429(route: Route, prefix: str) -> None:
    settings = BridgeSettings(requests_per_minute=1)
    async with bridge_client(FakeGateway(), settings, result_search=FakeResults()) as client:
        assert (await ask(client, route, prefix)).status_code == 200
        detail = check_error(await ask(client, route, prefix), 429, "RATE_LIMITED")
    assert (detail["limited_by"], detail["limit"]) == ("requests", 1)


@asynccontextmanager
async def failing_with(error: Exception) -> AsyncIterator[httpx.AsyncClient]:
    def answer(_: ClassificationRequest) -> ClassificationResult:
        raise error

    gateway = FakeGateway()
    gateway.answer = answer
    async with bridge_client(gateway) as client:
        yield client


@everywhere
@single
async def test_what_cannot_be_answered_just_now_is_503_with_its_reason(route: Route, prefix: str) -> None:
    away = FakeGateway()
    away.lose_kafka()
    for gateway, code in (
        (away, "KAFKA_UNAVAILABLE"),
        (FakeGateway(serves=()), "NO_WORKER"),
        (FakeGateway(max_in_flight=0), "OVERLOADED"),
    ):
        async with bridge_client(gateway) as client:
            check_error(await ask(client, route, prefix), 503, code)
    unavailable = ModelUnavailable(model_type="principles", reason="loading", reason_vi="đang tải")
    async with failing_with(unavailable) as client:
        check_error(await ask(client, route, prefix), 503, "MODEL_UNAVAILABLE")


@everywhere
@pytest.mark.parametrize("away", [True, False], ids=["away", "not configured"])
async def test_results_are_503_without_their_database_and_other_routes_are_not(
    prefix: str, away: bool
) -> None:
    search = FakeResults() if away else None
    if search is not None:
        search.failure = DatabaseUnavailable(reason="57P01 of db.internal")
    async with bridge_client(FakeGateway(), result_search=search) as client:
        detail = check_error(await ask(client, RESULTS, prefix), 503, "DATABASE_UNAVAILABLE")
        others = [await ask(client, route, prefix) for route in ROUTES if route is not RESULTS]
    assert "db.internal" not in str(detail)
    assert {one.status_code for one in others} == {200}


@everywhere
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("since=yesterday", "since"),
        ("until=2026-09-01T00:00:00", "until"),
        ("since=2026-02-30T00:00:00Z", "since"),
        ("since=0001-01-01T00:00:00%2B14:00", "since"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=many", "limit"),
        ("limit=", "limit"),
        ("label=", "label"),
        ("request_id=nul%00", "request_id"),
        ("cursor=Vietcombank", "cursor"),
        ("modeltype=principles", "modeltype"),
        ("tenant_id=tenant-2", "tenant_id"),
    ],
)
async def test_results_name_the_parameter_that_is_wrong(
    client: httpx.AsyncClient, query: str, field: str, prefix: str
) -> None:
    answer = await client.get(f"{prefix}/results?{query}", headers=as_admin())
    fields = check_error(answer, 422, "INVALID_REQUEST")["fields"]
    assert isinstance(fields, list)
    (problem,) = fields
    assert problem["field"] == field
    assert problem["error"] != problem["error_vi"]


@everywhere
async def test_results_of_an_unknown_model_type_are_400_with_the_list(
    client: httpx.AsyncClient, prefix: str
) -> None:
    answer = await client.get(f"{prefix}/results?model_type=horoscope", headers=as_admin())
    detail = check_error(answer, 400, "UNKNOWN_MODEL_TYPE")
    assert detail["available_model_types"] == list(MODEL_TYPES)


@everywhere
@single
async def test_no_answer_in_time_is_504(route: Route, prefix: str) -> None:
    gateway = FakeGateway()
    gateway.hold()
    async with bridge_client(gateway, BridgeSettings(deadline_s=0.02)) as client:
        check_error(await ask(client, route, prefix), 504, "DEADLINE_EXCEEDED")


@everywhere
@single
@pytest.mark.parametrize(
    "error", [ValueError(TEXT), ClaimsForbidden(reason="tenant")], ids=["ours", "a worker's"]
)
async def test_a_fault_of_ours_is_500_and_says_nothing_of_the_text(
    caplog: pytest.LogCaptureFixture, route: Route, error: Exception, prefix: str
) -> None:
    async with failing_with(error) as client:
        check_error(await ask(client, route, prefix), 500, "INTERNAL")
    assert "Vietcombank" not in caplog.text


@everywhere
@pytest.mark.parametrize(
    ("gateway", "code"),
    [
        (FakeGateway(serves=()), "NO_WORKER"),
        (FakeGateway(max_in_flight=0), "OVERLOADED"),
    ],
    ids=["no worker", "full"],
)
async def test_a_batch_is_200_whatever_becomes_of_its_items(
    gateway: FakeGateway, code: str, prefix: str
) -> None:
    async with bridge_client(gateway, BridgeSettings(deadline_s=0.1)) as client:
        answer = await ask(client, POSTED[-1], prefix)
    assert (answer.status_code, answer.json()["failed"]) == (200, 2)
    errors = [one["error"]["code"] for one in answer.json()["results"]]
    assert errors == [code, code]


@everywhere
async def test_health_is_503_and_livez_200_when_nothing_can_be_answered(prefix: str) -> None:
    gateway = FakeGateway()
    gateway.lose_kafka()
    async with bridge_client(gateway) as client:
        statuses = {route.path: (await ask(client, route, prefix)).status_code for route in PUBLIC}
        status = await ask(client, MODEL_STATUS, prefix)
    assert statuses == {"/health": 503, "/livez": 200, "/readyz": 503}
    assert (status.status_code, status.json()["kafka"]) == (200, "down")


@everywhere
@protected
async def test_who_reads_vietnamese_gets_it_first(
    client: httpx.AsyncClient, route: Route, prefix: str
) -> None:
    answer = await ask(client, route, prefix, headers={"Accept-Language": "vi-VN, en;q=0.5"})
    assert answer.status_code == 401
    assert list(answer.json()["detail"])[:3] == ["code", "error_vi", "error"]
    assert answer.headers["content-language"] == "vi, en"


async def test_the_suite_knows_every_route_of_the_document(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    found = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert found == {(route.method, prefix + route.path) for route in ROUTES for prefix in PREFIXES}
