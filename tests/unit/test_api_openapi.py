"""The OpenAPI document and the docs page say what the routes do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from api.app import PREFIX
from api.batch_bodies import BatchItem, BatchRequest, BatchResponse
from api.bodies import NOT_BLANK, ClassifyRequest, ClassifyResponse, ErrorBody, SentenceRequest
from api.caller_errors import MethodNotAllowed, NotFound, UnsupportedMediaType
from api.examples import batch_examples, classify_examples, sentence_examples
from api.health_bodies import HealthResponse, LiveResponse, ReadyResponse
from api.model_status_bodies import ModelStatusResponse
from api.results_bodies import ResultsQuery, ResultsResponse
from api.results_examples import QUERY
from api.routes.classify import FIXED
from api.settings import BridgeSettings
from schemas.errors import VeriAIDPOError
from tests.support.bridge_client import bridge_client
from tests.support.fake_gateway import FakeGateway

PAGE = (Path(__file__).parents[2] / "docs" / "bridge.md").read_text(encoding="utf-8")
Document = dict[str, dict[str, dict[str, dict[str, Any]]]]

OPERATIONS = (
    ("/classify", "post", "classify"),
    ("/classify-legal-basis", "post", "classify_legal_basis"),
    ("/classify-breach-severity", "post", "classify_breach_severity"),
    ("/classify-cross-border", "post", "classify_cross_border"),
    ("/batch-classify", "post", "batch_classify"),
    ("/model-status", "get", "model_status"),
    ("/results", "get", "results"),
    ("/health", "get", "health"),
    ("/livez", "get", "livez"),
    ("/readyz", "get", "readyz"),
)


@pytest.fixture
async def document() -> Document:
    async with bridge_client(FakeGateway()) as client:
        document: Document = (await client.get("/openapi.json")).json()
        return document


def test_operation_ids_are_stable(document: Document) -> None:
    found = {
        (path, method): operation["operationId"]
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert found == {
        (prefix + path, method): operation_id + suffix
        for prefix, suffix in ((PREFIX, ""), ("", "_bare"))
        for path, method, operation_id in OPERATIONS
    }


PUBLIC = ("/health", "/livez", "/readyz")


def test_every_route_has_a_tag_and_only_health_is_public(document: Document) -> None:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert operation["tags"]
            assert ("security" in operation) != path.endswith(PUBLIC)


def test_classify_documents_all_of_its_errors_with_their_body(document: Document) -> None:
    responses = document["paths"]["/classify"]["post"]["responses"]
    errors = {"400", "401", "403", "413", "415", "422", "429", "500", "503", "504"}
    assert responses.keys() == errors | {"200"}
    assert {status for status, answer in responses.items() if "ErrorBody" in str(answer)} == errors


def test_every_route_documents_its_errors_with_an_example_in_both_languages(document: Document) -> None:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            errors = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
            assert errors or path.endswith("/livez")
            if path.endswith(PUBLIC):
                continue
            assert {"401", "403", "429", "500"} <= errors.keys()
            for status, answer in errors.items():
                assert "X-Request-ID" in answer["headers"]
                for example in answer["content"]["application/json"]["examples"].values():
                    detail = ErrorBody.model_validate(example["value"]).detail
                    assert detail.error != detail.error_vi, (path, status)


def test_every_route_that_takes_a_text_has_an_example_and_an_answer_in_each_language(
    document: Document,
) -> None:
    for methods in document["paths"].values():
        if "post" not in methods:
            continue
        asked = methods["post"]["requestBody"]["content"]["application/json"]["examples"]
        answered = methods["post"]["responses"]["200"]["content"]["application/json"]["examples"]
        assert asked.keys() == answered.keys() == {"vi", "en"}


def test_every_answers_example_is_one_that_the_route_may_give(document: Document) -> None:
    models: dict[str, type[BaseModel]] = {
        "classify": ClassifyResponse,
        "batch_classify": BatchResponse,
        "model_status": ModelStatusResponse,
        "results": ResultsResponse,
        "health": HealthResponse,
        "livez": LiveResponse,
        "readyz": ReadyResponse,
    }
    for methods in document["paths"].values():
        for operation in methods.values():
            name = operation["operationId"].removesuffix("_bare")
            model = models.get(name, ClassifyResponse)
            answers = [operation["responses"]["200"]]
            if name in ("health", "readyz"):
                answers.append(operation["responses"]["503"])
            for answer in answers:
                for example in answer["content"]["application/json"]["examples"].values():
                    assert (
                        model.model_validate(example["value"]).model_dump(exclude_none=True)
                        == example["value"]
                    )


def test_references_in_the_document_lead_somewhere(document: Document) -> None:
    for reference in re.findall(r"'#/components/schemas/(\w+)'", str(document)):
        assert reference in document["components"]["schemas"]


@pytest.mark.parametrize("language", ["vi", "en"])
def test_the_examples_are_requests(language: str) -> None:
    assert ClassifyRequest.model_validate(classify_examples()[language]["value"]).language == language
    batch = BatchRequest.model_validate(batch_examples()[language]["value"])
    assert all(BatchItem.model_validate(one) for one in batch.entries)
    for model_type in FIXED.values():
        example = sentence_examples(model_type)[language]["value"]
        assert SentenceRequest.model_validate(example).language == language


def test_the_results_parameters_and_their_examples_are_those_of_the_route(document: Document) -> None:
    parameters: Any = document["paths"]["/results"]["get"]["parameters"]
    assert [one["name"] for one in parameters] == list(ResultsQuery.model_fields)
    assert not [one for one in parameters if "null" in str(one["schema"]) or one["required"]]
    assert {one["name"]: one["example"] for one in parameters if "example" in one} == QUERY
    assert ResultsQuery.model_validate(QUERY)


def test_the_documents_blank_texts_are_those_that_are_refused() -> None:
    for number in range(0x10000):  # there are no spaces beyond
        assert bool(re.search(NOT_BLANK, chr(number))) != chr(number).isspace(), hex(number)


def test_the_page_names_every_setting() -> None:
    for name in BridgeSettings.model_fields:
        assert f"__{name.upper()}`" in PAGE, name


def test_every_error_code_on_the_page_exists() -> None:
    known = {error.code for error in descendants(VeriAIDPOError)}
    assert {each.code for each in (NotFound, MethodNotAllowed, UnsupportedMediaType)} <= known
    table = re.findall(r"^\| (?:\d{3}[, ]*)+\| (.*?) \|", PAGE, re.MULTILINE)
    named = {code for cell in table for code in re.findall(r"`([A-Z_]+)`", cell)}
    assert len(named) >= 15
    assert named <= known


def descendants(error: type[VeriAIDPOError]) -> Iterator[type[VeriAIDPOError]]:
    for child in error.__subclasses__():
        yield child
        yield from descendants(child)
