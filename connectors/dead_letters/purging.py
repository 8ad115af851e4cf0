"""Cuts the beginning off the dead letters: all that a log can delete."""

from __future__ import annotations

from collections.abc import Mapping

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import KafkaError

from connectors.kafka.settings import KafkaSettings
from connectors.publishing.kafka_client import kafka_failure
from schemas.topics import DEAD_LETTERS


async def delete_before(kafka: KafkaSettings, offsets: Mapping[int, int]) -> dict[int, int]:
    """Delete everything before each partition's offset; where each partition begins then.

    Doing it twice deletes no more. KafkaUnavailable where a leader doesn't answer: some may be cut.
    """
    admin = AIOKafkaAdminClient(**kafka.client_options())
    try:
        await admin.start()
        deleted = await admin.delete_records(
            {
                TopicPartition(DEAD_LETTERS, partition): RecordsToDelete(before_offset=offset)
                for partition, offset in offsets.items()
            }
        )
    except (KafkaError, OSError) as error:
        raise kafka_failure(error) from error
    finally:
        await admin.close()
    return {place.partition: begin for place, begin in deleted.items()}
