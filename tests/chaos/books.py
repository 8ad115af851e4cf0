"""Fills the ledger's books from the topics."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from connectors.kafka.settings import KafkaSettings
from schemas.taxonomy import MODEL_TYPES
from schemas.topics import DEAD_LETTERS, RESULTS, reply_topic, request_topic
from tests.chaos.ledger import Answer, Books, Stored, Wire
from tests.chaos.reading import read_topics
from tests.chaos.traffic import CLIENT

REQUESTS = tuple(request_topic(name) for name in MODEL_TYPES)
REPLIES = reply_topic(CLIENT)
OUTCOMES = (RESULTS, DEAD_LETTERS, REPLIES)


async def read_books(
    kafka: KafkaSettings,
    *,
    expected: Mapping[str, Answer],
    malformed: Collection[Wire] = (),
    correlation_ids: Collection[bytes] = (),
) -> Books:
    """What was sent, as the publisher knows it, and what lies on the topics now."""
    stored: dict[str, list[Stored]] = {topic: [] for topic in (*REQUESTS, *OUTCOMES)}
    for record in await read_topics(kafka, tuple(stored)):
        stored[record.place.topic].append(record)
    return Books(
        expected=expected,
        correlation_ids=correlation_ids,
        malformed=malformed,
        requests=[record for topic in REQUESTS for record in stored[topic]],
        results=stored[RESULTS],
        dead_letters=stored[DEAD_LETTERS],
        replies=stored[REPLIES],
    )
