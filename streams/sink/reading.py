"""A record of veriaidpo.results as a row, or as a dead letter with the reason why it is none."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

from aiokafka.structs import ConsumerRecord

from connectors.database.rows import Row, row_of
from schemas.codec import Codec
from schemas.errors import BadRecord, Internal, RowRefused, Unavailable, VeriAIDPOError
from schemas.events import ClassificationResult
from schemas.headers import dead_letter_headers
from schemas.topics import DEAD_LETTERS
from streams.delivery.records import Output, OutputKind

log = logging.getLogger(__name__)

GROUP: Final = "veriaidpo.sink"
BACK_OFF_S: Final = 1.0
RECORDS_A_TURN: Final = 50

RawRecord: TypeAlias = ConsumerRecord[bytes | None, bytes | None]


class Pending(NamedTuple):
    """A record, and the row that becomes of it."""

    record: RawRecord
    row: Row


class Refused(NamedTuple):
    """A record that can't become a row."""

    record: RawRecord
    error: VeriAIDPOError


class ResultReader:
    """Decodes records; one that can't be read now or later is refused, never raised."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec

    async def read(self, records: Sequence[RawRecord]) -> tuple[list[Pending], list[Refused]]:
        """Rows in the records' order, and what isn't one; a schema registry that is away is waited for."""
        pending: list[Pending] = []
        refused: list[Refused] = []
        for number, record in enumerate(records):
            if number % RECORDS_A_TURN == 0:
                await asyncio.sleep(0)  # the batch before is on its way to the database
            try:
                pending.append(Pending(record, await self._row(record)))
            except BadRecord as error:
                refused.append(Refused(record, error))
            except Exception as error:  # our own fault, with this record: the others go on
                log.exception("%s [%d] %d", record.topic, record.partition, record.offset)
                refused.append(Refused(record, Internal(exception=type(error).__name__)))
        return pending, refused

    async def _row(self, record: RawRecord) -> Row:
        while not self._codec.knows(record.value):
            try:
                return _row_of(await asyncio.to_thread(self._codec.decode, record.value))
            except Unavailable as error:
                log.warning("results wait: %s", error.code)
                await asyncio.sleep(BACK_OFF_S)
        return _row_of(self._codec.decode(record.value))


def dead_letter(refused: Refused) -> Output:
    """The record byte for byte, and behind its headers where it was and why it is here."""
    record = refused.record
    headers = _provenance(refused, record.headers)
    return Output(OutputKind.DEAD_LETTER, DEAD_LETTERS, record.key, record.value, headers)


def note_of(refused: Refused) -> Output:
    """Where the record is, for one that is too large for a dead letter: it stays on its topic meanwhile."""
    return Output(
        OutputKind.DEAD_LETTER, DEAD_LETTERS, refused.record.key, None, _provenance(refused, original=())
    )


def _provenance(refused: Refused, original: Sequence[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    record = refused.record
    return dead_letter_headers(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp_ms=record.timestamp,
        group=GROUP,
        error=refused.error,
        original=original,
    )


def _row_of(event: object) -> Row:
    if not isinstance(event, ClassificationResult):
        raise RowRefused(reason="it's no ClassificationResult", reason_vi="không phải ClassificationResult")
    return row_of(event)
