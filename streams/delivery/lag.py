"""How far behind each group of this process is: asked of the brokers, not of the consumer that may hang."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from connectors.kafka.settings import ClientOptions
from streams.delivery.app import DeliveryApp
from streams.delivery.producer import METADATA_MAX_AGE_MS
from streams.delivery.watchdog import Sample

log = logging.getLogger(__name__)

ASK_TIMEOUT_S = 10.0


class GroupGauge:
    """Lag is the last stable offset less the consumer's position, plus what is delivered and unacknowledged.

    Last stable, because an open transaction isn't ours to read yet. The position, not the committed offset,
    because a transaction's marker is an offset without a record: the commit stays before it for good.
    """

    def __init__(
        self, options: ClientOptions, apps: Sequence[DeliveryApp], *, is_working: Callable[[], bool]
    ) -> None:
        self._options = options
        self._apps = apps
        self._is_working = is_working
        self._consumer: AIOKafkaConsumer | None = None
        self._admin: AIOKafkaAdminClient | None = None
        self._latest: Mapping[str, int] = {}

    @property
    def latest(self) -> Mapping[str, int]:
        """By group, its lag as the last `samples` found it; without those that nobody could tell."""
        return self._latest

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def samples(self) -> Mapping[str, Sample]:
        try:
            async with asyncio.timeout(ASK_TIMEOUT_S):
                lags = await self._lags()
        except (KafkaError, OSError, TimeoutError) as error:
            log.info("lag unknown: %s", type(error).__name__)
            lags = {}
            await self._close()  # a client that got stuck would blind the watchdog for good
        self._latest = lags
        working = self._is_working()
        return {
            app.conf.id: Sample(lags.get(app.conf.id), app.intake.progress, working) for app in self._apps
        }

    async def _lags(self) -> dict[str, int]:
        consumer = await self._connected()
        positions = {app: app.deliveries.positions() for app in self._apps}
        assigned = [TopicPartition(*tp) for found in positions.values() for tp in found]
        ends = await consumer.end_offsets(assigned) if assigned else {}
        lags: dict[str, int] = {}
        for app, found in positions.items():
            if found:
                behind = sum(max(0, ends[TopicPartition(*tp)] - position) for tp, position in found.items())
                lags[app.conf.id] = behind + sum(app.deliveries.unacknowledged().values())
            else:
                lags[app.conf.id] = await self._unowned_lag(app)
        return lags

    async def _unowned_lag(self, app: DeliveryApp) -> int:
        """Without partitions of its own, a process answers only for those that nobody in the group has."""
        assert self._consumer is not None  # noqa: S101 - _connected
        assert self._admin is not None  # noqa: S101 - _connected
        partitions = self._consumer.partitions_for_topic(app.request_topic) or set()
        owned = await self._owned(self._admin, app)
        unowned = [TopicPartition(app.request_topic, partition) for partition in partitions - owned]
        if not unowned:
            return 0
        committed = await self._admin.list_consumer_group_offsets(app.conf.id, partitions=unowned)
        ends = await self._consumer.end_offsets(unowned)
        starts = await self._consumer.beginning_offsets(unowned)
        return sum(
            max(0, ends[tp] - (committed[tp].offset if committed[tp].offset >= 0 else starts[tp]))
            for tp in unowned
        )

    async def _owned(self, admin: AIOKafkaAdminClient, app: DeliveryApp) -> set[int]:
        owned: set[int] = set()
        for response in await admin.describe_consumer_groups([app.conf.id]):
            for group in response.groups:
                for member in group[5]:
                    owned |= _partitions_of(member[-1] if isinstance(member[-1], bytes) else member[4])
        return owned

    async def _connected(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            self._consumer = AIOKafkaConsumer(
                **self._options,
                isolation_level="read_committed",
                metadata_max_age_ms=METADATA_MAX_AGE_MS,
                enable_auto_commit=False,
            )
            await self._consumer.start()
            self._admin = AIOKafkaAdminClient(**self._options, metadata_max_age_ms=METADATA_MAX_AGE_MS)
            await self._admin.start()
        return self._consumer

    async def _close(self) -> None:
        consumer, self._consumer = self._consumer, None
        admin, self._admin = self._admin, None
        with contextlib.suppress(TimeoutError):  # what doesn't end is left behind, and asked nothing more
            async with asyncio.timeout(ASK_TIMEOUT_S):
                if consumer is not None:
                    await consumer.stop()
                if admin is not None:
                    await admin.close()


def _partitions_of(assignment: bytes) -> set[int]:
    from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment

    if not assignment:
        return set()
    decoded = ConsumerProtocolMemberAssignment.decode(assignment)
    return {tp.partition for tp in decoded.partitions()}
