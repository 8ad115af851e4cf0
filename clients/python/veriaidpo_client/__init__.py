"""Publish sentences to VeriAIDPO Streams, and wait for their results.

async with Client("localhost:9092", "keys/publisher.json", client_name="tickets") as client:
    result = await client.classify("…", model_type="principles", tenant_id="t1")
"""

from __future__ import annotations

from .publishing.client import VeriAIDPOClient as Client
from .publishing.kafka_client import TopicMissing
from .publishing.publisher import Publisher, SentRequest
from .publishing.replies import ReplyReader
from .publishing.security import KafkaSecurity
from .schemas.claims.mint import SigningKey
from .schemas.errors import VeriAIDPOError
from .schemas.events import ClassificationRequest, ClassificationResult

__all__ = [
    "ClassificationRequest",
    "ClassificationResult",
    "Client",
    "KafkaSecurity",
    "Publisher",
    "ReplyReader",
    "SentRequest",
    "SigningKey",
    "TopicMissing",
    "VeriAIDPOError",
]
