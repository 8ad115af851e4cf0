"""Results through the sink while it and its database are killed; then every row is counted and compared.

python -m tests.chaos.sink_campaign [--rows 100000 --kills 20 --restarts 5]

The rows are read back by plain SQL and held against what was produced; nothing of the sink's is asked.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import msgspec
from rich.console import Console

from bench.figure import Figure, write
from connectors.database.rows import Row, row_of
from connectors.database.tables import INCOMING_COLUMNS
from connectors.kafka.broker import Broker
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topic_admin import create_declared_topics
from connectors.kafka.topics import TopicSettings
from schemas.codec import Codec
from schemas.events import ClassificationResult
from schemas.headers import DLT_ORIGINAL_OFFSET, DLT_ORIGINAL_PARTITION
from schemas.topics import DEAD_LETTERS, RESULTS
from tests.support.clusters import JARS_DIR
from tests.support.databases import DAY_MS, REQUESTED_AT_MS, migrated, result
from tests.support.postgres import Postgres, login_role
from tests.support.processes import Process, run_veriaidpo
from tests.support.records import produce, read_topic
from tests.support.waiting import eventually

REDELIVERED_EVERY = 20
SPOILT_EVERY = 250
SETTLES_WITHIN_S = 120.0
TENANTS = ("acme", "bravo", "cargo")


@dataclass(frozen=True)
class Plan:
    """How much, and what happens meanwhile; faults come after equal shares of the rows."""

    rows: int
    kills: int
    restarts: int
    batch_records: int

    def faults(self) -> list[tuple[int, str]]:
        """(after so many rows, "kill" or "restart"), in order."""
        kills = [(self.rows * (one + 1) // (self.kills + 1), "kill") for one in range(self.kills)]
        restarts = [
            (self.rows * (2 * one + 1) // (2 * self.restarts), "restart") for one in range(self.restarts)
        ]
        return sorted(kills + restarts)


@dataclass(frozen=True)
class Ledger:
    """What came of it; all but `kills` and `restarts` have to be 0."""

    kills: int
    restarts: int
    lost: int
    doubled: int
    wrong: int
    unasked: int
    dead_letters_missing: int

    @property
    def closes(self) -> bool:
        return not (self.lost or self.doubled or self.wrong or self.unasked or self.dead_letters_missing)


async def run(plan: Plan, folder: Path) -> Ledger:
    """The whole campaign, on a broker and a Postgres of its own."""
    async with Broker(folder / "kafka", jars_dir=JARS_DIR) as broker, Postgres() as server:
        servers = broker.bootstrap_servers
        await create_declared_topics(KafkaSettings(bootstrap_servers=servers), TopicSettings())
        await migrated(server.url, folder)
        sent = [_result(number) for number in range(plan.rows)]
        spoilt = await _publish(servers, sent)
        sink = Sink(servers, await login_role(server.url, "veriaidpo_sink"), plan.batch_records, folder)
        async with sink.running():
            for rows, fault in plan.faults():
                await _until_rows(server, rows)
                await (sink.kill() if fault == "kill" else _restart(server))
            await _until_rows(server, plan.rows)
            await eventually(
                lambda: _all_dead_lettered(servers, spoilt), timeout_s=SETTLES_WITHIN_S, interval_s=0.5
            )
        missing = spoilt - await _dead_lettered(servers)
        found = await _read_rows(server.url)
    return ledger_of([row_of(one) for one in sent], found, plan, missing=len(missing))


class Sink:
    """`veriaidpo sink` under a supervisor that starts it again whenever it ends."""

    def __init__(self, servers: str, url: str, batch_records: int, folder: Path) -> None:
        self._env = {
            "KAFKA_BOOTSTRAP_SERVERS": servers,
            "DATABASE_URL": url,
            "VERIAIDPO_SINK__BATCH_RECORDS": str(batch_records),
        }
        self._folder = folder / "sink"
        self._process: Process | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        supervisor = asyncio.create_task(self._supervise())
        try:
            yield
        finally:
            supervisor.cancel()
            await asyncio.gather(supervisor, return_exceptions=True)

    async def kill(self) -> None:
        """kill -9 of the one that runs."""
        process = await eventually(lambda: self._process, timeout_s=30, what="a sink runs")
        assert process is not None
        process.kill()

    async def _supervise(self) -> None:
        while True:
            async with run_veriaidpo(["sink"], self._folder, env=self._env) as process:
                self._process = process
                await process.wait(timeout_s=3_600)
                self._process = None


def _result(number: int) -> ClassificationResult:
    """Of three tenants and two months, each with a text of its own."""
    return result(
        number,
        tenant_id=TENANTS[number % 3],
        confidence=number % 997 / 997,
        text=f"[COMPANY] thu thập dữ liệu lần {number}.",
        requested_at_ms=REQUESTED_AT_MS + (number % 40) * DAY_MS + number,
    )


async def _publish(servers: str, sent: Sequence[ClassificationResult]) -> set[tuple[int, int]]:
    """Every result, some again with another answer, and some that nobody can store; where those lie."""
    codec = Codec()
    values: list[bytes | None] = []
    keys: list[bytes | None] = []
    spoilt: list[int] = []
    for number, one in enumerate(sent):
        values.append(codec.encode(one))
        keys.append(one.request_id.encode())
        if number % REDELIVERED_EVERY == 0:
            values.append(codec.encode(msgspec.structs.replace(one, prediction="of a redelivery")))
            keys.append(one.request_id.encode())
        if number % SPOILT_EVERY == 0:
            spoilt.append(len(values))
            refused = codec.encode(result(number, tenant_id="spoilt", text="Postgres takes no \x00"))
            values.append(refused if number // SPOILT_EVERY % 2 else b"no Avro")
            keys.append(b"spoilt-%d" % number)
    placed = await produce(servers, RESULTS, values, keys=keys)
    return {(placed[place].partition, placed[place].offset) for place in spoilt}


async def _restart(server: Postgres) -> None:
    await server.crash()
    await server.start()


async def _until_rows(server: Postgres, rows: int) -> None:
    connection = await asyncpg.connect(server.url)
    try:

        async def there() -> bool:
            count = await connection.fetchval("SELECT count(*) FROM veriaidpo.results")
            return bool(count >= rows)

        await eventually(there, timeout_s=SETTLES_WITHIN_S, what=f"{rows} rows", interval_s=0.01)
    finally:
        await connection.close()


async def _all_dead_lettered(servers: str, places: set[tuple[int, int]]) -> bool:
    return places <= await _dead_lettered(servers)


async def _dead_lettered(servers: str) -> set[tuple[int, int]]:
    headers = [dict(letter.headers) for letter in await read_topic(servers, DEAD_LETTERS)]
    return {
        (int.from_bytes(one[DLT_ORIGINAL_PARTITION], "big"), int.from_bytes(one[DLT_ORIGINAL_OFFSET], "big"))
        for one in headers
    }


async def _read_rows(url: str) -> list[Row]:
    connection = await asyncpg.connect(url)
    try:
        columns = ", ".join(INCOMING_COLUMNS)
        return [tuple(row) for row in await connection.fetch(f"SELECT {columns} FROM veriaidpo.results")]  # noqa: S608
    finally:
        await connection.close()


def ledger_of(expected: Sequence[Row], found: Sequence[Row], plan: Plan, *, missing: int) -> Ledger:
    wanted = {row[0]: _comparable(row) for row in expected}
    there = {row[0]: _comparable(row) for row in found}
    return Ledger(
        kills=plan.kills,
        restarts=plan.restarts,
        lost=len(wanted.keys() - there.keys()),
        doubled=len(found) - len(there),
        wrong=sum(there[key] != row for key, row in wanted.items() if key in there),
        unasked=len(there.keys() - wanted.keys()),
        dead_letters_missing=missing,
    )


def _comparable(row: Row) -> list[object]:
    """JSON as what it says: Postgres writes its own spaces and order."""
    scores, timings = INCOMING_COLUMNS.index("scores"), INCOMING_COLUMNS.index("timings")
    return [
        json.loads(value) if place in (scores, timings) and isinstance(value, str) else value
        for place, value in enumerate(row)
    ]


def main() -> int:
    """Run it; 0 where the ledger closes."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.sink_campaign")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--restarts", type=int, default=5)
    parser.add_argument("--batch-records", type=int, default=500)
    plan = Plan(**vars(parser.parse_args()))
    with tempfile.TemporaryDirectory(prefix="veriaidpo-sink-") as folder:
        ledger = asyncio.run(run(plan, Path(folder)))
    Console(highlight=False).print(ledger)
    peer = f"{plan.rows} rows; {plan.kills} sink kill -9, {plan.restarts} Postgres crashes"
    write(
        [
            Figure(f"sink_{name}", getattr(ledger, name), "rows", 0, "lower", peer, "make chaos-sink")
            for name in ("lost", "doubled", "wrong")
        ]
    )
    return 0 if ledger.closes else 1


if __name__ == "__main__":
    sys.exit(main())
