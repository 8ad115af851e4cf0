"""`veriaidpo worker` on a real broker, its models replaced by a constant: answers and refusals."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import jwt
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.structs import ConsumerRecord

from schemas.claims import SigningKey
from schemas.events import ClassificationFailure, ClassificationResult, ModelStatus
from schemas.headers import (
    AUTHORIZATION,
    CORRELATION_ID,
    DLT_ORIGINAL_CONSUMER_GROUP,
    ERROR_CODE,
    REPLY_PARTITION,
    REPLY_TOPIC,
)
from schemas.limits import MAX_REQUEST_BYTES
from schemas.reply import ReplyAddress
from schemas.topics import DEAD_LETTERS, MODEL_STATUS, RESULTS
from tests.support.clusters import Kafka
from tests.support.processes import Process, children_of, is_running, run_veriaidpo
from tests.support.records import make_topic, read_topic, unique
from tests.support.signed_records import CODEC, SignedRecord, signed_record, signing_key
from tests.support.waiting import eventually

pytestmark = pytest.mark.kafka

REPLIES = "veriaidpo.replies.worker-tests"  # nobody else writes there
TIMEOUT_S = 60.0


def run_worker(
    kafka: Kafka, folder: Path, *options: str, models: str = "principles,risk_level"
) -> AbstractAsyncContextManager[Process]:
    env = {"KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers, "VERIAIDPO_MODE": "development"}
    return run_veriaidpo(["worker", "--models", models, "--engine", "constant", *options], folder, env=env)


@dataclass(frozen=True)
class Running:
    """A worker that serves principles and risk_level, and the key that it trusts."""

    process: Process
    kafka: Kafka
    key: SigningKey

    async def publish(self, records: Sequence[SignedRecord]) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self.kafka.bootstrap_servers, acks="all", max_request_size=8_388_608
        )
        await producer.start()
        try:
            for record in records:
                await producer.send_and_wait(
                    record.topic, record.value, record.key, headers=list(record.headers)
                )
        finally:
            await producer.stop()

    async def dead_letters(self, keys: Sequence[bytes | None]) -> dict[bytes | None, ConsumerRecord]:
        """The dead letters of these keys, by key, once all are there."""

        async def complete() -> dict[bytes | None, ConsumerRecord]:
            letters = await self._read(DEAD_LETTERS)
            found = {letter.key: letter for letter in letters if letter.key in keys}
            assert len(found) == len(keys), f"{len(found)} of {len(keys)} dead letters"
            return found

        return await eventually(complete, timeout_s=TIMEOUT_S, what="dead letters", interval_s=0.3)

    async def results(self, keys: Sequence[bytes]) -> dict[bytes, ClassificationResult]:
        async def complete() -> dict[bytes, ClassificationResult]:
            found = {each.key: each for each in await self._read(RESULTS) if each.key in keys}
            assert len(found) == len(keys), f"{len(found)} of {len(keys)} results"
            return {key: _result(each.value) for key, each in found.items() if key is not None}

        return await eventually(complete, timeout_s=TIMEOUT_S, what="results", interval_s=0.3)

    async def reply(self, correlation_id: bytes) -> ClassificationResult | ClassificationFailure:
        async def found() -> ConsumerRecord:
            ours = [
                each for each in await self._read(REPLIES) if (CORRELATION_ID, correlation_id) in each.headers
            ]
            assert len(ours) == 1, f"{len(ours)} replies"
            return ours[0]

        record = await eventually(found, timeout_s=TIMEOUT_S, what="the reply", interval_s=0.3)
        event = CODEC.decode(record.value)
        assert isinstance(event, ClassificationResult | ClassificationFailure)
        return event

    async def _read(self, topic: str) -> list[ConsumerRecord]:
        return await read_topic(self.kafka.bootstrap_servers, topic)


def _result(value: bytes | None) -> ClassificationResult:
    event = CODEC.decode(value)
    assert isinstance(event, ClassificationResult)
    return event


@pytest.fixture(scope="module")
async def worker(declared_topics: Kafka, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    folder = tmp_path_factory.mktemp("worker")
    key = signing_key(folder / ".veriaidpo")
    async with run_worker(declared_topics, folder) as process:
        await process.wait_for_line("worker ready: models=principles,risk_level")
        yield Running(process, declared_topics, key)
        assert process.returncode is None, "no input ends a worker"


def address(partition: int = 0) -> ReplyAddress:
    return ReplyAddress(REPLIES, partition, uuid4().bytes)


async def test_request_is_answered_on_the_results_topic_and_at_its_reply_address(worker: Running) -> None:
    reply = address()
    text = "Vietcombank phải xin sự đồng ý của khách hàng."
    record = signed_record(worker.key, text, reply=reply)
    await worker.publish([record])
    assert record.key is not None
    result = (await worker.results([record.key]))[record.key]
    assert await worker.reply(reply.correlation_id) == result
    assert (result.request_id.encode(), result.tenant_id, result.model_type) == (
        record.key,
        "t1",
        "principles",
    )
    assert result.normalized_text == text.replace("Vietcombank", "[COMPANY]")
    assert len(result.detected_companies) == 1
    assert result.prediction == result.scores[result.category_id].label
    assert result.confidence == max(score.score for score in result.scores)


async def test_same_record_published_twice_gives_the_same_result_id(worker: Running) -> None:
    record = signed_record(worker.key)
    await worker.publish([record, record])

    async def both() -> list[ClassificationResult]:
        found = await read_topic(worker.kafka.bootstrap_servers, RESULTS)
        results = [_result(each.value) for each in found if each.key == record.key]
        assert len(results) == 2
        return results

    first, second = await eventually(both, timeout_s=TIMEOUT_S)
    assert first.result_id == second.result_id


def bad_records(key: SigningKey) -> dict[str, tuple[SignedRecord, str]]:
    """By what is bad about it: the record, and the code of its dead letter. All have a signed address."""

    def bent(**changes: object) -> SignedRecord:
        return signed_record(key, **{"reply": address(), **changes})  # type: ignore[arg-type]

    valid = bent()
    token = dict(valid.headers)[AUTHORIZATION].removeprefix(b"Bearer ").decode()
    payload = jwt.decode(token, options={"verify_signature": False})
    head = {"typ": "veriaidpo-event+jwt", "kid": key.kid}
    forged = jwt.encode(payload, "another-secret-that-is-long-enough-too", "HS256", head)
    unsigned = jwt.encode(payload, "", "none", head)
    return {
        "random bytes": (bent(value=b"\x00\x01\x02 no avro"), "UNKNOWN_SCHEMA"),
        "text bytes": (bent(value=b"hello"), "NOT_AVRO"),
        "empty value": (replace(bent(), value=b""), "NOT_AVRO"),
        "no value": (replace(bent(), value=None), "NOT_AVRO"),
        "cut off": (replace(bent(), value=(valid.value or b"")[:-3]), "TRUNCATED_RECORD"),
        "wrong schema id": (bent(value=b"\x00\x00\x00\x00\x07abc"), "UNKNOWN_SCHEMA"),
        "expired token": (bent(age_s=7200, lifetime_s=60), "CLAIMS_EXPIRED"),
        "token for a year": (bent(lifetime_s=365 * 86_400), "CLAIMS_EXPIRED"),
        "wrong digest": (replace(bent(), value=bent().value), "CLAIMS_MISMATCH"),
        "another tenant's token": (bent(signed_tenant_id="t2"), "RECORD_MISMATCH"),
        "no permission": (bent(permissions=()), "CLAIMS_FORBIDDEN"),
        "unknown model type": (bent(value_model_type="astrology"), "UNKNOWN_MODEL_TYPE"),
        "another model type": (bent(value_model_type="risk_level"), "RECORD_MISMATCH"),
        "only spaces": (bent(text="   \n\t "), "EMPTY_TEXT"),
        "too long": (bent(text="x" * 20_001), "TEXT_TOO_LONG"),
        "another language": (bent(language="fr"), "UNSUPPORTED_LANGUAGE"),
        "deadline passed": (bent(deadline_ms=int(time.time() * 1000) - 1000), "DEADLINE_EXCEEDED"),
        "copied to another reply topic": (
            bent().header(REPLY_TOPIC, b"veriaidpo.replies.x"),
            "CLAIMS_MISMATCH",
        ),
        "copied to another partition": (bent().header(REPLY_PARTITION, b"\0\0\0\1"), "CLAIMS_MISMATCH"),
        "copied to another correlation": (bent().header(CORRELATION_ID, b"theirs"), "CLAIMS_MISMATCH"),
        "correlation id of 10 kB": (bent().header(CORRELATION_ID, b"x" * 10_000), "BAD_HEADERS"),
        "40 kB of headers": (bent().header("x-large", b"x" * 40_000), "BAD_HEADERS"),
        "forged token": (bent().header(AUTHORIZATION, b"Bearer " + forged.encode()), "CLAIMS_UNVERIFIED"),
        "alg none": (bent().header(AUTHORIZATION, b"Bearer " + unsigned.encode()), "CLAIMS_UNVERIFIED"),
        "no token": (bent().header(AUTHORIZATION, None), "CLAIMS_MISSING"),
    }


UNANSWERED = {"forged token", "alg none", "no token"}  # nobody knows who asked


async def test_bad_records_are_dead_lettered_byte_for_byte_and_answered_where_the_signature_verifies(
    worker: Running,
) -> None:
    cases = bad_records(worker.key)
    await worker.publish([record for record, _ in cases.values()])
    letters = await worker.dead_letters([record.key for record, _ in cases.values()])
    for name, (record, code) in cases.items():
        letter = letters[record.key]
        headers = list(letter.headers)
        assert letter.value == record.value, name
        assert tuple(headers[: len(record.headers)]) == record.headers, name
        assert (name, dict(headers)[ERROR_CODE]) == (name, code.encode())
        assert dict(headers)[DLT_ORIGINAL_CONSUMER_GROUP] == b"veriaidpo.principles"
    replies = await read_topic(worker.kafka.bootstrap_servers, REPLIES)
    failures = {
        failure.request_id.encode(): failure
        for each in replies
        if each.value is not None and isinstance(failure := CODEC.decode(each.value), ClassificationFailure)
    }
    answered = {name for name, (record, _) in cases.items() if record.key in failures}
    assert answered == set(cases) - UNANSWERED
    for name in answered:
        record, code = cases[name]
        failure = failures[record.key or b""]
        assert (failure.code, failure.retriable) == (code, False)
        assert failure.message
        assert failure.message_vi


async def test_record_without_a_key_is_dead_lettered(worker: Running) -> None:
    reply = address()
    await worker.publish([replace(signed_record(worker.key, reply=reply), key=None)])
    failure = await worker.reply(reply.correlation_id)
    assert isinstance(failure, ClassificationFailure)
    assert failure.code == "RECORD_MISMATCH"


async def test_reply_topic_that_the_issuer_may_not_use_gets_nothing(worker: Running) -> None:
    topic = await make_topic(worker.kafka.bootstrap_servers, unique("elsewhere"))
    record = signed_record(worker.key, reply=ReplyAddress(topic, 0, b"c"))
    await worker.publish([record])
    letter = (await worker.dead_letters([record.key]))[record.key]
    assert dict(letter.headers)[ERROR_CODE] == b"CLAIMS_FORBIDDEN"
    assert await read_topic(worker.kafka.bootstrap_servers, topic) == []


@pytest.mark.parametrize(
    "reply",
    [
        ReplyAddress("veriaidpo.replies.nobody", 0, b"c"),
        ReplyAddress(REPLIES, -1, b"c"),
        ReplyAddress(REPLIES, 2**31 - 1, b"c"),
    ],
    ids=["a topic that doesn't exist", "partition -1", "partition 2^31-1"],
)
async def test_result_whose_reply_address_does_not_exist_is_kept_and_delays_nobody(
    worker: Running, reply: ReplyAddress
) -> None:
    lost = signed_record(worker.key, reply=reply)
    others = [signed_record(worker.key, reply=address()) for _ in range(20)]
    await worker.publish([lost, *others])
    results = await worker.results([record.key or b"" for record in (lost, *others)])
    letter = (await worker.dead_letters([lost.key]))[lost.key]
    assert dict(letter.headers)[ERROR_CODE] == b"REPLY_UNDELIVERABLE"
    assert max(results[record.key or b""].timings.total_ms for record in others) < 1000


async def test_record_of_almost_the_largest_size_is_dead_lettered_whole(worker: Running) -> None:
    padding = b"x" * (MAX_REQUEST_BYTES - 1200)
    record = signed_record(worker.key, value=padding, reply=address())
    await worker.publish([record])
    letter = (await worker.dead_letters([record.key]))[record.key]
    assert letter.value == padding


async def test_worker_beats_for_each_model_type_and_leaves_tombstones(
    declared_topics: Kafka, tmp_path: Path
) -> None:
    signing_key(tmp_path / ".veriaidpo")
    async with run_worker(declared_topics, tmp_path, models="regional,industry") as process:
        line = await process.wait_for_line("worker ready")
        worker_id = line.rpartition("worker_id=")[2].strip()
        children = children_of(process.pid)
        assert children

        async def beats() -> dict[str, list[bool | None]]:
            """By model type, whether it was ready, beat by beat; None is a tombstone."""
            said: dict[str, list[bool | None]] = {"regional": [], "industry": []}
            for each in await read_topic(declared_topics.bootstrap_servers, MODEL_STATUS):
                sender, _, about = (each.key or b"").decode().partition("/")
                if sender == worker_id:
                    status = CODEC.decode(each.value) if each.value is not None else None
                    assert status is None or isinstance(status, ModelStatus)
                    assert status is None or (status.worker_id, status.model_type) == (worker_id, about)
                    said[about].append(None if status is None else status.ready)
            return said

        async def all_ready() -> bool:
            return all(said and said[-1] for said in (await beats()).values())

        await eventually(all_ready, timeout_s=10)
        process.terminate()
        assert await process.wait(25) == 0
        for said in (await beats()).values():
            assert said[-2:] == [False, None]  # not ready while its batches are finished, then gone
        await eventually(lambda: not any(map(is_running, children)), timeout_s=5, what="no child is left")


async def test_child_ends_with_a_worker_that_is_killed(declared_topics: Kafka, tmp_path: Path) -> None:
    signing_key(tmp_path / ".veriaidpo")
    async with run_worker(declared_topics, tmp_path, models="regional") as process:
        await process.wait_for_line("worker ready")
        children = children_of(process.pid)
        process.kill()
        await eventually(lambda: not any(map(is_running, children)), timeout_s=5, what="no child is left")


async def test_worker_refuses_a_request_topic_that_publishers_timestamp(
    kafka: Kafka, declared_topics: Kafka, tmp_path: Path
) -> None:
    from aiokafka.admin import AIOKafkaAdminClient
    from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

    topic = "veriaidpo.requests.industry"
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    await admin.start()

    async def set_timestamps(kind: str) -> None:
        await admin.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, topic, {"message.timestamp.type": kind})]
        )

    try:
        await set_timestamps("CreateTime")
        async with run_worker(kafka, tmp_path, models="industry") as process:
            assert await process.wait(TIMEOUT_S) == 2
            assert topic in process.output
            assert "LogAppendTime" in process.output
    finally:
        await set_timestamps("LogAppendTime")
        await admin.close()


@pytest.mark.timed
async def test_requests_are_answered_within_a_second_at_a_hundred_a_second(worker: Running) -> None:
    records = [signed_record(worker.key, model_type="risk_level") for _ in range(200)]
    producer = AIOKafkaProducer(bootstrap_servers=worker.kafka.bootstrap_servers, acks="all")
    await producer.start()
    for record in records:
        await producer.send(record.topic, record.value, record.key, headers=list(record.headers))
        await asyncio.sleep(0.01)
    await producer.stop()
    results = await worker.results([record.key or b"" for record in records])
    totals = sorted(result.timings.total_ms for result in results.values())
    assert totals[int(len(totals) * 0.99)] < 1000
