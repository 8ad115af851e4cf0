"""What the batcher promises: no acknowledgement before confirmed outputs, and nobody waits for another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from schemas.errors import ModelUnavailable, NotAvro
from streams.delivery.batcher import Batcher
from streams.delivery.dead_letters import dead_letter
from streams.delivery.outputs import OutputWriter
from streams.delivery.prefix import CommitPrefix
from streams.delivery.records import Done, Handler, Outcome, Output, OutputKind, Record, Wait
from streams.settings import DeliverySettings
from tests.support.waiting import eventually

TOPIC = "veriaidpo.requests.principles"
OTHER_TOPIC = "veriaidpo.requests.regional"


class Writer(OutputWriter):
    """Confirms at once, or when told to; refuses values that say so."""

    def __init__(self) -> None:
        self.written: list[Output] = []
        self.confirms = asyncio.Event()
        self.confirms.set()

    async def write(self, outputs: Sequence[Output]) -> list[Output]:
        self.written += outputs
        await self.confirms.wait()
        return [
            output
            for output in outputs
            if output.kind is OutputKind.RESULT and output.value == b"too large result"
        ]


class Replies:
    def __init__(self) -> None:
        self.written: list[Output] = []
        self.reason: str | None = None
        self.answers = asyncio.Event()
        self.answers.set()

    async def write(self, replies: Sequence[Output]) -> list[str | None]:
        self.written += replies
        await self.answers.wait()
        return [self.reason] * len(replies)


class Observed:
    """What an observer is told, in order."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int | str]] = []

    def confirmed(self, written: Sequence[tuple[Record, Output]]) -> None:
        self.told += [(output.error_code or "result", record.offset) for record, output in written]

    def undelivered(self, records: Sequence[Record]) -> None:
        self.told += [("undelivered", record.offset) for record in records]

    def acknowledged(self, records: Sequence[Record]) -> None:
        self.told += [("acknowledged", record.offset) for record in records]

    def waits(self, waiting: Sequence[tuple[Record, Wait]]) -> None:
        self.told += [(wait.error.code, record.offset) for record, wait in waiting]


class Bench:
    """A batcher that runs, its partitions' prefixes, and everything around it under the test's control."""

    def __init__(self, handler: Handler, settings: DeliverySettings) -> None:
        self.writer = Writer()
        self.replies = Replies()
        self.prefix = CommitPrefix()
        self.observed = Observed()
        self.batcher = Batcher(
            handler=handler,
            outputs=self.writer,
            replies=self.replies,
            settings=settings,
            observer=self.observed,
        )
        self.next_offset = 0
        self.running: asyncio.Task[None] | None = None

    async def put(self, *values: bytes, topic: str = TOPIC) -> None:
        for value in values:
            self.prefix.deliver(self.next_offset)
            record = Record(topic, 0, self.next_offset, 0, b"k", value, (), self.prefix)
            self.next_offset += 1
            await self.batcher.intake(topic).put(record)

    async def acknowledged_up_to(self, position: int) -> None:
        await eventually(lambda: self.prefix.position == position, timeout_s=5, what=f"position {position}")


@asynccontextmanager
async def bench(handler: Handler, **settings: float) -> AsyncIterator[Bench]:
    running = Bench(handler, DeliverySettings.model_validate(settings))
    running.batcher.intake(TOPIC)
    running.running = asyncio.create_task(running.batcher.run())
    try:
        yield running
    finally:
        running.running.cancel()
        await asyncio.gather(running.running, return_exceptions=True)


def result_of(record: Record) -> Output:
    return Output(OutputKind.RESULT, "results", record.key, record.value, [])


def reply_to(record: Record) -> Output:
    return Output(OutputKind.REPLY, "replies", record.key, record.value, [], 0)


def handler_of(outcome: Callable[[Record], Outcome]) -> Handler:
    async def handle(batch: Sequence[Record]) -> Sequence[Outcome]:
        return [outcome(record) for record in batch]

    return handle


ECHO = handler_of(lambda record: Done((result_of(record),)))
ECHO_AND_REPLY = handler_of(lambda record: Done((result_of(record),), reply_to(record)))


async def test_record_is_acknowledged_only_once_its_outputs_are_confirmed() -> None:
    async with bench(ECHO) as running:
        running.writer.confirms.clear()
        await running.put(b"1")
        await eventually(lambda: running.writer.written, timeout_s=5)
        assert running.prefix.position is None
        running.writer.confirms.set()
        await running.acknowledged_up_to(1)


async def test_record_that_asked_is_acknowledged_only_once_it_is_answered() -> None:
    async with bench(ECHO_AND_REPLY) as running:
        running.replies.answers.clear()
        await running.put(b"1")
        await eventually(lambda: running.replies.written, timeout_s=5)
        assert running.prefix.position is None
        running.replies.answers.set()
        await running.acknowledged_up_to(1)


async def test_reply_that_is_looked_up_holds_up_no_other_record() -> None:
    async with bench(
        handler_of(
            lambda record: Done((result_of(record),), reply_to(record) if record.offset == 0 else None)
        )
    ) as running:
        running.replies.answers.clear()
        await running.put(b"1")
        await eventually(lambda: running.replies.written, timeout_s=5)
        for _ in range(20):  # more than the batches that may be unconfirmed
            await running.put(b"other")
        await eventually(lambda: len(running.writer.written) == 21, timeout_s=5)
        assert running.prefix.position is None  # the first is still unanswered
        running.replies.answers.set()
        await running.acknowledged_up_to(21)


async def test_undeliverable_reply_is_dead_lettered_beside_its_result_and_acknowledged() -> None:
    async with bench(ECHO_AND_REPLY) as running:
        running.replies.reason = "the topic doesn't exist"
        await running.put(b"1")
        await running.acknowledged_up_to(1)
        assert [output.kind for output in running.writer.written] == [
            OutputKind.RESULT,
            OutputKind.DEAD_LETTER,
        ]


async def test_undeliverable_failure_gives_no_second_dead_letter() -> None:
    async with bench(
        handler_of(lambda record: Done((dead_letter(record, NotAvro(reason="x")),), reply_to(record)))
    ) as running:
        running.replies.reason = "the topic doesn't exist"
        await running.put(b"1")
        await running.acknowledged_up_to(1)
        assert [output.kind for output in running.writer.written] == [OutputKind.DEAD_LETTER]


async def test_result_that_is_too_large_ends_in_the_dead_letters() -> None:
    async with bench(ECHO) as running:
        await running.put(b"1", b"too large result", b"2")
        await running.acknowledged_up_to(3)
        letters = [one for one in running.writer.written if one.kind is OutputKind.DEAD_LETTER]
        assert len(letters) == 1
        assert ("veriaidpo-error-code", b"INTERNAL") in letters[0].headers


async def test_observer_hears_of_each_record_once_its_outputs_are_through() -> None:
    async with bench(ECHO_AND_REPLY) as running:
        running.replies.answers.clear()
        await running.put(b"1")
        await eventually(lambda: running.observed.told == [("result", 0)], timeout_s=5)
        running.replies.reason = "the topic doesn't exist"
        running.replies.answers.set()
        await running.acknowledged_up_to(1)
        assert running.observed.told[1:] == [
            ("undelivered", 0),
            ("REPLY_UNDELIVERABLE", 0),
            ("acknowledged", 0),
        ]


async def test_observer_hears_of_a_result_that_is_too_large_as_a_dead_letter_alone() -> None:
    async with bench(ECHO) as running:
        await running.put(b"too large result", b"2")
        await running.acknowledged_up_to(2)
        assert running.observed.told[:2] == [("INTERNAL", 0), ("result", 1)]


async def test_observer_hears_each_time_that_a_record_waits() -> None:
    tries = iter([True, True, False])

    def outcome(record: Record) -> Outcome:
        if next(tries):
            return Wait(ModelUnavailable(model_type="x", reason="y"))
        return Done((result_of(record),))

    async with bench(handler_of(outcome)) as running:
        await running.put(b"waits")
        await running.acknowledged_up_to(1)
        waits = [("MODEL_UNAVAILABLE", 0)] * 2
        assert running.observed.told == [*waits, ("result", 0), ("acknowledged", 0)]


async def test_unconfirmed_batches_are_those_that_are_computed_and_not_confirmed() -> None:
    async with bench(ECHO) as running:
        running.writer.confirms.clear()
        await running.put(b"1")
        await eventually(lambda: running.batcher.unconfirmed_batches == 1, timeout_s=5)
        running.writer.confirms.set()
        await running.acknowledged_up_to(1)
        await eventually(lambda: running.batcher.unconfirmed_batches == 0, timeout_s=5)


async def test_waiting_record_is_tried_again_until_it_goes_through_and_lets_others_pass() -> None:
    tries = 0

    def outcome(record: Record) -> Outcome:
        nonlocal tries
        if record.value == b"waits" and tries < 3:
            tries += 1
            return Wait(ModelUnavailable(model_type="x", reason="y"))
        return Done((result_of(record),))

    async with bench(handler_of(outcome)) as running:
        await running.put(b"waits", *[b"other"] * 5)
        await eventually(lambda: len(running.writer.written) == 5, timeout_s=5)
        assert running.prefix.position is None
        await running.acknowledged_up_to(6)
        assert tries == 3


async def test_too_many_waiting_records_stop_their_own_model_type_only() -> None:
    def outcome(record: Record) -> Outcome:
        if record.topic == TOPIC:
            return Wait(ModelUnavailable(model_type="x", reason="y"))
        return Done((result_of(record),))

    async with bench(handler_of(outcome), parked_records=4, queue_records=4, batch_records=2) as running:
        stuck = asyncio.create_task(running.put(*[b"waits"] * 50))
        running.batcher.intake(OTHER_TOPIC)
        await eventually(lambda: running.batcher.intake(TOPIC).parked >= 4, timeout_s=5)
        await running.put(*[b"passes"] * 20, topic=OTHER_TOPIC)
        await eventually(lambda: len(running.writer.written) == 20, timeout_s=5)
        assert not stuck.done()
        assert running.batcher.intake(TOPIC).waiting <= 4 + 4 + 2
        stuck.cancel()


async def test_what_the_handler_raises_ends_the_run_and_acknowledges_nothing() -> None:
    def outcome(record: Record) -> Outcome:
        raise LookupError

    async with bench(handler_of(outcome)) as running:
        await running.put(b"1")
        assert running.running is not None
        with pytest.raises(ExceptionGroup):
            await asyncio.wait_for(asyncio.shield(running.running), 5)
        assert running.prefix.position is None


async def test_revoked_records_are_dropped_unacknowledged() -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def handle(batch: Sequence[Record]) -> Sequence[Outcome]:
        entered.set()
        await leave.wait()
        return [Done((result_of(record),)) for record in batch]

    async with bench(handle, batch_records=1, batches_in_child=1) as running:
        await running.put(b"in the child")
        await entered.wait()
        await running.put(b"queued", b"queued")
        intake = running.batcher.intake(TOPIC)
        intake.drop()
        leave.set()
        await asyncio.wait_for(intake.idle(), 5)
        assert running.prefix.position == 1  # the batch in the child was finished, the others were not begun
        assert running.prefix.unacknowledged == 2
        assert [output.value for output in running.writer.written] == [b"in the child"]


async def test_small_batches_go_side_by_side_and_what_comes_meanwhile_goes_together() -> None:
    sizes: list[int] = []
    leave = asyncio.Event()

    async def handle(batch: Sequence[Record]) -> Sequence[Outcome]:
        sizes.append(len(batch))
        await leave.wait()
        return [Done((result_of(record),)) for record in batch]

    async with bench(handle, batches_in_child=2) as running:
        await running.put(b"alone")
        await eventually(lambda: sizes == [1], timeout_s=5)
        await running.put(b"alone")
        await eventually(lambda: sizes == [1, 1], timeout_s=5)
        await running.put(*[b"together"] * 5)
        leave.set()
        await running.acknowledged_up_to(7)
        assert sizes == [1, 1, 5]


async def test_batch_holds_no_more_work_than_some_seconds() -> None:
    sizes: list[int] = []

    async def handle(batch: Sequence[Record]) -> Sequence[Outcome]:
        sizes.append(sum(len(record.value or b"") for record in batch))
        await asyncio.sleep(0.01)
        return [Done((result_of(record),)) for record in batch]

    async with bench(handle, work_in_flight_s=2.0, batches_in_child=2) as running:
        await running.put(*[b"x" * 10_000] * 20)
        await running.acknowledged_up_to(20)
        # One second's work is 20 kB before anything is known of the engine; a batch may end one record over.
        assert sizes[0] <= 30_000
