"""Bodies that aren't what the route takes, and answers that never repeat them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from api.json_body import DISCARD_BYTES
from api.settings import BridgeSettings
from tests.support.bridge_client import TEXT, bearer, bridge_client
from tests.support.fake_gateway import FakeGateway

LIMIT = 1_024


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with bridge_client(FakeGateway(), BridgeSettings(max_body_bytes=LIMIT)) as client:
        yield client


@pytest.mark.parametrize(
    ("body", "field", "problem"),
    [
        ({}, "text", "missing"),
        ({"text": ""}, "text", "string_too_short"),
        ({"text": None}, "text", "string_type"),
        ({"text": 7}, "text", "string_type"),
        ({"text": ["Bí mật"]}, "text", "string_type"),
        ({"text": "Bí mật", "model_type": None}, "model_type", "string_type"),
        ({"text": "Bí mật", "language": "Bí mật"}, "language", "literal_error"),
        ({"text": "Bí mật", "include_metadata": "Bí mật"}, "include_metadata", "bool_type"),
        (["Bí mật"], "body", "model_type"),
        ("Bí mật", "body", "model_type"),
    ],
)
async def test_another_shape_gives_422_that_names_the_field_in_both_languages(
    client: httpx.AsyncClient, body: object, field: str, problem: str
) -> None:
    answer = await client.post("/classify", json=body, headers=bearer())
    assert answer.status_code == 422
    detail = answer.json()["detail"]
    assert detail["code"] == "INVALID_REQUEST"
    assert [(one["field"], one["problem"]) for one in detail["fields"]] == [(field, problem)]
    assert detail["fields"][0]["error"] != detail["fields"][0]["error_vi"]
    assert "mật" not in answer.text


NOT_JSON = (b"", b"{", b'{"text": "B\xff"}', b'{"text": "\\ud800"}', b"null", b"[" * 900)


@pytest.mark.parametrize("content", NOT_JSON)
async def test_what_is_not_json_gives_422(client: httpx.AsyncClient, content: bytes) -> None:
    answer = await client.post("/classify", content=content, headers=bearer())
    assert (answer.status_code, answer.json()["detail"]["code"]) == (422, "INVALID_REQUEST")


async def test_a_field_that_is_unknown_is_left_alone(client: httpx.AsyncClient) -> None:
    answer = await client.post("/classify", json={"text": TEXT, "colour": "red"}, headers=bearer())
    assert answer.status_code == 200


async def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_sent(
    client: httpx.AsyncClient,
) -> None:
    async def never() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    headers = {**bearer(), "Content-Length": str(LIMIT + 1), "Expect": "100-continue"}
    answer = await client.post("/classify", content=never(), headers=headers)
    assert (answer.status_code, answer.json()["detail"]["code"]) == (413, "REQUEST_TOO_LARGE")
    assert answer.json()["detail"]["limit"] == LIMIT
    assert answer.headers["connection"] == "close"


async def test_a_body_without_an_end_is_read_for_a_while_and_refused(client: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 65_536
            yield b" " * 65_536

    answer = await client.post("/classify", content=endless(), headers=bearer())
    assert (answer.status_code, answer.json()["detail"]["code"]) == (413, "REQUEST_TOO_LARGE")
    assert sent <= DISCARD_BYTES + 4 * 65_536


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml"])
async def test_another_media_type_gives_415(client: httpx.AsyncClient, media_type: str) -> None:
    answer = await client.post("/classify", content=b"{}", headers={**bearer(), "Content-Type": media_type})
    assert (answer.status_code, answer.json()["detail"]["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_a_charset_is_no_other_media_type(client: httpx.AsyncClient) -> None:
    headers = {**bearer(), "Content-Type": "Application/JSON; charset=utf-8"}
    answer = await client.post("/classify", content=b'{"text": "a"}', headers=headers)
    assert answer.status_code == 200
