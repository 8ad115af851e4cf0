"""A worker process: the apps of some model types, the models, and all that stands between."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

from prometheus_client import CollectorRegistry

from connectors.companies import CompanyRegistry
from connectors.issuers import IssuerSource
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topic_admin import refuse_unless_log_append_time
from schemas.codec import Codec
from schemas.topics import request_topic
from streams.classification.admission import Admission
from streams.classification.answers import Answers
from streams.classification.pipeline import Pipeline
from streams.collector import spare_the_collector
from streams.delivery.app import DeliveryApp
from streams.delivery.batcher import Batcher
from streams.delivery.dead_letters import group_of
from streams.delivery.heartbeat import Heartbeat, Standing
from streams.delivery.lag import GroupGauge
from streams.delivery.outputs import OutputWriter
from streams.delivery.producer import DurableProducer
from streams.delivery.replies import ReplyWriter
from streams.delivery.runner import run_apps
from streams.delivery.wall_clock import now_ms
from streams.delivery.watchdog import Watchdog
from streams.inference.process import InferenceProcess
from streams.inference.spawn import ChildCommand
from streams.metrics.readings import Readings
from streams.metrics.recording import Recording
from streams.metrics.serving import serve_metrics
from streams.normalisation import Normaliser
from streams.settings import WorkerSettings

log = logging.getLogger(__name__)

POLL_S = 0.05


async def run_worker(
    model_types: Sequence[str],
    *,
    kafka: KafkaSettings,
    settings: WorkerSettings,
    issuers_file: Path,
    engine: ChildCommand,
    data_dir: Path,
    codec: Codec,
    stop: asyncio.Event,
    on_ready: Callable[[str], None],
    app_class: type[DeliveryApp] = DeliveryApp,
) -> int:
    """Serve the model types until `stop`; the answer is the process's exit code.

    Raises TopicsDiffer where a request topic is missing or timestamped by its publishers, KafkaUnavailable
    where there is no cluster, ConfigurationError where the metrics' port is taken. `on_ready` gets
    the readiness line, once every group has its assignment and the child has the models.
    """
    topics = {model_type: request_topic(model_type) for model_type in model_types}
    await refuse_unless_log_append_time(kafka, topics.values())
    await asyncio.to_thread(codec.register)
    worker_id = settings.worker_id or f"{socket.gethostname()}-{os.getpid()}"
    options = kafka.client_options()
    recording, registry = Recording(topics), CollectorRegistry()
    scraped = settings.metrics_port is not None  # else nothing is counted: nobody could see it
    registry.register(recording)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(
            serve_metrics(registry, host=settings.metrics_host, port=settings.metrics_port)
        )
        producer = await stack.enter_async_context(DurableProducer(options))
        replies = await stack.enter_async_context(ReplyWriter(options))
        issuers = await stack.enter_async_context(IssuerSource(issuers_file))
        inference = await stack.enter_async_context(
            InferenceProcess(engine, on_results=recording.results if scraped else None)
        )
        batcher = Batcher(
            handler=Pipeline(
                admission=Admission(codec=codec, issuers=issuers, clock_ms=now_ms),
                normalise=Normaliser(CompanyRegistry.load_seed()).normalise,
                inference=inference,
                answers=Answers(codec=codec, worker_id=worker_id),
            ),
            outputs=OutputWriter(producer),
            replies=replies,
            settings=settings.delivery,
            observer=recording if scraped else None,
        )
        apps = {
            model_type: app_class(
                topic,
                intake=batcher.intake(topic),
                kafka=kafka,
                data_dir=data_dir,
                drain_timeout_s=settings.delivery.drain_timeout_s,
            )
            for model_type, topic in topics.items()
        }
        gauge = await stack.enter_async_context(
            GroupGauge(options, list(apps.values()), is_working=lambda: inference.busy)
        )
        queues = {model_type: batcher.intake(topic) for model_type, topic in topics.items()}
        groups = {group_of(topic): model_type for model_type, topic in topics.items()}
        registry.register(
            Readings(
                queues,
                inference,
                lags=lambda: {groups[group]: lag for group, lag in gauge.latest.items()},
                unconfirmed=lambda: batcher.unconfirmed_batches,
            )
        )
        standings = _Standings(apps, inference, stop)
        heartbeat = Heartbeat(
            producer,
            codec,
            worker_id=worker_id,
            start_id=uuid4().hex,
            standings=standings,
            interval_s=settings.heartbeat_interval_s,
            clock_ms=now_ms,
        )
        line = f"worker ready: models={','.join(apps)} worker_id={worker_id}"
        return await run_apps(
            list(apps.values()),
            batcher,
            stop=stop,
            grace_period_s=settings.grace_period_s,
            beside=[
                Watchdog(gauge, timeout_s=settings.delivery.stall_timeout_s).run(),
                heartbeat.run(),
                inference.wait_failed(),
                _announce(standings, lambda: on_ready(line)),
            ],
            leaving=heartbeat.say_leaving,
            farewell=heartbeat.say_farewell,
        )


class _Standings:
    """Which model types can be answered: the group has its partitions, the child has the model.

    None once the worker was asked to stop: whoever waits for one of its batches is still answered, and
    nobody new is sent to it.
    """

    def __init__(
        self, apps: Mapping[str, DeliveryApp], inference: InferenceProcess, stop: asyncio.Event
    ) -> None:
        self._apps = apps
        self._inference = inference
        self._stop = stop

    def __call__(self) -> dict[str, Standing]:
        return {model_type: self._standing(model_type, app) for model_type, app in self._apps.items()}

    def _standing(self, model_type: str, app: DeliveryApp) -> Standing:
        model = self._inference.models.get(model_type)
        if model is None:
            return Standing(ready=False)
        ready = app.assigned.is_set() and self._inference.unavailable is None and not self._stop.is_set()
        return Standing(ready, model.model_id, model.version)


async def _announce(standings: _Standings, announce: Callable[[], None]) -> None:
    # Polled: the states of two rooms, neither of which knows the other.
    while not all(standing.ready for standing in standings().values()):  # noqa: ASYNC110
        await asyncio.sleep(POLL_S)
    spare_the_collector()
    announce()
    await asyncio.Event().wait()
