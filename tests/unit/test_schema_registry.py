"""The registry's client, against a small server that speaks the registry's REST routes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from connectors.schema_registry import ConfluentRegistry, RegistrySettings
from schemas.avro_schemas import EVENT_NAMES
from schemas.codec import Codec
from schemas.errors import ConfigurationError, RegistryUnavailable, UnknownSchema
from schemas.events import ClassificationRequest
from tests.support.http_server import Answer, HttpServer, http_server

REQUEST = ClassificationRequest("r-1", "t", "principles", "vi", "Xin chào")


class _Registry:
    """Subjects and ids, as Confluent's API reference has them."""

    def __init__(self) -> None:
        self.schemas: list[tuple[str, str]] = []

    def __call__(self, method: str, path: str, body: bytes) -> Answer:
        parts = path.partition("?")[0].strip("/").split("/")
        if method == "GET" and parts[:2] == ["schemas", "ids"]:
            place = int(parts[2]) - 100
            if 0 <= place < len(self.schemas):
                return 200, {"schema": self.schemas[place][1]}
            return 404, {"error_code": 40403, "message": "Schema not found"}
        if method == "POST" and parts[0] == "subjects":
            entry = (parts[1], json.loads(body)["schema"])
            if entry not in self.schemas:
                if len(parts) == 2:
                    return 404, {"error_code": 40403, "message": "Schema not found"}
                self.schemas.append(entry)
            schema_id = 100 + self.schemas.index(entry)
            return 200, {"id": schema_id, "subject": entry[0], "version": 1, "schema": entry[1]}
        return 404, {"error_code": 404, "message": "HTTP 404 Not Found"}


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with http_server(_Registry()) as running:
        yield running


def _registry(server: HttpServer, **changes: object) -> ConfluentRegistry:
    return ConfluentRegistry(RegistrySettings.model_validate({"url": server.url, **changes}))


def test_what_one_codec_writes_with_the_registry_another_reads(server: HttpServer) -> None:
    value = Codec(_registry(server)).encode(REQUEST)

    assert value[:5] == b"\x00\x00\x00\x00\x64"
    assert Codec(_registry(server)).decode(value) == REQUEST


def test_subjects_follow_the_records_name(server: HttpServer) -> None:
    Codec(_registry(server)).register()

    assert isinstance(server.answer, _Registry)
    assert [subject for subject, _ in server.answer.schemas] == [
        f"vn.veriaidpo.streams.{event}" for event in EVENT_NAMES
    ]


def test_the_registry_is_asked_once(server: HttpServer) -> None:
    codec = Codec(_registry(server))
    for _ in range(5):
        codec.decode(codec.encode(REQUEST))

    assert len(server.requests) <= 2


def test_an_unknown_id_is_sure_and_not_asked_again_for_a_while(server: HttpServer) -> None:
    now = [0.0]
    registry = ConfluentRegistry(RegistrySettings(url=server.url), clock=lambda: now[0])

    for _ in range(5):
        with pytest.raises(UnknownSchema, match="999"):
            registry.schema_for(999)
    assert len(server.requests) == 1
    now[0] = 31
    with pytest.raises(UnknownSchema):
        registry.schema_for(999)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "answer",
    [
        (500, {"error_code": 50001, "message": "x"}),
        (401, {}),
        (404, b"<html>proxy"),
        (404, {"error_code": 404}),
        (200, b"?"),
    ],
)
def test_anything_but_the_registrys_own_not_found_is_retriable(server: HttpServer, answer: Answer) -> None:
    codec = Codec(_registry(server))
    value = codec.encode(REQUEST)
    healthy, server.answer = server.answer, lambda *_: answer
    reader = Codec(_registry(server))

    with pytest.raises(RegistryUnavailable) as caught:
        reader.decode(value)
    assert caught.value.retriable
    server.answer = healthy
    assert reader.decode(value) == REQUEST


def test_a_registry_that_is_not_there_is_retriable() -> None:
    registry = ConfluentRegistry(RegistrySettings(url="http://127.0.0.1:9", timeout_s=1))

    with pytest.raises(RegistryUnavailable, match="reached"):
        registry.schema_for(1)
    with pytest.raises(RegistryUnavailable):
        Codec(registry).encode(REQUEST)


@pytest.mark.parametrize("url", ["", "registry.example.vn:8081", "ftp://registry.example.vn"])
def test_an_address_that_can_be_none_is_refused_before_anything_is_asked(url: str) -> None:
    with pytest.raises(ConfigurationError, match="schema registry"):
        ConfluentRegistry(RegistrySettings(url=url))


def test_schemas_registered_by_a_pipeline_are_only_looked_up(server: HttpServer) -> None:
    with pytest.raises(ConfigurationError, match="register the files"):
        Codec(_registry(server, register_schemas=False)).encode(REQUEST)

    Codec(_registry(server)).register()
    assert Codec(_registry(server, register_schemas=False)).encode(REQUEST)[:1] == b"\x00"


def test_a_schema_that_the_registry_refuses_is_a_wrong_setting(server: HttpServer) -> None:
    server.answer = lambda *_: (409, {"error_code": 409, "message": "incompatible"})

    with pytest.raises(ConfigurationError, match="schema registry"):
        Codec(_registry(server)).encode(REQUEST)


def test_a_schema_of_another_kind_is_unknown(server: HttpServer) -> None:
    server.answer = lambda *_: (200, {"schema": 'syntax = "proto3";', "schemaType": "PROTOBUF"})

    with pytest.raises(UnknownSchema):
        _registry(server).schema_for(7)


def test_the_registrys_client_is_loaded_only_where_it_is_used() -> None:
    code = "import connectors.schema_registry, sys; print('confluent_kafka' in sys.modules)"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert output.strip() == "False"
