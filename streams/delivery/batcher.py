"""A worker process's records, in batches: through the handler, out to Kafka, and only then acknowledged."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from schemas.errors import Internal, ReplyUndeliverable, VeriAIDPOError
from streams.delivery.dead_letters import dead_letter
from streams.delivery.intake import Intake
from streams.delivery.observer import Observer, Unobserved
from streams.delivery.outputs import OutputWriter
from streams.delivery.records import Done, Handler, Output, OutputKind, Record, Wait
from streams.delivery.reply_addresses import Undeliverable
from streams.delivery.work_budget import WorkBudget
from streams.settings import DeliverySettings

log = logging.getLogger(__name__)

LOG_EVERY_S = 10.0
TURNS_WITHOUT_A_RECORD = 3
UNCONFIRMED_BATCHES = 4  # computed, and not yet confirmed by the broker
ASIDE_BATCHES = 32  # confirmed, and some of their replies still looked up or tried again


class Replies(Protocol):
    async def write(self, replies: Sequence[Output]) -> list[Undeliverable | None]: ...


class Batcher:
    """One for the process: the models share an engine, so a batch mixes model types.

    The life of a batch:

    1. take       records from the intakes, in turn, up to a number of records and seconds of work
    2. decide     the handler says what becomes of each
    3. confirm    results and dead letters are on their topics
    4. acknowledge those who asked for no reply
    5. reply      delivered, or the record goes to the dead letters too; then acknowledge the rest

    A crash anywhere before a record's acknowledgement gives a redelivery, and at worst a duplicate with the
    same result id. What is raised in here is unexpected, and ends the process.
    """

    def __init__(
        self,
        *,
        handler: Handler,
        outputs: OutputWriter,
        replies: Replies,
        settings: DeliverySettings,
        observer: Observer | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._handler = handler
        self._outputs = outputs
        self._replies = replies
        self._settings = settings
        self._observer = observer or Unobserved()
        self._clock = clock
        self._budget = WorkBudget(seconds_per_batch=settings.work_in_flight_s / settings.batches_in_child)
        self._intakes: dict[str, Intake] = {}
        self._turn: list[Intake] = []
        self._ready = asyncio.Event()
        self._logged_at_s: dict[str, float] = {}
        self._in_child = asyncio.Semaphore(settings.batches_in_child)
        self._unconfirmed = asyncio.Semaphore(UNCONFIRMED_BATCHES)
        self._computed = 0
        self._aside = asyncio.Semaphore(ASIDE_BATCHES)

    def intake(self, topic: str) -> Intake:
        """Where that request topic's records are put."""
        if topic not in self._intakes:
            self._intakes[topic] = Intake(
                limit=self._settings.queue_records,
                parked_limit=self._settings.parked_records,
                on_ready=self._ready.set,
                clock=self._clock,
            )
            self._turn.append(self._intakes[topic])
        return self._intakes[topic]

    @property
    def unconfirmed_batches(self) -> int:
        """Batches that are computed, and whose results and dead letters the broker hasn't confirmed yet."""
        return self._computed

    async def run(self) -> None:
        """Until cancelled; raises what ends the process."""
        async with asyncio.TaskGroup() as batches:
            while True:
                await self._unconfirmed.acquire()
                await self._in_child.acquire()
                batches.create_task(self._process(await self._next_batch()))

    async def _next_batch(self) -> list[Record]:
        while not (batch := self._take()):
            self._ready.clear()
            retries = [s for intake in self._turn if (s := intake.retry_in()) is not None]
            try:
                async with asyncio.timeout(min(retries, default=None)):
                    await self._ready.wait()
            except TimeoutError:
                continue
            await self._let_more_come()
        return batch

    async def _let_more_come(self) -> None:
        """As long as records come with every few turns of the loop, a batch grows; no timer is waited for."""
        waiting, turns = self._waiting(), 0
        while turns < TURNS_WITHOUT_A_RECORD and waiting < self._settings.batch_records:
            await asyncio.sleep(0)
            turns += 1
            if (grown := self._waiting()) != waiting:
                waiting, turns = grown, 0

    def _waiting(self) -> int:
        return sum(intake.waiting for intake in self._turn)

    def _take(self) -> list[Record]:  # 1
        batch: list[Record] = []
        left = self._budget.bytes_per_batch
        open_intakes = list(self._turn)
        while open_intakes:
            for intake in tuple(open_intakes):
                if len(batch) >= self._settings.batch_records or left <= 0:
                    open_intakes.clear()
                    break
                record = intake.take()
                if record is None:
                    open_intakes.remove(intake)
                else:
                    batch.append(record)
                    left -= _size(record)
        if batch:
            self._turn.append(self._turn.pop(0))  # another one begins next time
        return batch

    async def _process(self, batch: list[Record]) -> None:
        started = self._clock()
        outcomes = await self._handler(batch)  # 2
        self._in_child.release()
        self._computed += 1
        self._budget.learn(batch_bytes=sum(map(_size, batch)), elapsed_s=self._clock() - started)
        done = [
            (record, outcome)
            for record, outcome in zip(batch, outcomes, strict=True)
            if isinstance(outcome, Done)
        ]
        if waiting := [(r, o) for r, o in zip(batch, outcomes, strict=True) if isinstance(o, Wait)]:
            self._park(waiting)
            self._observer.waits(waiting)
        asking = [(record, outcome.reply) for record, outcome in done if outcome.reply is not None]
        if asking:  # while the results are confirmed: whoever waits for an answer waits for no topic of ours
            async with asyncio.TaskGroup() as both:
                replying = both.create_task(self._replies.write([reply for _, reply in asking]))
                both.create_task(self._confirm_and_release(done, aside=True))
            await self._finish_replies(done, asking, replying.result())
            self._aside.release()
        else:
            await self._confirm_and_release(done, aside=False)

    async def _confirm_and_release(self, done: Sequence[tuple[Record, Done]], *, aside: bool) -> None:
        await self._confirm(done)  # 3
        for record, outcome in done:  # 4
            if outcome.reply is None:
                self._acknowledge(record)
        self._observer.acknowledged([record for record, outcome in done if outcome.reply is None])
        self._computed -= 1
        if aside:
            await self._aside.acquire()
        self._unconfirmed.release()

    async def _confirm(self, done: Sequence[tuple[Record, Done]]) -> None:
        written = [(record, output) for record, outcome in done for output in outcome.outputs]
        too_large = await self._outputs.write([output for _, output in written])
        if too_large:
            refused = {id(output) for output in too_large}
            lost = [record for record, output in written if id(output) in refused]
            written = [(record, output) for record, output in written if id(output) not in refused]
            await self._write_dead_letters(
                [(record, Internal(exception="MessageSizeTooLarge")) for record in lost], refused=too_large
            )
        self._observer.confirmed(written)

    async def _finish_replies(
        self,
        done: Sequence[tuple[Record, Done]],
        asking: Sequence[tuple[Record, Output]],
        reasons: Sequence[Undeliverable | None],
    ) -> None:  # 5
        self._observer.undelivered(
            [record for (record, _), reason in zip(asking, reasons, strict=True) if reason is not None]
        )
        dead = {
            id(record)
            for record, outcome in done
            if any(output.kind is OutputKind.DEAD_LETTER for output in outcome.outputs)
        }
        failed = [
            (record, ReplyUndeliverable(reason=reason))
            for (record, _), reason in zip(asking, reasons, strict=True)
            if reason is not None and id(record) not in dead  # one dead letter says enough
        ]
        if failed:
            await self._write_dead_letters(failed)
        for record, _ in asking:
            self._acknowledge(record)
        self._observer.acknowledged([record for record, _ in asking])

    async def _write_dead_letters(
        self, failed: Sequence[tuple[Record, VeriAIDPOError]], *, refused: Sequence[Output] = ()
    ) -> None:
        letters = [dead_letter(record, error) for record, error in failed]
        if any(output.kind is OutputKind.DEAD_LETTER for output in refused) or await self._outputs.write(
            letters
        ):
            # A topic that takes less than it is declared to take: there is nowhere left for the record.
            raise RuntimeError("the dead letters' topic refuses a record as too large")
        self._observer.confirmed(
            [(record, letter) for (record, _), letter in zip(failed, letters, strict=True)]
        )

    def _acknowledge(self, record: Record) -> None:
        record.acknowledge()
        intake = self._intakes[record.topic]
        intake.recovered()
        intake.finish()

    def _park(self, waiting: Sequence[tuple[Record, Wait]]) -> None:
        by_topic: dict[str, list[Record]] = {}
        for record, _ in waiting:
            by_topic.setdefault(record.topic, []).append(record)
        for topic, records in by_topic.items():
            self._intakes[topic].park(records)
            self._intakes[topic].finish(len(records))
            self._ready.set()
            self._log_waiting(
                topic, [outcome.error.code for record, outcome in waiting if record.topic == topic]
            )

    def _log_waiting(self, topic: str, codes: Sequence[str]) -> None:
        """Once in a while: what waits is tried again several times a second."""
        if self._clock() - self._logged_at_s.get(topic, -LOG_EVERY_S) >= LOG_EVERY_S:
            self._logged_at_s[topic] = self._clock()
            log.warning("records of %s wait: %s", topic, ", ".join(sorted(set(codes))))


def _size(record: Record) -> int:
    return len(record.value or b"") + 64  # nothing is free, not even an empty value
