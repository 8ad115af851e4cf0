"""Reads every result, without a consumer group: nothing on the cluster remembers the reader."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import AsyncIterator

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from schemas.codec import Codec
from schemas.errors import BadRecord
from schemas.events import ClassificationResult
from schemas.topics import RESULTS

from .kafka_client import METADATA_MAX_AGE_MS, kafka_failure, partition_count
from .security import KafkaSecurity

log = logging.getLogger(__name__)

REMEMBERED_IDS = 100_000
POLL_MS = 1000


async def read_results(
    bootstrap_servers: str,
    *,
    follow: bool = False,
    only_new: bool = False,
    codec: Codec | None = None,
    security: KafkaSecurity | None = None,
) -> AsyncIterator[ClassificationResult]:
    """Each result once, in its partition's order; up to the end as it is now, or with `follow` for ever.

    `only_new` leaves out what is there already. Raises TopicMissing and KafkaUnavailable.
    """
    partitions = await partition_count(bootstrap_servers, RESULTS, security)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers,
        auto_offset_reset="latest" if only_new else "earliest",
        enable_auto_commit=False,
        isolation_level="read_committed",
        metadata_max_age_ms=METADATA_MAX_AGE_MS,
        **(security or {}),
    )
    once = _Once(codec or Codec())
    try:
        await consumer.start()
        assigned = [TopicPartition(RESULTS, number) for number in range(partitions)]
        consumer.assign(assigned)
        ends: dict[TopicPartition, int] = await consumer.end_offsets(assigned)
        while follow or await _behind(consumer, ends):
            for records in (await consumer.getmany(timeout_ms=POLL_MS)).values():
                for record in records:
                    result = once.result(record)
                    if result is not None:
                        yield result
    except (KafkaError, OSError) as error:
        raise kafka_failure(error) from error
    finally:
        await consumer.stop()


async def _behind(consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> bool:
    """Whether a partition still has something below the end that it had when reading began."""
    for partition, end in ends.items():
        if await consumer.position(partition) < end:
            return True
    return False


class _Once:
    """Decodes results and drops those that were redelivered: they carry the same result id."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._seen: OrderedDict[str, None] = OrderedDict()

    def result(self, record: ConsumerRecord[bytes, bytes]) -> ClassificationResult | None:
        try:
            result = self._codec.decode(record.value)
        except BadRecord as error:
            log.warning("%s [%d] %d is no result: %s", RESULTS, record.partition, record.offset, error.code)
            return None
        if not isinstance(result, ClassificationResult) or result.result_id in self._seen:
            return None
        self._seen[result.result_id] = None
        if len(self._seen) > REMEMBERED_IDS:
            self._seen.popitem(last=False)
        return result
