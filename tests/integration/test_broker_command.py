"""`veriaidpo broker` and `veriaidpo topics` as somebody at a terminal runs them."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.clusters import home_with_jars
from tests.support.processes import Process, children_of, is_running, run_veriaidpo
from tests.support.waiting import eventually

pytestmark = pytest.mark.kafka


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home_with_jars(tmp_path)
    return tmp_path


async def test_the_broker_runs_until_sigterm_and_the_topics_commands_find_it(folder: Path) -> None:
    async with run_veriaidpo(["broker"], folder) as broker:
        ready = await broker.wait_for_line("Kafka is ready")
        assert re.search(r"127\.0\.0\.1:\d+", ready)

        async with _ended(["topics", "check"], folder) as check:
            assert check.returncode == 1
            assert "missing" in check.output
            assert "veriaidpo topics create" in check.output
        async with _ended(["topics", "create", "--client", "erp"], folder) as create:
            assert create.returncode == 0, create.output
            assert "made veriaidpo.requests.principles" in create.output
            assert "made veriaidpo.replies.erp" in create.output
        async with _ended(["topics", "check"], folder) as check:
            assert check.returncode == 0, check.output
        async with _ended(["topics", "check"], folder, VERIAIDPO_TOPICS__PARTITIONS="9") as check:
            assert check.returncode == 1
            assert "--alter --topic veriaidpo.results --partitions 9" in check.output
        async with _ended(["topics", "list"], folder) as listed:
            assert listed.returncode == 0
            assert "veriaidpo.model-status" in listed.output
            assert "veriaidpo.replies.erp" in listed.output

        java = _java(broker)
        broker.terminate()
        assert await broker.wait() == 0, broker.output
        assert not is_running(java)


async def test_ctrl_c_while_the_broker_starts_stops_it_and_exits_0(folder: Path) -> None:
    async with run_veriaidpo(["broker"], folder) as broker:
        await broker.wait_for_line("Starting")
        java = await eventually(lambda: children_of(broker.pid), what="a child of the command")
        broker.send_signal(signal.SIGINT)
        assert await broker.wait() == 0, broker.output
        assert not is_running(java[0])


async def test_the_broker_is_gone_5_seconds_after_its_parents_kill(folder: Path) -> None:
    async with run_veriaidpo(["broker", "--data-dir", "data"], folder) as broker:
        await broker.wait_for_line("Kafka is ready")
        java = _java(broker)
        broker.kill()
        await broker.wait()
        await eventually(lambda: not is_running(java), timeout_s=5, what="no broker without its command")


async def test_a_broker_that_is_killed_ends_the_command_with_an_error(folder: Path) -> None:
    async with run_veriaidpo(["broker"], folder) as broker:
        await broker.wait_for_line("Kafka is ready")
        os.kill(_java(broker), signal.SIGKILL)
        assert await broker.wait() == 2
        assert "BROKER_FAILED" in broker.output


async def test_with_a_cluster_given_nothing_is_started(folder: Path) -> None:
    async with _ended(["broker"], folder, KAFKA_BOOTSTRAP_SERVERS="kafka.example:9092") as broker:
        assert broker.returncode == 0
        assert "kafka.example:9092" in broker.output
    assert not (folder / ".veriaidpo" / "kafka").exists()


async def test_without_java_one_line_says_what_to_install(folder: Path) -> None:
    async with _ended(["broker"], folder, JAVA_HOME=str(folder)) as broker:
        assert broker.returncode == 2
        assert "MISSING_TOOL: Java 17 isn't installed. Install it: apt-get install" in broker.output
        assert "Traceback" not in broker.output


async def test_without_maven_and_jars_one_line_says_what_to_install(tmp_path: Path) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.touch(mode=0o755)
    async with _ended(["broker"], tmp_path, PATH=str(java.parent), JAVA_HOME="") as broker:
        assert broker.returncode == 2
        assert "MISSING_TOOL: Maven isn't installed. Install it: apt-get install maven" in broker.output
        assert "Traceback" not in broker.output


async def test_topics_without_any_cluster_say_which_setting_is_missing(folder: Path) -> None:
    async with _ended(["topics", "list"], folder) as listed:
        assert listed.returncode == 2
        assert "KAFKA_BOOTSTRAP_SERVERS" in listed.output
        assert "Traceback" not in listed.output


@asynccontextmanager
async def _ended(arguments: list[str], folder: Path, **env: str) -> AsyncIterator[Process]:
    async with run_veriaidpo(arguments, folder, env=env) as process:
        await process.wait(timeout_s=60)
        yield process


def _java(broker: Process) -> int:
    [java] = children_of(broker.pid)
    return java
