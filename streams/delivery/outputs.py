"""Making outputs on our own topics durable: as long as it takes, and typed where it can never be."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

import msgspec
from aiokafka.errors import (
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
)
from aiokafka.structs import RecordMetadata

from streams.delivery.records import Output

log = logging.getLogger(__name__)

TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)
# Somebody can grant the right while we wait; skipping what we may not write would lose it. And an output that
# found no room in the producer within a request timeout, because its broker is away, was never sent.
WORTH_WAITING_FOR = (TopicAuthorizationFailedError, KafkaTimeoutError)
FIRST_BACK_OFF_S = 0.1
LONGEST_BACK_OFF_S = 2.0


class Parcel(msgspec.Struct, frozen=True):
    """Outputs that are confirmed together, or fail together."""

    outputs: Sequence[Output]
    confirmed: asyncio.Future[RecordMetadata]


class Sender(Protocol):
    async def send_all(self, outputs: Sequence[Output]) -> Sequence[Parcel]:
        """Hand the outputs over, without waiting for the broker; what fails at once is a failed parcel."""


class OutputWriter:
    """Writes a batch's results and dead letters, and returns once the broker has them."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def write(self, outputs: Sequence[Output]) -> list[Output]:
        """Make `outputs` durable; the answer is those that are too large, which no waiting mends.

        1. send      every output, without waiting in between
        2. confirm   wait until the broker has all of them
        3. again     with those that failed for a reason that passes; a broker that is away is waited for

        A retry can double an output that had arrived; the result id removes that. What is neither too large
        nor bound to pass is unexpected, and is raised: it ends the process, with nothing acknowledged.
        """
        too_large: list[Output] = []
        back_off_s = FIRST_BACK_OFF_S
        while outputs:
            failed = await self._attempt(outputs, too_large)
            if failed:
                log.warning("%d outputs not confirmed, again in %.1f s", len(failed), back_off_s)
                await asyncio.sleep(back_off_s)
                back_off_s = min(back_off_s * 2, LONGEST_BACK_OFF_S)
            outputs = failed
        return too_large

    async def _attempt(self, outputs: Sequence[Output], too_large: list[Output]) -> list[Output]:
        failed: list[Output] = []
        parcels = await self._sender.send_all(outputs)  # 1
        answers = await asyncio.gather(*(one.confirmed for one in parcels), return_exceptions=True)  # 2
        for parcel, answer in zip(parcels, answers, strict=True):
            if isinstance(answer, BaseException):
                for output in parcel.outputs:
                    _sort(output, answer, failed, too_large)
        return failed


def _sort(output: Output, error: BaseException, failed: list[Output], too_large: list[Output]) -> None:
    if isinstance(error, TOO_LARGE):
        too_large.append(output)
    elif isinstance(error, KafkaError) and (error.retriable or isinstance(error, WORTH_WAITING_FOR)):
        failed.append(output)
    else:
        raise error
