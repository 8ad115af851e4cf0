"""Key sets behind addresses: fetched off the loop, kept, and never a reason to call a record bad."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connectors.issuers import IssuerSource
from connectors.key_sets import fetch_key_set
from schemas.errors import ConfigurationError, KeysUnavailable, UnknownKey
from tests.support.http_server import Answer, HttpServer, http_server, trickling_server
from tests.support.waiting import eventually


class _Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def _set(*kids: str) -> dict[str, Any]:
    return {
        "keys": [
            {
                **jwt.algorithms.OKPAlgorithm.to_jwk(Ed25519PrivateKey.generate().public_key(), as_dict=True),
                "kid": kid,
            }
            for kid in kids
        ]
    }


def _serve(*answers: Answer) -> Callable[[str, str, bytes], Answer]:
    """Those answers in turn, the last for ever."""
    left = list(answers)
    return lambda _method, _path, _body: left.pop(0) if len(left) > 1 else left[0]


def _list(folder: Path, server: HttpServer | str) -> Path:
    url = server if isinstance(server, str) else server.url + "/jwks"
    path = folder / "issuers.json"
    path.write_text(
        json.dumps(
            {"issuers": [{"name": "crm", "jwks": {"url": url, "algorithm": "EdDSA"}, "tenants": ["*"]}]}
        )
    )
    return path


async def test_a_key_set_is_there_once_the_source_has_started(tmp_path: Path) -> None:
    with http_server(_serve((200, _set("k-1")))) as server:
        async with IssuerSource(_list(tmp_path, server)) as source:
            assert source.current().key("crm", "k-1", 0).kid == "k-1"
            with pytest.raises(UnknownKey):
                source.current().key("crm", "k-2", 0)


async def test_a_rotated_key_is_fetched_when_a_record_names_it(tmp_path: Path) -> None:
    clock = _Clock()
    with http_server(_serve((200, _set("k-1")), (200, _set("k-1", "k-2")))) as server:
        async with IssuerSource(_list(tmp_path, server), clock=clock) as source:
            clock.now += 11
            issuers = await source.refresh_for_unknown("crm", "k-2")

            assert issuers.key("crm", "k-2", 0).kid == "k-2"
            assert source.current() is issuers


async def test_made_up_key_ids_do_not_turn_into_requests(tmp_path: Path) -> None:
    clock = _Clock()
    with http_server(_serve((200, _set("k-1")))) as server:
        async with IssuerSource(_list(tmp_path, server), clock=clock) as source:
            clock.now += 11
            for number in range(50):
                issuers = await source.refresh_for_unknown("crm", f"made-up-{number}")
                with pytest.raises(UnknownKey):
                    issuers.key("crm", f"made-up-{number}", 0)
            assert len(server.requests) == 2


async def test_a_key_set_that_was_never_read_is_retriable_not_a_bad_record(tmp_path: Path) -> None:
    clock = _Clock()
    with http_server(_serve((503, {}), (503, {}), (200, _set("k-1")))) as server:
        async with IssuerSource(_list(tmp_path, server), clock=clock) as source:
            with pytest.raises(KeysUnavailable) as caught:
                await source.refresh_for_unknown("crm", "k-1")
            assert caught.value.retriable
            assert caught.value.retry_after_s == 10
            assert len(server.requests) == 1
            clock.now += 11
            with pytest.raises(KeysUnavailable, match="503"):
                await source.refresh_for_unknown("crm", "k-1")
            clock.now += 11
            assert (await source.refresh_for_unknown("crm", "k-1")).key("crm", "k-1", 0)


async def test_keys_once_read_stay_in_use_while_their_address_is_away(tmp_path: Path) -> None:
    clock = _Clock()
    with http_server(_serve((200, _set("k-1")), (500, {}))) as server:
        async with IssuerSource(_list(tmp_path, server), clock=clock, refresh_s=0.01) as source:
            await eventually(lambda: len(server.requests) > 2, what="refreshed")
            assert source.current().key("crm", "k-1", 0)


@pytest.mark.parametrize(
    "answer",
    [
        (200, b"<html>"),
        (200, {"keys": []}),
        (302, b"http://127.0.0.1:1/"),
        (404, {}),
        (200, b"x" * 2_000_000),
    ],
)
async def test_an_address_that_answers_something_else_is_unavailable(tmp_path: Path, answer: Answer) -> None:
    with http_server(_serve(answer)) as server:
        async with IssuerSource(_list(tmp_path, server)) as source:
            with pytest.raises(KeysUnavailable):
                await source.refresh_for_unknown("crm", "k-1")


async def test_an_address_where_nobody_answers_is_unavailable(tmp_path: Path) -> None:
    async with IssuerSource(_list(tmp_path, "http://127.0.0.1:9/jwks")) as source:
        with pytest.raises(KeysUnavailable, match="reached"):
            await source.refresh_for_unknown("crm", "k-1")


async def test_an_address_that_never_finishes_does_not_hold_the_loop_or_the_start(tmp_path: Path) -> None:
    release = threading.Event()

    def hang(_method: str, _path: str, _body: bytes) -> Answer:
        release.wait(20)
        return 503, {}

    with http_server(hang) as server:
        began = time.monotonic()
        async with IssuerSource(_list(tmp_path, server), fetch_timeout_s=0.2):
            assert time.monotonic() - began < 5
        release.set()


async def test_an_address_that_trickles_its_answer_is_given_up_as_a_whole() -> None:
    with trickling_server(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n") as server:
        began = time.monotonic()
        with pytest.raises(KeysUnavailable, match="reached"):
            await asyncio.to_thread(fetch_key_set, server.url, algorithm="EdDSA", issuer="crm", timeout_s=0.3)
        assert time.monotonic() - began < 2


async def test_an_address_that_never_ends_its_headers_holds_one_thread_however_often_it_is_asked(
    tmp_path: Path,
) -> None:
    with trickling_server(b"HTTP/1.1 200 OK\r\nX-Never: ") as server:
        path = _list(tmp_path, server.url)
        async with IssuerSource(path, fetch_timeout_s=0.1, cooldown_s=0) as source:
            for _ in range(3):
                with pytest.raises(KeysUnavailable, match="in time"):
                    await source.refresh_for_unknown("crm", "k-1")
        assert server.connections == 1


async def test_a_key_added_to_the_list_is_found_when_a_record_names_it(tmp_path: Path) -> None:
    clock = _Clock()
    path = tmp_path / "issuers.json"
    old = {"kid": "a-1", "algorithm": "HS256", "secret": "a" * 32}
    new = {"kid": "a-2", "algorithm": "HS256", "secret": "b" * 32}
    path.write_text(json.dumps({"issuers": [{"name": "crm", "keys": [old]}]}))
    async with IssuerSource(path, clock=clock) as source:
        path.write_text(json.dumps({"issuers": [{"name": "crm", "keys": [old, new]}]}))
        clock.now += 11

        # Two at once: the second waits for the reading that the first one began.
        for issuers in await asyncio.gather(
            source.refresh_for_unknown("crm", "a-2"), source.refresh_for_unknown("crm", "a-9")
        ):
            assert issuers.key("crm", "a-2", 0).kid == "a-2"


async def test_an_issuer_without_an_address_is_answered_from_the_list(tmp_path: Path) -> None:
    with http_server(_serve((200, _set("k-1")))) as server:
        async with IssuerSource(_list(tmp_path, server)) as source:
            assert await source.refresh_for_unknown("nobody", "k") is source.current()


async def test_an_added_issuer_needs_no_restart_and_a_broken_file_changes_nothing(tmp_path: Path) -> None:
    with http_server(_serve((200, _set("k-1")))) as server:
        path = _list(tmp_path, server)
        async with IssuerSource(path, refresh_s=0.02) as source:
            listed = json.loads(path.read_text())
            path.write_text("{")
            asked = len(server.requests)
            await eventually(lambda: len(server.requests) > asked + 1, what="refreshed")
            assert source.current().key("crm", "k-1", 0)

            listed["issuers"].append({**listed["issuers"][0], "name": "erp"})
            path.write_text(json.dumps(listed))
            await eventually(lambda: "erp" in source.current().names, what="the added issuer")


async def test_a_list_that_is_broken_at_start_is_a_refusal_to_start(tmp_path: Path) -> None:
    path = tmp_path / "issuers.json"
    path.write_text("{")

    with pytest.raises(ConfigurationError):
        async with IssuerSource(path):
            pass
