"""Sends the examples: good ones as a publishing service would, malformed ones as a careless one might."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from uuid import uuid4

from aiokafka import AIOKafkaProducer

from cli.demonstration.examples import Example
from cli.demonstration.ledger import Ledger, Place, Sent
from cli.demonstration.spoiling import CLASSIFY, spoil
from connectors.kafka.settings import KafkaSettings
from connectors.publishing.publisher import Publisher, SignedRecord
from schemas.claims.mint import SigningKey
from schemas.events import ClassificationRequest
from schemas.taxonomy import MODEL_TYPES
from schemas.topics import request_topic

TENANT = "demo"
AT_ONCE = 64


async def send_examples(
    examples: Sequence[Example],
    *,
    kafka: KafkaSettings,
    key: SigningKey,
    ledger: Ledger,
    on_sent: Callable[[], None],
) -> None:
    """Publish every example and enter it in `ledger`; `on_sent` is called after each."""
    slots = asyncio.Semaphore(AT_ONCE)
    options = kafka.client_options()
    security = kafka.security_options()
    async with (
        Publisher(options["bootstrap_servers"], key, source="demonstration", security=security) as publisher,
        AIOKafkaProducer(acks="all", linger_ms=0, **options) as producer,
    ):

        async def send(example: Example) -> None:
            async with slots:
                request = _request(example)
                record = _record(example, request, publisher, key)
                sent_at_s = time.monotonic()
                stands = await producer.send_and_wait(
                    record.topic, record.value, key=record.key, headers=list(record.headers)
                )
                place = Place(stands.topic, stands.partition, stands.offset)
                ledger.sent[place] = Sent(request.request_id, record.value, sent_at_s, example.malformed)
                on_sent()

        await asyncio.gather(*(send(example) for example in examples))


def _record(
    example: Example, request: ClassificationRequest, publisher: Publisher, key: SigningKey
) -> SignedRecord:
    if example.malformed is None:
        return publisher.sign(request, subject="demonstration", role="service", permissions=CLASSIFY)
    known = example.model_type in MODEL_TYPES
    topic = request_topic(example.model_type if known else next(iter(MODEL_TYPES)))
    return spoil(example.malformed, request, key=key, topic=topic)


def _request(example: Example) -> ClassificationRequest:
    return ClassificationRequest(
        request_id=str(uuid4()),
        tenant_id=TENANT,
        model_type=example.model_type,
        language=example.language,
        text=example.text,
    )
