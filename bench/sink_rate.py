"""Rows a second through `veriaidpo sink` into Postgres, beside plain asyncpg COPY of the same rows.

A backlog is on the topic before the sink starts. COPY writes the rows, ready made, in batches of the same
size into a table with the same indexes: no Kafka, no Avro, no policies, no row security, no looking for
duplicates. It is what the sink can't reach; the ratio says how far below it stays.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import asyncpg

from bench.figure import Figure
from bench.rig import Rig
from connectors.database.rows import Row, row_of
from connectors.database.tables import INCOMING_COLUMNS
from schemas.codec import Codec
from schemas.events import ClassificationResult
from schemas.topics import RESULTS
from streams.settings import SinkSettings
from tests.support.databases import migrated, result
from tests.support.postgres import Postgres, login_role
from tests.support.processes import run_veriaidpo
from tests.support.records import produce
from tests.support.waiting import eventually

RECORDS = 60_000
TIMEOUT_S = 120.0
TARGET_RATE = 5_000.0
TARGET_RATIO = 0.2
WARM_UP_SHARE = 0.1
BATCH = SinkSettings().batch_records


async def measure(rig: Rig) -> list[Figure]:
    """Both in one run, COPY after the sink."""
    sent = [result(number) for number in range(RECORDS)]
    codec = Codec()
    servers = rig.stack.bootstrap_servers
    await produce(
        servers, RESULTS, [codec.encode(one) for one in sent], keys=[one.request_id.encode() for one in sent]
    )
    async with Postgres() as server:
        with tempfile.TemporaryDirectory(prefix="veriaidpo-bench-") as folder:
            await migrated(server.url, Path(folder))
            rate = await _sink_rate(servers, server.url, Path(folder))
        copy_rate = await _copy_rate(server.url, sent)
    peer = f"plain asyncpg COPY of the same rows, {BATCH} a transaction: {copy_rate:.0f} rows/s"
    return [
        Figure("sink_rate", rate, "rows/s", TARGET_RATE, "higher", peer),
        Figure("sink_vs_copy_ratio", rate / copy_rate, "of COPY", TARGET_RATIO, "higher", peer),
    ]


async def _sink_rate(servers: str, url: str, folder: Path) -> float:
    """Read off the rows' own time: that of the transaction's begin."""
    env = {"KAFKA_BOOTSTRAP_SERVERS": servers, "DATABASE_URL": await login_role(url, "veriaidpo_sink")}
    connection = await asyncpg.connect(url)
    async with run_veriaidpo(["sink"], folder, env=env):

        async def all_there() -> bool:
            return bool(await connection.fetchval("SELECT count(*) FROM veriaidpo.results") == RECORDS)

        await eventually(all_there, timeout_s=TIMEOUT_S, what="every result is stored", interval_s=0.5)
    stored_at = [
        row[0] for row in await connection.fetch("SELECT stored_at FROM veriaidpo.results ORDER BY 1")
    ]
    await connection.close()
    measured = stored_at[int(RECORDS * WARM_UP_SHARE) :]
    rows: int = sum(measured[0] <= moment < measured[-1] for moment in stored_at)
    took_s: float = (measured[-1] - measured[0]).total_seconds()
    return rows / took_s


async def _copy_rate(url: str, sent: Sequence[ClassificationResult]) -> float:
    rows: list[Row] = await asyncio.to_thread(lambda: [row_of(one) for one in sent])
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE copied (LIKE veriaidpo.results INCLUDING ALL)")
    started = time.perf_counter()
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        await connection.copy_records_to_table("copied", columns=INCOMING_COLUMNS, records=batch)
    took_s = time.perf_counter() - started
    await connection.close()
    return len(rows) / took_s
