"""Publishes request lines, a bounded number at a time, and says what became of each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from uuid import uuid4

from cli.request_lines import MalformedLine, RequestLine
from connectors.publishing.client import VeriAIDPOClient
from connectors.publishing.kafka_client import TopicMissing
from schemas.errors import OperatorError, VeriAIDPOError
from schemas.events import ClassificationResult

IN_FLIGHT = 200


@dataclass(frozen=True)
class Options:
    """How to publish: what lines leave out, how fast, and whether to wait."""

    tenant_id: str
    model_type: str
    language: str = "vi"
    wait: bool = False
    deadline_s: float = 30.0
    rate: float | None = None
    in_flight: int = IN_FLIGHT


@dataclass(frozen=True)
class Outcome:
    """What became of one line: published (`result` and `problem` are None), answered, or failed."""

    number: int
    request_id: str | None
    model_type: str | None
    elapsed_s: float
    result: ClassificationResult | None = None
    problem: VeriAIDPOError | None = None


async def publish_lines(
    client: VeriAIDPOClient,
    lines: AsyncIterator[tuple[RequestLine | MalformedLine, int]],
    options: Options,
    report: Callable[[Outcome, int], None],
) -> None:
    """Report each line's outcome with its size in bytes; raises what would stop every line alike."""
    free = asyncio.Semaphore(options.in_flight)
    pace = Pace(options.rate)

    async def publish(line: RequestLine, size: int) -> None:
        try:
            report(await _publish(client, line, options), size)
        finally:
            free.release()

    try:
        async with asyncio.TaskGroup() as tasks:
            async for line, size in lines:
                if isinstance(line, MalformedLine):
                    report(Outcome(line.number, None, None, 0.0, problem=line), size)
                    continue
                await free.acquire()
                await pace.wait()
                tasks.create_task(publish(line, size))
    except* VeriAIDPOError as stopping:
        raise _first(stopping) from None


class Pace:
    """Lets `rate` requests a second through, evenly; a stall isn't made up for by a burst."""

    def __init__(
        self,
        rate: float | None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._interval_s = 1 / rate if rate else 0.0
        self._clock = clock
        self._sleep = sleep
        self._next = 0.0

    async def wait(self) -> None:
        now = self._clock()
        self._next = max(self._next, now - self._interval_s)
        if self._next > now:
            await self._sleep(self._next - now)
        self._next += self._interval_s


async def _publish(client: VeriAIDPOClient, line: RequestLine, options: Options) -> Outcome:
    request_id = line.request_id or str(uuid4())
    model_type = line.model_type or options.model_type
    language = line.language or options.language
    began = time.monotonic()
    result: ClassificationResult | None = None
    problem: VeriAIDPOError | None = None
    try:
        if options.wait:
            result = await client.classify(
                line.text,
                tenant_id=options.tenant_id,
                model_type=model_type,
                language=language,
                request_id=request_id,
                timeout_s=options.deadline_s,
            )
        else:
            await client.publish(
                line.text,
                tenant_id=options.tenant_id,
                model_type=model_type,
                language=language,
                request_id=request_id,
            )
    except (TopicMissing, OperatorError):
        raise  # no other line would fare better
    except VeriAIDPOError as error:
        problem = error
    return Outcome(line.number, request_id, model_type, time.monotonic() - began, result, problem)


def _first(group: BaseExceptionGroup[VeriAIDPOError]) -> VeriAIDPOError:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, VeriAIDPOError)  # noqa: S101 - `except*` filtered
    return error
