"""Faust's consumer with commits of our own: nothing but a batch's end acknowledges a record."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import ConsumerStoppedError
from faust.events import Event
from faust.transport.consumer import RecordMap
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage, Message
from mode import Service, ServiceT

from connectors.kafka.fetched import read_whatever_comes
from streams.delivery.prefix import CommitPrefix

if TYPE_CHECKING:
    from streams.delivery.app import DeliveryApp

log = logging.getLogger(__name__)
FETCH_TIMEOUT_S = 1.0
YIELD_EVERY = 50
FAUST_LOG = logging.getLogger("faust.transport")


class DeliveredMessage(ConsumerMessage):
    """A record on its way through Faust, and the prefix that its offset belongs to."""

    __slots__ = ("prefix",)
    prefix: CommitPrefix


class DeliveryThread(driver.AIOKafkaConsumerThread):
    """Reads what is committed, and loses nothing between a fetch and its delivery."""

    logger = FAUST_LOG  # else mode would log its own business under our name

    def _create_worker_consumer(self, transport: driver.Transport) -> AIOKafkaConsumer:
        """Faust has no setting for the isolation level outside exactly_once."""
        read_whatever_comes()
        consumer = super()._create_worker_consumer(transport)
        assert hasattr(consumer, "_isolation_level")  # noqa: S101 - aiokafka's own name: fail at start
        consumer._isolation_level = "read_committed"
        return consumer

    async def _fetch_records(self, consumer: AIOKafkaConsumer, *args: Any, **kwargs: Any) -> RecordMap:
        """Give back what Faust would drop.

        A fetch that is under way when a rebalance begins is answered from the new assignment, before records
        may flow again. Faust drops the answer and seeks to the committed offsets: where nothing was ever
        committed it stays behind the dropped records, and nobody sees them again.
        """
        records: RecordMap = await super()._fetch_records(consumer, *args, **kwargs)
        if self.consumer.flow_active:
            return records
        for tp, fetched in records.items():
            consumer.seek(tp, fetched[0].offset)
        return {}

    async def on_thread_stop(self) -> None:
        """Stop the consumer, also in the middle of a failure.

        Where its stop cancels a fetch that waits to be tried again, aiokafka lets that cancellation out.
        Faust takes it for this thread's own, and whoever waits for the thread waits for ever.
        """
        try:
            await super().on_thread_stop()
        except asyncio.CancelledError:
            await self._ensure_consumer()._client.close()  # all that its stop had left to do

    def on_crash(self, msg: str, *fmt: Any, **kwargs: Any) -> None:
        """Not to stderr with all it says: the runner reports what ends the process."""


class PrefixConsumer(driver.Consumer):
    """Commits, per partition, the contiguous prefix of delivered records that are acknowledged.

    The stock consumer commits past unacknowledged records (faust-streaming issue 606), and its streams
    acknowledge on their own: on an exception, and each record that they skip in a rebalance. Here a stream's
    acknowledgement counts for nothing; only `Record.acknowledge` moves a prefix.
    """

    app: DeliveryApp
    logger = FAUST_LOG

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._prefixes: dict[TP, CommitPrefix] = {}
        super().__init__(*args, **kwargs)

    def _new_consumer_thread(self) -> DeliveryThread:
        return DeliveryThread(self, loop=self.loop, beacon=self.beacon)

    def _to_message(self, tp: TP, record: ConsumerRecord[bytes, bytes]) -> DeliveredMessage:
        prefix = self._prefixes.get(tp)
        if prefix is None:
            prefix = self._prefixes[tp] = CommitPrefix()
        prefix.deliver(record.offset)
        message = DeliveredMessage(
            record.topic,
            record.partition,
            record.offset,
            record.timestamp / 1000.0,
            record.timestamp_type,
            record.headers,
            record.key,
            record.value,
            record.checksum,
            record.serialized_key_size,
            record.serialized_value_size,
            tp,
            generation_id=self.app.consumer_generation_id,
        )
        message.prefix = prefix
        return message

    async def _drain_messages(self, fetcher: ServiceT) -> None:
        """Faust's loop, by the fetch instead of by the record.

        For each record Faust takes a lock, makes three tasks to be woken when the flow stops while a queue is
        full, and looks up what a monitor would like to know: nearly a third of what a record costs in here.
        """
        stopped = (cast(Service, self)._stopped, cast(Service, fetcher)._stopped)
        try:
            while not any(event.is_set() for event in stopped):
                await asyncio.sleep(0)  # a fetch may be answered at once, for ever
                records, active = await self._wait_next_records(FETCH_TIMEOUT_S)
                if self.flow_active:
                    await self._hand_over(records or {}, active or set())
                else:
                    await self._seek_back()
        except (ConsumerStoppedError, asyncio.CancelledError):
            if not self.app.should_stop:
                raise

    async def _hand_over(self, records: RecordMap, active: Container[TP]) -> None:
        """To the agent's queue, a record of each partition in turn.

        Where the flow stops meanwhile, or the group has another generation, the rest isn't delivered: it is
        fetched again.
        """
        (channel,) = self.app.topics
        flows, queue, generation = self.app.flow_control, channel.queue, self.app.consumer_generation_id
        for count, (tp, record) in enumerate(self.scheduler.iterate(records), start=1):
            if not self.flow_active or self.app.consumer_generation_id != generation:
                return
            read = self._read_offset[tp]
            if tp not in active or (read is not None and record.offset < read):
                continue
            message = self._to_message(tp, record)
            if flows.is_active() and not queue.full():
                queue.put_nowait(Event(self.app, message.key, message.value, None, message))
            else:
                await self.wait_first(self.callback(message), self.suspend_flow.wait())
            self._read_offset[tp] = record.offset
            if not count % YIELD_EVERY:
                await asyncio.sleep(0)

    async def _seek_back(self) -> None:
        try:
            await self.perform_seek()
        except Exception as error:  # as Faust has it: the next assignment seeks again
            log.warning("no seek to the committed offsets while flow is stopped: %s", type(error).__name__)

    def ack(self, message: Message) -> bool:
        """Ignored: streams and agents acknowledge for reasons of their own."""
        return False

    def _filter_tps_with_pending_acks(self, topics: object = None) -> Iterator[TP]:
        return iter(tuple(self._prefixes))

    def _new_offset(self, tp: TP) -> int | None:
        return self._prefixes[tp].position

    def _should_commit(self, tp: TP, offset: int) -> bool:
        committed = self._committed_offset[tp]
        return committed is None or offset > committed

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Ignored: a prefix knows the order of delivery, and gaps would pile up unread."""

    async def wait_empty(self) -> None:
        """Before a rebalance and a shutdown: give back what waits, finish what is under way, commit.

        What isn't finished in time stays unacknowledged, and is delivered again to whoever comes next.
        """
        self.app.intake.drop()
        try:
            async with asyncio.timeout(self.app.drain_timeout_s):
                await self.app.intake.idle()
        except TimeoutError:
            log.warning("%s: %d records not finished in time", self.app.conf.id, self.app.intake.under_way)
        self.app.intake.drop()  # what an agent had in its hands meanwhile
        if not await self.commit():
            await self.commit()  # the first only waited for a commit that had begun earlier

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        await self.commit()  # the base class forgets the committed offsets before it commits
        await super().on_partitions_revoked(revoked)  # stops the flow, then wait_empty
        self._close(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        self._close(tuple(self._prefixes))  # none is left, unless a revocation was skipped
        await super().on_partitions_assigned(assigned, generation_id)
        self.app.assigned.set()

    def on_buffer_full(self, tp: TP) -> None:
        """Ignored: Faust would fetch nothing for a second, whenever its queue is at four fifths.

        A full queue is waited for where its records are handed over, and no longer than it is full.
        """

    async def verify_all_partitions_active(self) -> None:
        """Ignored: it only logs; the watchdog acts."""

    def unacknowledged(self) -> Mapping[TP, int]:
        """By partition, how many delivered records aren't acknowledged yet."""
        return {tp: prefix.unacknowledged for tp, prefix in self._prefixes.items()}

    def positions(self) -> Mapping[TP, int]:
        """By assigned partition, the next offset to be delivered; behind transaction markers too."""
        consumer = self._thread._consumer
        subscription = consumer._subscription.subscription if consumer is not None else None
        assignment = subscription.assignment if subscription is not None else None
        if assignment is None:
            return {}
        states = {tp: assignment.state_value(tp) for tp in tuple(assignment.tps)}
        return {
            TP(tp.topic, tp.partition): state.position
            for tp, state in states.items()
            if state is not None and state.has_valid_position
        }

    def _close(self, partitions: Iterable[TP]) -> None:
        for tp in partitions:
            prefix = self._prefixes.pop(tp, None)
            if prefix is not None:
                prefix.close()


class PrefixTransport(driver.Transport):
    """What an app takes instead of Faust's own aiokafka transport."""

    Consumer = PrefixConsumer
