"""`veriaidpo publish` and `veriaidpo results` as a person runs them, on a real broker."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer

from connectors.publishing.keys import FIELDS
from schemas.codec import Codec
from schemas.errors import ModelUnavailable
from schemas.events import ClassificationRequest
from schemas.topics import RESULTS
from tests.conftest import StartBroker
from tests.support.bad_input_producer import RawBatch, RawName, RawProducer
from tests.support.bad_input_records import Sent
from tests.support.clusters import Kafka
from tests.support.responder import SIGNING_KEY, Responder, create_topic, responding, result_for

pytestmark = pytest.mark.kafka

MODEL_TYPE = "consent_type"
TOPIC = f"veriaidpo.requests.{MODEL_TYPE}"
CLIENT = f"command-{uuid4().hex[:8]}"


@dataclass(frozen=True)
class Ended:
    code: int
    stdout: str
    stderr: str


class Commands:
    """Runs `veriaidpo` with the settings of one publishing service."""

    def __init__(self, kafka: Kafka, home: Path) -> None:
        key_file = home / "key.json"
        key_file.write_text(json.dumps({name: getattr(SIGNING_KEY, name) for name in FIELDS}))
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("VERIAIDPO_")},
            "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "VERIAIDPO_HOME": str(home / "home"),
            "VERIAIDPO_PUBLISHER_KEY_FILE": str(key_file),
        }

    async def __call__(self, *arguments: str, stdin: bytes = b"") -> Ended:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "cli.main",
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self.environment,
        )
        stdout, stderr = await asyncio.wait_for(process.communicate(stdin), 60)
        assert process.returncode is not None
        return Ended(process.returncode, stdout.decode(), stderr.decode())


@pytest.fixture
async def veriaidpo(kafka: Kafka, tmp_path: Path) -> Commands:
    await create_topic(kafka.bootstrap_servers, TOPIC)
    await create_topic(kafka.bootstrap_servers, f"veriaidpo.replies.{CLIENT}", partitions=2)
    return Commands(kafka, tmp_path)


@pytest.fixture
async def responder(kafka: Kafka, veriaidpo: Commands) -> AsyncIterator[Responder]:
    async with responding(kafka.bootstrap_servers, [TOPIC]) as responder:
        yield responder


def lines(*texts: str) -> bytes:
    return "".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts).encode()


async def test_publish_reports_malformed_lines_by_number_and_sends_the_rest(
    veriaidpo: Commands, responder: Responder, tmp_path: Path
) -> None:
    file = tmp_path / "requests.jsonl"
    file.write_bytes(lines("Câu một", " ") + b"{not json\n" + lines("Câu bốn"))
    ended = await veriaidpo("publish", str(file), "--tenant", "t1", "--model-type", MODEL_TYPE)
    assert ended.code == 1
    assert "line 2: EMPTY_TEXT" in ended.stderr
    assert "line 3: MALFORMED_LINE" in ended.stderr
    assert "2 of 4 published" in ended.stderr
    assert ended.stdout == ""


async def test_publish_and_wait_prints_each_answer_as_a_json_line(
    veriaidpo: Commands, responder: Responder
) -> None:
    texts = [f"Đồng ý lần {number}" for number in range(300)]
    wait = ["--wait", "--format", "jsonl", "--client", CLIENT, "--in-flight", "50"]
    ended = await veriaidpo(
        "publish", "-", "--tenant", "t7", "--model-type", MODEL_TYPE, *wait, stdin=lines(*texts)
    )
    assert ended.code == 0, ended.stderr
    answers = [json.loads(line) for line in ended.stdout.splitlines()]
    by_line = sorted(answers, key=lambda answer: int(answer["line"]))
    assert [answer["normalized_text"] for answer in by_line] == texts
    assert {answer["tenant_id"] for answer in answers} == {"t7"}
    assert responder.refused == []


async def test_publish_and_wait_prints_a_table_and_failures_in_both_languages(
    veriaidpo: Commands, responder: Responder
) -> None:
    options = ["--tenant", "t1", "--model-type", MODEL_TYPE, "--wait", "--client", CLIENT]
    ended = await veriaidpo("publish", "-", *options, stdin=lines("Câu hỏi"))
    assert ended.code == 0, ended.stderr
    assert "Câu hỏi" in ended.stdout
    assert "0.88" in ended.stdout
    responder.fails_with = ModelUnavailable(model_type=MODEL_TYPE, reason="loading")
    ended = await veriaidpo("publish", "-", *options, stdin=lines("Câu hỏi"))
    assert ended.code == 1
    assert "line 1: MODEL_UNAVAILABLE: Model consent_type is unavailable" in ended.stderr
    assert "tạm thời không sẵn sàng" in ended.stderr


async def test_missing_reply_topic_ends_the_command_with_what_to_run(veriaidpo: Commands) -> None:
    options = ["--tenant", "t1", "--model-type", MODEL_TYPE, "--wait", "--client", "nobody"]
    ended = await veriaidpo("publish", "-", *options, stdin=lines("Câu hỏi", "Câu khác"))
    assert ended.code == 2
    assert "veriaidpo topics create --client nobody" in ended.stderr
    assert "Traceback" not in ended.stderr


async def test_results_are_filtered_printed_once_and_undecodable_ones_skipped(
    veriaidpo: Commands, kafka: Kafka
) -> None:
    tenant = f"tenant-{uuid4().hex[:8]}"
    await create_topic(kafka.bootstrap_servers, RESULTS, partitions=2)
    requests = [
        ClassificationRequest(f"{tenant}-{number}", tenant, MODEL_TYPE, "vi", "[COMPANY] hỏi")
        for number in range(4)
    ]
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers) as producer:
        await producer.send_and_wait(RESULTS, b"no result")
        for request in [*requests, *requests]:
            value = Codec().encode(result_for(request, 1_700_000_000_000))
            await producer.send_and_wait(RESULTS, value, key=request.request_id.encode())
    ended = await veriaidpo("results", "--tenant", tenant, "--format", "jsonl")
    assert ended.code == 0, ended.stderr
    found = [json.loads(line) for line in ended.stdout.splitlines()]
    assert sorted(row["request_id"] for row in found) == [request.request_id for request in requests]
    ended = await veriaidpo("results", "--tenant", tenant, "--model-type", "regional")
    assert ended.code == 0, ended.stderr
    assert "[COMPANY]" not in ended.stdout
    ended = await veriaidpo("results", "--tenant", tenant, "--model-type", MODEL_TYPE)
    assert ended.stdout.count("[COMPANY] hỏi") == 4


async def test_results_are_read_on_behind_a_record_that_no_client_would_send(
    fresh_kafka: StartBroker, tmp_path: Path
) -> None:
    broker = await fresh_kafka()
    servers = broker.bootstrap_servers
    await create_topic(servers, RESULTS)
    bad = Sent(b"bad", b"no result", ((RawName(b"n\xff"), None),))
    request = ClassificationRequest("r-1", "t1", MODEL_TYPE, "vi", "Câu")
    async with RawProducer(servers) as raw, AIOKafkaProducer(bootstrap_servers=servers) as producer:
        await raw.send(RawBatch(bad), RESULTS, 0)
        await producer.send_and_wait(RESULTS, Codec().encode(result_for(request, 1)))

    ended = await Commands(Kafka(servers), tmp_path)("results", "--format", "jsonl")

    assert ended.code == 0, ended.stderr
    assert [json.loads(line)["request_id"] for line in ended.stdout.splitlines()] == ["r-1"]


async def test_results_follow_prints_a_result_when_it_comes(veriaidpo: Commands, kafka: Kafka) -> None:
    tenant = f"tenant-{uuid4().hex[:8]}"
    await create_topic(kafka.bootstrap_servers, RESULTS, partitions=2)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.main", "results", "--follow", "--tenant", tenant, "--format", "jsonl"),
        stdout=asyncio.subprocess.PIPE,
        env=veriaidpo.environment,
    )
    assert process.stdout is not None
    try:
        async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers) as producer:
            for number in range(2):
                request = ClassificationRequest(f"{tenant}-{number}", tenant, MODEL_TYPE, "vi", "Câu")
                await producer.send_and_wait(RESULTS, Codec().encode(result_for(request, 1)))
                line = await asyncio.wait_for(process.stdout.readline(), 30)
                assert json.loads(line)["request_id"] == f"{tenant}-{number}"
    finally:
        process.terminate()
        await process.wait()
