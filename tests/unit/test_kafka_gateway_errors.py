"""What keeps the bridge from Kafka is told to callers as what it is."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from api.kafka_gateway import KafkaGateway
from connectors.publishing.kafka_client import TopicMissing
from schemas.claims import Caller
from schemas.errors import KafkaUnavailable, RegistryUnavailable, RequestTooLarge, Unavailable, VeriAIDPOError
from schemas.events import ClassificationRequest
from tests.support.signed_records import signing_key

CALLER = Caller("user-1", "dpo", "tenant-1", ("processing_activity.read",))
QUESTION = ClassificationRequest("request-1", CALLER.tenant_id, "principles", "vi", "Dữ liệu cá nhân.")


@pytest.fixture
def gateway(tmp_path: Path) -> KafkaGateway:
    return KafkaGateway("nowhere:1", signing_key(tmp_path / "home"))


async def refusal(gateway: KafkaGateway) -> Unavailable:
    with pytest.raises(Unavailable) as caught:
        await gateway.classify(QUESTION, CALLER, deadline_ms=int((time.time() + 5) * 1e3))
    return caught.value


@pytest.mark.parametrize(
    "problem",
    [
        TopicMissing(topic="veriaidpo.model-status", command="veriaidpo topics create"),
        RegistryUnavailable(reason="it answers 500", reason_vi="mã trả lời 500"),
        KafkaUnavailable(reason="no broker can be reached", reason_vi="không kết nối được broker nào"),
    ],
    ids=lambda problem: problem.code,
)
async def test_cause_is_told_in_both_languages_and_worth_a_retry(
    gateway: KafkaGateway, problem: VeriAIDPOError
) -> None:
    gateway._link.problem = problem
    told = await refusal(gateway)
    assert (told.code, told.text, told.text_vi) == (problem.code, problem.text, problem.text_vi)
    assert told.retry_after_s
    assert told is not await refusal(gateway)  # one that is raised again and again would grow
    assert (gateway.status().reason, gateway.status().reason_vi) == (problem.text, problem.text_vi)


async def test_bridge_that_still_connects_says_so_in_both_languages(gateway: KafkaGateway) -> None:
    told = await refusal(gateway)
    assert told.code == "KAFKA_UNAVAILABLE"
    assert "connecting" in told.text
    assert "đang kết nối" in told.text_vi


async def test_cause_that_is_no_callers_business_is_still_a_503(gateway: KafkaGateway) -> None:
    gateway._link.problem = RequestTooLarge(limit=1)
    assert (await refusal(gateway)).code == "KAFKA_UNAVAILABLE"
