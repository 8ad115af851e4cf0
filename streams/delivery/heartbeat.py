"""This worker's sign of life for each model type it serves, on `veriaidpo.model-status`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiokafka.structs import RecordMetadata

from schemas.codec import Codec
from schemas.events import ModelStatus
from schemas.headers import MODEL_STATUS_SENT, event_headers
from schemas.topics import MODEL_STATUS
from streams.delivery.outputs import Sender
from streams.delivery.records import Output, OutputKind
from streams.delivery.wall_clock import utc_from_ms

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.1
FAREWELL_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Standing:
    """How one model type stands in this worker; ids are empty while no model is there."""

    ready: bool
    model_id: str = ""
    model_version: str = ""


class Heartbeat:
    """Sends every `interval_s`, and at once when something changed; a tombstone each at the end."""

    def __init__(
        self,
        sender: Sender,
        codec: Codec,
        *,
        worker_id: str,
        start_id: str,
        standings: Callable[[], Mapping[str, Standing]],
        interval_s: float,
        clock_ms: Callable[[], float],
    ) -> None:
        self._sender = sender
        self._codec = codec
        self._worker_id = worker_id
        self._start_id = start_id
        self._standings = standings
        self._interval_s = interval_s
        self._clock_ms = clock_ms
        self._sent: list[asyncio.Future[RecordMetadata]] = []

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        last: Mapping[str, Standing] = {}
        due = loop.time()
        while True:
            now = self._standings()
            if (now != last or loop.time() >= due) and await self._send(self._statuses(now)):
                last, due = now, loop.time() + self._interval_s
            await asyncio.sleep(LOOK_EVERY_S)

    async def say_leaving(self) -> None:
        """How it stands once it was asked to stop, before the next beat is due: ready for nothing more."""
        await self._say(self._statuses(self._standings()))

    async def say_farewell(self) -> None:
        """Tombstones: nobody need wait to notice that this worker is gone."""
        await self._say([self._tombstone(model_type) for model_type in self._standings()])

    async def _say(self, outputs: list[Output]) -> None:
        """Best effort, bounded."""
        try:
            async with asyncio.timeout(FAREWELL_TIMEOUT_S):
                await asyncio.gather(*self._sent, return_exceptions=True)
                await self._send(outputs)
                await asyncio.gather(*self._sent, return_exceptions=True)
        except TimeoutError:
            log.warning("no good-bye: Kafka doesn't answer")

    async def _send(self, outputs: list[Output]) -> bool:
        """False while the last ones aren't confirmed: they would pile up, and arrive as lies."""
        if not all(future.done() for future in self._sent):
            return False
        for future in self._sent:
            if (error := future.exception()) is not None:  # the next heartbeat makes up for it
                log.warning("no heartbeat: %s", type(error).__name__)
        self._sent = [parcel.confirmed for parcel in await self._sender.send_all(outputs)]
        return True

    def _statuses(self, standings: Mapping[str, Standing]) -> list[Output]:
        return [self._status(model_type, standing) for model_type, standing in standings.items()]

    def _status(self, model_type: str, standing: Standing) -> Output:
        now_ms = self._clock_ms()
        status = ModelStatus(
            worker_id=self._worker_id,
            start_id=self._start_id,
            model_type=model_type,
            ready=standing.ready,
            model_id=standing.model_id,
            model_version=standing.model_version,
            sent_at_ms=int(now_ms),
        )
        headers = event_headers(
            event_type=MODEL_STATUS_SENT,
            source=f"/veriaidpo/worker/{self._worker_id}",
            event_id=f"{self._start_id}/{model_type}/{int(now_ms)}",
            now=utc_from_ms(now_ms),
        )
        return self._output(model_type, self._codec.encode(status), headers)

    def _tombstone(self, model_type: str) -> Output:
        return self._output(model_type, None, [])

    def _output(self, model_type: str, value: bytes | None, headers: list[tuple[str, bytes]]) -> Output:
        key = f"{self._worker_id}/{model_type}".encode()
        return Output(OutputKind.STATUS, MODEL_STATUS, key, value, headers)
