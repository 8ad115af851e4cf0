"""The frames between worker and child, and the messages in them."""

from __future__ import annotations

import asyncio
import io

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.inference.frames import (
    MAX_FRAME_BYTES,
    GarbageOnLink,
    LinkClosed,
    frame,
    read_frame,
    receive_frame,
)
from streams.inference.messages import (
    BatchResults,
    ClassifyBatch,
    FromChild,
    Ready,
    Unusable,
    decode_batch,
    decode_from_child,
    encode_batch,
    encode_from_child,
)
from streams.inference.protocol import Classification, Item, ItemFailure, ModelInfo

unhurried = settings(deadline=None)  # a busy machine is no finding

TEXTS = st.text(max_size=50)
COUNTS = st.integers(0, 2**40)
SHARES = st.floats(0, 1e6, allow_nan=False)
CLASSIFICATIONS = st.builds(
    Classification,
    category_id=COUNTS,
    scores=st.lists(SHARES, max_size=8).map(tuple),
    tokens=COUNTS,
    truncated=st.booleans(),
    tokenise_ms=SHARES,
    infer_ms=SHARES,
    batch_size=COUNTS,
    padding_share=SHARES,
)
FAILURES = st.builds(ItemFailure, TEXTS, st.dictionaries(TEXTS, TEXTS, max_size=3))
MODELS = st.builds(ModelInfo, TEXTS, TEXTS, st.lists(TEXTS, max_size=8).map(tuple))
FROM_CHILD: st.SearchStrategy[FromChild] = st.one_of(
    st.builds(BatchResults, COUNTS, st.lists(st.one_of(CLASSIFICATIONS, FAILURES), max_size=5).map(tuple)),
    st.builds(Ready, st.dictionaries(TEXTS, MODELS, max_size=3), COUNTS),
    st.builds(Unusable, TEXTS),
)


async def received(data: bytes) -> bytes:
    source = asyncio.StreamReader()
    source.feed_data(data)
    source.feed_eof()
    return await receive_frame(source)


@unhurried
@given(st.lists(st.binary(max_size=200), max_size=5))
def test_frames_come_out_as_they_went_in(payloads: list[bytes]) -> None:
    source = io.BytesIO(b"".join(frame(payload) for payload in payloads))
    assert [read_frame(source) for _ in payloads] == payloads
    with pytest.raises(LinkClosed):
        read_frame(source)


@unhurried
@given(st.binary(max_size=200), st.data())
def test_a_frame_cut_anywhere_is_a_closed_link(payload: bytes, data: st.DataObject) -> None:
    whole = frame(payload)
    part = whole[: data.draw(st.integers(0, len(whole) - 1))]
    with pytest.raises(LinkClosed):
        read_frame(io.BytesIO(part))


@unhurried
@given(st.binary(min_size=1, max_size=200), st.data())
def test_a_frame_with_a_changed_byte_is_never_taken_for_another(payload: bytes, data: st.DataObject) -> None:
    damaged = bytearray(frame(payload))
    position = data.draw(st.integers(0, len(damaged) - 1))
    damaged[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises((GarbageOnLink, LinkClosed)):
        read_frame(io.BytesIO(bytes(damaged)))


def test_a_length_above_the_cap_is_garbage_and_is_not_waited_for() -> None:
    header = b"VAI1" + (MAX_FRAME_BYTES + 1).to_bytes(4, "big") + bytes(4)
    with pytest.raises(GarbageOnLink):
        read_frame(io.BytesIO(header))


def test_a_payload_above_the_cap_is_not_sent() -> None:
    with pytest.raises(ValueError, match="over the limit"):
        frame(bytes(MAX_FRAME_BYTES + 1))


async def test_the_worker_reads_the_same_frames_from_a_stream() -> None:
    assert await received(frame(b"one")) == b"one"
    with pytest.raises(LinkClosed):
        await received(frame(b"one")[:-1])
    with pytest.raises(LinkClosed):
        await received(b"")
    with pytest.raises(GarbageOnLink):
        await received(b"Segmentation fault, says a library\n")


@unhurried
@given(FROM_CHILD)
def test_what_the_child_says_is_what_the_worker_reads(message: FromChild) -> None:
    assert decode_from_child(encode_from_child(message)) == message


@unhurried
@given(COUNTS, st.lists(st.builds(Item, TEXTS, TEXTS), max_size=5))
def test_a_batch_reads_as_it_was_written(batch_id: int, items: list[Item]) -> None:
    assert decode_batch(encode_batch(batch_id, items)) == ClassifyBatch(batch_id, tuple(items))


@unhurried
@given(st.binary(max_size=100))
def test_random_bytes_are_garbage(payload: bytes) -> None:
    for decode in (decode_batch, decode_from_child):
        with pytest.raises(GarbageOnLink):
            decode(payload)


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        ["results"],
        ["results", "1", []],
        ["results", 1, [[1, 2, 3]]],
        ["results", 1, [[0, [0.5], 3, 0, 0.0, 0.0, 1, 0.0]]],
        ["results", 1, [["INTERNAL", {"exception": "X"}, "more"]]],
        ["ready", {"principles": ["id", "version"]}, 128],
        ["unusable", 3],
        ["surprise", 1],
        {"results": 1},
    ],
)
def test_a_message_of_another_shape_is_garbage(value: object) -> None:
    with pytest.raises(GarbageOnLink):
        decode_from_child(msgpack.packb(value))


@pytest.mark.parametrize(
    "value", [["batch", 1], ["batch", 1, [["principles"]]], ["batch", 1, [["principles", b"x"]]]]
)
def test_a_batch_of_another_shape_is_garbage(value: object) -> None:
    with pytest.raises(GarbageOnLink):
        decode_batch(msgpack.packb(value))
