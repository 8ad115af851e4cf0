"""The sink's process: a consumer group of its own on veriaidpo.results, and a database."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError

from connectors.database.engine import Database
from connectors.database.migrate import prepare
from connectors.database.retention import expire
from connectors.database.writing import ResultWriter
from connectors.kafka.settings import KafkaSettings
from schemas.codec import Codec
from schemas.errors import DatabaseUnavailable, KafkaUnavailable, VeriAIDPOError
from schemas.topics import RESULTS
from streams.delivery.exceptions import describe
from streams.delivery.exit_codes import EX_CRASHED, EX_OK
from streams.delivery.outputs import OutputWriter
from streams.delivery.producer import METADATA_MAX_AGE_MS, DurableProducer
from streams.settings import SinkSettings
from streams.sink.reading import GROUP, Pending, RawRecord, Refused, ResultReader, dead_letter, note_of
from streams.sink.storing import LONGEST_BACK_OFF_S, Stopped, Storing

log = logging.getLogger(__name__)

POLL_MS: Final = 500
# After a kill -9 its partitions stand still for so long.
SESSION_TIMEOUT_MS: Final = 6_000
HEARTBEAT_MS: Final = 1_000
COMMIT_TIMEOUT_S: Final = 10.0
EXPIRE_EVERY_S: Final = 3_600.0
# aiokafka leaves its group when nothing is asked of it for so long. A database may be away for longer, and
# leaving would hand the partitions to another sink, which waits for the same database.
STAYS_FOR_MS: Final = 7 * 86_400_000


async def run_sink(
    *,
    kafka: KafkaSettings,
    database: Database,
    settings: SinkSettings,
    codec: Codec,
    production: bool,
    stop: asyncio.Event,
    on_ready: Callable[[str], None],
) -> int:
    """Store results until `stop`; the answer is the process's exit code.

    Raises KafkaUnavailable, DatabaseOutdated, ConfigurationError and DatabaseRefused; a database that is
    away is waited for, from the start on.
    """
    if not await _until_prepared(database, stop, production=production):
        return EX_OK
    await asyncio.to_thread(codec.register)
    async with AsyncExitStack() as stack:
        producer = await stack.enter_async_context(DurableProducer(kafka.client_options()))
        writer = ResultWriter(database)
        sink = Sink(
            kafka,
            ResultReader(codec),
            Storing(writer.write, database.forget_connections, stop),
            OutputWriter(producer),
            settings,
        )
        line = f"sink ready: group={GROUP} database={database.name}"
        return await _run(sink, database, settings, stop, lambda: on_ready(line))


class Sink:
    """Reads, stores and commits: one batch is read while the one before it is stored."""

    def __init__(
        self,
        kafka: KafkaSettings,
        reader: ResultReader,
        storing: Storing,
        outputs: OutputWriter,
        settings: SinkSettings,
    ) -> None:
        self._kafka = kafka
        self._reader = reader
        self._storing = storing
        self._outputs = outputs
        self._settings = settings
        self._uncommitted: dict[TopicPartition, int] = {}

    async def run(self, stop: asyncio.Event, *, on_ready: Callable[[], None]) -> None:
        """Until `stop`: what is begun is finished first, unless the database is away.

        1. read      some records; what isn't a result is refused
        2. store     the rows; what the database refuses is refused
        3. confirm   a dead letter for everything refused
        4. commit    the records' offsets

        A crash before 4 gives the same batch again, and the rows that are there already stay as they are.
        """
        finishing: asyncio.Task[None] = asyncio.create_task(_nothing())
        consumer = AIOKafkaConsumer(
            **self._kafka.client_options(),
            group_id=GROUP,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            max_poll_interval_ms=STAYS_FOR_MS,
            metadata_max_age_ms=METADATA_MAX_AGE_MS,
        )
        consumer.subscribe([RESULTS], listener=_Ready(on_ready))
        try:
            await _start(consumer)
            while not stop.is_set():
                fetched = await consumer.getmany(timeout_ms=POLL_MS, max_records=self._settings.batch_records)
                records = [record for some in fetched.values() for record in some]
                pending, refused = await self._reader.read(records)  # 1
                await finishing  # one batch at a time: the first answer to a result id has to come first
                if fetched:
                    finishing = asyncio.create_task(self._finish(fetched, pending, refused), name="batch")
                await self._commit(consumer)  # 4: of the batch before
            await finishing
            await self._commit(consumer)
        except Stopped:
            log.info("stopped while the database is away; what isn't stored is read again")
        finally:
            finishing.cancel()
            await asyncio.gather(finishing, return_exceptions=True)
            await consumer.stop()

    async def _finish(
        self,
        fetched: dict[TopicPartition, list[RawRecord]],
        pending: Sequence[Pending],
        refused: list[Refused],
    ) -> None:
        refused += await self._storing.store(pending)  # 2
        await self._write_dead_letters(refused)  # 3
        for partition, some in fetched.items():
            self._uncommitted[partition] = some[-1].offset + 1

    async def _write_dead_letters(self, refused: Sequence[Refused]) -> None:
        if not refused:
            return
        letters = [dead_letter(one) for one in refused]
        too_large = {id(letter) for letter in await self._outputs.write(letters)}
        notes = [
            note_of(one) for one, letter in zip(refused, letters, strict=True) if id(letter) in too_large
        ]
        if await self._outputs.write(notes):
            raise RuntimeError("the dead letters' topic refuses a record without a value as too large")
        for one in refused:
            record = one.record
            log.warning(
                "%s [%d] %d is dead-lettered: %s",
                record.topic,
                record.partition,
                record.offset,
                one.error.code,
            )

    async def _commit(self, consumer: AIOKafkaConsumer) -> None:
        """Commit what is safe; one that fails is made up for by the next, or by reading again."""
        owned = consumer.assignment()
        # Partitions that others read by now: they began where we last committed.
        self._uncommitted = {each: offset for each, offset in self._uncommitted.items() if each in owned}
        offsets = dict(self._uncommitted)
        if not offsets:
            return
        try:
            async with asyncio.timeout(COMMIT_TIMEOUT_S):
                await consumer.commit(offsets)
        except (KafkaError, IllegalStateError, TimeoutError) as error:
            log.warning("offsets aren't committed yet: %s", type(error).__name__)
            return
        for partition, offset in offsets.items():
            if self._uncommitted.get(partition) == offset:  # the next batch may be through meanwhile
                del self._uncommitted[partition]


async def _nothing() -> None:
    """The batch before the first."""


async def _run(
    sink: Sink,
    database: Database,
    settings: SinkSettings,
    stop: asyncio.Event,
    on_ready: Callable[[], None],
) -> int:
    running = asyncio.create_task(sink.run(stop, on_ready=on_ready), name="sink")
    expiring = asyncio.create_task(_expire_now_and_then(database), name="retention")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    tasks = (running, expiring, stopping)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if stopping.done():
            await asyncio.wait({running}, timeout=settings.grace_period_s)
            if not running.done():
                log.error("not stopped in time; what isn't committed is read again")
                return EX_CRASHED
        await (expiring if expiring.done() else running)  # raises what ended it
        return EX_OK
    except VeriAIDPOError:
        raise
    except Exception as error:
        place = "".join(traceback.format_tb(error.__traceback__))
        log.critical("unexpected %s, the process ends and skips nothing\n%s", describe(error), place)
        return EX_CRASHED
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Ready(ConsumerRebalanceListener):  # type: ignore[misc]
    """Says once that the group has let us in."""

    def __init__(self, on_ready: Callable[[], None]) -> None:
        self._on_ready: Callable[[], None] | None = on_ready

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """What is under way goes on: stored twice is stored once."""

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        if self._on_ready is not None:
            self._on_ready()
            self._on_ready = None


async def _start(consumer: AIOKafkaConsumer) -> None:
    try:
        await consumer.start()
    except (KafkaError, OSError) as error:
        raise KafkaUnavailable(reason=type(error).__name__) from error


async def _until_prepared(database: Database, stop: asyncio.Event, *, production: bool) -> bool:
    """Whether the database is ready; False where we were asked to stop before it was."""
    while not stop.is_set():
        try:
            await prepare(database, production=production)
        except DatabaseUnavailable as error:
            log.warning("waiting for the database: %s", error.details.get("reason"))
            await asyncio.wait({asyncio.create_task(stop.wait())}, timeout=LONGEST_BACK_OFF_S)
        else:
            return True
    return False


async def _expire_now_and_then(database: Database) -> None:
    while True:
        try:
            expired = await expire(database, datetime.now(UTC))
            if expired:
                log.info("retention: %d expired", expired)
        except DatabaseUnavailable:
            log.debug("retention waits for the database")
        await asyncio.sleep(EXPIRE_EVERY_S)
