"""What the publisher and the reply reader both need from aiokafka: options, metadata, errors in our terms."""

from __future__ import annotations

from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata
from aiokafka.errors import KafkaConnectionError, KafkaError, MessageSizeTooLargeError

from schemas.errors import KafkaUnavailable, RequestTooLarge, Unavailable, VeriAIDPOError
from schemas.limits import MAX_REQUEST_BYTES
from schemas.topics import client_of

from .security import KafkaSecurity as KafkaSecurity

# With aiokafka's five minutes, clients stall after a broker restart.
METADATA_MAX_AGE_MS = 3000


class TopicMissing(Unavailable):
    """The cluster has no such topic; nothing here makes one."""

    code = "TOPIC_MISSING"
    message = "Kafka has no topic {topic}. Create it with '{command}'."
    message_vi = "Kafka chưa có topic {topic}. Hãy tạo bằng lệnh '{command}'."


async def partition_count(bootstrap_servers: str, topic: str, security: KafkaSecurity | None = None) -> int:
    """How many partitions `topic` has; TopicMissing, KafkaUnavailable."""
    client = AIOKafkaClient(
        bootstrap_servers=bootstrap_servers, metadata_max_age_ms=METADATA_MAX_AGE_MS, **(security or {})
    )
    try:
        await client.bootstrap()
        return await known_partitions(client, topic)
    except (KafkaError, OSError) as error:
        raise kafka_failure(error) from error
    finally:
        await client.close()


async def known_partitions(client: AIOKafkaClient, topic: str) -> int:
    """As partition_count, over a client that is connected.

    Asks for every topic, not for this one: asking for a topic by name makes it on a cluster that
    auto-creates, and aiokafka goes on asking for the whole request timeout where it doesn't.
    """
    cluster: ClusterMetadata = await client.fetch_all_metadata()
    partitions = cluster.partitions_for_topic(topic)
    if not partitions:
        raise TopicMissing(topic=topic, command=_creating_command(topic))
    return len(partitions)


def kafka_failure(error: BaseException) -> VeriAIDPOError:
    """aiokafka's exception as the most specific of ours."""
    if isinstance(error, VeriAIDPOError):
        return error
    if isinstance(error, MessageSizeTooLargeError):
        return RequestTooLarge(limit=MAX_REQUEST_BYTES)
    if isinstance(error, KafkaConnectionError):
        return KafkaUnavailable(reason="no broker can be reached", reason_vi="không kết nối được broker nào")
    return KafkaUnavailable(reason=type(error).__name__)


def _creating_command(topic: str) -> str:
    client = client_of(topic)
    return "veriaidpo topics create" if client is None else f"veriaidpo topics create --client {client}"
