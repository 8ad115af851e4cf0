"""A worker process of nothing but delivery: `python -m tests.support.delivery_worker OPTIONS`.

A value says what becomes of its record: BAD… is dead-lettered, WAIT… waits for something unavailable, RAISE
ends the process, KILL kills it once its outputs are confirmed, anything else is its own result. The results
go to a topic of the test's own; a reply goes where the headers say.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop

from connectors.kafka.settings import KafkaSettings
from schemas.errors import ModelUnavailable, NotAvro
from schemas.headers import CORRELATION_ID, REPLY_PARTITION, REPLY_TOPIC
from streams.delivery.app import DeliveryApp
from streams.delivery.batcher import Batcher
from streams.delivery.dead_letters import dead_letter
from streams.delivery.lag import GroupGauge
from streams.delivery.outputs import OutputWriter
from streams.delivery.producer import DurableProducer
from streams.delivery.quiet_logs import quieten
from streams.delivery.records import Done, Outcome, Output, OutputKind, Record, Wait
from streams.delivery.replies import ReplyWriter
from streams.delivery.runner import run_apps
from streams.delivery.watchdog import Watchdog
from streams.settings import DeliverySettings


class Echo:
    """The handler; `batch_s` stands for the engine's time."""

    def __init__(self, results: str, batch_s: float) -> None:
        self._results = results
        self._batch_s = batch_s

    async def __call__(self, batch: Sequence[Record]) -> Sequence[Outcome]:
        await asyncio.sleep(self._batch_s)
        return [self._outcome(record) for record in batch]

    def _outcome(self, record: Record) -> Outcome:
        value = record.value or b""
        if value.startswith(b"RAISE"):
            raise LookupError(value.decode())
        if value.startswith(b"WAIT"):
            return Wait(ModelUnavailable(model_type="any", reason="it says so"))
        if not value or value.startswith(b"BAD"):
            return Done((dead_letter(record, NotAvro(reason="it says so")),))
        headers = dict(record.headers)
        result = Output(OutputKind.RESULT, self._results, record.key, value, record.headers)
        if REPLY_TOPIC not in headers:
            return Done((result,))
        reply = Output(
            OutputKind.REPLY,
            headers[REPLY_TOPIC].decode(),
            headers[CORRELATION_ID],
            value,
            [(CORRELATION_ID, headers[CORRELATION_ID])],
            int.from_bytes(headers[REPLY_PARTITION], "big", signed=True),
        )
        return Done((result,), reply)


class KillingWriter(OutputWriter):
    """kill -9 in the worst place: all is produced, nothing is acknowledged."""

    async def write(self, outputs: Sequence[Output]) -> list[Output]:
        too_large = await super().write(outputs)
        if any(output.value == b"KILL" for output in outputs):
            os.kill(os.getpid(), signal.SIGKILL)
        return too_large


async def run(options: argparse.Namespace, app_class: type[DeliveryApp] = DeliveryApp) -> int:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    kafka = KafkaSettings(bootstrap_servers=options.bootstrap_servers)
    settings = DeliverySettings(stall_timeout_s=options.stall_timeout_s)
    handler = Echo(options.results, options.batch_s)
    async with (
        DurableProducer(kafka.client_options()) as producer,
        ReplyWriter(kafka.client_options()) as replies,
    ):
        batcher = Batcher(
            handler=handler, outputs=KillingWriter(producer), replies=replies, settings=settings
        )
        apps = [
            app_class(
                topic,
                intake=batcher.intake(topic),
                kafka=kafka,
                data_dir=Path(options.data_dir),
                drain_timeout_s=settings.drain_timeout_s,
            )
            for topic in options.topics.split(",")
        ]
        async with GroupGauge(kafka.client_options(), apps, is_working=lambda: False) as gauge:
            watchdog = Watchdog(gauge, timeout_s=settings.stall_timeout_s)
            return await run_apps(
                apps,
                batcher,
                stop=stop,
                grace_period_s=20.0,
                beside=[watchdog.run(), _announce(apps)],
            )


async def _announce(apps: Sequence[DeliveryApp]) -> None:
    for app in apps:
        await app.assigned.wait()
    print("delivery ready", flush=True)
    await asyncio.Event().wait()


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    for name in ("--bootstrap-servers", "--topics", "--results", "--data-dir"):
        parser.add_argument(name, required=True)
    parser.add_argument("--batch-s", type=float, default=0.0)
    parser.add_argument("--stall-timeout-s", type=float, default=30.0)
    return parser.parse_args()


def main(app_class: type[DeliveryApp] = DeliveryApp) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    quieten()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        code = runner.run(run(options(), app_class))
    print(f"delivery ended {code}", flush=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
