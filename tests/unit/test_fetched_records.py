"""What a broker takes and aiokafka's reader gives up on is read all the same, and handed on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import (
    DefaultRecordBatch,
    DefaultRecordBatchBuilder,
    _DefaultRecordBatchBuilderPy,
)
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import ConsumerRecord, TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from connectors.kafka.fetched import MAX_UNPACKED_BYTES, STAND_IN, FetchedRecords, read_whatever_comes
from connectors.kafka.record_batch import HEADER_BYTES
from connectors.kafka.unpacking import CODECS
from schemas.limits import MAX_REQUEST_BYTES

NO_CODEC = 0
BAD_NAME = b"n\xff\xfe"
TP = TopicPartition("veriaidpo.requests.principles", 3)


@dataclass(frozen=True)
class Sent:
    """A record as a publisher sends it."""

    key: bytes | None = b"key"
    value: bytes | None = b"value"
    headers: Sequence[tuple[str, bytes | None]] = ()


class RawName(str):
    """A header's name that is sent as the bytes it was made from."""

    raw: bytes

    def __new__(cls, raw: bytes) -> RawName:
        made = super().__new__(cls, raw.decode("latin-1"))
        made.raw = raw
        return made

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return self.raw


def batch(
    records: Sequence[Sent], codec: int = NO_CODEC, *, plain_names: bool = True, base_offset: int = 0
) -> bytes:
    """A batch as it lies on the log."""
    kind = DefaultRecordBatchBuilder if plain_names else _DefaultRecordBatchBuilderPy
    builder = kind(
        2, codec, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=0, batch_size=1 << 30
    )
    for number, record in enumerate(records):
        builder.append(number, 1_000 + number, record.key, record.value, list(record.headers))
    return base_offset.to_bytes(8, "big") + bytes(builder.build()[8:])


def fetched(*batches: bytes) -> list[ConsumerRecord[bytes, bytes]]:
    """What a consumer makes of an answer to its fetch: aiokafka's own code around our reading."""
    return read(FetchedRecords(b"".join(batches)))


def read(records: object) -> list[ConsumerRecord[bytes, bytes]]:
    return list(fetcher.PartitionRecords(TP, records, [], 0, None, None, True, fetcher.READ_COMMITTED))


names = st.text(st.characters(codec="utf-8"), max_size=5)
sent = st.builds(
    Sent,
    st.none() | st.binary(max_size=20),
    st.none() | st.binary(max_size=200),
    st.lists(st.tuples(names, st.none() | st.binary(max_size=9)), max_size=4),
)


@given(st.lists(sent, min_size=1, max_size=6), st.sampled_from([NO_CODEC, *CODECS]))
def test_records_are_what_aiokafka_reads(records: list[Sent], codec: int) -> None:
    data = batch(records, codec)
    assert fetched(data) == read(MemoryRecords(data))
    assert [(one.key, one.value, list(one.headers)) for one in fetched(data)] == [
        (one.key, one.value, list(one.headers)) for one in records
    ]


@pytest.mark.parametrize("codec", [NO_CODEC, *CODECS])
def test_header_name_that_is_not_utf_8_comes_out_escaped_and_its_neighbours_as_they_are(codec: int) -> None:
    bad = Sent(headers=[("a", b"1"), (RawName(BAD_NAME), b"2"), ("a", None)])
    data = batch([Sent(b"first"), bad, Sent(b"last"), bad], codec, plain_names=False)
    with pytest.raises(UnicodeDecodeError):
        read(MemoryRecords(data))
    first, second, third, fourth = fetched(data)
    assert [one.offset for one in (first, second, third, fourth)] == [0, 1, 2, 3]
    assert [one.timestamp for one in (first, second, third, fourth)] == [1_000, 1_001, 1_002, 1_003]
    assert (first.key, third.key) == (b"first", b"last")
    assert (second.key, second.value) == (b"key", b"value")
    assert list(second.headers) == [("a", b"1"), ("n\\xff\\xfe", b"2"), ("a", None)] == list(fourth.headers)


def test_batches_around_an_unreadable_name_are_read_too() -> None:
    bad = batch([Sent(b"bad", headers=[(RawName(BAD_NAME), None)])], plain_names=False, base_offset=1)
    around = batch([Sent(b"before")]), bad, batch([Sent(b"after")], base_offset=2)
    assert [(one.offset, one.key) for one in fetched(*around)] == [(0, b"before"), (1, b"bad"), (2, b"after")]


@pytest.mark.parametrize("codec", CODECS)
def test_record_that_only_compressed_is_small_enough_comes_as_its_batch_lies_on_the_log(codec: int) -> None:
    data = batch([Sent(b"before"), Sent(b"large", b"\0" * MAX_REQUEST_BYTES), Sent(b"after")], codec)
    before, large, after = fetched(data)
    assert (before.key, after.key) == (b"before", b"after")
    assert (large.offset, large.key, large.value) == (1, None, data[HEADER_BYTES:])
    assert list(large.headers) == [(STAND_IN, f"{CODECS[codec]}, 3 records".encode())]


@pytest.mark.parametrize("codec", CODECS)
def test_batch_that_grows_out_of_all_proportion_is_not_unpacked(codec: int) -> None:
    part = Sent(value=b"\0" * (MAX_REQUEST_BYTES // 2))
    data = batch([part] * 40, codec)
    assert len(data) < MAX_UNPACKED_BYTES < 40 * MAX_REQUEST_BYTES // 2
    (one,) = fetched(data)
    assert (one.offset, one.key, one.value) == (39, None, data[HEADER_BYTES:])
    assert list(one.headers) == [(STAND_IN, f"{CODECS[codec]}, 40 records".encode())]


@pytest.mark.parametrize("codec", [*CODECS, 5, 7])
def test_batch_that_cannot_be_unpacked_is_kept_as_it_is(codec: int) -> None:
    data = bytearray(batch([Sent(), Sent()]))
    data[HEADER_BYTES:] = rubbish = os.urandom(len(data) - HEADER_BYTES)
    data[21:23] = codec.to_bytes(2, "big")
    one, *more = list(FetchedRecords(bytes(data)).next_batch())
    assert (one.offset, one.value, more) == (1, rubbish, [])


def test_escaped_names_that_no_dead_letter_could_hold_make_a_stand_in() -> None:
    data = batch([Sent(headers=[(RawName(b"\xff" * (MAX_REQUEST_BYTES // 2)), b"")])], plain_names=False)
    (one,) = fetched(data)
    assert (one.key, one.value) == (None, data[HEADER_BYTES:])
    assert list(one.headers) == [(STAND_IN, b"uncompressed, 1 records")]


def test_transaction_markers_and_all_else_about_a_batch_are_aiokafkas() -> None:
    data = batch([Sent()])
    ours, theirs = FetchedRecords(data).next_batch(), MemoryRecords(data).next_batch()
    assert isinstance(theirs, DefaultRecordBatch)
    for name in ("base_offset", "next_offset", "producer_id", "is_transactional", "is_control_batch"):
        assert getattr(ours, name) == getattr(theirs, name)
    assert ours.validate_crc()
    marker = bytearray(data)
    marker[21:23] = (0x20).to_bytes(2, "big")
    assert isinstance(FetchedRecords(bytes(marker)).next_batch(), DefaultRecordBatch)
    assert not FetchedRecords(b"").has_next()


def test_consumers_read_that_way_once_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetcher, "MemoryRecords", MemoryRecords)  # and back again
    read_whatever_comes()
    assert fetcher.MemoryRecords is FetchedRecords
