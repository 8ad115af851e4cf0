"""POST /classify through the whole application, with a fake in place of Kafka."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import httpx
import pytest

from api.settings import BridgeSettings
from schemas.errors import ClaimsForbidden, Internal, ModelUnavailable, VeriAIDPOError
from schemas.events import ClassificationRequest, ClassificationResult
from schemas.taxonomy import MODEL_TYPES
from tests.support.bridge_client import TENANT, TEXT, bearer, bridge_client
from tests.support.fake_gateway import FakeGateway

PATHS = ("/classify", "/api/v1/veriaidpo/classify")


def raising(error: VeriAIDPOError) -> FakeGateway:
    def answer(_: ClassificationRequest) -> ClassificationResult:
        raise error

    gateway = FakeGateway()
    gateway.answer = answer
    return gateway


@pytest.mark.parametrize("path", PATHS)
async def test_both_paths_answer_with_the_legacy_body(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.post(path, json={"text": TEXT}, headers=bearer())
    assert answer.status_code == 200
    body = answer.json()
    metadata = body.pop("processing_metadata")
    labels = list(MODEL_TYPES["principles"].label_names)
    assert body == {
        "prediction": labels[0],
        "confidence": pytest.approx(1 / len(labels)),
        "category_id": 0,
        "model_type": "principles",
        "language": "vi",
        "normalized_text": TEXT.replace("Vietcombank", "[COMPANY]"),
        "detected_companies": ["Vietcombank"],
        "original_text": TEXT,
    }
    assert metadata.keys() == {
        "processing_time_ms",
        "normalization_applied",
        "companies_detected",
        "model_categories",
        "timestamp",
    }
    assert metadata["normalization_applied"] is True
    assert metadata["companies_detected"] == 1
    assert metadata["model_categories"] == labels
    assert metadata["processing_time_ms"] > 0
    assert datetime.fromisoformat(metadata["timestamp"]).utcoffset() == timedelta(0)


@pytest.mark.parametrize("prefix", ["", "/api/v1/veriaidpo"])
@pytest.mark.parametrize(
    ("path", "model_type"),
    [
        ("/classify-legal-basis", "legal_basis"),
        ("/classify-breach-severity", "breach_triage"),
        ("/classify-cross-border", "cross_border"),
    ],
)
@pytest.mark.parametrize(
    "named", [{}, {"model_type": "industry"}, {"model_type": "horoscope"}, {"model_type": 7}]
)
async def test_a_route_that_fixes_the_model_type_leaves_the_bodys_alone(
    client: httpx.AsyncClient,
    gateway: FakeGateway,
    prefix: str,
    path: str,
    model_type: str,
    named: dict[str, object],
) -> None:
    answer = await client.post(prefix + path, json={"text": TEXT, **named}, headers=bearer())
    assert (answer.status_code, answer.json()["model_type"]) == (200, model_type)
    assert answer.json()["processing_metadata"]["model_categories"] == list(
        MODEL_TYPES[model_type].label_names
    )
    assert [request.model_type for request, _ in gateway.asked] == [model_type]


async def test_metadata_is_left_out_when_it_is_not_wanted(client: httpx.AsyncClient) -> None:
    answer = await client.post("/classify", json={"text": TEXT, "include_metadata": False}, headers=bearer())
    assert "processing_metadata" not in answer.json()


async def test_an_event_carries_the_callers_tenant_and_the_answers_request_id(
    client: httpx.AsyncClient, gateway: FakeGateway
) -> None:
    answer = await client.post(
        "/classify", json={"text": TEXT, "model_type": "risk_level", "language": "en"}, headers=bearer()
    )
    request, caller = gateway.asked[0]
    assert request == ClassificationRequest(answer.headers["x-request-id"], TENANT, "risk_level", "en", TEXT)
    assert (caller.subject, caller.role) == ("user-1", "dpo")


async def test_a_callers_own_request_id_is_not_taken_over(client: httpx.AsyncClient) -> None:
    answer = await client.post("/classify", json={"text": TEXT}, headers={**bearer(), "X-Request-ID": "mine"})
    assert answer.headers.get_list("x-request-id") != ["mine"]
    assert len(answer.headers.get_list("x-request-id")) == 1


@pytest.mark.parametrize(
    ("given", "passed_on"),
    [
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",) * 2,
        ("nonsense\tof any kind", None),
    ],
)
async def test_only_a_traceparent_that_is_one_is_passed_on(
    client: httpx.AsyncClient, gateway: FakeGateway, given: str, passed_on: str | None
) -> None:
    await client.post("/classify", json={"text": TEXT}, headers={**bearer(), "traceparent": given})
    assert gateway.traceparents == [passed_on]


async def test_the_engines_share_of_the_time_is_in_server_timing(client: httpx.AsyncClient) -> None:
    answer = await client.post("/classify", json={"text": TEXT}, headers=bearer())
    durations = dict(part.split(";dur=") for part in answer.headers["server-timing"].split(", "))
    assert durations.keys() == {"total", "worker", "queue", "tokenise", "infer"}
    assert float(durations["infer"]) == 3.0


async def test_an_unknown_model_type_gives_400_with_the_list(client: httpx.AsyncClient) -> None:
    answer = await client.post("/classify", json={"text": TEXT, "model_type": "horoscope"}, headers=bearer())
    assert answer.status_code == 400
    detail = answer.json()["detail"]
    assert detail["code"] == "UNKNOWN_MODEL_TYPE"
    assert detail["available_model_types"] == list(MODEL_TYPES)
    assert detail["model_type"] == "horoscope"


async def test_a_text_in_the_model_types_place_is_not_repeated(client: httpx.AsyncClient) -> None:
    answer = await client.post("/classify", json={"text": "x", "model_type": TEXT}, headers=bearer())
    assert answer.status_code == 400
    assert "Vietcombank" not in answer.text


async def test_a_blank_text_is_refused_before_kafka(client: httpx.AsyncClient, gateway: FakeGateway) -> None:
    answer = await client.post("/classify", json={"text": " \n\t "}, headers=bearer())
    assert (answer.status_code, answer.json()["detail"]["code"]) == (400, "EMPTY_TEXT")
    assert gateway.asked == []


async def test_a_text_over_the_limit_gives_413(client: httpx.AsyncClient) -> None:
    answer = await client.post("/classify", json={"text": "ă" * 20_001}, headers=bearer())
    assert (answer.status_code, answer.json()["detail"]["code"]) == (413, "TEXT_TOO_LONG")
    assert answer.json()["detail"]["limit"] == 20_000


async def test_the_longest_text_fits_however_it_is_escaped(client: httpx.AsyncClient) -> None:
    escaped = json.dumps({"text": "😀" * 20_000}, ensure_ascii=True)
    answer = await client.post("/classify", content=escaped, headers=bearer())
    assert answer.status_code == 200


async def test_no_worker_gives_503_with_retry_after(gateway: FakeGateway, client: httpx.AsyncClient) -> None:
    gateway.lose_workers("principles")
    answer = await client.post("/classify", json={"text": TEXT}, headers=bearer())
    assert (answer.status_code, answer.json()["detail"]["code"]) == (503, "NO_WORKER")
    assert int(answer.headers["retry-after"]) == answer.json()["detail"]["retry_after_s"] >= 1


async def test_kafka_away_gives_503_with_retry_after(gateway: FakeGateway, client: httpx.AsyncClient) -> None:
    gateway.lose_kafka()
    answer = await client.post("/classify", json={"text": TEXT}, headers=bearer())
    assert (answer.status_code, answer.json()["detail"]["code"]) == (503, "KAFKA_UNAVAILABLE")
    assert int(answer.headers["retry-after"]) >= 1


async def test_a_full_bridge_gives_503_with_retry_after() -> None:
    async with bridge_client(FakeGateway(max_in_flight=0)) as client:
        answer = await client.post("/classify", json={"text": TEXT}, headers=bearer())
    assert (answer.status_code, answer.json()["detail"]["code"]) == (503, "OVERLOADED")
    assert int(answer.headers["retry-after"]) >= 1


async def test_a_model_that_cannot_load_gives_503_with_the_workers_retry_after() -> None:
    unavailable = ModelUnavailable(model_type="principles", reason="loading", retry_after_s=7)
    async with bridge_client(raising(unavailable)) as client:
        answer = await client.post("/classify", json={"text": TEXT}, headers=bearer())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
    assert answer.json()["detail"]["code"] == "MODEL_UNAVAILABLE"


async def test_a_deadline_gives_504(gateway: FakeGateway) -> None:
    gateway.hold()
    async with bridge_client(gateway, BridgeSettings(deadline_s=0.05)) as client:
        answer = await client.post("/classify", json={"text": TEXT}, headers=bearer())
    assert (answer.status_code, answer.json()["detail"]["code"]) == (504, "DEADLINE_EXCEEDED")
    assert gateway.in_flight == 0


@pytest.mark.parametrize("error", [ClaimsForbidden(reason="tenant"), Internal(exception="KeyError")])
async def test_a_refusal_of_the_bridges_own_record_is_not_the_callers_fault(error: VeriAIDPOError) -> None:
    async with bridge_client(raising(error)) as client:
        answer = await client.post("/classify", json={"text": TEXT}, headers=bearer())
    assert (answer.status_code, answer.json()["detail"]["code"]) == (500, "INTERNAL")
