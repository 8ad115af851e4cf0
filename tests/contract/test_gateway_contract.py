"""What a gateway promises the routes: one suite, for the fake and for Kafka."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from connectors.kafka.broker import Broker
from schemas.claims import Caller
from schemas.errors import DeadlineExceeded, KafkaUnavailable, ModelUnavailable, NoWorker, Overloaded
from schemas.events import ClassificationRequest, ClassificationResult
from tests.support.bridge_stage import MAX_IN_FLIGHT, FakeStage, Stage, kafka_stage
from tests.support.clusters import JARS_DIR
from tests.support.waiting import eventually

MODEL_TYPE = "principles"
CALLER = Caller("user-1", "dpo", "tenant-1", ("processing_activity.read",))


@pytest.fixture(scope="module")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Broker]:
    """Of this suite alone: it is killed, and no worker of another test may be heard."""
    async with Broker(tmp_path_factory.mktemp("gateway-kafka"), jars_dir=JARS_DIR) as broker:
        yield broker


@pytest.fixture
async def on_kafka(broker: Broker) -> AsyncIterator[Stage]:
    async with kafka_stage(broker, MODEL_TYPE) as stage:
        yield stage


@pytest.fixture
def faked() -> Stage:
    return FakeStage()


@pytest.fixture(params=["faked", pytest.param("on_kafka", marks=pytest.mark.kafka)])
def stage(request: pytest.FixtureRequest) -> Stage:
    stage: Stage = request.getfixturevalue(request.param)
    return stage


def question(text: str = "Dữ liệu cá nhân.", model_type: str = MODEL_TYPE) -> ClassificationRequest:
    return ClassificationRequest(str(uuid4()), CALLER.tenant_id, model_type, "vi", text)


async def ask(
    stage: Stage, request: ClassificationRequest | None = None, *, deadline_s: float = 20
) -> ClassificationResult:
    deadline_ms = int((time.time() + deadline_s) * 1e3)
    return await stage.gateway.classify(request or question(), CALLER, deadline_ms=deadline_ms)


async def asked(stage: Stage, count: int = 1) -> list[asyncio.Task[ClassificationResult]]:
    """Requests that wait, each holding a slot."""
    tasks = [asyncio.create_task(ask(stage)) for _ in range(count)]
    await eventually(lambda: stage.in_flight == count, what="they wait")
    return tasks


async def test_each_question_gets_its_own_answer(stage: Stage) -> None:
    questions = [question(f"Câu số {number}.") for number in range(MAX_IN_FLIGHT)]
    answers = await asyncio.gather(*(ask(stage, each) for each in questions))
    assert [(each.request_id, each.normalized_text) for each in answers] == [
        (each.request_id, each.text) for each in questions
    ]
    assert stage.in_flight == 0


async def test_a_workers_failure_is_raised_as_its_typed_error(stage: Stage) -> None:
    await stage.fail_with(ModelUnavailable(model_type=MODEL_TYPE, reason="loading", retry_after_s=7))
    with pytest.raises(ModelUnavailable) as caught:
        await ask(stage)
    assert caught.value.retry_after_s == 7
    assert stage.in_flight == 0


async def test_a_model_type_that_nobody_serves_is_refused_at_once(stage: Stage) -> None:
    await stage.lose_workers()
    await eventually(lambda: not stage.gateway.status().ready_workers, what="the loss is known")
    started = time.monotonic()
    with pytest.raises(NoWorker):
        await ask(stage)
    assert time.monotonic() - started < 0.1


async def test_those_who_wait_are_told_when_the_last_worker_is_gone_and_served_when_it_is_back(
    stage: Stage,
) -> None:
    await stage.hold()
    (waiting,) = await asked(stage)
    await stage.lose_workers()
    with pytest.raises(NoWorker):
        await waiting
    assert stage.in_flight == 0
    await stage.let_go()
    await stage.return_workers()
    assert (await ask(stage)).model_type == MODEL_TYPE


async def test_one_more_than_may_wait_is_told_that_the_bridge_is_overloaded(stage: Stage) -> None:
    await stage.hold()
    waiting = await asked(stage, MAX_IN_FLIGHT)
    with pytest.raises(Overloaded):
        await ask(stage)
    await stage.let_go()
    assert len(await asyncio.gather(*waiting)) == MAX_IN_FLIGHT
    assert stage.in_flight == 0


async def test_the_deadline_ends_the_wait_and_frees_the_slot(stage: Stage) -> None:
    await stage.hold()
    with pytest.raises(DeadlineExceeded):
        await ask(stage, deadline_s=0.2)
    assert stage.in_flight == 0


async def test_a_caller_who_gives_up_frees_the_slot(stage: Stage) -> None:
    await stage.hold()
    waiting = await asked(stage, MAX_IN_FLIGHT)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert stage.in_flight == 0
    await stage.let_go()
    assert (await ask(stage)).model_type == MODEL_TYPE


async def test_kafkas_loss_is_told_to_those_who_wait_and_to_those_who_come_and_passes_by_itself(
    stage: Stage,
) -> None:
    await stage.hold()
    (waiting,) = await asked(stage)
    await stage.lose_kafka()
    started = time.monotonic()
    with pytest.raises(KafkaUnavailable):
        await waiting
    assert time.monotonic() - started < 5
    assert stage.gateway.status().kafka != "up"
    assert stage.gateway.status().reason
    with pytest.raises(KafkaUnavailable):
        await ask(stage)
    assert stage.in_flight == 0
    await stage.return_kafka()
    await stage.let_go()
    assert (await ask(stage)).model_type == MODEL_TYPE
