"""Bytes to events and back, and what happens to bytes that aren't."""

from __future__ import annotations

import json
import tracemalloc
from contextlib import suppress
from io import BytesIO
from typing import Any

import pytest
from fastavro import schemaless_writer
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from schemas.avro_schemas import EVENT_NAMES, current_json, known_writers, released_versions, writer_of
from schemas.codec import Codec
from schemas.errors import (
    BadRecord,
    NotAvro,
    RegistryUnavailable,
    TrailingBytes,
    TruncatedRecord,
    UnknownSchema,
)
from schemas.events import (
    ClassificationFailure,
    ClassificationRequest,
    ClassificationResult,
    Event,
    ModelStatus,
    Score,
    Timings,
)
from schemas.limits import MAX_VALUE_BYTES

TEXT = st.text(max_size=200)
MILLIS = st.integers(0, 2**53)
NUMBER = st.floats(0, 1e9)
COUNT = st.integers(-(2**31), 2**31 - 1)
RESULTS: st.SearchStrategy[ClassificationResult] = st.builds(
    ClassificationResult,
    *[TEXT] * 6,
    COUNT,
    NUMBER,
    st.lists(st.builds(Score, COUNT, TEXT, NUMBER), max_size=8).map(tuple),
    *[TEXT] * 3,
    st.lists(TEXT, max_size=3).map(tuple),
    COUNT,
    st.booleans(),
    st.builds(Timings, NUMBER, NUMBER, NUMBER, NUMBER, COUNT, NUMBER),
    MILLIS,
    MILLIS,
)
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(ClassificationRequest, TEXT, TEXT, TEXT, TEXT, TEXT),
    RESULTS,
    st.builds(ClassificationFailure, *[TEXT] * 4, st.booleans(), TEXT, TEXT, st.none() | COUNT, MILLIS),
    st.builds(ModelStatus, *[TEXT] * 3, st.booleans(), TEXT, TEXT, MILLIS),
)
CODEC = Codec()
REQUEST = ClassificationRequest("r-1", "t", "principles", "vi", "Xin chào " * 10)
VALUE = CODEC.encode(REQUEST)
PREFIXES = [
    CODEC.encode(event)[:10]
    for event in (
        REQUEST,
        ClassificationFailure("", "", "", "", False, "", "", None, 0),
        ModelStatus("", "", "", True, "", "", 0),
    )
] + [b"\x00" + bytes(4), b"\xc3\x01", b""]


@settings(deadline=None)
@given(EVENTS)
def test_every_event_survives_the_way_there_and_back(event: Event) -> None:
    assert CODEC.decode(CODEC.encode(event)) == event


@settings(deadline=None)
@given(RESULTS)
def test_a_result_is_written_as_fastavro_writes_it(event: ClassificationResult) -> None:
    writers = [writer for writer in known_writers().values() if writer.is_current]
    (schema,) = [writer.parsed for writer in writers if writer.event == "ClassificationResult"]
    fields = structs.asdict(event)
    fields["scores"] = [structs.asdict(score) for score in event.scores]
    fields["timings"] = structs.asdict(event.timings)
    fields["requested_at"], fields["completed_at"] = event.requested_at_ms, event.completed_at_ms
    out = BytesIO()
    schemaless_writer(out, schema, fields)
    assert CODEC.encode(event)[10:] == out.getvalue()


@settings(deadline=None, max_examples=500)
@given(st.sampled_from(PREFIXES), st.binary(max_size=300))
def test_whatever_bytes_come_only_a_bad_record_is_raised(prefix: bytes, noise: bytes) -> None:
    with suppress(BadRecord):
        CODEC.decode(prefix + noise)


def test_text_that_is_not_utf_8_is_no_truncation() -> None:
    value = CODEC.encode(ClassificationRequest("r", "t", "principles", "vi", "abc"))

    with pytest.raises(NotAvro, match="UTF-8"):
        CODEC.decode(value[:-1] + b"\xff")


@settings(deadline=None)
@given(EVENTS, st.data())
def test_every_cut_of_a_record_is_truncated(event: Event, data: st.DataObject) -> None:
    value = CODEC.encode(event)
    cut = data.draw(st.integers(2, len(value) - 1))

    with pytest.raises(TruncatedRecord):
        CODEC.decode(value[:cut])


@settings(deadline=None)
@given(EVENTS, st.binary(min_size=1, max_size=20))
def test_anything_after_a_record_is_trailing(event: Event, tail: bytes) -> None:
    with pytest.raises(TrailingBytes, match=f"{len(tail)} bytes"):
        CODEC.decode(CODEC.encode(event) + tail)


@pytest.mark.parametrize("value", [None, b""])
def test_an_empty_value_is_not_avro(value: bytes | None) -> None:
    with pytest.raises(NotAvro, match="empty"):
        CODEC.decode(value)


@pytest.mark.parametrize("value", [b'{"text": "x"}', b"\xc3", b"\xc3\x02" + bytes(20), b"Obj\x01"])
def test_a_value_without_our_markers_is_not_avro(value: bytes) -> None:
    with pytest.raises(NotAvro, match="C3 01"):
        CODEC.decode(value)


def test_a_value_over_the_limit_is_not_even_looked_at() -> None:
    with pytest.raises(NotAvro, match="larger"):
        CODEC.decode(VALUE[:10] + bytes(MAX_VALUE_BYTES))


def test_text_that_is_not_utf8_is_not_avro() -> None:
    with pytest.raises(BadRecord):
        CODEC.decode(VALUE[:10] + b"\x04\xff\xfe" + VALUE[10:])


def test_an_unknown_fingerprint_is_named() -> None:
    with pytest.raises(UnknownSchema, match="0807060504030201"):
        CODEC.decode(b"\xc3\x01" + bytes(range(1, 9)) + b"x")


def test_a_schema_id_without_a_registry_is_an_unknown_schema() -> None:
    with pytest.raises(UnknownSchema, match="none is configured"):
        CODEC.decode(b"\x00" + (7).to_bytes(4, "big") + VALUE[10:])


def test_lengths_that_lie_cost_no_memory() -> None:
    huge = b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"  # 2^63 - 1
    tracemalloc.start()
    try:
        for prefix in PREFIXES[:3]:
            with pytest.raises(BadRecord):
                CODEC.decode(prefix + huge + b"abc")
        result = CODEC.encode(_result())
        scores = result.index(b"\x02\x00\x14Lawfulness")
        with pytest.raises(BadRecord):
            CODEC.decode(result[:scores] + huge + result[scores + 1 :])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


def test_the_marker_is_single_object_encoding_with_a_little_endian_fingerprint() -> None:
    fingerprint = writer_of(current_json("ClassificationRequest")).fingerprint

    assert VALUE[:2] == b"\xc3\x01"
    assert VALUE[2:10] == fingerprint
    assert VALUE[10:14] == b"\x06r-1"


def test_the_fingerprint_of_a_released_schema_never_changes() -> None:
    # What another language computes (Java: SchemaNormalization.parsingFingerprint64), as written on the wire.
    assert {name: writer_of(text).fingerprint.hex() for name, text in released_versions()[1].items()} == {
        "ClassificationFailure": "b53bb3f553dcd3b9",
        "ClassificationRequest": "0fe903ac8e07f5be",
        "ClassificationResult": "6f7bd774e47c5da8",
        "ModelStatus": "4e6974b6f2d28bc4",
    }


def test_times_are_timestamps_for_other_languages_and_whole_numbers_here() -> None:
    fields = {field["name"]: field for field in json.loads(current_json("ModelStatus"))["fields"]}

    assert fields["sent_at"]["type"] == {"type": "long", "logicalType": "timestamp-millis"}
    status = CODEC.decode(CODEC.encode(ModelStatus("w", "s", "m", True, "i", "v", 1_790_000_000_123)))
    assert isinstance(status, ModelStatus)
    assert status.sent_at_ms == 1_790_000_000_123


@pytest.mark.parametrize("event", EVENT_NAMES)
def test_every_field_of_every_schema_is_documented(event: str) -> None:
    def check(schema: Any) -> None:
        if isinstance(schema, list):
            for part in schema:
                check(part)
        elif isinstance(schema, dict):
            if schema.get("type") == "record" or "name" in schema:
                assert schema.get("doc"), schema.get("name")
            for part in schema.values():
                check(part)

    check(json.loads(current_json(event)))
    assert json.loads(current_json(event))["namespace"] == "vn.veriaidpo.streams"


class _Registry:
    """A registry in memory that counts what it is asked."""

    def __init__(self) -> None:
        self.schemas: dict[int, str] = {}
        self.asked = 0
        self.is_away = False

    def id_for(self, name: str, schema_json: str) -> int:
        self._ask()
        for schema_id, known in self.schemas.items():
            if known == schema_json:
                return schema_id
        self.schemas[100 + len(self.schemas)] = schema_json
        return 99 + len(self.schemas)

    def schema_for(self, schema_id: int) -> str:
        self._ask()
        if schema_id not in self.schemas:
            raise UnknownSchema(fingerprint=str(schema_id))
        return self.schemas[schema_id]

    def _ask(self) -> None:
        self.asked += 1
        if self.is_away:
            raise RegistryUnavailable(reason="away")


def test_with_a_registry_values_carry_its_id_and_both_framings_are_read() -> None:
    registry = _Registry()
    codec = Codec(registry)

    value = codec.encode(REQUEST)

    assert value[:5] == b"\x00" + (100).to_bytes(4, "big")
    assert codec.decode(value) == codec.decode(VALUE) == REQUEST


def test_the_registry_is_asked_once_for_each_schema() -> None:
    registry = _Registry()
    codec = Codec(registry)
    codec.register()
    assert registry.asked == len(EVENT_NAMES)

    value = codec.encode(REQUEST)
    assert not codec.knows(value)
    for _ in range(5):
        codec.decode(value)
    assert codec.knows(value)
    assert registry.asked == len(EVENT_NAMES) + 1


def test_a_registry_that_is_away_is_retriable_and_asked_again() -> None:
    registry = _Registry()
    value = Codec(registry).encode(REQUEST)
    registry.is_away = True
    codec = Codec(registry)

    with pytest.raises(RegistryUnavailable) as caught:
        codec.decode(value)
    assert caught.value.retriable
    registry.is_away = False
    assert codec.decode(value) == REQUEST


def test_an_id_that_the_registry_does_not_know_is_an_unknown_schema() -> None:
    with pytest.raises(UnknownSchema):
        Codec(_Registry()).decode(b"\x00" + (7).to_bytes(4, "big") + VALUE[10:])


def test_a_newer_compatible_schema_of_the_registry_is_read_with_ours() -> None:
    newer = json.loads(current_json("ClassificationRequest"))
    newer["fields"].insert(2, {"name": "priority", "type": "int", "default": 0})
    newer["fields"] = [field for field in newer["fields"] if field["name"] != "language"]
    registry = _Registry()
    registry.schemas[7] = json.dumps(newer)
    body = b"\x06r-1\x02t\x0a\x14principles\x06abc"

    assert Codec(registry).decode(b"\x00\x00\x00\x00\x07" + body) == ClassificationRequest(
        "r-1", "t", "principles", "vi", "abc"
    )


def _ours_with(field_type: str) -> str:
    """A schema under our name whose one field is of that type."""
    fields = f'[{{"name": "a", "type": {field_type}}}]'
    return f'{{"type": "record", "name": "vn.veriaidpo.streams.ClassificationRequest", "fields": {fields}}}'


_NO_BYTES = '{"type": "record", "name": "N", "fields": []}'


@pytest.mark.parametrize(
    "schema",
    [
        "not json",
        '"string"',
        "[]",
        '{"type": "record", "name": "Other", "fields": []}',
        '{"type": "record", "name": "vn.veriaidpo.streams.Other", "fields": []}',
        '{"type": "record", "name": "vn.veriaidpo.streams.ClassificationRequest", "fields": []}',
        '{"type": "record", "name": "vn.veriaidpo.streams.ClassificationRequest", "fields": ["a"]}',
        # What takes no bytes, a million times over.
        _ours_with('{"type": "array", "items": "null"}'),
        _ours_with('{"type": "array", "items": {"type": "null"}}'),
        _ours_with(f'{{"type": "array", "items": {_NO_BYTES}}}'),
        _ours_with('"null"'),
        _ours_with(_NO_BYTES),
        _ours_with('{"type": "fixed", "name": "F", "size": 0}'),
        # A record inside itself, by every way in.
        _ours_with('"ClassificationRequest"'),
        _ours_with('["null", "ClassificationRequest"]'),
        _ours_with('{"type": "ClassificationRequest"}'),
        _ours_with('{"type": "array", "items": "ClassificationRequest"}'),
        _ours_with('{"type": "array", "items": ["null", "ClassificationRequest"]}'),
        _ours_with('{"type": "array", "items": {"type": "array", "items": ["ClassificationRequest"]}}'),
        _ours_with('{"type": "map", "values": "long"}'),
        "[" * 100_000,
    ],
)
def test_a_registered_schema_that_is_not_ours_or_could_explode_is_unknown(schema: str) -> None:
    registry = _Registry()
    registry.schemas[7] = schema

    with pytest.raises(UnknownSchema):
        Codec(registry).decode(b"\x00\x00\x00\x00\x07" + b"\xff" * 20)


@pytest.mark.parametrize(
    "kind",
    [
        '["null", "string"]',
        '{"type": "long", "logicalType": "timestamp-millis"}',
        '{"type": "enum", "name": "E", "symbols": ["a"]}',
        '{"type": "array", "items": {"type": "record", "name": "I", "fields": [{"name": "b", "type": "int"}'
        "]}}",
    ],
)
def test_a_registered_schema_may_hold_what_a_successor_needs(kind: str) -> None:
    assert writer_of(_ours_with(kind)).event == "ClassificationRequest"


def test_every_released_schema_is_a_known_writer() -> None:
    known = known_writers()

    for files in released_versions().values():
        for text in files.values():
            assert writer_of(text).fingerprint in known


def _result() -> ClassificationResult:
    return ClassificationResult(
        result_id="i",
        request_id="r",
        tenant_id="t",
        model_type="principles",
        language="vi",
        prediction="Lawfulness",
        category_id=0,
        confidence=1.0,
        scores=(Score(0, "Lawfulness", 1.0),),
        model_id="m",
        model_version="v",
        normalized_text="x",
        detected_companies=(),
        tokens=3,
        truncated=False,
        timings=Timings(1, 1, 1, 1, 1, 0),
        requested_at_ms=1,
        completed_at_ms=2,
    )
