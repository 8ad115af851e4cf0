"""The bridge's own readers, behind records that no client of ours would send."""

from __future__ import annotations

import logging
import time
from uuid import uuid4

import pytest

from api.kafka_gateway import KafkaGateway
from schemas.claims import Caller
from schemas.events import ClassificationRequest
from schemas.topics import MODEL_STATUS, reply_topic
from tests.conftest import StartBroker
from tests.support.bad_input_producer import RawBatch, RawName, RawProducer
from tests.support.bad_input_records import CLASSIFY, CODEC, TEXT, Sent
from tests.support.bridge_stage import BRIDGE_KEY, kafka_stage, serves
from tests.support.waiting import eventually

pytestmark = pytest.mark.kafka

CALLER = Caller("user-1", "dpo", "tenant-1", (CLASSIFY,))
REPLY_PARTITIONS = 8


async def test_bridge_reads_on_behind_a_header_name_that_is_no_text(
    fresh_kafka: StartBroker, caplog: pytest.LogCaptureFixture
) -> None:
    broker = await fresh_kafka()
    question = ClassificationRequest(str(uuid4()), CALLER.tenant_id, "principles", "vi", TEXT)
    bad = Sent(b"bad", CODEC.encode(question), ((RawName(b"n\xff"), None),))
    async with kafka_stage(broker, "principles") as stage, RawProducer(broker.bootstrap_servers) as producer:
        caplog.set_level(logging.WARNING)
        for partition in range(REPLY_PARTITIONS):
            await producer.send(RawBatch(bad), reply_topic("bridge"), partition)
        await producer.send(RawBatch(bad), MODEL_STATUS, 0)
        answer = await stage.gateway.classify(question, CALLER, deadline_ms=int(time.time() * 1e3) + 10_000)
        assert answer.request_id == question.request_id
        async with KafkaGateway(broker.bootstrap_servers, BRIDGE_KEY) as another:  # reads what has been
            await eventually(lambda: serves(another.status()), timeout_s=10, what="the next bridge is ready")
        warned = [record for record in caplog.records if record.levelno >= logging.WARNING]
        assert not [record for record in warned if record.name == "api.kafka_link"]
