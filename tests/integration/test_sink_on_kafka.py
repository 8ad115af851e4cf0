"""The sink as it runs: a real broker, SQLite and a real Postgres, results as workers write them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from connectors.database.engine import Role
from connectors.database.found import ResultQuery, StoredResult
from connectors.database.results import search
from connectors.database.tenants import count_results
from connectors.kafka.settings import KafkaSettings
from schemas.codec import Codec
from schemas.errors import DatabaseOutdated
from schemas.events import ClassificationRequest, ClassificationResult
from schemas.headers import DLT_ORIGINAL_CONSUMER_GROUP, DLT_ORIGINAL_OFFSET, ERROR_CODE
from schemas.limits import MAX_VALUE_BYTES
from schemas.topics import DEAD_LETTERS, RESULTS
from streams.settings import SinkSettings
from streams.sink.reading import GROUP
from streams.sink.sink import run_sink
from tests.support.clusters import Kafka
from tests.support.databases import database, migrated, reading, result
from tests.support.postgres import Postgres, fresh_database, login_role
from tests.support.processes import run_veriaidpo
from tests.support.records import committed_offsets, produce, read_topic
from tests.support.waiting import eventually

pytestmark = pytest.mark.kafka
CODEC = Codec()


@dataclass
class Stage:
    """A cluster, a database, and a tenant that no other test has."""

    servers: str
    url: str
    tenant: str

    def results(self, numbers: Sequence[int]) -> list[ClassificationResult]:
        return [result(number, tenant_id=self.tenant) for number in numbers]

    async def send(self, results: Sequence[ClassificationResult]) -> None:
        await self.send_values(
            [CODEC.encode(one) for one in results], [one.request_id.encode() for one in results]
        )

    async def send_values(self, values: Sequence[bytes | None], keys: Sequence[bytes | None]) -> None:
        await produce(self.servers, RESULTS, values, keys=keys, headers=[("trace", b"1")])

    @asynccontextmanager
    async def sink(self, *, until_ready: bool = True) -> AsyncIterator[asyncio.Task[int]]:
        """A sink in this process; at the block's end it is asked to stop, and ends with 0."""
        stop, ready = asyncio.Event(), asyncio.Event()
        async with database(self.url, Role.SINK) as sink_database:
            running = asyncio.create_task(
                run_sink(
                    kafka=KafkaSettings(bootstrap_servers=self.servers),
                    database=sink_database,
                    settings=SinkSettings(batch_records=100),
                    codec=CODEC,
                    production=False,
                    stop=stop,
                    on_ready=lambda line: ready.set(),
                )
            )
            try:
                if until_ready:
                    await eventually(ready.is_set, timeout_s=30, what="the sink is ready")
                yield running
                stop.set()
                assert await running == 0
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)

    async def stored(self) -> list[StoredResult]:
        async with reading(self.url) as reader:
            return list((await search(reader, self.tenant, ResultQuery(limit=1_000))).items)

    async def until_stored(self, count: int, timeout_s: float = 30) -> None:
        async with database(self.url, Role.OWNER) as owner:

            async def there() -> bool:
                return await count_results(owner, self.tenant) == count

            await eventually(there, timeout_s=timeout_s, what=f"{count} results are stored")

    async def until_all_is_committed(self) -> None:
        async def caught_up() -> bool:
            records = await read_topic(self.servers, RESULTS)
            ends = {record.partition: record.offset + 1 for record in records}
            return await committed_offsets(self.servers, GROUP, RESULTS) == ends

        await eventually(caught_up, timeout_s=20, what="the sink has committed everything")

    async def dead_letters(self, keys: set[bytes]) -> dict[bytes, tuple[bytes | None, dict[str, bytes]]]:
        found = await read_topic(self.servers, DEAD_LETTERS)
        return {one.key: (one.value, dict(one.headers)) for one in found if one.key in keys}


@pytest.fixture
def stage(sink_kafka: Kafka, database_url: str) -> Stage:
    return Stage(sink_kafka.bootstrap_servers, database_url, f"tenant-{uuid4().hex[:8]}")


@pytest.fixture
def postgres_stage(sink_kafka: Kafka, postgres_database: str) -> Stage:
    return Stage(sink_kafka.bootstrap_servers, postgres_database, f"tenant-{uuid4().hex[:8]}")


async def test_results_are_stored_once_and_their_offsets_committed(stage: Stage) -> None:
    sent = stage.results(range(250))
    await stage.send([*sent, *sent[:50]])
    async with stage.sink():
        await stage.until_stored(250)
        await stage.until_all_is_committed()
    assert {one.result_id for one in await stage.stored()} == {one.result_id for one in sent}


async def test_what_is_no_row_is_dead_lettered_with_its_reason_and_its_neighbours_are_stored(
    stage: Stage,
) -> None:
    good = stage.results(range(40))
    bad = {
        b"no-avro": (b"\x01\x02", b"NOT_AVRO"),
        b"empty": (None, b"NOT_AVRO"),
        b"cut": (CODEC.encode(good[0])[:-3], b"TRUNCATED_RECORD"),
        b"a-request": (
            CODEC.encode(ClassificationRequest("r", stage.tenant, "principles", "vi", "văn bản")),
            b"ROW_REFUSED",
        ),
        b"too-sure": (CODEC.encode(result(900, tenant_id=stage.tenant, confidence=7.0)), b"ROW_REFUSED"),
    }
    named = {key + stage.tenant.encode(): each for key, each in bad.items()}
    await stage.send(good[:20])
    await stage.send_values([value for value, _ in named.values()], list(named))
    await stage.send(good[20:])

    async with stage.sink():
        await stage.until_stored(40)
        await stage.until_all_is_committed()

    letters = await stage.dead_letters(set(named))
    assert {key: (value, headers[ERROR_CODE]) for key, (value, headers) in letters.items()} == named
    for _, headers in letters.values():
        assert headers["trace"] == b"1"
        assert headers[DLT_ORIGINAL_CONSUMER_GROUP] == GROUP.encode()
        assert len(headers[DLT_ORIGINAL_OFFSET]) == 8
        assert "văn bản" not in str(headers)


async def test_a_record_that_is_too_large_for_a_dead_letter_is_noted_there_and_holds_nothing_up(
    sink_kafka: Kafka, sqlite_database: str
) -> None:
    stage = Stage(sink_kafka.bootstrap_servers, sqlite_database, f"tenant-{uuid4().hex[:8]}")
    key = b"large" + stage.tenant.encode()
    await stage.send_values([b"x" * (MAX_VALUE_BYTES - 300)], [key])
    await stage.send(stage.results(range(10)))
    async with stage.sink():
        await stage.until_stored(10)
        await stage.until_all_is_committed()
    ((value, headers),) = (await stage.dead_letters({key})).values()
    assert value is None
    assert headers[ERROR_CODE] == b"NOT_AVRO"
    assert DLT_ORIGINAL_OFFSET in headers


async def test_while_the_database_is_down_the_sink_stays_in_its_group_and_loses_nothing(
    sink_kafka: Kafka, tmp_path: Path
) -> None:
    async with Postgres() as server:
        await migrated(server.url, tmp_path)
        stage = Stage(sink_kafka.bootstrap_servers, server.url, f"tenant-{uuid4().hex[:8]}")
        async with stage.sink() as running:
            await stage.send(stage.results(range(50)))
            await stage.until_stored(50)
            await stage.until_all_is_committed()
            before = await members(stage.servers)
            committed = await committed_offsets(stage.servers, GROUP, RESULTS)

            await server.crash()
            await stage.send(stage.results(range(50, 300)))
            # Longer than the group lets a silent member stay: whoever doesn't answer is thrown out by then.
            await asyncio.sleep(7)
            assert not running.done()
            assert await members(stage.servers) == before
            assert await committed_offsets(stage.servers, GROUP, RESULTS) == committed

            await server.start()
            await stage.until_stored(300)
            await stage.until_all_is_committed()
            assert await members(stage.servers) == before


async def test_sigterm_finishes_the_batch_commits_and_ends_with_0(
    postgres_stage: Stage, tmp_path: Path
) -> None:
    stage = postgres_stage
    url = await login_role(stage.url, "veriaidpo_sink")
    env = {
        "KAFKA_BOOTSTRAP_SERVERS": stage.servers,
        "DATABASE_URL": url,
        "VERIAIDPO_SINK__BATCH_RECORDS": "50",
    }
    await stage.send(stage.results(range(2_000)))
    async with run_veriaidpo(["sink"], tmp_path, env=env) as process:
        await process.wait_for_line("sink ready: group=veriaidpo.sink database=postgresql://127.0.0.1")
        process.terminate()
        assert await process.wait() == 0
        assert "password" not in process.output

    committed = await committed_offsets(stage.servers, GROUP, RESULTS)
    done = {
        one.key
        for one in await read_topic(stage.servers, RESULTS)
        if one.offset < committed.get(one.partition, 0) and (one.value or b"").find(stage.tenant.encode()) > 0
    }
    # Exactly what is stored is committed: a sink that starts now goes on from there.
    async with database(stage.url, Role.OWNER) as owner:
        assert await count_results(owner, stage.tenant) == len(done)
    async with stage.sink():
        await stage.until_stored(2_000)
        await stage.until_all_is_committed()


async def test_stop_while_the_database_is_away_ends_with_0_too(sink_kafka: Kafka) -> None:
    stage = Stage(sink_kafka.bootstrap_servers, "postgresql://nobody@127.0.0.1:1/none", "t")
    async with stage.sink(until_ready=False) as running:
        await asyncio.sleep(0.2)
        assert not running.done()


async def test_tables_that_are_not_there_are_named_with_the_command_that_makes_them(
    sink_kafka: Kafka, postgres: str
) -> None:
    stage = Stage(sink_kafka.bootstrap_servers, await fresh_database(postgres), "t")
    with pytest.raises(DatabaseOutdated, match="veriaidpo db upgrade"):
        async with stage.sink(until_ready=False) as running:
            await running


async def members(servers: str) -> set[str]:
    """The ids of the group's members: one that left and came back has another."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        (response,) = await admin.describe_consumer_groups([GROUP])
        return {member[0] for group in response.groups for member in group[5]}
    finally:
        await admin.close()
