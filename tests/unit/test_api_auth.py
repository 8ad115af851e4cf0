"""Who may call, and what the others are told."""

from __future__ import annotations

import logging
import time

import httpx
import jwt
import pytest
from pydantic import SecretStr

from api.tokens import CallerTokens
from schemas.errors import ConfigurationError
from tests.support.bridge_client import SECRET, TEXT, bearer, caller_token


async def ask(client: httpx.AsyncClient, headers: dict[str, str]) -> httpx.Response:
    return await client.post("/classify", json={"text": TEXT}, headers=headers)


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic dTpw"}, {"Authorization": "Bearer "}])
async def test_no_token_gives_401_with_a_bare_challenge(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await ask(client, headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="veriaidpo"'
    detail = answer.json()["detail"]
    assert detail["code"] == "UNAUTHENTICATED"
    assert detail["error"] != detail["error_vi"]
    assert detail["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    "token",
    [
        caller_token(age_s=700, lifetime_s=600),
        caller_token(secret="another-secret-that-is-also-long-enough"),
        "not.a.token",
        "x",
        jwt.encode({"sub": "u", "tenant_id": "t", "exp": time.time() + 60}, "", algorithm="none"),
        jwt.encode(
            {
                "sub": "u",
                "tenant_id": "t",
                "permissions": ["processing_activity.read"],
                "exp": time.time() + 60,
            },
            SECRET,
            algorithm="HS256",
            headers={"typ": "veriaidpo-event+jwt", "kid": "bridge"},
        ),
        jwt.encode({"sub": "u", "exp": time.time() + 60}, SECRET, algorithm="HS256"),
    ],
    ids=["expired", "forged", "garbage", "short", "alg none", "event token", "no tenant"],
)
async def test_a_bad_token_gives_401_and_is_not_repeated(client: httpx.AsyncClient, token: str) -> None:
    answer = await ask(client, bearer(token))
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert len(token) < 5 or token not in answer.text


async def test_a_missing_permission_gives_403_and_says_which(client: httpx.AsyncClient) -> None:
    token = caller_token(role="viewer", permissions=["analytics.read"])
    answer = await ask(client, bearer(token))
    assert answer.status_code == 403
    detail = answer.json()["detail"]
    assert detail["code"] == "PERMISSION_DENIED"
    assert detail["required_permission"] == "processing_activity.read"
    assert detail["user_role"] == "viewer"
    assert detail["user_permissions"] == ["analytics.read"]


async def test_the_permissions_decide_and_the_role_does_not(client: httpx.AsyncClient) -> None:
    answer = await ask(client, bearer(caller_token(role="viewer")))
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("header", "value"),
    [("X-Tenant-ID", "tenant-2"), ("X-Tenant-ID", "tenant-1, tenant-2"), ("X-User-Role", "admin")],
)
async def test_a_header_that_contradicts_the_token_gives_403_and_a_line_without_its_value(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, header: str, value: str
) -> None:
    with caplog.at_level(logging.WARNING):
        answer = await ask(client, {**bearer(), header: value})
    detail = answer.json()["detail"]
    assert (answer.status_code, detail["code"]) == (403, "HEADER_CONTRADICTS_TOKEN")
    assert detail["header"] == header
    assert f"{header} contradicts the token: request_id={detail['request_id']} tenant=tenant-1" in caplog.text
    assert value not in answer.text + caplog.text


async def test_a_second_header_that_contradicts_the_token_is_seen(client: httpx.AsyncClient) -> None:
    twice = [("X-Tenant-ID", "tenant-1"), ("X-Tenant-ID", "tenant-2"), *bearer().items()]
    answer = await client.post("/classify", json={"text": TEXT}, headers=twice)
    assert answer.status_code == 403


async def test_headers_that_say_what_the_token_says_are_welcome(client: httpx.AsyncClient) -> None:
    answer = await ask(client, {**bearer(), "X-Tenant-ID": "tenant-1", "X-User-Role": "dpo"})
    assert answer.status_code == 200


async def test_a_header_without_a_token_is_nobody(client: httpx.AsyncClient) -> None:
    assert (await ask(client, {"X-Tenant-ID": "tenant-1", "X-User-Role": "admin"})).status_code == 401


async def test_a_caller_is_known_before_a_body_is_looked_at(client: httpx.AsyncClient) -> None:
    answer = await client.post("/classify", content=b"{nonsense")
    assert answer.status_code == 401


def test_a_secret_that_can_be_guessed_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="JWT_SECRET_KEY"):
        CallerTokens(SecretStr("x" * 31))
