"""The Java program of docs/publish.md: its record is accepted, and it decodes our answers."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from schemas.errors import ModelUnavailable
from tests.support.clusters import PROJECT, Kafka
from tests.support.real_worker import real_worker, write_key_file
from tests.support.responder import create_topic, responding

pytestmark = pytest.mark.kafka

EXAMPLE = PROJECT / "clients" / "java" / "example"
MODEL_TYPE = "regional"
CLIENT = "java-example"
TEXT = "Chi nhánh Đà Nẵng xử lý dữ liệu của khách hàng miền Trung."


@dataclass(frozen=True)
class Ended:
    code: int
    stdout: str
    stderr: str


async def run(*command: str | Path, timeout_s: float = 120) -> Ended:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "LC_ALL": "C.UTF-8"},  # Java reads its arguments in the locale's encoding
    )
    stdout, stderr = await asyncio.wait_for(process.communicate(), timeout_s)
    return Ended(process.returncode or 0, stdout.decode(), stderr.decode())


@pytest.fixture(scope="module")
async def classes(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The class path with the compiled program, its libraries from Maven Central."""
    folder = tmp_path_factory.mktemp("java")
    shutil.copy(EXAMPLE / "pom.xml", folder)
    fetched = await run("mvn", "-q", "-B", "-f", folder / "pom.xml", "dependency:copy-dependencies")
    assert fetched.code == 0, fetched.stdout + fetched.stderr
    jars = f"{folder}/target/dependency/*"
    compiled = await run(
        *("javac", "-Xlint:all,-processing", "-Werror", "-encoding", "UTF-8", "-cp", jars),
        *("-d", folder / "classes", EXAMPLE / "PublishAndWait.java"),
    )
    assert compiled.code == 0, compiled.stderr
    return f"{folder}/classes:{jars}"


async def publish_and_wait(classes: str, kafka: Kafka, key_file: Path) -> Ended:
    return await run(
        *("java", "-cp", classes, "PublishAndWait"),
        *(kafka.bootstrap_servers, key_file, PROJECT / "schemas" / "avro"),
        *(CLIENT, "t1", MODEL_TYPE, TEXT),
    )


async def test_its_record_is_what_the_codec_and_the_claims_accept(
    classes: str, kafka: Kafka, tmp_path: Path
) -> None:
    topic = f"veriaidpo.requests.{MODEL_TYPE}"
    await create_topic(kafka.bootstrap_servers, topic)
    await create_topic(kafka.bootstrap_servers, f"veriaidpo.replies.{CLIENT}")
    key_file = write_key_file(tmp_path / "key.json")
    async with responding(kafka.bootstrap_servers, [topic]) as responder:
        ended = await publish_and_wait(classes, kafka, key_file)
        assert ended.code == 0, ended.stderr
        assert responder.refused == []
        (request,) = responder.answered
        assert (request.tenant_id, request.model_type, request.text) == ("t1", MODEL_TYPE, TEXT)
        result = json.loads(ended.stdout)
        assert (result["prediction"], result["request_id"]) == ("Lawfulness", request.request_id)

        responder.fails_with = ModelUnavailable(model_type=MODEL_TYPE, reason="loading")
        ended = await publish_and_wait(classes, kafka, key_file)
        assert (ended.code, json.loads(ended.stdout)["code"]) == (1, "MODEL_UNAVAILABLE")


async def test_the_worker_answers_it_and_it_prints_the_decoded_prediction(
    classes: str, kafka: Kafka, tmp_path: Path
) -> None:
    key_file = write_key_file(tmp_path / "key.json")
    async with real_worker(kafka.bootstrap_servers, tmp_path, [MODEL_TYPE], clients=[CLIENT]):
        ended = await publish_and_wait(classes, kafka, key_file)
    assert ended.code == 0, ended.stderr
    result = json.loads(ended.stdout)
    assert result["model_type"] == MODEL_TYPE
    assert result["prediction"] == result["scores"][result["category_id"]]["label"]
    assert result["normalized_text"] == TEXT


def test_it_is_short_enough_to_be_read_and_copied() -> None:
    source = (EXAMPLE / "PublishAndWait.java").read_text()
    body = re.sub(r"^(import .*)?\n", "", source, flags=re.M)
    assert len(body.splitlines()) <= 60
