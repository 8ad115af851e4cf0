"""Reads the dead letters in the order of their partitions, without a consumer group: nothing remembers it."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from connectors.dead_letters.letter import DeadLetter, read_letter
from connectors.publishing.kafka_client import METADATA_MAX_AGE_MS, kafka_failure, partition_count
from connectors.publishing.security import KafkaSecurity
from schemas.codec import Codec
from schemas.errors import DeadLetterMissing, KafkaUnavailable
from schemas.topics import DEAD_LETTERS

POLL_MS = 500
SILENCE_S = 30.0


class DeadLetters:
    """The topic as it is when `async with` begins; TopicMissing, KafkaUnavailable.

    Letters that come later aren't seen: reading ends. What is in memory at once is one fetch.
    """

    def __init__(
        self, bootstrap_servers: str, *, codec: Codec | None = None, security: KafkaSecurity | None = None
    ) -> None:
        self._servers = bootstrap_servers
        self._security = security
        self._codec = codec or Codec()
        # Not read_committed: whatever lies in the log is what goes when it is cut.
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap_servers,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            metadata_max_age_ms=METADATA_MAX_AGE_MS,
            **(security or {}),
        )
        self.begins: Mapping[int, int] = {}
        self.ends: Mapping[int, int] = {}

    async def __aenter__(self) -> Self:
        count = await partition_count(self._servers, DEAD_LETTERS, self._security)
        try:
            async with _typed_errors():
                await self._consumer.start()
                places = [_at(number) for number in range(count)]
                self.begins = _by_partition(await self._consumer.beginning_offsets(places))
                self.ends = _by_partition(await self._consumer.end_offsets(places))
        except BaseException:
            await self._consumer.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._consumer.stop()

    async def at_time(self, time_ms: int) -> dict[int, int]:
        """For each partition, the offset of the first letter that was appended then or later."""
        async with _typed_errors():
            found = await self._consumer.offsets_for_times(
                {_at(number): max(0, time_ms) for number in self.ends}
            )
        # None: every letter is older. `ends` was asked before, so nothing that came since is meant.
        return {
            number: self.ends[number] if there is None else min(there.offset, self.ends[number])
            for number in self.ends
            for there in [found.get(_at(number))]
        }

    async def read(
        self, *, start: Mapping[int, int] | None = None, stop: Mapping[int, int] | None = None
    ) -> AsyncGenerator[DeadLetter, None]:
        """Each letter from `start` (the beginning) to before `stop` (the end), one partition's in order."""
        first, last = start or self.begins, stop or self.ends
        wanted = [number for number in self.ends if first[number] < last[number]]
        # No others: aiokafka would fetch them as well, and wait for somebody to take what it fetched.
        self._consumer.assign([_at(number) for number in wanted])
        for number in wanted:
            self._consumer.seek(_at(number), first[number])
        silent_since = time.monotonic()
        async with _typed_errors():
            while left := await self._unfinished(wanted, last):
                fetched = await self._consumer.getmany(*left, timeout_ms=POLL_MS)
                for place, records in fetched.items():
                    for record in records:
                        if record.offset < last[place.partition]:
                            yield read_letter(record, self._codec)
                if fetched:
                    silent_since = time.monotonic()
                elif time.monotonic() - silent_since > SILENCE_S:
                    raise KafkaUnavailable(
                        reason=f"no letter came for {SILENCE_S:.0f} s",
                        reason_vi=f"không nhận được bản ghi nào trong {SILENCE_S:.0f} giây",
                    )

    async def one(self, partition: int, offset: int) -> DeadLetter:
        """The letter at that place; DeadLetterMissing where there is none (any more)."""
        if self.begins.get(partition, 0) <= offset < self.ends.get(partition, 0):
            stop = {**self.begins, partition: offset + 1}
            async with aclosing(self.read(start={**self.begins, partition: offset}, stop=stop)) as found:
                async for letter in found:
                    if letter.offset == offset:
                        return letter
        raise DeadLetterMissing(topic=DEAD_LETTERS, partition=partition, offset=offset)

    async def _unfinished(self, wanted: Sequence[int], last: Mapping[int, int]) -> list[TopicPartition]:
        places = [(_at(number), last[number]) for number in wanted]
        return [place for place, end in places if await self._consumer.position(place) < end]


def _by_partition(offsets: Mapping[TopicPartition, int]) -> dict[int, int]:
    return {place.partition: offset for place, offset in sorted(offsets.items())}


def _at(partition: int) -> TopicPartition:
    return TopicPartition(DEAD_LETTERS, partition)


@asynccontextmanager
async def _typed_errors() -> AsyncIterator[None]:
    try:
        yield
    except (KafkaError, OSError) as error:
        raise kafka_failure(error) from error
