"""One Faust app, and so one consumer group, for each model type: any worker can serve any of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import faust
from faust.app.base import BootStrategy
from faust.events import Event
from faust.streams import Stream
from faust.types import AppT, StreamT
from mode import ServiceT
from mode.supervisors import CrashingSupervisor
from yarl import URL

from connectors.kafka.settings import KafkaSettings
from streams.delivery.credentials import faust_credentials
from streams.delivery.dead_letters import group_of
from streams.delivery.intake import Intake
from streams.delivery.producer import METADATA_MAX_AGE_MS
from streams.delivery.records import Record
from streams.delivery.transport import PrefixConsumer, PrefixTransport

FAUST_LOG = logging.getLogger("faust.app")
SESSION_TIMEOUT_S = 6.0  # the default of a minute is a minute's silence after a kill
REBALANCE_TIMEOUT_S = 20.0


class WithoutProducer(BootStrategy):
    """Outputs go through the process's own producer; an app's would be a connection that does nothing."""

    enable_kafka_producer = False


class RawSchema(faust.Schema[Any, Any]):
    """Records as they came: Faust's own way of leaving them so runs them through its codecs, twice each."""

    def compile(self, app: AppT, **options: Any) -> Any:
        async def decode(message: Any, *, propagate: bool = False) -> Event:
            return Event(app, message.key, message.value, None, message)

        return decode


class DeliveryApp(faust.App):
    """A request topic's consumer group. It delivers into an intake and acknowledges nothing by itself."""

    BootStrategy = WithoutProducer
    logger = FAUST_LOG  # else mode would log its own business under our name

    def __init__(
        self, topic: str, *, intake: Intake, kafka: KafkaSettings, data_dir: Path, drain_timeout_s: float
    ) -> None:
        self.request_topic = topic
        self.intake = intake
        self.drain_timeout_s = drain_timeout_s
        self.assigned = asyncio.Event()
        """The group has given this app its partitions, if only none."""
        data_dir.mkdir(parents=True, exist_ok=True)
        options: Any = _settings(kafka, data_dir / group_of(topic))
        super().__init__(group_of(topic), **options)
        self.install_transport()
        self.agent(
            self.topic(
                topic,
                schema=RawSchema(
                    key_type=bytes,
                    value_type=bytes,
                    key_serializer="raw",
                    value_serializer="raw",
                    allow_empty=True,
                ),
            ),
            name=topic,
            concurrency=1,
            supervisor_strategy=CrashingSupervisor,
        )(self._deliver)

    def on_init_dependencies(self) -> Iterable[ServiceT]:
        """Faust's services, less its monitor: it counts each record five times, for a page that is off."""
        services = super().on_init_dependencies()
        self.sensors.remove(self.monitor)
        return services

    def on_rebalance_return(self) -> None:
        """Nobody measures it: see above."""

    def on_rebalance_end(self) -> None:
        self.rebalancing = False

    def install_transport(self) -> None:
        """Take our consumer in place of Faust's."""
        self.transport = PrefixTransport(self.conf.broker_consumer, self)

    @property
    def deliveries(self) -> PrefixConsumer:
        """The consumer, as what it is."""
        return cast(PrefixConsumer, self.consumer)

    async def _deliver(self, stream: StreamT[Any]) -> None:
        queue = cast(Any, stream.channel).queue
        async for event in cast(Stream[Any], stream).noack().events():
            await self.intake.put(self.record_of(event.message))
            # What lies behind it comes along: the stream takes a turn of the loop for each record. Not in a
            # rebalance: then the stream drops what it reads.
            while self.flow_control.is_active() and not queue.empty():
                await self.intake.put(self.record_of(queue.get_nowait().message))

    def record_of(self, message: Any) -> Record:
        """The record as it lies on its topic; an event's own `headers` would drop doubled ones."""
        return Record(
            topic=message.topic,
            partition=message.partition,
            offset=message.offset,
            timestamp_ms=round(message.timestamp * 1000),
            key=message.key,
            value=message.value,
            headers=tuple(message.headers or ()),
            prefix=message.prefix,
        )


def _settings(kafka: KafkaSettings, data_dir: Path) -> dict[str, object]:
    servers = kafka.client_options()["bootstrap_servers"].split(",")
    return {
        "broker": [URL(f"kafka://{server}") for server in servers],
        "broker_credentials": faust_credentials(kafka),
        "datadir": str(data_dir),
        "web_enabled": False,
        "worker_redirect_stdouts": False,
        "key_serializer": "raw",
        "value_serializer": "raw",
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "table_standby_replicas": 0,
        "consumer_auto_offset_reset": "earliest",
        "consumer_metadata_max_age_ms": METADATA_MAX_AGE_MS,
        "producer_metadata_max_age_ms": METADATA_MAX_AGE_MS,
        "broker_commit_interval": 0.5,
        "broker_max_poll_records": 500,
        "broker_session_timeout": SESSION_TIMEOUT_S,
        "broker_heartbeat_interval": 1.0,
        "broker_rebalance_timeout": REBALANCE_TIMEOUT_S,
        "stream_buffer_maxsize": 1000,
        "stream_wait_empty": True,
    }
