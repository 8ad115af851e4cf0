"""POST /batch-classify: each text its own answer or error, in order, and nobody else starves."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from api.batch_bodies import MAX_BATCH_BYTES, MAX_ITEMS
from api.settings import BridgeSettings
from schemas.errors import ClaimsForbidden, ModelUnavailable
from schemas.events import ClassificationRequest, ClassificationResult
from schemas.taxonomy import MODEL_TYPES
from tests.support.bridge_client import TEXT, bearer, bridge_client, caller_token
from tests.support.fake_gateway import FakeGateway, first_label
from tests.support.waiting import eventually

PATHS = ("/batch-classify", "/api/v1/veriaidpo/batch-classify")


async def send(client: httpx.AsyncClient, body: object, path: str = PATHS[0]) -> httpx.Response:
    return await client.post(path, json=body, headers=bearer())


@pytest.mark.parametrize("path", PATHS)
async def test_items_are_answered_in_order_each_by_the_model_it_names(
    client: httpx.AsyncClient, gateway: FakeGateway, path: str
) -> None:
    items = [
        {"id": f"row-{number}", "text": f"{TEXT} {number}", "model_type": model_type}
        for number, model_type in enumerate(MODEL_TYPES)
    ]
    answer = await send(client, {"items": items}, path)
    body = answer.json()
    assert answer.status_code == 200
    assert (body["total"], body["succeeded"], body["failed"]) == (len(items), len(items), 0)
    assert body["processing_time_ms"] > 0
    for number, (item, result) in enumerate(zip(items, body["results"], strict=True)):
        assert (result["index"], result["id"]) == (number, item["id"])
        assert result["result"]["original_text"] == item["text"]
        assert result["result"]["model_type"] == item["model_type"]
        assert "processing_metadata" not in result["result"]
    asked = {request.request_id for request, _ in gateway.asked}
    assert asked == {result["request_id"] for result in body["results"]}
    assert len(asked) == len(items)


async def test_texts_share_one_model_type_and_language(
    client: httpx.AsyncClient, gateway: FakeGateway
) -> None:
    body = {"texts": ["One.", "Two."], "model_type": "risk_level", "language": "en"}
    answer = await send(client, body)
    assert [one["result"]["original_text"] for one in answer.json()["results"]] == ["One.", "Two."]
    assert {(request.model_type, request.language) for request, _ in gateway.asked} == {("risk_level", "en")}


async def test_an_item_takes_from_the_batch_what_it_leaves_out(
    client: httpx.AsyncClient, gateway: FakeGateway
) -> None:
    items = [{"text": "One."}, {"text": "Hai.", "language": "vi", "model_type": "industry"}]
    await send(client, {"items": items, "model_type": "regional", "language": "en"})
    asked = sorted((request.text, request.model_type, request.language) for request, _ in gateway.asked)
    assert asked == [("Hai.", "industry", "vi"), ("One.", "regional", "en")]


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ({"id": 7, "text": " "}, "EMPTY_TEXT"),
        ({"id": 7, "text": "ă" * 20_001}, "TEXT_TOO_LONG"),
        ({"id": 7, "text": "a", "model_type": "horoscope"}, "UNKNOWN_MODEL_TYPE"),
        ({"id": 7}, "INVALID_REQUEST"),
        ({"id": 7, "text": None}, "INVALID_REQUEST"),
        ({"id": 7, "text": "a", "language": "fr"}, "INVALID_REQUEST"),
        ({"id": "x" * 129, "text": "a"}, "INVALID_REQUEST"),
        ({"id": [7], "text": "a"}, "INVALID_REQUEST"),
        (["a"], "INVALID_REQUEST"),
        (None, "INVALID_REQUEST"),
    ],
)
async def test_a_bad_item_gets_its_own_error_and_its_neighbours_their_answers(
    client: httpx.AsyncClient, item: object, code: str
) -> None:
    answer = await send(client, {"items": [{"text": "Một."}, item, {"text": "Ba."}]})
    body = answer.json()
    assert (answer.status_code, body["succeeded"], body["failed"]) == (200, 2, 1)
    assert ["result" in one for one in body["results"]] == [True, False, True]
    error = body["results"][1]["error"]
    assert error["code"] == code
    assert error["error"] != error["error_vi"]
    assert error["request_id"] == body["results"][1]["request_id"]
    assert body["results"][1].get("id") == (7 if isinstance(item, dict) and item["id"] == 7 else None)


async def test_a_text_that_is_none_gets_its_own_error(client: httpx.AsyncClient) -> None:
    answer = await send(client, {"texts": ["Một.", 2, None]})
    assert [one.get("error", {}).get("code") for one in answer.json()["results"]] == [
        None,
        "INVALID_REQUEST",
        "INVALID_REQUEST",
    ]


async def test_an_items_error_is_vietnamese_first_for_who_reads_vietnamese(client: httpx.AsyncClient) -> None:
    headers = {**bearer(), "Accept-Language": "vi"}
    answer = await client.post(PATHS[0], json={"texts": [" "]}, headers=headers)
    assert list(answer.json()["results"][0]["error"])[:3] == ["code", "error_vi", "error"]


async def test_what_the_workers_refuse_is_told_item_by_item(
    client: httpx.AsyncClient, gateway: FakeGateway
) -> None:
    def answer(request: ClassificationRequest) -> ClassificationResult:
        if request.text == "unavailable":
            raise ModelUnavailable(model_type="principles", reason="loading", retry_after_s=7)
        if request.text == "forbidden":
            raise ClaimsForbidden(reason="tenant")
        if request.text == "broken":
            raise ValueError(request.text)
        return first_label(request)

    gateway.answer = answer
    gateway.lose_workers("industry")
    items: list[dict[str, object]] = [
        {"text": text} for text in ("unavailable", "forbidden", "broken", "fine")
    ]
    items.append({"text": "unserved", "model_type": "industry"})
    body = (await send(client, {"items": items})).json()
    assert [one.get("error", {}).get("code") for one in body["results"]] == [
        "MODEL_UNAVAILABLE",
        "INTERNAL",
        "INTERNAL",
        None,
        "NO_WORKER",
    ]
    assert body["results"][0]["error"]["retry_after_s"] == 7
    assert gateway.in_flight == 0


@pytest.mark.parametrize(
    ("body", "field", "problem"),
    [
        ({}, "body", "items_or_texts"),
        ({"items": [{"text": "a"}], "texts": ["a"]}, "body", "items_or_texts"),
        ({"items": []}, "items", "too_short"),
        ({"texts": []}, "texts", "too_short"),
        ({"texts": "Bí mật"}, "texts", "list_type"),
        ({"items": None}, "items", "list_type"),
        ({"texts": ["a"], "model_type": 7}, "model_type", "string_type"),
        ({"texts": ["a"], "language": "fr"}, "language", "literal_error"),
    ],
)
async def test_another_shape_gives_422_for_the_whole(
    client: httpx.AsyncClient, body: object, field: str, problem: str
) -> None:
    answer = await send(client, body)
    assert answer.status_code == 422
    problems = answer.json()["detail"]["fields"]
    assert [(one["field"], one["problem"]) for one in problems] == [(field, problem)]
    assert problems[0]["error"] != problems[0]["error_vi"]
    assert "mật" not in answer.text


async def test_a_batch_that_names_an_unknown_model_type_gets_400_with_the_list(
    client: httpx.AsyncClient,
) -> None:
    answer = await send(client, {"texts": ["a"], "model_type": "horoscope"})
    assert (answer.status_code, answer.json()["detail"]["code"]) == (400, "UNKNOWN_MODEL_TYPE")
    assert answer.json()["detail"]["available_model_types"] == list(MODEL_TYPES)


async def test_a_thousand_texts_are_answered_and_one_more_gives_413(client: httpx.AsyncClient) -> None:
    answer = await send(client, {"texts": ["a"] * MAX_ITEMS})
    assert (answer.status_code, answer.json()["succeeded"]) == (200, MAX_ITEMS)
    answer = await send(client, {"texts": ["a"] * (MAX_ITEMS + 1)})
    assert (answer.status_code, answer.json()["detail"]["code"]) == (413, "BATCH_TOO_LARGE")
    assert answer.json()["detail"]["limit"] == MAX_ITEMS


async def test_two_megabytes_fit_and_one_byte_more_gives_413(client: httpx.AsyncClient) -> None:
    bare = len(json.dumps({"texts": [""] * 110}))
    texts = ["a" * ((MAX_BATCH_BYTES - bare) // 110)] * 110
    content = json.dumps({"texts": texts}).ljust(MAX_BATCH_BYTES).encode()
    fits = await client.post(PATHS[0], content=content, headers=bearer())
    assert (fits.status_code, fits.json()["succeeded"]) == (200, 110)
    too_large = await client.post(PATHS[0], content=content + b" ", headers=bearer())
    assert (too_large.status_code, too_large.json()["detail"]["code"]) == (413, "REQUEST_TOO_LARGE")


async def test_a_batch_that_runs_out_of_time_keeps_the_answers_it_has(gateway: FakeGateway) -> None:
    def hold_after_the_first(request: ClassificationRequest) -> ClassificationResult:
        gateway.hold()
        return first_label(request)

    gateway.answer = hold_after_the_first
    async with bridge_client(gateway, BridgeSettings(deadline_s=0.2, max_in_flight=2)) as client:
        body = (await send(client, {"texts": ["Một.", "Hai.", "Ba."]})).json()
    assert [one.get("error", {}).get("code") for one in body["results"]] == [
        None,
        "DEADLINE_EXCEEDED",
        "DEADLINE_EXCEEDED",
    ]
    assert gateway.in_flight == 0


async def test_a_batch_never_takes_the_slots_that_single_requests_need() -> None:
    gateway = FakeGateway(max_in_flight=4)
    gateway.hold()
    async with bridge_client(gateway, BridgeSettings(max_in_flight=4)) as client:
        batches = [asyncio.create_task(send(client, {"texts": ["a"] * 50})) for _ in range(3)]
        await eventually(lambda: gateway.in_flight == 2, what="the batches' share is taken")
        other = bearer(caller_token(tenant_id="tenant-2"))
        singles = [
            asyncio.create_task(client.post("/classify", json={"text": "b"}, headers=other)) for _ in range(2)
        ]
        await eventually(lambda: gateway.in_flight == 4, what="single requests have the rest")
        gateway.let_go()
        assert [(await single).status_code for single in singles] == [200, 200]
        assert [(await batch).json()["succeeded"] for batch in batches] == [50, 50, 50]


async def test_a_batch_comes_back_where_single_requests_hold_every_slot() -> None:
    gateway = FakeGateway(max_in_flight=1)
    gateway.hold()
    async with bridge_client(gateway, BridgeSettings(max_in_flight=1)) as client:
        single = asyncio.create_task(client.post("/classify", json={"text": "b"}, headers=bearer()))
        await eventually(lambda: gateway.in_flight == 1, what="the only slot is taken")
        batch = asyncio.create_task(send(client, {"texts": ["Một.", "Hai."]}))
        gateway.let_go()
        assert (await single).status_code == 200
        assert (await batch).json()["succeeded"] == 2


async def test_a_bridge_that_stays_full_says_so_item_by_item() -> None:
    async with bridge_client(FakeGateway(max_in_flight=0), BridgeSettings(deadline_s=0.1)) as client:
        body = (await send(client, {"texts": ["Một.", "Hai."]})).json()
    assert [one["error"]["code"] for one in body["results"]] == ["OVERLOADED", "OVERLOADED"]
