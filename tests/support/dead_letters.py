"""Dead letters as workers write them, and as nobody should."""

from __future__ import annotations

from dataclasses import dataclass

from aiokafka import ConsumerRecord

from connectors.dead_letters.letter import DeadLetter, read_letter
from schemas.codec import Codec
from schemas.errors import NotAvro, VeriAIDPOError
from schemas.headers import dead_letter_headers
from schemas.topics import DEAD_LETTERS
from tests.support.bad_input_producer import RawBatch, RawProducer, Stored
from tests.support.bad_input_records import Sent
from tests.support.signed_records import SignedRecord

CODEC = Codec()
ORIGINAL_MS = 1_790_000_000_000


@dataclass(frozen=True)
class Letter:
    """What is on the topic: key, value and headers."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


def letter_of(
    record: SignedRecord, error: VeriAIDPOError | None = None, *, timestamp_ms: int = ORIGINAL_MS
) -> Letter:
    """A record that a worker refused."""
    headers = dead_letter_headers(
        topic=record.topic,
        partition=3,
        offset=41,
        timestamp_ms=timestamp_ms,
        group="veriaidpo.principles",
        error=error or NotAvro(reason="test"),
        original=record.headers,
    )
    return Letter(record.key, record.value, tuple(headers))


def read(letter: Letter, *, offset: int = 7, appended_ms: int = ORIGINAL_MS + 1000) -> DeadLetter:
    """The letter as it is read back."""
    record: ConsumerRecord[bytes | None, bytes | None] = ConsumerRecord(
        DEAD_LETTERS, 1, offset, appended_ms, 1, letter.key, letter.value, None, 0, 0, letter.headers
    )
    return read_letter(record, CODEC)


async def send(bootstrap_servers: str, *letters: Letter, partition: int = 0) -> list[Stored]:
    """Append the letters to a partition, one batch each; also one without key and value."""
    async with RawProducer(bootstrap_servers) as producer:
        return [
            await producer.send(
                RawBatch(Sent(letter.key, letter.value, letter.headers)), DEAD_LETTERS, partition
            )
            for letter in letters
        ]
