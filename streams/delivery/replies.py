"""Replies: to whoever asked, at an address that they signed and that may not exist."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidTopicError,
    KafkaError,
    NoError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.structs import RecordMetadata

from connectors.kafka.settings import ClientOptions
from schemas.errors import KafkaUnavailable
from streams.delivery.outputs import TOO_LARGE
from streams.delivery.producer import (
    MAX_BATCH_BYTES,
    MAX_PRODUCE_BYTES,
    METADATA_MAX_AGE_MS,
    start_producer,
    stop_producer,
)
from streams.delivery.records import Output
from streams.delivery.reply_addresses import ReplyAddresses, Undeliverable

log = logging.getLogger(__name__)

ATTEMPTS = 3  # while the cluster answers and says that the address exists
ATTEMPT_TIMEOUT_S = 5.0
BACK_OFF_S = 0.5


class ReplyWriter:
    """A producer of its own, so that an address which stops working holds up no result and no dead letter.

    Not idempotent: an idempotent producer never gives a record up, and a refused one (a reply topic with
    a lower limit, say) would break its sequence for that partition. Whoever waits takes the first answer.
    """

    def __init__(self, options: ClientOptions) -> None:
        self._options = options
        self._producer: AIOKafkaProducer | None = None
        self._addresses = ReplyAddresses(self)

    async def __aenter__(self) -> Self:
        self._producer = AIOKafkaProducer(
            **self._options,
            acks="all",
            linger_ms=0,
            max_batch_size=MAX_BATCH_BYTES,
            max_request_size=MAX_PRODUCE_BYTES,
            request_timeout_ms=int(ATTEMPT_TIMEOUT_S * 1000),
            metadata_max_age_ms=METADATA_MAX_AGE_MS,
        )
        await start_producer(self._producer)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._producer is not None:
            await stop_producer(self._producer)

    async def write(self, replies: Sequence[Output]) -> list[Undeliverable | None]:
        """Deliver each reply, or say why it can't be; a cluster that is away is waited for.

        Addresses that the cached metadata knows, which is nearly all, cost no task and no question.
        """
        sent = [await self._send(reply) if self._is_known(reply) else None for reply in replies]
        answers = await asyncio.gather(
            *(one for one in sent if isinstance(one, asyncio.Future)), return_exceptions=True
        )
        confirmed = iter(answers)
        outcomes = [next(confirmed) if isinstance(one, asyncio.Future) else one for one in sent]
        again = {
            place: self._try_again(reply, outcome)
            for place, (reply, outcome) in enumerate(zip(replies, outcomes, strict=True))
            if not isinstance(outcome, RecordMetadata)
        }
        reasons = dict(zip(again, await asyncio.gather(*again.values()), strict=True))
        return [reasons.get(place) for place in range(len(replies))]

    def _is_known(self, reply: Output) -> bool:
        return self._addresses.is_known(reply.topic, _partition(reply))

    async def _try_again(self, reply: Output, outcome: BaseException | None) -> Undeliverable | None:
        """What became of the first attempt, None where the address has to be looked up before it."""
        attempts = 0
        while True:
            if outcome is not None:
                if not isinstance(outcome, KafkaError):
                    raise outcome
                attempts += 1
                if (definite := _definite(outcome)) is not None:
                    return definite
                if attempts >= ATTEMPTS:
                    return f"no confirmation ({type(outcome).__name__})"
                await asyncio.sleep(BACK_OFF_S)
            try:
                # After a failure the cluster itself is asked: a cache knows the address while it is away too.
                afresh = outcome is not None
                reason = await self._addresses.check(reply.topic, _partition(reply), afresh=afresh)
            except KafkaUnavailable:
                outcome, attempts = None, 0  # nobody's fault but the cluster's: as long as it takes
                await asyncio.sleep(BACK_OFF_S)
                continue
            if reason is not None:
                return reason
            outcome = await self._attempt(reply)
            if outcome is None:
                return None

    async def _attempt(self, reply: Output) -> KafkaError | None:
        sent = await self._send(reply)
        if isinstance(sent, KafkaError):
            return sent
        try:
            await sent
        except KafkaError as error:
            return error
        return None

    async def _send(self, reply: Output) -> asyncio.Future[RecordMetadata] | KafkaError:
        assert self._producer is not None  # noqa: S101 - entered
        try:
            sent: asyncio.Future[RecordMetadata] = await self._producer.send(
                reply.topic, reply.value, reply.key, partition=reply.partition, headers=list(reply.headers)
            )
        except KafkaError as error:
            return error
        return sent

    def cached_partitions(self, topic: str) -> frozenset[int] | None:
        """See TopicDirectory."""
        assert self._producer is not None  # noqa: S101 - entered
        partitions = self._producer.client.cluster.partitions_for_topic(topic)
        return None if partitions is None else frozenset(partitions)

    async def fetch_partitions(self, topic: str) -> frozenset[int] | str:
        """See TopicDirectory.

        Asks in a way that never makes the topic on a cluster that auto-creates. Only a topic that exists is
        then tracked by the producer: it asks for all tracked ones again every few seconds.
        """
        assert self._producer is not None  # noqa: S101 - entered
        client = self._producer.client
        try:
            answer = await client.send(
                client.get_random_node(), MetadataRequest([topic], allow_auto_topic_creation=False)
            )
            error = for_code(answer.topics[0][0])
            if error in (UnknownTopicOrPartitionError, InvalidTopicError):
                client.set_topics({*client._topics} - {topic})
                return "the topic doesn't exist"
            if error is TopicAuthorizationFailedError:
                return "we may not write to the topic"
            if error is not NoError:
                raise KafkaUnavailable(reason=error.__name__)
            return frozenset(await self._producer.partitions_for(topic))
        except (KafkaError, OSError) as error:
            raise KafkaUnavailable(reason=type(error).__name__) from error


def _partition(reply: Output) -> int:
    return -1 if reply.partition is None else reply.partition


def _definite(error: BaseException) -> Undeliverable | None:
    if isinstance(error, TOO_LARGE):
        return "it is larger than the topic takes"
    if isinstance(error, TopicAuthorizationFailedError):
        return "we may not write to the topic"
    if isinstance(error, InvalidTopicError):
        return "the topic's name isn't valid"
    return None
