"""What `veriaidpo up` and `veriaidpo demo` stand on: the parts work together as they are started."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cli.settings import Settings
from cli.stack import ServiceFailed, Stack
from tests.support.clusters import home_with_jars
from tests.support.processes import children_of, is_running, run_veriaidpo
from tests.support.waiting import eventually

pytestmark = pytest.mark.kafka

DEVELOPMENT = {"VERIAIDPO_MODE": "development"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return home_with_jars(tmp_path)


@pytest.fixture
async def stack(home: Path) -> AsyncIterator[Stack]:
    """Kafka, its topics, and a worker that answers the same to everything."""
    async with Stack(Settings(mode="development", home=home)) as stack:
        await stack.start_worker("--engine", "constant", "--models", "principles,industry")
        await stack.until_worker_is_ready()
        yield stack


async def test_publish_and_wait_works_straight_away(stack: Stack, tmp_path: Path) -> None:
    requests = tmp_path / "requests.jsonl"
    requests.write_text('{"text": "Câu một."}\n{"text": "Câu hai.", "model_type": "industry"}\n')
    publish = ["publish", str(requests), "--tenant", "t1", "--wait", "--format", "jsonl"]

    async with run_veriaidpo(publish, tmp_path, env=DEVELOPMENT) as ended:
        assert await ended.wait(timeout_s=60) == 0, ended.output
    answers = [json.loads(line) for line in ended.output.splitlines() if line.startswith("{")]
    assert {answer["model_type"] for answer in answers} == {"principles", "industry"}

    async with run_veriaidpo(["topics", "check"], tmp_path, env=DEVELOPMENT) as check:
        assert await check.wait(timeout_s=60) == 0, check.output


async def test_a_part_that_ends_by_itself_is_a_typed_failure_that_names_its_log(stack: Stack) -> None:
    waiting = asyncio.create_task(stack.wait_for_end())
    os.kill(stack.pid("worker"), signal.SIGKILL)
    with pytest.raises(ServiceFailed, match=r"the worker ended with exit code -9.*logs"):
        await waiting


async def test_ctrl_c_while_everything_starts_stops_it_and_exits_0(home: Path) -> None:
    async with run_veriaidpo(["up"], home.parent, env=DEVELOPMENT) as up:
        await up.wait_for_line("Starting")
        children = await eventually(lambda: children_of(up.pid), what="a child of the command")
        up.send_signal(signal.SIGINT)
        assert await up.wait() == 0, up.output
        assert "Traceback" not in up.output
        assert not any(is_running(child) for child in children)
