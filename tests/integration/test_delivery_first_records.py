"""The first records of a partition, when a rebalance falls between their fetch and their delivery."""

from __future__ import annotations

import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from tests.support.clusters import Kafka
from tests.support.processes import Process, run_command
from tests.support.records import make_topic, produce, read_topic, unique
from tests.support.waiting import eventually

PARTITIONS = 4


@pytest.mark.kafka
async def test_records_fetched_before_the_flow_resumes_are_delivered_though_nothing_was_ever_committed(
    declared_topics: Kafka, tmp_path: Path
) -> None:
    """With no committed offset to seek back to, what Faust drops in a rebalance would never come again."""
    servers = declared_topics.bootstrap_servers
    topic = await make_topic(servers, unique("veriaidpo.requests.first"), PARTITIONS)
    results = await make_topic(servers, unique("results"))
    values = [b"%06d" % number for number in range(40)]

    def worker(module: str, name: str) -> AbstractAsyncContextManager[Process]:
        command = [sys.executable, "-m", module, "--bootstrap-servers", servers, "--topics", topic]
        options = ["--results", results, "--data-dir", str(tmp_path / name / "faust")]
        return run_command([*command, *options], tmp_path / name)

    async with worker("tests.support.slow_rebalance", "slow") as slow:
        await slow.wait_for_line("delivery ready")
        async with worker("tests.support.delivery_worker", "other") as other:
            await slow.wait_for_line(f"taking up {PARTITIONS // 2}")
            await produce(servers, topic, values, keys=values)
            await other.wait_for_line("delivery ready")

            async def are_all_there() -> bool:
                found = {record.value for record in await read_topic(servers, results)}
                missing = set(values) - found
                assert not missing, f"{len(missing)} of {len(values)} are missing"
                return True

            await eventually(are_all_there, timeout_s=20, what="a result for each record", interval_s=0.5)
